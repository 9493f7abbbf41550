//! `POST /api/tokens/generate`

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::tokens::{Made, Request as Wanted};
use super::super::caller::User;
use super::super::reply;
use crate::domain::validate::FieldError;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// What the token shall be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct TokenRequest {
    /// Of the caller's scopes; absent or empty: all of them.
    requested_scopes: Option<Vec<String>>,
    /// Hours until it ends; 8 where absent.
    #[schema(minimum = 1, maximum = 24)]
    expires_in_hours: Option<u32>,
    /// What it is for.
    #[schema(max_length = 500)]
    description: Option<String>,
}

/// A token, shown this once.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenGenerated {
    success: bool,
    token_id: String,
    tokens: TokenSet,
    client_id: &'static str,
    token_data: TokenData,
    user_scopes: Vec<String>,
    requested_scopes: Vec<String>,
}

/// As an OAuth token endpoint answers.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenSet {
    access_token: String,
    #[schema(required = true)]
    refresh_token: Option<String>,
    expires_in: i64,
    refresh_expires_in: i64,
    token_type: &'static str,
    scope: String,
}

/// Facts about the token.
#[derive(Serialize, ToSchema)]
pub(super) struct TokenData {
    #[schema(format = DateTime)]
    issued_at: String,
    #[schema(format = DateTime)]
    expires_at: String,
    description: String,
}

/// Makes a token for a program.
///
/// It has at most the caller's scopes and ends no later than the token that made it.
#[utoipa::path(
    post,
    path = "/api/tokens/generate",
    operation_id = "generate_token",
    tag = "tokens",
    request_body = TokenRequest,
    responses(
        (status = 200, description = "the token, shown this once", body = TokenGenerated),
        (status = 400, description = "the body has mistakes", body = Problem),
        (status = 403, description = "a scope is not the caller's", body = Problem),
        (status = 429, description = "too many tokens in an hour", body = Problem),
    ),
)]
pub(in super::super) async fn generate(
    State(registry): State<Registry>,
    user: User,
    request: Request,
) -> Result<Response, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let wanted =
        wanted(&body).map_err(|errors| Problem::fields(StatusCode::BAD_REQUEST, errors))?;
    let requested = wanted.scopes.iter().flatten().cloned().collect();
    let made = registry
        .make_token(&user.actor(), &user.principal, wanted)
        .await?;
    Ok(reply::json(StatusCode::OK, &answer(&user, made, requested)))
}

fn answer(user: &User, made: Made, requested_scopes: Vec<String>) -> TokenGenerated {
    let stored = made.stored;
    TokenGenerated {
        success: true,
        token_id: stored.id.to_string(),
        tokens: TokenSet {
            access_token: made.token.expose().clone(),
            refresh_token: None,
            expires_in: stored.expires_at.unix() - stored.created_at.unix(),
            refresh_expires_in: 0,
            token_type: "Bearer",
            scope: stored.scopes.join(" "),
        },
        client_id: "user-generated",
        token_data: TokenData {
            issued_at: stored.created_at.to_rfc3339(),
            expires_at: stored.expires_at.to_rfc3339(),
            description: stored.description,
        },
        user_scopes: user
            .principal
            .scopes
            .iter()
            .map(ToString::to_string)
            .collect(),
        requested_scopes,
    }
}

fn wanted(body: &Value) -> Result<Wanted, Vec<FieldError>> {
    let Value::Object(map) = body else {
        return Err(vec![FieldError::new("", body, "must be a JSON object")]);
    };
    let mut errors = Vec::new();
    let mut wrong =
        |field: &str, value: &Value, rule: &str| errors.push(FieldError::new(field, value, rule));
    for (name, value) in map {
        if !matches!(
            name.as_str(),
            "requested_scopes" | "expires_in_hours" | "description"
        ) {
            wrong(
                &format!("/{name}"),
                value,
                "is not a field here; known are requested_scopes, expires_in_hours and description",
            );
        }
    }
    let hours = match map.get("expires_in_hours") {
        None | Some(Value::Null) => 8,
        Some(value) => {
            let hours = value.as_u64().and_then(|hours| u32::try_from(hours).ok());
            hours
                .filter(|hours| (1..=24).contains(hours))
                .unwrap_or_else(|| {
                    wrong(
                        "/expires_in_hours",
                        value,
                        "must be a whole number from 1 to 24",
                    );
                    8
                })
        }
    };
    let description = match map.get("description") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text))
            if text.chars().count() <= 500 && !text.chars().any(char::is_control) =>
        {
            text.clone()
        }
        Some(value) => {
            wrong(
                "/description",
                value,
                "must be a text of at most 500 characters without control characters",
            );
            String::new()
        }
    };
    let scopes = match scopes(map) {
        Ok(scopes) => scopes,
        Err(value) => {
            wrong(
                "/requested_scopes",
                value,
                "must be a list of at most 100 scope names",
            );
            None
        }
    };
    if errors.is_empty() {
        Ok(Wanted {
            scopes,
            hours,
            description,
        })
    } else {
        Err(errors)
    }
}

/// Existing clients send an empty list for "all of mine".
fn scopes(map: &Map<String, Value>) -> Result<Option<BTreeSet<String>>, &Value> {
    match map.get("requested_scopes") {
        None | Some(Value::Null) => Ok(None),
        Some(value @ Value::Array(items)) if items.len() <= 100 => {
            let scopes: Option<BTreeSet<String>> = items
                .iter()
                .map(|item| {
                    item.as_str()
                        .filter(|scope| is_scope(scope))
                        .map(str::to_owned)
                })
                .collect();
            scopes
                .map(|scopes| Some(scopes).filter(|scopes| !scopes.is_empty()))
                .ok_or(value)
        }
        Some(value) => Err(value),
    }
}

/// RFC 6749, section 3.3.
fn is_scope(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text
            .bytes()
            .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
}
