//! All sockets of the process: bound first, told to whoever starts it.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

use crate::net::listen::Inherited;

/// Sockets passed in, for those that are not bound anew.
#[derive(Debug)]
pub(super) struct Sockets {
    inherited: Inherited,
    bound: Bound,
}

/// Where each listener really is: with port 0, the kernel chose.
#[derive(Debug, Default, Serialize)]
pub(super) struct Bound {
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_http: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_https: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<SocketAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ops: Option<SocketAddr>,
}

/// Which listener.
#[cfg_attr(
    not(all(feature = "registry", feature = "gateway")),
    expect(dead_code, reason = "a build with fewer parts has fewer listeners")
)]
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    Registry,
    GatewayHttp,
    GatewayHttps,
    Auth,
    Ops,
}

impl Which {
    /// The setting to change when it cannot be bound.
    const fn setting(self) -> &'static str {
        match self {
            Self::Registry => "REGISTRY_BIND",
            Self::GatewayHttp => "GATEWAY_HTTP_BIND",
            Self::GatewayHttps => "GATEWAY_HTTPS_BIND",
            Self::Auth => "AUTH_BIND",
            Self::Ops => "OPS_BIND",
        }
    }

    /// `FileDescriptorName=` of a socket unit.
    const fn name(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::GatewayHttp => "gateway_http",
            Self::GatewayHttps => "gateway_https",
            Self::Auth => "auth",
            Self::Ops => "ops",
        }
    }
}

impl Sockets {
    /// With the sockets that systemd passed; `names` is `LISTEN_FDNAMES`.
    pub(super) fn new(names: Option<&str>) -> Self {
        Self {
            inherited: Inherited::take(names),
            bound: Bound::default(),
        }
    }

    /// Takes the passed socket for this listener, else binds one.
    pub(super) fn open(
        &mut self,
        which: Which,
        address: SocketAddr,
    ) -> anyhow::Result<TcpListener> {
        let listener = self
            .inherited
            .claim_or_bind(address, which.setting(), which.name())?;
        let at = listener
            .local_addr()
            .context("cannot read the address of a listener")?;
        *match which {
            Which::Registry => &mut self.bound.registry,
            Which::GatewayHttp => &mut self.bound.gateway_http,
            Which::GatewayHttps => &mut self.bound.gateway_https,
            Which::Auth => &mut self.bound.auth,
            Which::Ops => &mut self.bound.ops,
        } = Some(at);
        Ok(listener)
    }

    /// All are open: says which passed sockets nobody wanted, and answers where the others are.
    pub(super) fn finish(self) -> Bound {
        for socket in self.inherited.unclaimed() {
            tracing::warn!(
                socket,
                "a socket passed by systemd fits no listener of this mode"
            );
        }
        self.bound
    }
}

impl Bound {
    /// Writes the addresses to `run/listeners.json` in the data directory, for programs that start
    /// this one with port 0.
    pub(super) fn publish(&self, data_dir: &Path) -> anyhow::Result<()> {
        let folder = data_dir.join("run");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let (file, fresh) = (
            folder.join("listeners.json"),
            folder.join("listeners.json.new"),
        );
        let text = serde_json::to_vec(self).context("cannot write down the listeners")?;
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &file))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// One line for the log.
    pub(super) fn log(&self) {
        tracing::info!(
            registry = self.registry.map(tracing::field::display),
            gateway.http = self.gateway_http.map(tracing::field::display),
            gateway.https = self.gateway_https.map(tracing::field::display),
            auth = self.auth.map(tracing::field::display),
            ops = self.ops.map(tracing::field::display),
            "listening"
        );
    }
}
