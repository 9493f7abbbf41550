//! The audit log's way from the gateway of this process to its registry.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::data_plane::{LocalRegistry, deferred, gateway_name, random_run};
use super::{Base, Settings};
use crate::config::{AccessAudit, AuditConfig, Part};
use crate::gateway::Gateway;
use crate::gateway::audit::collect::Collector;
use crate::gateway::audit::ship::{Name, Shipper};
use crate::gateway::audit::spool::Spool;
use crate::gateway::audit::uplink::Uplink;
use crate::http::unwind::caught;
use crate::net::outbound;

/// What shall be told: nothing, where nobody would take it.
pub(super) fn wanted(base: &Base<'_>) -> AuditConfig {
    let settings = base.settings;
    let mut audit = settings.audit;
    let has_token = settings.catalog.token.is_some() || settings.catalog.token_file.is_some();
    if audit.access != AccessAudit::Off && !base.mode.parts().has(Part::Registry) && !has_token {
        tracing::info!("without REGISTRY_API_TOKEN the audit log is not told of calls");
        audit.access = AccessAudit::Off;
    }
    audit
}

/// Tells the registry until the gateway's threads have ended; `None` when the audit log is off.
pub(super) fn start(
    base: &Base<'_>,
    gateway: &Arc<Gateway>,
    local: &LocalRegistry,
) -> anyhow::Result<Option<Telling>> {
    let Some(audit) = &gateway.audit else {
        return Ok(None);
    };
    let settings = base.settings;
    let Some(uplink) = uplink(base, local)? else {
        tracing::warn!(
            "REGISTRY_API_URL does not end in /servers: the audit log is not told of calls"
        );
        return Ok(None);
    };
    let name = Name {
        id: gateway_name(),
        run: format!("{:010x}-{:08x}", base.clock.now().unix(), random_run()),
    };
    let folder = settings.data_dir.join("audit-spool");
    let most = u64::try_from(settings.audit.spool_bytes.bytes()).unwrap_or(u64::MAX);
    let collector = Collector::new(Arc::clone(audit), base.clock.clone());
    let (gateway, hard) = (Arc::clone(gateway), base.lifecycle.stop.hard.clone());
    let task = base.lifecycle.tasks.spawn(async move {
        let (batches, arriving) = mpsc::channel(BATCHES);
        let spool = Spool::open(folder, most).await;
        let shipper = Shipper::new(gateway, uplink, name, spool);
        let telling = async { tokio::join!(collector.run(batches, hard), shipper.run(arriving)) };
        if caught(telling).await.is_err() {
            tracing::error!("the audit log is not told of calls any more: restart the gateway");
        }
    });
    Ok(Some(Telling(task)))
}

/// The task.
#[derive(Debug)]
pub(super) struct Telling(JoinHandle<()>);

impl Telling {
    /// Waits, not for long, until what was seen is told or lies on disk.
    pub(super) async fn finish(self) {
        if tokio::time::timeout(END_LIMIT, self.0).await.is_err() {
            tracing::warn!("some of the audit log was not told in time");
        }
    }
}

fn uplink(base: &Base<'_>, local: &LocalRegistry) -> anyhow::Result<Option<Uplink>> {
    let settings: &Settings = base.settings;
    if base.mode.parts().has(Part::Registry) {
        return Ok(Some(Uplink::Local(deferred(local))));
    }
    let client = outbound::registry_client(&settings.network)?;
    Ok(Uplink::remote(client, &settings.catalog.registry_api_url))
}

/// Batches on their way between the two halves.
const BATCHES: usize = 64;
const END_LIMIT: Duration = Duration::from_secs(5);
