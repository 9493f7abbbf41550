//! Builds the parts of a mode and wires them. The only place that knows whether the registry is in
//! this process or elsewhere.
//!
//! All sockets are bound before anything else is started, so that a taken port ends the start at
//! once; nothing is accepted from before what answers is there.

#[cfg(feature = "registry")]
mod control_plane;
#[cfg(feature = "gateway")]
mod data_plane;
#[cfg(feature = "gateway")]
mod telling;

use anyhow::Context as _;

use super::lifecycle::Lifecycle;
use super::listeners::{Sockets, Which};
use super::ops::{self, Ops};
use super::readiness::Readiness;
use crate::app::mode::Mode;
use crate::config::types::Bind;
use crate::config::{Loaded, Part};
use crate::domain::time::Clock;
use crate::net::tls::ServerCerts;
use crate::telemetry::Telemetry;

#[expect(
    clippy::disallowed_types,
    reason = "composition hands each part its section"
)]
type Settings = crate::config::Config;

/// What every part is built with.
#[derive(Debug)]
struct Base<'a> {
    mode: Mode,
    settings: &'a Settings,
    clock: Clock,
    lifecycle: &'a Lifecycle,
    #[cfg_attr(
        not(feature = "gateway"),
        expect(dead_code, reason = "only a gateway waits for something")
    )]
    readiness: &'a Readiness,
    /// Of the front listener, when it speaks TLS.
    certs: Option<ServerCerts>,
}

/// What has to be ended in order.
#[derive(Debug)]
pub(super) struct Assembled {
    #[cfg(feature = "gateway")]
    data_plane: Option<data_plane::Running>,
    #[cfg(feature = "registry")]
    control_plane: Option<control_plane::Running>,
}

/// Builds and starts the parts of a mode.
#[cfg_attr(
    not(feature = "registry"),
    expect(clippy::unused_async, reason = "only opening a database waits")
)]
pub(super) async fn assemble(
    mode: Mode,
    loaded: &Loaded,
    telemetry: &Telemetry,
    clock: Clock,
    lifecycle: &Lifecycle,
    readiness: &Readiness,
    socket_names: Option<&str>,
) -> anyhow::Result<Assembled> {
    let settings = &loaded.config;
    make_data_dir(&settings.data_dir)?;
    let certs = ServerCerts::from_config(&settings.tls, &settings.data_dir, &clock)?;
    if let Some(certs) = &certs {
        let (certs, stop) = (certs.clone(), lifecycle.stop.soft.clone());
        lifecycle.supervise("certificates", move || certs.clone().watch(stop.clone()));
    }
    let base = Base {
        mode,
        settings,
        clock,
        lifecycle,
        readiness,
        certs,
    };
    let mut sockets = Sockets::new(socket_names);
    let ops = settings
        .ops
        .bind
        .and_then(Bind::address)
        .map(|address| sockets.open(Which::Ops, address))
        .transpose()?;
    let parts = mode.parts();
    #[cfg(feature = "registry")]
    let registry_socket = parts
        .has(Part::Registry)
        .then(|| control_plane::open_socket(&base, &mut sockets))
        .transpose()?
        .flatten();
    #[cfg(feature = "gateway")]
    let gateway_sockets = parts
        .has(Part::Gateway)
        .then(|| data_plane::open_sockets(&base, &mut sockets))
        .transpose()?;
    let bound = sockets.finish();

    #[cfg(feature = "gateway")]
    let data_plane = match gateway_sockets {
        Some(sockets) => Some(data_plane::build(&base, sockets)?),
        None => None,
    };
    #[cfg(feature = "registry")]
    let control_plane = if parts.has(Part::Registry) {
        #[cfg(feature = "gateway")]
        let local = data_plane.as_ref();
        #[cfg(not(feature = "gateway"))]
        let local = None;
        Some(control_plane::start(&base, registry_socket, local).await?)
    } else {
        None
    };
    if let Some(socket) = ops {
        serve_ops(socket, telemetry, lifecycle, readiness)?;
    }
    #[cfg(feature = "gateway")]
    let data_plane = data_plane.map(|built| built.start(&base)).transpose()?;
    bound.publish(&settings.data_dir)?;
    bound.log();
    Ok(Assembled {
        #[cfg(feature = "gateway")]
        data_plane,
        #[cfg(feature = "registry")]
        control_plane,
    })
}

impl Assembled {
    /// Waits until everything that was in progress has finished, data plane first: its last requests
    /// may still need the registry of this process.
    pub(super) async fn finish(self, lifecycle: &Lifecycle) -> anyhow::Result<()> {
        #[cfg(feature = "gateway")]
        let ended = match self.data_plane {
            Some(running) => running.finish().await,
            None => Ok(()),
        };
        #[cfg(not(feature = "gateway"))]
        let ended = Ok(());
        #[cfg(feature = "registry")]
        if let Some(running) = self.control_plane {
            running.finish(lifecycle).await;
        }
        // Tasks that outlive both (signals) end with the hard step.
        lifecycle.stop.hard.cancel();
        lifecycle.tasks.close();
        lifecycle.tasks.wait().await;
        ended
    }
}

fn serve_ops(
    socket: std::net::TcpListener,
    telemetry: &Telemetry,
    lifecycle: &Lifecycle,
    readiness: &Readiness,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(socket)
        .context("cannot serve the operator's listener")?;
    let ops = Ops {
        readiness: readiness.clone(),
        metrics: telemetry.metrics.clone(),
        level: telemetry.level.clone(),
    };
    // It tells of the drain too, so it ends with the hard step.
    let stop = lifecycle.stop.hard.clone();
    lifecycle.essential("ops", async move {
        if let Err(error) = ops::serve(listener, ops, stop).await {
            tracing::error!(%error, "the operator's listener broke");
        }
    });
    Ok(())
}

/// Only this process' user may look into it: secrets lie there.
fn make_data_dir(path: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;

    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot create the data directory {}; set DATA_DIR to a folder that this user may write", path.display()))
}

/// Whether others than this machine can reach an address.
#[cfg(feature = "gateway")]
fn is_public(address: std::net::SocketAddr) -> bool {
    !address.ip().to_canonical().is_loopback()
}
