//! The text of `scopes.yml`.
//!
//! Read strictly and with limits: one document, no key twice, no aliases beyond what a person
//! writes, no values that JSON cannot hold.

use serde_json::Value;
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

use crate::domain::policy::Rules;
use crate::domain::policy::document::{self, Reading};
use crate::domain::validate::FieldError;

/// Why a text is not a policy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not YAML at all, or more than is taken.
    #[error("the text is not acceptable YAML: {0}")]
    Syntax(String),
    /// It has mistakes.
    #[error("the policy has {} mistakes", .0.len())]
    Invalid(Vec<FieldError>),
}

/// Reads the content of a `scopes.yml`.
///
/// # Errors
/// Where it is not YAML, or each mistake with its place.
pub fn read(text: &[u8]) -> Result<Reading, Error> {
    let value = parse(text).map_err(Error::Syntax)?;
    document::read_file(&value).map_err(Error::Invalid)
}

/// Writes a policy so that it is read back the same.
///
/// # Errors
/// None that a policy can cause.
pub fn write(rules: &Rules) -> Result<String, String> {
    serde_saphyr::to_string(&document::write_file(rules)).map_err(|error| error.to_string())
}

fn parse(text: &[u8]) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: 1,
            max_depth: 32,
            max_aliases: 1_000,
            max_anchors: 1_000,
            max_nodes: MAX_NODES,
            max_events: 3 * MAX_NODES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: 100_000,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        non_finite_float_policy: NonFiniteFloatPolicy::Reject,
        with_snippet: false,
    };
    serde_saphyr::from_slice_with_options(text, options).map_err(|error| error.to_string())
}

/// Room for fifty scopes with rules for a thousand servers each.
const MAX_NODES: usize = 2_000_000;
