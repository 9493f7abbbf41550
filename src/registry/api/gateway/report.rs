//! `POST /api/gateway/report`

use axum::extract::{Request, State};
use axum::http::StatusCode;

use super::super::super::Registry;
use super::super::caller::Gateway;
use super::id_of;
use crate::http::Problem;
use crate::http::body::{JSON, read_json};

/// A gateway tells its version, revision, certificates and public key.
#[utoipa::path(
    post,
    path = "/api/gateway/report",
    operation_id = "report_gateway",
    tag = "gateways",
    request_body = Object,
    responses((status = 204, description = "noted"), (status = 422, description = "it has no id", body = Problem)),
)]
pub(in super::super) async fn report(
    State(registry): State<Registry>,
    _gateway: Gateway,
    request: Request,
) -> Result<StatusCode, Problem> {
    let body = read_json(request, &[JSON], registry.body_limits()).await?;
    let id = id_of(&body)?.to_owned();
    registry
        .0
        .gateways
        .report(&id, body, registry.0.clock.now());
    Ok(StatusCode::NO_CONTENT)
}
