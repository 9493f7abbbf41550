//! `GET /api/auth/providers`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::super::Registry;
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
pub(in super::super) async fn providers(State(registry): State<Registry>, _: Anybody) -> Response {
    let provider = registry.provider().filter(|provider| provider.can_log_in());
    let providers = provider.map(|provider| Provider {
        name: provider.name().to_owned(),
        display_name: provider.display_name(),
    });
    reply::json(
        StatusCode::OK,
        &Providers {
            providers: providers.into_iter().collect(),
            local: true,
        },
    )
}
