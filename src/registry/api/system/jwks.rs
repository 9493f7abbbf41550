//! `GET /.well-known/jwks.json`

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use super::super::super::Registry;
use super::super::caller::Anybody;
use crate::auth::identity::{KEY_SET_CACHING, key_set};

/// The keys by which servers check `X-MCP-Identity`, of all gateways.
#[utoipa::path(
    get,
    path = "/.well-known/jwks.json",
    operation_id = "jwks",
    tag = "system",
    security(()),
    responses((status = 200, description = "a JSON Web Key Set", body = Object)),
)]
pub(in super::super) async fn jwks(State(registry): State<Registry>, _: Anybody) -> Response {
    let view = registry.view();
    let mut headers = HeaderMap::new();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(header::CONTENT_TYPE, "application/json");
    set(header::CACHE_CONTROL, KEY_SET_CACHING);
    set(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    let body = key_set(&view.access.trust.gateway_keys);
    (StatusCode::OK, headers, body).into_response()
}
