//! `DELETE /api/servers/{id}`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::super::super::Registry;
use super::super::caller::server::{OnServer, Remove};
use crate::http::Problem;
use crate::http::etag::IfMatch;

/// Removes a server.
///
/// The answer is given when gateways no longer route it.
#[utoipa::path(
    delete,
    path = "/api/servers/{*id}",
    operation_id = "remove_server",
    tag = "servers",
    params(
        ("id" = String, Path, description = "path without leading slash; slashes percent-encoded or plain"),
        ("If-Match" = Option<String>, Header, description = "the ETag that was read; another one is 412"),
    ),
    responses(
        (status = 204, description = "it is gone"),
        (status = 403, description = "delete_service is missing", body = Problem),
        (status = 404, description = "there is no such server", body = Problem),
        (status = 412, description = "it was changed in the meantime", body = Problem),
    ),
)]
pub(in super::super) async fn remove(
    State(registry): State<Registry>,
    OnServer { user, path, .. }: OnServer<Remove>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    registry
        .remove_server(&user.actor(), path, IfMatch::of(&headers))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
