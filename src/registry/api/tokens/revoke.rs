//! `DELETE /api/tokens/{id}`

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::super::super::Registry;
use super::super::super::tokens::Whose;
use super::super::caller::User;
use super::holder;
use crate::http::Problem;

/// Revokes a token or an API key of the caller's; admins revoke anybody's.
///
/// When the answer is there, the gateways of this process refuse it; others within a second.
#[utoipa::path(
    delete,
    path = "/api/tokens/{id}",
    operation_id = "revoke_token",
    tag = "tokens",
    params(("id" = String, Path, description = "the token's id")),
    responses(
        (status = 204, description = "it no longer counts"),
        (status = 404, description = "there is no such token", body = Problem),
    ),
)]
pub(in super::super) async fn revoke(
    State(registry): State<Registry>,
    user: User,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let whose = if registry.view().access.policy.is_admin(&user.principal) {
        Whose::All
    } else {
        Whose::Own(holder(&user))
    };
    registry.revoke_token(&user.actor(), &id, whose).await?;
    Ok(StatusCode::NO_CONTENT)
}
