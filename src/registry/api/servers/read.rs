//! `GET /api/servers/{id}`

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::super::super::Registry;
use super::super::caller::server::{OnServer, See};
use super::super::openapi::ServerInfo;
use super::super::reply;
use crate::http::Problem;

/// One server.
#[utoipa::path(
    get,
    path = "/api/servers/{*id}",
    operation_id = "read_server",
    tag = "servers",
    params(("id" = String, Path, description = "path without leading slash; slashes percent-encoded or plain")),
    responses(
        (status = 200, description = "the server", body = ServerInfo, headers(("ETag" = String, description = "for If-Match"))),
        (status = 404, description = "there is no such server", body = Problem),
    ),
)]
pub(in super::super) async fn read(
    State(registry): State<Registry>,
    OnServer { path, .. }: OnServer<See>,
) -> Result<Response, Problem> {
    let view = registry.view();
    let Some(entry) = view.servers.get(&path) else {
        return Err(super::super::super::Error::NoServer(path).into());
    };
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "no-store"),
    ];
    let mut response = (headers, Body::from(entry.json.clone())).into_response();
    reply::set_etag(&mut response, &entry.etag());
    Ok(response)
}
