//! `POST /api/service-accounts`

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::caller::Admin;
use super::super::reply;
use super::super::written;
use super::{AccountInfo, facts};
use crate::domain::validate::fields::Fields;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// An account to be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct AccountWritten {
    /// Letters, digits and `. _ @ + -`; no user has it.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Policy maps groups to scopes.
    groups: Option<Vec<String>>,
    /// Scopes beside these.
    scopes: Option<Vec<String>>,
    disabled: Option<bool>,
}

/// Adds a service account. Its tokens and keys are made with `POST /api/tokens/generate`.
#[utoipa::path(
    post,
    path = "/api/service-accounts",
    operation_id = "create_service_account",
    tag = "service accounts",
    request_body = AccountWritten,
    responses(
        (status = 201, description = "the account", body = AccountInfo),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 409, description = "the name is taken", body = Problem),
        (status = 422, description = "the body has mistakes", body = Problem),
    ),
)]
pub(in super::super) async fn create(
    State(registry): State<Registry>,
    Admin(user): Admin,
    request: Request,
) -> Result<Response, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let mut fields = Fields::new(written::object(&body).map_err(written::refused)?);
    let name = written::name(&mut fields, "name");
    let facts = facts(&mut fields);
    let name = written::finish(fields, name).map_err(written::refused)?;
    let made = registry
        .create_service_account(&user.actor(), name, facts)
        .await?;
    Ok(reply::json(StatusCode::CREATED, &AccountInfo::from(made)))
}
