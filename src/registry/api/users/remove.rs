//! `DELETE /api/users/{username}`

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::super::super::Registry;
use super::super::caller::Admin;
use crate::http::Problem;

/// Takes a local user out, with sessions, tokens and keys.
///
/// When the answer is there, the gateways of this process refuse them; others within a second.
#[utoipa::path(
    delete,
    path = "/api/users/{username}",
    operation_id = "remove_user",
    tag = "users",
    params(("username" = String, Path, description = "the login name")),
    responses(
        (status = 204, description = "gone"),
        (status = 403, description = "the caller is no administrator", body = Problem),
        (status = 404, description = "there is no such user", body = Problem),
        (status = 409, description = "the administrator of the settings stays", body = Problem),
    ),
)]
pub(in super::super) async fn remove(
    State(registry): State<Registry>,
    Admin(user): Admin,
    Path(username): Path<String>,
) -> Result<StatusCode, Problem> {
    registry.remove_user(&user.actor(), &username).await?;
    Ok(StatusCode::NO_CONTENT)
}
