//! The gateway of this process.

use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;

use super::super::listeners::{Sockets, Which};
use super::following::Following;
use super::telling::{self, Telling};
use super::{Base, Settings, is_public};
use crate::auth::identity::keys::IdentityKeys;
use crate::auth::verify::Verifier;
use crate::catalog::{Publisher, SnapshotSink};
use crate::config::Part;
use crate::domain::endpoint::UpstreamUrl;
use crate::domain::secret::Secret;
use crate::gateway::external::{self, External};
use crate::gateway::{ControlPlane, Gateway, Listener, LocalPeer, Parts, Start, Threads};
use crate::net::accept::{Admission, Caps};
use crate::net::dev_ca;
use crate::net::dial::Dialer;
use crate::net::guard::AddressGuard;
use crate::net::outbound;
use crate::net::roots::Roots;

/// Bound sockets of the gateway.
#[derive(Debug)]
pub(super) struct Listening {
    listeners: Vec<Listener>,
    https_port: Option<u16>,
    is_public: bool,
}

/// Opens a connection to the registry of this process, once there is one.
pub(super) type LocalRegistry = Arc<OnceLock<LocalPeer>>;

/// A gateway that does not accept yet.
#[derive(Debug)]
pub(super) struct Built {
    /// Takes snapshots.
    pub(super) gateway: Arc<Gateway>,
    /// To be set by the registry of this process.
    pub(super) local_registry: LocalRegistry,
    /// Sign what servers are told of callers.
    pub(super) identity_keys: Arc<IdentityKeys>,
    sockets: Listening,
}

/// A gateway that serves.
#[derive(Debug)]
pub(super) struct Running {
    threads: Threads,
    telling: Option<Telling>,
}

pub(super) fn open_sockets(base: &Base<'_>, sockets: &mut Sockets) -> anyhow::Result<Listening> {
    let config = &base.settings.gateway;
    let mut listening = Listening {
        listeners: Vec::new(),
        https_port: None,
        is_public: false,
    };
    if let Some(address) = config.http_bind.address() {
        listening.add(sockets.open(Which::GatewayHttp, address)?, None)?;
    }
    if let (Some(certs), Some(address)) = (&base.certs, config.https_bind.address()) {
        let socket = sockets.open(Which::GatewayHttps, address)?;
        listening.https_port = Some(
            socket
                .local_addr()
                .context("cannot read the address of a listener")?
                .port(),
        );
        listening.add(socket, Some(certs.server_config()))?;
    }
    Ok(listening)
}

impl Listening {
    fn add(
        &mut self,
        socket: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> anyhow::Result<()> {
        self.is_public |= is_public(
            socket
                .local_addr()
                .context("cannot read the address of a listener")?,
        );
        self.listeners.push(Listener { socket, tls });
        Ok(())
    }
}

pub(super) fn build(base: &Base<'_>, sockets: Listening) -> anyhow::Result<Built> {
    let settings = base.settings;
    let roots = Roots::load(extra_ca(settings))?;
    let local_registry = LocalRegistry::default();
    let control_plane = if base.mode.parts().has(Part::Registry) {
        ControlPlane::Local(deferred(&local_registry))
    } else {
        let url = UpstreamUrl::parse(&settings.catalog.registry_api_url)
            .with_context(|| format!("REGISTRY_API_URL {:?}", settings.catalog.registry_api_url))?;
        let registry_ca = settings.network.registry_ca_file.as_deref();
        let files = registry_ca
            .map(|path| ("REGISTRY_CA_FILE", path))
            .into_iter()
            .chain(extra_ca(settings));
        ControlPlane::Remote(url, Roots::load(files)?)
    };
    let external = settings.auth.server_url.clone().map(|url| {
        let settings = external::Settings {
            url,
            token: settings.auth.server_token.clone(),
            ttl: settings.auth.external_cache_ttl.get(),
            limit: settings.auth.external_timeout.get(),
            recheck: settings.auth.external_recheck.get(),
        };
        External::new(&settings, roots.clone())
    });
    let identity_keys = Arc::new(IdentityKeys::open(
        settings.data_dir.join("identity-keys"),
        base.clock.clone(),
        settings.auth.identity_key_life.get(),
    )?);
    let gateway = Gateway::new(Parts {
        config: settings.gateway.clone(),
        audit: telling::wanted(base),
        http: settings.http.clone(),
        machine: dev_ca::host_name(),
        https_port: sockets.https_port,
        is_public: sockets.is_public,
        verifier: Verifier::new(
            base.clock.clone(),
            settings.auth.verified_ttl.get(),
            settings.auth.verified_entries,
        ),
        key_source: Some(Arc::new(outbound::GuardedClient::new(&settings.network)?)),
        control_plane,
        gateway_token: token(base)?,
        roots,
        external: external.transpose()?,
        identity_keys: Some(Arc::clone(&identity_keys)),
        identity_entries: settings.auth.verified_entries,
        clock: base.clock.clone(),
        run: random_run(),
    })
    .context("REGISTRY_API_URL names a host that cannot be sent to")?;
    Ok(Built {
        gateway: Arc::new(gateway),
        local_registry,
        identity_keys,
        sockets,
    })
}

impl Built {
    /// Starts following, where the registry is elsewhere, and accepting.
    pub(super) fn start(self, base: &Base<'_>) -> anyhow::Result<Running> {
        let config = &base.settings.gateway;
        if !base.mode.parts().has(Part::Registry) {
            self.follow(base)?;
        }
        self.turn_keys(base);
        let admission = Admission::new(Caps {
            total: config.limits.connections,
            per_address: config.limits.connections_per_address,
            exempt: base.settings.http.trusted_proxies.clone(),
        });
        let telling = telling::start(base, &self.gateway, &self.local_registry)?;
        let threads = Threads::start(Start {
            gateway: self.gateway,
            listeners: self.sockets.listeners,
            admission,
            dialer: Arc::new(Dialer::new(Arc::new(AddressGuard::new(
                &base.settings.network,
            )))),
            workers: config.workers,
            stop: base.lifecycle.stop.clone(),
        })
        .context("cannot start the gateway's threads")?;
        Ok(Running { threads, telling })
    }

