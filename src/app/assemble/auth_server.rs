//! `mcp auth-server`: follows the registry, answers other people's gateways.

use std::sync::Arc;

use anyhow::Context as _;
use arc_swap::ArcSwapOption;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use tokio_util::task::TaskTracker;
use url::Url;

use super::super::lifecycle::Lifecycle;
use super::super::listeners::{Sockets, Which};
use super::Base;
use super::control_plane;
use super::following::Following;
use crate::auth::gateway_token::GatewayTokens;
use crate::auth::verify::Verifier;
use crate::catalog::{Publisher, SnapshotSink};
use crate::domain::secret::Secret;
use crate::http::host::HostRules;
use crate::http::{Guard, Problem, edge};
use crate::net::dev_ca;
use crate::net::outbound::{self, GuardedClient};
use crate::validate::{self, Validator, pass_on};

/// An auth server that serves.
#[derive(Debug)]
pub(super) struct Running {
    connections: TaskTracker,
}

pub(super) fn open_socket(
    base: &Base<'_>,
    sockets: &mut Sockets,
) -> anyhow::Result<std::net::TcpListener> {
    let address = base.settings.auth.bind.address();
    let address = address.context("AUTH_BIND is off; give it an address")?;
    sockets.open(Which::Auth, address)
}

/// What decides in this process: a registry, or an auth server.
pub(super) fn validator(base: &Base<'_>) -> anyhow::Result<Arc<Validator>> {
    let settings = base.settings;
    let http = &settings.http;
    let public_url = http.gateway_public_url.as_ref();
    Ok(Arc::new(Validator::new(
        Verifier::new(
            base.clock.clone(),
            settings.auth.verified_ttl.get(),
            settings.auth.verified_entries,
        ),
        Arc::new(GuardedClient::new(&settings.network)?),
        public_url.or(http.public_url.as_ref()),
    )))
}

/// Follows and serves.
pub(super) fn start(base: &Base<'_>, socket: std::net::TcpListener) -> anyhow::Result<Running> {
    let settings = base.settings;
    let validator = validator(base)?;
    let machine = dev_ca::host_name();
    let id = machine.as_deref().unwrap_or("auth-server").to_owned();
    let sink = Arc::clone(&validator) as Arc<dyn SnapshotSink>;
    let following = Following::new(base, format!("{id} auth-server"), SNAPSHOT, sink)?;
    wait_for_policy(base, following.publisher(), &validator);
    let token = settings.catalog.tokens().into_iter().next();
    let shown: Arc<ArcSwapOption<Secret<String>>> =
        Arc::new(ArcSwapOption::from_pointee(token.clone()));
    let found = Arc::clone(&shown);
    following.start(base, token, move |token| {
        found.store(Some(Arc::new(token.clone())));
    })?;
    let servers = Url::parse(&settings.catalog.registry_api_url)
        .with_context(|| format!("REGISTRY_API_URL {:?}", settings.catalog.registry_api_url))?;
    let registry = pass_on::Registry::new(
        &servers,
        outbound::registry_client(&settings.network)?,
        Arc::new(move || shown.load().as_deref().cloned()),
    );
    let loopback = settings
        .auth
        .bind
        .address()
        .is_none_or(|address| address.ip().is_loopback());
    let hosts = HostRules::new(&settings.http, machine.as_deref(), loopback);
    // No token of ours opens anything here.
    let guard = Guard::new(hosts, Arc::new(GatewayTokens::default()), &settings.http);
    let inside = validate::router(validator)
        .merge(pass_on::router(registry))
        .route("/health", get(|| async { "OK" }))
        .fallback(|| async { Problem::not_found("there is nothing at this address") });
    let router = Router::new()
        .fallback_service(inside)
        .layer(from_fn_with_state(Arc::new(guard), edge::guard));
    let connections = TaskTracker::new();
    control_plane::listen(base, socket, router, &connections, "auth server's listener")?;
    Ok(Running { connections })
}

/// Ready once there is a policy to decide by.
fn wait_for_policy(base: &Base<'_>, publisher: &Publisher, validator: &Arc<Validator>) {
    let waiting = base.readiness.guard("waiting for the first snapshot");
    let validator = Arc::clone(validator);
    let mut snapshots = publisher.subscribe();
    let stop = base.lifecycle.stop.soft.clone();
    let ready = stop.run_until_cancelled_owned(async move {
        while !validator.is_ready() {
            if snapshots.changed().await.is_err() {
                return;
            }
        }
        drop(waiting);
    });
    base.lifecycle.tasks.spawn(ready);
}

impl Running {
    /// Waits for the questions in progress.
    pub(super) async fn finish(self, lifecycle: &Lifecycle) {
        self.connections.close();
        tokio::select! {
            () = self.connections.wait() => {}
            () = lifecycle.stop.hard.cancelled() => {}
        }
    }
}

/// Where snapshots are kept in the data directory, beside those of a gateway there.
const SNAPSHOT: &str = "auth-server-snapshot";
