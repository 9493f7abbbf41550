//! Every route of the registry, in one list.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Registry;
use super::system::description::{Description, description};
use super::{auth, gateway, openapi, servers, system, tokens};
use crate::http::host::HostRules;
use crate::http::{Guard, Problem, edge};

/// The registry's HTTP service: the API, and the pages of `ui` (which has no fallback), behind one
/// edge. The listener puts a [`crate::http::Peer`] into each request's extensions.
pub fn router(registry: &Registry, ui: Router) -> Router {
    let settings = &registry.0.settings;
    let loopback = settings
        .registry
        .bind
        .address()
        .is_none_or(|address| address.ip().is_loopback());
    let hosts = HostRules::new(&settings.http, settings.machine_name.as_deref(), loopback);
    let guard = Guard::new(
        hosts,
        Arc::clone(&registry.0.gateway_tokens),
        &settings.http,
    );
    let (operations, _) = operations().split_for_parts();
    let inside = operations
        .merge(hidden())
        .with_state(registry.clone())
        .merge(
            Router::new()
                .route("/api/openapi.json", get(description))
                .with_state(Description::new()),
        )
        .merge(ui)
        .fallback(nothing_here);
    // Outside of the whole router, not of each route: a router adds `Allow` around its routes' layers.
    Router::new()
        .fallback_service(inside)
        .layer(from_fn_with_state(Arc::new(guard), edge::guard))
}

/// The operations that the description tells of.
pub(super) fn operations() -> OpenApiRouter<Registry> {
    OpenApiRouter::with_openapi(openapi::base())
        .routes(routes!(servers::list::list, servers::create::create))
        .routes(routes!(
            servers::read::read,
            servers::replace::replace,
            servers::patch::patch,
            servers::remove::remove
        ))
        .routes(routes!(auth::login::login))
        .routes(routes!(auth::logout::logout))
        .routes(routes!(auth::me::me))
        .routes(routes!(auth::providers::providers))
        .routes(routes!(auth::oidc::login::login))
        .routes(routes!(auth::oidc::callback::callback))
        .routes(routes!(auth::oidc::logout::logout))
        .routes(routes!(auth::oidc::backchannel::backchannel))
        .routes(routes!(tokens::list::list))
        .routes(routes!(tokens::generate::generate))
        .routes(routes!(tokens::revoke::revoke))
        .merge(watch())
        .routes(routes!(gateway::report::report))
        .routes(routes!(gateway::events::events))
        .routes(routes!(gateway::list::list))
        .routes(routes!(system::health::health))
        .routes(routes!(system::config::config))
}

/// Compressed: each line is flushed as soon as the next one is not there yet.
fn watch() -> OpenApiRouter<Registry> {
    OpenApiRouter::new()
        .routes(routes!(gateway::watch::watch))
        .layer(CompressionLayer::new().gzip(true))
}

/// Second names and addresses of older pages.
fn hidden() -> Router<Registry> {
    Router::new()
        .route("/api/health", get(system::health::health))
        .route("/ws/health_status", get(system::feed::feed))
        .route("/api/health/ws/health_status", get(system::feed::feed))
        .route("/api/auth/login", get(auth::pages::to_login))
        .route("/api/auth/logout", get(auth::pages::to_login))
        .route("/api/auth/auth/{provider}", get(auth::oidc::login::login))
        .route("/oauth2/providers", get(auth::providers::providers))
        .route("/logout", get(auth::pages::to_login))
        .route("/register", get(auth::pages::to_ui))
        .route("/edit/{*path}", get(auth::pages::to_ui))
        .route("/generate-token", get(auth::pages::to_ui))
}

async fn nothing_here() -> Problem {
    Problem::not_found("there is nothing at this address")
}
