//! Handing a new snapshot to whoever is in this process.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

use super::snapshot::Snapshot;

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

impl fmt::Debug for Publisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Publisher")
            .field("sinks", &self.sinks.len())
            .finish_non_exhaustive()
    }
}
