//! Bodies that are read field by field: what accounts and tokens have in common.

use axum::http::StatusCode;
use serde_json::{Map, Value};

use crate::domain::secret::Secret;
use crate::domain::validate::FieldError;
use crate::domain::validate::fields::{Fields, Text};
use crate::http::Problem;

/// A body that must be an object.
pub(super) fn object(body: &Value) -> Result<&Map<String, Value>, Vec<FieldError>> {
    body.as_object()
        .ok_or_else(|| vec![FieldError::new("", body, "must be a JSON object")])
}

/// What was read, where nothing was wrong and nothing was left over.
pub(super) fn finish<T>(mut fields: Fields<'_>, read: Option<T>) -> Result<T, Vec<FieldError>> {
    for name in fields.unknown() {
        fields.wrong(&name, "is not a field here");
    }
    let errors = fields.into_errors();
    read.filter(|_| errors.is_empty()).ok_or(errors)
}

/// 422 with the mistakes.
pub(super) fn refused(errors: Vec<FieldError>) -> Problem {
    Problem::fields(StatusCode::UNPROCESSABLE_ENTITY, errors)
}

/// The name of a local user or a service account.
pub(super) fn name(fields: &mut Fields<'_>, field: &'static str) -> Option<String> {
    let value = fields.raw(field);
    let name = value.and_then(Value::as_str).filter(|name| is_name(name));
    if name.is_none() {
        fields.wrong(
            field,
            "must be a name of 1 to 64 letters, digits and . _ @ + -, beginning with a letter or digit",
        );
    }
    name.map(str::to_owned)
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._@+-".contains(&b))
}

/// A new password; never shown again, in a mistake either.
pub(super) fn password(
    fields: &mut Fields<'_>,
    field: &'static str,
    rule: Password,
) -> Option<Secret<String>> {
    let value = fields.raw(field)?;
    let least = match rule {
        Password::New => MIN_PASSWORD,
        Password::Present => 1,
    };
    let text = value
        .as_str()
        .filter(|text| text.chars().count() >= least && text.len() <= 1_024);
    if text.is_none() {
        let rule = format!("must be a text of {least} to 1024 characters");
        fields.wrong_at(format!("/{field}"), &Value::from("***"), rule);
    }
    text.map(|text| Secret::new(text.to_owned()))
}

/// What a password must be.
#[derive(Clone, Copy)]
pub(super) enum Password {
    /// Long enough to be one from now on.
    New,
    /// Anything that could be one.
    Present,
}

/// Names of groups.
pub(super) fn groups(fields: &mut Fields<'_>, field: &'static str) -> Option<Vec<String>> {
    let rule = "must be group names of 1 to 200 characters without control characters";
    names(fields, field, rule, |name| {
        (1..=200).contains(&name.len())
            && name.trim() == name
            && !name.chars().any(|c| c.is_control() || c == ',')
    })
}

/// Names of scopes (RFC 6749, section 3.3).
pub(super) fn scopes(fields: &mut Fields<'_>, field: &'static str) -> Option<Vec<String>> {
    let rule = "must be scope names of 1 to 200 printable characters without blanks, \" and \\";
    names(fields, field, rule, |name| {
        (1..=200).contains(&name.len())
            && name
                .bytes()
                .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    })
}

/// A list of at most a hundred names, in order and each once.
fn names(
    fields: &mut Fields<'_>,
    field: &'static str,
    rule: &str,
    is_one: impl Fn(&str) -> bool,
) -> Option<Vec<String>> {
    let items = fields.list(field, 100)?;
    let mut names = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item.as_str().filter(|name| is_one(name)) {
            Some(name) => names.push(name.to_owned()),
            None => fields.wrong_at(format!("/{field}/{index}"), item, rule),
        }
    }
    names.sort_unstable();
    names.dedup();
    Some(names)
}

/// What something is for.
pub(super) fn description(fields: &mut Fields<'_>) -> Option<String> {
    fields.optional_text("description", Text::line(500))
}

/// NIST SP 800-63B asks for at least 8 beside a second factor, and for more without.
const MIN_PASSWORD: usize = 12;
