//! Handing a new snapshot to whoever is in this process.

use std::fmt;
use std::sync::Arc;

use metrics::{counter, gauge};
use tokio::sync::watch;

use super::diff::{Difference, differences};
use super::snapshot::{Routes, Snapshot};

/// Takes a new snapshot into use before `apply` returns.
pub trait SnapshotSink: Send + Sync {
    /// Compiles and swaps. Called with growing revisions, one at a time.
    fn apply(&self, snapshot: &Arc<Snapshot>);
}

/// Keeps the newest snapshot; sinks have it before [`Publisher::publish`] returns, so that an API
/// answer given afterwards can be relied on (read your writes); watchers hear of it.
pub struct Publisher {
    sinks: Vec<Arc<dyn SnapshotSink>>,
    current: watch::Sender<Option<Arc<Snapshot>>>,
}

impl Publisher {
    /// With the gateways of this process.
    pub fn new(sinks: Vec<Arc<dyn SnapshotSink>>) -> Self {
        Self {
            sinks,
            current: watch::Sender::new(None),
        }
    }

    /// Replaces the snapshot. One that is not newer, within the same cluster, is ignored.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.current.send_if_modified(|current| {
            let newer = current.as_ref().is_none_or(|old| {
                old.cluster != snapshot.cluster || old.revision < snapshot.revision
            });
            if newer {
                for sink in &self.sinks {
                    sink.apply(&snapshot);
                }
                if !self.sinks.is_empty() {
                    announce(current.as_deref(), &snapshot);
                }
                *current = Some(snapshot);
            }
            newer
        });
    }

    /// Hears of each newest snapshot; intermediate ones may be skipped.
    pub fn subscribe(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.current.subscribe()
    }

    /// The newest snapshot.
    pub fn current(&self) -> Option<Arc<Snapshot>> {
        self.current.borrow().clone()
    }
}

/// Tells the log and the metrics what gateways of this process now have. The event's name and the
/// metrics' names are fixed.
fn announce(old: Option<&Snapshot>, new: &Snapshot) {
    let none = Routes::new();
    let before = old.map_or(&none, |old| &old.routes);
    let (mut added, mut changed, mut removed) = (0_usize, 0_usize, 0_usize);
    for difference in differences(before, &new.routes) {
        match difference {
            Difference::Added(..) => added += 1,
            Difference::Changed(..) => changed += 1,
            Difference::Removed(_) => removed += 1,
        }
    }
    tracing::info!(
        cluster = %new.cluster,
        revision = new.revision.0,
        servers = new.routes.len(),
        added,
        changed,
        removed,
        "configuration updated"
    );
    #[expect(
        clippy::cast_precision_loss,
        reason = "a gauge is a float; exact up to 2^53 changes"
    )]
    gauge!("mcp_gateway_snapshot_revision").set(new.revision.0 as f64);
    counter!("mcp_gateway_snapshot_applied_total").increment(1);
}

impl fmt::Debug for Publisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Publisher")
            .field("sinks", &self.sinks.len())
            .finish_non_exhaustive()
    }
}
