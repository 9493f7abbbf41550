//! `DELETE /api/service-accounts/{name}`

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::super::super::Registry;
use super::super::caller::Admin;
use crate::http::Problem;

/// Takes a service account out, with tokens and keys.
///
/// When the answer is there, the gateways of this process refuse them; others within a second.
#[utoipa::path(
    delete,
    path = "/api/service-accounts/{name}",
    operation_id = "remove_service_account",
    tag = "service accounts",
    params(("name" = String, Path, description = "its name")),
    responses(
        (status = 204, description = "gone"),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 404, description = "there is no such account", body = Problem),
    ),
)]
pub(in super::super) async fn remove(
    State(registry): State<Registry>,
    Admin(user): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    registry
        .remove_service_account(&user.actor(), &name)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
