//! `DELETE /api/gateways/{name}`

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::super::super::Registry;
use super::super::caller::Admin;
use crate::http::Problem;

/// Takes the credential of somebody else's gateway out.
///
/// When the answer is there, this registry refuses it; auth servers within a second.
#[utoipa::path(
    delete,
    path = "/api/gateways/{name}",
    operation_id = "remove_gateway",
    tag = "gateways",
    params(("name" = String, Path, description = "its name")),
    responses(
        (status = 204, description = "gone"),
        (status = 403, description = "the caller is no admin", body = Problem),
        (status = 404, description = "there is no such credential", body = Problem),
    ),
)]
pub(in super::super) async fn remove(
    State(registry): State<Registry>,
    Admin(user): Admin,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    registry.remove_gateway(&user.actor(), &name).await?;
    Ok(StatusCode::NO_CONTENT)
}
