//! Every route of the registry, in one list.

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Registry;
use super::caller::declared::declare;
use super::system::description::{Description, description};
use super::{
    audit, auth, explain, gateway, openapi, policy, servers, service_accounts, system, tokens,
    users,
};
use crate::http::host::HostRules;
use crate::http::{Guard, Problem, edge};

/// A handler as route and description, with the policy that its arguments hold callers to.
macro_rules! operation {
    ($handler:path) => {{
        let mut routes = routes!($handler);
        declare(&mut routes.1, &$handler);
        routes
    }};
}

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
        .routes(operation!(servers::list::list))
        .routes(operation!(servers::create::create))
        .routes(operation!(servers::read::read))
        .routes(operation!(servers::replace::replace))
        .routes(operation!(servers::patch::patch))
        .routes(operation!(servers::remove::remove))
        .routes(operation!(auth::login::login))
        .routes(operation!(auth::logout::logout))
        .routes(operation!(auth::me::me))
        .routes(operation!(auth::providers::providers))
        .routes(operation!(auth::oidc::login::login))
        .routes(operation!(auth::oidc::callback::callback))
        .routes(operation!(auth::oidc::logout::logout))
        .routes(operation!(auth::oidc::backchannel::backchannel))
        .routes(operation!(tokens::list::list))
        .routes(operation!(tokens::generate::generate))
        .routes(operation!(tokens::revoke::revoke))
        .routes(operation!(policy::read::read))
        .routes(operation!(policy::replace::replace))
        .routes(operation!(explain::explain))
        .routes(operation!(audit::list::list))
        .routes(operation!(users::list::list))
        .routes(operation!(users::create::create))
        .routes(operation!(users::read::read))
        .routes(operation!(users::patch::patch))
        .routes(operation!(users::remove::remove))
        .routes(operation!(users::end::end))
        .routes(operation!(service_accounts::list::list))
        .routes(operation!(service_accounts::create::create))
        .routes(operation!(service_accounts::read::read))
        .routes(operation!(service_accounts::patch::patch))
        .routes(operation!(service_accounts::remove::remove))
        .merge(watch())
        .routes(operation!(gateway::report::report))
        .routes(operation!(gateway::events::events))
        .routes(operation!(gateway::list::list))
        .routes(operation!(gateway::create::create))
        .routes(operation!(gateway::remove::remove))
        .routes(operation!(gateway::forget::forget))
        .routes(operation!(system::health::health))
        .routes(operation!(system::config::config))
        .routes(operation!(system::jwks::jwks))
}

/// Compressed: each line is flushed as soon as the next one is not there yet.
fn watch() -> OpenApiRouter<Registry> {
    OpenApiRouter::new()
        .routes(operation!(gateway::watch::watch))
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
