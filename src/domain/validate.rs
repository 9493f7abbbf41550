//! From what people write to a [`ServerDefinition`](super::server::ServerDefinition): every mistake at once.

use serde::Serialize;

/// One mistake in a written definition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) to the value.
    pub field: String,
    /// The value as it was written; `"***"` where it may be a secret.
    pub value: serde_json::Value,
    /// What must hold.
    pub rule: String,
}
