//! `POST /api/tokens/generate`

use std::collections::BTreeSet;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::super::tokens::{Kind, Made, Request as Wanted};
use super::super::caller::User;
use super::super::{reply, written};
use super::holder;
use crate::domain::validate::FieldError;
use crate::domain::validate::fields::{Fields, Text};
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// What the token shall be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct TokenRequest {
    /// `token`, which is signed and lives for hours (where absent), or `api_key`, which lives for
    /// months.
    kind: Option<String>,
    /// For this service account in place of the caller; administrators only.
    service_account: Option<String>,
    /// Of its owner's scopes. Absent: all rights of the owner. Empty: none.
    #[schema(max_items = 100)]
    requested_scopes: Option<Vec<String>>,
    /// Hours until it ends: of a token up to 24, 8 where absent; of a key up to 8784, 2160 where
    /// absent.
    #[schema(minimum = 1, maximum = 8784)]
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
    /// `token` or `api_key`.
    kind: &'static str,
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

/// Makes a token or an API key for a program.
///
/// It has at most the caller's rights and ends no later than the token that made it; one for a
/// service account has at most that account's.
#[utoipa::path(
    post,
    path = "/api/tokens/generate",
    operation_id = "generate_token",
    tag = "tokens",
    request_body = TokenRequest,
    responses(
        (status = 200, description = "the token, shown this once", body = TokenGenerated),
        (status = 400, description = "the body has mistakes", body = Problem),
        (status = 403, description = "a scope is not the owner's, or the caller is no administrator", body = Problem),
        (status = 404, description = "there is no such service account", body = Problem),
        (status = 409, description = "the service account is disabled", body = Problem),
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
    if wanted.service_account.is_some() && !registry.view().access.policy.is_admin(&user.principal)
    {
        return Err(Problem::forbidden(
            "only administrators make tokens for service accounts",
        ));
    }
    let requested = wanted.scopes.iter().flatten().cloned().collect();
    let made = registry
        .make_token(&user.actor(), holder(&user), wanted)
        .await?;
    Ok(reply::json(StatusCode::OK, &answer(&user, made, requested)))
}

fn answer(user: &User, made: Made, requested_scopes: Vec<String>) -> TokenGenerated {
    let stored = made.stored;
    TokenGenerated {
        success: true,
        token_id: stored.id.to_string(),
        kind: Kind::of(&stored).as_str(),
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
    let mut fields = Fields::new(written::object(body)?);
    let kind = match fields.optional_text("kind", Text::line(20)).as_deref() {
        None | Some("token") => Kind::Token,
        Some("api_key") => Kind::ApiKey,
        Some(_) => {
            fields.wrong("kind", "must be token or api_key");
            Kind::Token
        }
    };
    let (default, max) = match kind {
        Kind::Token => (TOKEN_HOURS, MAX_TOKEN_HOURS),
        Kind::ApiKey => (KEY_HOURS, MAX_KEY_HOURS),
    };
    let hours = fields
        .optional_integer("expires_in_hours", 1, max)
        .unwrap_or(default);
    let service_account = fields.optional_text("service_account", Text::line(64));
    let description = written::description(&mut fields).unwrap_or_default();
    let asked = fields
        .raw("requested_scopes")
        .is_some_and(|value| !value.is_null());
    let scopes = asked
        .then(|| written::scopes(&mut fields, "requested_scopes"))
        .flatten()
        .map(BTreeSet::from_iter);
    let wanted = u32::try_from(hours).ok().map(|hours| Wanted {
        kind,
        service_account,
        scopes,
        hours,
        description,
    });
    written::finish(fields, wanted)
}

/// As existing clients expect them.
const TOKEN_HOURS: u64 = 8;
const MAX_TOKEN_HOURS: u64 = 24;
/// A quarter of a year, and a year.
const KEY_HOURS: u64 = 90 * 24;
const MAX_KEY_HOURS: u64 = 366 * 24;
