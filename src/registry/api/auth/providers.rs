//! `GET /api/auth/providers`

use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::caller::Anybody;
use super::super::reply;

/// Ways to log in.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Providers {
    /// Identity providers.
    providers: Vec<Provider>,
    /// Whether name and password of a local user count.
    local: bool,
}

/// An identity provider.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Provider {
    name: String,
    display_name: String,
}

/// How one can log in here.
#[utoipa::path(
    get,
    path = "/api/auth/providers",
    operation_id = "providers",
    tag = "auth",
    security(()),
    responses((status = 200, description = "the ways", body = Providers)),
)]
pub(in super::super) async fn providers(_: Anybody) -> Response {
    reply::json(
        StatusCode::OK,
        &Providers {
            providers: Vec::new(),
            local: true,
        },
    )
}
