//! `/api/gateway`: for gateways only; `/api/gateways`: about them, for admins.

pub(super) mod create;
pub(super) mod events;
pub(super) mod forget;
pub(super) mod list;
pub(super) mod remove;
pub(super) mod report;
pub(super) mod watch;

use serde_json::Value;

use crate::domain::validate::FieldError;
use crate::http::Problem;

/// The gateway's name for itself, from `id` (or `gateway`) in the body.
fn id_of(body: &Value) -> Result<&str, Problem> {
    let id = body
        .get("id")
        .or_else(|| body.get("gateway"))
        .unwrap_or(&Value::Null);
    id.as_str()
        .filter(|id| !id.is_empty() && id.len() <= 200 && !id.chars().any(char::is_control))
        .ok_or_else(|| {
            Problem::validation(vec![FieldError::new(
                "/id",
                id,
                "must be a text of 1 to 200 characters",
            )])
        })
}
