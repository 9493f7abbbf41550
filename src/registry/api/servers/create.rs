//! `POST /api/servers`

use axum::extract::{Request, State};
use axum::response::Response;

use super::super::super::Registry;
use super::super::caller::server::Registrar;
use super::super::openapi::{ServerInfo, ServerWritten};
use super::super::reply;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// Adds a server.
///
/// The answer is given when gateways route it. The short form `{"name", "port", "enabled"}` is
/// enough. Who may register a server but not enable it leaves `enabled` out, or writes false; then
/// it starts disabled.
#[utoipa::path(
    post,
    path = "/api/servers",
    operation_id = "create_server",
    tag = "servers",
    request_body = ServerWritten,
    responses(
        (status = 200, description = "the server as stored", body = ServerInfo, headers(("ETag" = String, description = "of this server"))),
        (status = 403, description = "register_service for this path is missing, or toggle_service with enabled, or the right of an admin with public", body = Problem),
        (status = 409, description = "there is already a server at this path", body = Problem),
        (status = 422, description = "the definition has mistakes", body = Problem),
    ),
)]
pub(in super::super) async fn create(
    State(registry): State<Registry>,
    Registrar(user): Registrar,
    request: Request,
) -> Result<Response, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let stored = registry
        .create_server(&user.actor(), &user.grants(&registry), &body)
        .await?;
    Ok(reply::server(&registry, &stored))
}
