//! `GET /api/gateways`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::super::super::Registry;
use super::super::super::gateways::GatewayInfo;
use super::super::caller::Admin;
use super::super::reply;
use crate::http::Problem;

/// The gateways that have reported since this registry started.
#[utoipa::path(
    get,
    path = "/api/gateways",
    operation_id = "list_gateways",
    tag = "gateways",
    responses(
        (status = 200, description = "the gateways", body = Vec<GatewayInfo>),
        (status = 403, description = "the caller is no admin", body = Problem),
    ),
)]
pub(in super::super) async fn list(State(registry): State<Registry>, _admin: Admin) -> Response {
    reply::json(StatusCode::OK, &registry.0.gateways.list())
}
