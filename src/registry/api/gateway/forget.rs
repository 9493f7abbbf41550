//! `DELETE /api/gateways/identity-keys/{kid}`

use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::super::super::Registry;
use super::super::caller::Admin;
use crate::http::Problem;

/// Takes a key that its gateway has replaced out of the key set.
///
/// When the answer is there, the gateways of this process no longer show it; others within a
/// second. Servers that keep key sets forget it when they fetch the set again.
#[utoipa::path(
    delete,
    path = "/api/gateways/identity-keys/{kid}",
    operation_id = "forget_gateway_key",
    tag = "gateways",
    params(("kid" = String, Path, description = "its `kid` in the key set")),
    responses(
        (status = 204, description = "gone"),
        (status = 403, description = "the caller is no admin", body = Problem),
        (status = 404, description = "there is no such key", body = Problem),
        (status = 409, description = "a gateway still reports it", body = Problem),
    ),
)]
pub(in super::super) async fn forget(
    State(registry): State<Registry>,
    Admin(user): Admin,
    Path(kid): Path<String>,
) -> Result<StatusCode, Problem> {
    registry.remove_identity_key(&user.actor(), &kid).await?;
    Ok(StatusCode::NO_CONTENT)
}
