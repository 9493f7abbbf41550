//! `PATCH /api/service-accounts/{name}`

use axum::extract::{Path, Request, State};
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
use crate::http::body::{JSON, MERGE_PATCH, read_json};

/// What shall be another; absent fields stay.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub(super) struct AccountPatched {
    #[schema(max_length = 500)]
    description: Option<String>,
    /// Taking one away ends tokens and narrowed keys; keys with all rights of the account follow.
    groups: Option<Vec<String>>,
    /// As with groups.
    scopes: Option<Vec<String>>,
    /// Disabling ends tokens and keys for good.
    disabled: Option<bool>,
}

/// Changes a service account.
///
/// When the answer is there, the gateways of this process act on it; others within a second.
#[utoipa::path(
    patch,
    path = "/api/service-accounts/{name}",
    operation_id = "patch_service_account",
    tag = "service accounts",
    params(("name" = String, Path, description = "its name")),
    request_body(content((AccountPatched = "application/json"), (AccountPatched = "application/merge-patch+json"))),
    responses(
        (status = 200, description = "the account", body = AccountInfo),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 404, description = "there is no such account", body = Problem),
        (status = 422, description = "the body has mistakes", body = Problem),
    ),
)]
pub(in super::super) async fn patch(
    State(registry): State<Registry>,
    Admin(user): Admin,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    let body = read_json(request, &[JSON, MERGE_PATCH], registry.body_limits()).await?;
    let mut fields = Fields::new(written::object(&body).map_err(written::refused)?);
    let facts = facts(&mut fields);
    let patch = written::finish(fields, Some(facts)).map_err(written::refused)?;
    let changed = registry
        .change_service_account(&user.actor(), &name, patch)
        .await?;
    Ok(reply::json(StatusCode::OK, &AccountInfo::from(changed)))
}
