//! The registry of this process.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use super::super::lifecycle::Lifecycle;
use super::super::listeners::{Sockets, Which};
use super::Base;
use crate::catalog::{Publisher, SnapshotSink};
use crate::http::Peer;
use crate::http::connection::{BusyBody, Connection};
use crate::http::leftover::ClientBody;
use crate::http::serve::{self, Arrival, ServeLimits};
use crate::net::accept::{Acceptor, Admission, Caps};
use crate::net::dev_ca;
use crate::registry::{self, Registry, api};
use crate::store::{self, Store, seal::Sealer};
use crate::{registry::Settings, ui};

#[cfg(feature = "gateway")]
use super::data_plane::Built as LocalGateway;
#[cfg(feature = "gateway")]
use {hyper_util::rt::TokioIo, tokio::runtime::Handle};

/// Stands for a gateway in builds without one.
#[cfg(not(feature = "gateway"))]
#[derive(Debug)]
pub(super) enum LocalGateway {}

/// A registry that serves.
#[derive(Debug)]
pub(super) struct Running {
    store: Arc<dyn Store>,
    connections: TaskTracker,
}

pub(super) fn open_socket(
    base: &Base<'_>,
    sockets: &mut Sockets,
) -> anyhow::Result<Option<std::net::TcpListener>> {
    let address = base.settings.registry.bind.address();
    address
        .map(|address| sockets.open(Which::Registry, address))
        .transpose()
}

/// Opens the store, brings the registry up, publishes the first snapshot and serves.
pub(super) async fn start(
    base: &Base<'_>,
    socket: Option<std::net::TcpListener>,
    gateway: Option<&LocalGateway>,
) -> anyhow::Result<Running> {
    let settings = base.settings;
    let sealer = Sealer::from_settings(
        &settings.store,
        settings.auth.secret_key.as_ref(),
        &settings.data_dir,
    )?;
    let store = store::open(&settings.store, &settings.data_dir, sealer, &base.clock).await?;
    let publisher = Arc::new(Publisher::new(sinks(gateway)));
    let registry = Registry::open(
        registry::Parts {
            store: Arc::clone(&store),
            publisher,
            clock: base.clock.clone(),
            tasks: base.lifecycle.tasks.clone(),
            stop: base.lifecycle.stop.soft.clone(),
        },
        Settings {
            mode: if gateway.is_some() {
                "full"
            } else {
                "registry"
            },
            data_dir: settings.data_dir.clone(),
            default_host: settings.gateway.default_host.clone(),
            machine_name: dev_ca::host_name(),
            registry: settings.registry.clone(),
            http: settings.http.clone(),
            auth: settings.auth.clone(),
            audit: settings.audit,
            oidc: settings.oidc.clone(),
            network: settings.network.clone(),
            catalog: settings.catalog.clone(),
        },
    )
    .await?;
    let background = registry.clone();
    base.lifecycle
        .supervise("registry", move || background.clone().run());
    if registry.has_provider() {
        let background = registry.clone();
        base.lifecycle.supervise("identity provider", move || {
            background.clone().follow_provider()
        });
    }
    let router = api::router(&registry, ui::router());
    let connections = TaskTracker::new();
    #[cfg(feature = "gateway")]
    if let Some(gateway) = gateway {
        let peer = local_peer(&router, &connections);
        // Set once: this is the only place, and it runs once.
        let _ = gateway.local_registry.set(peer);
    }
    #[cfg(not(feature = "gateway"))]
    let _ = gateway;
    if let Some(socket) = socket {
        listen(base, socket, router, &connections)?;
    }
    Ok(Running { store, connections })
}

fn sinks(gateway: Option<&LocalGateway>) -> Vec<Arc<dyn SnapshotSink>> {
    #[cfg(feature = "gateway")]
    return gateway
        .map(|gateway| Arc::clone(&gateway.gateway) as _)
        .into_iter()
        .collect();
    #[cfg(not(feature = "gateway"))]
    gateway
        .map(|gateway| match *gateway {})
        .into_iter()
        .collect()
}

impl Running {
    /// Waits for the requests in progress, then closes the database.
    pub(super) async fn finish(self, lifecycle: &Lifecycle) {
        self.connections.close();
        tokio::select! {
            () = self.connections.wait() => {}
            () = lifecycle.stop.hard.cancelled() => {}
        }
        self.store.close().await;
    }
}

/// The way from the gateway's threads to this runtime: HTTP over memory.
#[cfg(feature = "gateway")]
fn local_peer(router: &Router, connections: &TaskTracker) -> crate::gateway::LocalPeer {
    let (router, connections, runtime) = (router.clone(), connections.clone(), Handle::current());
    crate::gateway::LocalPeer::new(move || {
        let (ours, theirs) = tokio::io::duplex(DUPLEX_BYTES);
        let router = router.clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            answer(router.clone(), request, Peer::default())
        });
        let served = async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .max_buf_size(DUPLEX_BYTES)
                .serve_connection(TokioIo::new(theirs), answer)
                .with_upgrades();
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection of the gateway to the registry ended");
            }
        };
        connections.spawn_on(served, &runtime);
        ours
    })
}

async fn answer(
    router: Router,
    request: Request<
        impl http_body::Body<Data = bytes::Bytes, Error = hyper::Error> + Send + 'static,
    >,
    peer: Peer,
) -> Result<Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(peer);
    router.oneshot(request).await
}

/// The registry's own listener: plain, or TLS where no gateway is in front.
fn listen(
    base: &Base<'_>,
    socket: std::net::TcpListener,
    router: Router,
    connections: &TaskTracker,
) -> anyhow::Result<()> {
    let settings = base.settings;
    let tls = if base.mode.parts().has(crate::config::Part::Gateway) {
        None
    } else {
        base.certs
            .as_ref()
            .map(crate::net::tls::ServerCerts::server_config)
    };
    let admission = Admission::new(Caps {
        total: settings.gateway.limits.connections,
        per_address: settings.gateway.limits.connections_per_address,
        exempt: settings.http.trusted_proxies.clone(),
    });
    let acceptor =
        Acceptor::new(socket, admission).context("cannot accept on the registry's listener")?;
    let limits = ServeLimits::new(&settings.gateway);
    let (stop, connections) = (base.lifecycle.stop.clone(), connections.clone());
    let soft = stop.soft.clone();
    base.lifecycle.essential("registry listener", async move {
        while let Some((stream, peer, permit)) = soft.run_until_cancelled(acceptor.accept()).await {
            let arrival = Arrival {
                stream,
                peer,
                permit,
                tls: tls.clone(),
            };
            let (router, stop) = (router.clone(), stop.clone());
            connections.spawn(async move {
                let service = |connection| service(router, connection, peer);
                if let Err(error) = serve::serve(arrival, &limits, &stop, service).await {
                    tracing::debug!(client.address = %peer.ip(), %error, "connection ended");
                }
            });
        }
    });
    Ok(())
}

fn service(
    router: Router,
    connection: Arc<Connection>,
    address: std::net::SocketAddr,
) -> impl serve::Answers {
    let peer = Peer {
        address: Some(address),
        tls: connection.is_secure(),
    };
    serve::ByHyper(service_fn(move |request: Request<Incoming>| {
        let busy = connection.begin_request();
        let request = ClientBody::wrap(request, &connection);
        let answered = answer(router.clone(), request, peer);
        async move { Ok::<_, Infallible>(answered.await?.map(|body| BusyBody::new(body, busy))) }
    }))
}

/// Bytes on their way between gateway and registry, per connection and direction.
#[cfg(feature = "gateway")]
const DUPLEX_BYTES: usize = 64 * 1024;
