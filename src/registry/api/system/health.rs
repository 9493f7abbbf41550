//! `GET /health`, `GET /api/health`

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::caller::Anybody;
use super::super::reply;

/// Whether the registry answers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    status: &'static str,
    service: &'static str,
    version: &'static str,
}

/// Whether the registry answers.
#[utoipa::path(
    get,
    path = "/health",
    operation_id = "health",
    tag = "system",
    security(()),
    responses((status = 200, description = "it does", body = Health)),
)]
pub(in super::super) async fn health(_: Anybody) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    reply::json(
        StatusCode::OK,
        &Health {
            status: "healthy",
            service: "mcp-registry",
            version,
        },
    )
}
