//! `PUT /api/servers/{id}`

use axum::extract::{Request, State};
use axum::response::Response;

use super::super::super::Registry;
use super::super::super::servers::Update;
use super::super::caller::server::{Change, OnServer};
use super::super::openapi::{ServerInfo, ServerWritten};
use super::super::reply;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};
use crate::http::etag::IfMatch;

/// Replaces a server: fields that are left out get their defaults.
///
/// The answer is given when gateways use it.
#[utoipa::path(
    put,
    path = "/api/servers/{*id}",
    operation_id = "replace_server",
    tag = "servers",
    params(
        ("id" = String, Path, description = "path without leading slash; slashes percent-encoded or plain"),
        ("If-Match" = Option<String>, Header, description = "the ETag that was read; another one is 412"),
    ),
    request_body = ServerWritten,
    responses(
        (status = 200, description = "the server as stored", body = ServerInfo, headers(("ETag" = String, description = "for If-Match"))),
        (status = 403, description = "modify_service is missing, or toggle_service for enabled, or the right of an admin for public", body = Problem),
        (status = 404, description = "there is no such server", body = Problem),
        (status = 412, description = "it was changed in the meantime", body = Problem),
        (status = 422, description = "the definition has mistakes", body = Problem),
    ),
)]
pub(in super::super) async fn replace(
    State(registry): State<Registry>,
    OnServer { user, path, .. }: OnServer<Change>,
    request: Request,
) -> Result<Response, Problem> {
    let if_match = IfMatch::of(request.headers());
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let stored = registry
        .update_server(
            &user.actor(),
            user.grants(&registry),
            path,
            Update::Replace(body),
            if_match,
        )
        .await?;
    Ok(reply::server(&registry, &stored))
}