    /// Has the identity keys followed by new ones when that is due.
    fn turn_keys(&self, base: &Base<'_>) {
        let (keys, tasks) = (
            Arc::clone(&self.identity_keys),
            base.lifecycle.tasks.clone(),
        );
        let stop = base.lifecycle.stop.soft.clone();
        base.lifecycle.supervise("identity keys", move || {
            let (keys, tasks, stop) = (Arc::clone(&keys), tasks.clone(), stop.clone());
            async move {
                let turning = async {
                    loop {
                        let due = Arc::clone(&keys);
                        if let Ok(Err(error)) = tasks.spawn_blocking(move || due.turn()).await {
                            let error = &error as &dyn std::error::Error;
                            tracing::error!(error, "the identity keys stay as they are");
                        }
                        tokio::time::sleep(KEY_LOOK).await;
                    }
                };
                stop.run_until_cancelled(turning).await;
            }
        });
    }

    /// Follows the registry; what lies on disk is in force before the first connection is accepted.
    fn follow(&self, base: &Base<'_>) -> anyhow::Result<()> {
        let sink: Arc<dyn SnapshotSink> = Arc::clone(&self.gateway) as _;
        let following = Following::new(base, gateway_name(), "snapshot", sink)?
            .reporting(self.identity_keys.subscribe());
        self.wait_for_snapshot(base, following.publisher());
        let gateway = Arc::clone(&self.gateway);
        following.start(base, token(base)?, move |token| {
            gateway.set_control_token(token);
        })
    }

    /// Ready once there is a snapshot that can decide.
    fn wait_for_snapshot(&self, base: &Base<'_>, publisher: &Publisher) {
        let waiting = base.readiness.guard("waiting for the first snapshot");
        let gateway = Arc::clone(&self.gateway);
        let mut snapshots = publisher.subscribe();
        base.lifecycle
            .tasks
            .spawn(
                base.lifecycle
                    .stop
                    .soft
                    .clone()
                    .run_until_cancelled_owned(async move {
                        while let Some(reason) = gateway.unready() {
                            waiting.because(reason.message());
                            if snapshots.changed().await.is_err() {
                                return;
                            }
                        }
                        drop(waiting);
                    }),
            );
    }
}

impl Running {
    /// Waits until the threads have ended.
    pub(super) async fn finish(self) -> anyhow::Result<()> {
        let joined = tokio::task::spawn_blocking(|| self.threads.join()).await;
        if let Some(telling) = self.telling {
            telling.finish().await;
        }
        joined
            .context("cannot wait for the gateway's threads")?
            .context("the gateway failed")
    }
}

/// How the registry lists this gateway.
pub(super) fn gateway_name() -> String {
    dev_ca::host_name().unwrap_or_else(|| "gateway".to_owned())
}

/// Between two looks at the age of the identity keys.
const KEY_LOOK: Duration = Duration::from_mins(1);

/// What this gateway shows to the registry: of several, the first.
#[cfg_attr(
    not(feature = "registry"),
    expect(clippy::unnecessary_wraps, reason = "only making a token can fail")
)]
fn token(base: &Base<'_>) -> anyhow::Result<Option<Secret<String>>> {
    if let Some(list) = &base.settings.catalog.token {
        let first = list
            .expose()
            .split(',')
            .map(str::trim)
            .find(|token| !token.is_empty());
        return Ok(first.map(|token| Secret::new(token.to_owned())));
    }
    #[cfg(feature = "registry")]
    if base.mode.parts().has(Part::Registry) {
        let token = crate::registry::gateway_token(&base.settings.data_dir)?;
        return Ok(Some(token));
    }
    Ok(None)
}

fn extra_ca(settings: &Settings) -> Option<(&'static str, &Path)> {
    settings
        .network
        .extra_ca_file
        .as_deref()
        .map(|path| ("EXTRA_CA_FILE", path))
}

pub(super) fn deferred(registry: &LocalRegistry) -> LocalPeer {
    let registry = Arc::clone(registry);
    LocalPeer::new(move || match registry.get() {
        Some(peer) => peer.connect(),
        // The other end is gone at once: the request is answered as if the registry were down.
        None => tokio::io::duplex(1).0,
    })
}

/// Tells processes apart in request ids, nothing more: so the hasher's keys do, and the start does not
/// wait for the cryptographic generator to gather entropy.
pub(super) fn random_run() -> u32 {
    let seeded = RandomState::new().hash_one(std::process::id());
    u32::try_from(seeded >> 32).unwrap_or_default()
}
