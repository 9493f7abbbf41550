//! `GET /api/config`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
use super::super::caller::Anybody;
use super::super::reply;
use crate::http::Edge;

/// What pages and clients need to know of this registry.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublicConfig {
    /// `full` or `registry`.
    mode: &'static str,
    version: &'static str,
    /// Where clients reach the servers.
    #[schema(required = true, format = "uri")]
    gateway_public_url: Option<String>,
    ui: UiConfig,
}

/// For the pages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UiConfig {
    /// The session travels in the clear: the page says so.
    insecure_session: bool,
}

/// Facts about this registry.
#[utoipa::path(
    get,
    path = "/api/config",
    operation_id = "config",
    tag = "system",
    security(()),
    responses((status = 200, description = "the facts", body = PublicConfig)),
)]
pub(in super::super) async fn config(
    State(registry): State<Registry>,
    _: Anybody,
    axum::Extension(edge): axum::Extension<Edge>,
) -> Response {
    let settings = &registry.0.settings;
    let config = PublicConfig {
        mode: settings.mode,
        version: env!("CARGO_PKG_VERSION"),
        gateway_public_url: settings
            .http
            .gateway_public_url
            .as_ref()
            .map(ToString::to_string),
        ui: UiConfig {
            insecure_session: !edge.https,
        },
    };
    reply::json(StatusCode::OK, &config)
}
