//! What may replace what is in use.

use std::sync::Arc;

use super::Follower;
use super::session::Session;
use super::trouble::Trouble;
use crate::catalog::snapshot::{Routes, Snapshot};
use crate::catalog::wire::Position;
use crate::domain::ids::{ClusterId, Revision};

/// The position of what is in use, where a watch told it.
pub(super) fn watched(follower: &Follower) -> Option<Position> {
    let current = follower.current()?;
    (&*current.cluster.0 != POLLED).then(|| Position::of(&current))
}

impl Session<'_> {
    /// Takes what an authenticated watch told. An older revision of the same cluster is refused;
    /// another cluster is believed, with a warning: a backup was restored, or the registry replaced.
    pub(super) fn accept_watched(&mut self, snapshot: &Arc<Snapshot>) -> Result<(), Trouble> {
        let offered = Position::of(snapshot);
        if let Some(held) = &self.watched {
            if held.cluster != offered.cluster {
                tracing::warn!(from = %held.cluster, to = %offered.cluster, "the registry has another cluster id: a new database or a restored backup; adopting it");
            } else if offered.revision < held.revision {
                return Err(Trouble::Older {
                    offered: offered.revision,
                    held: held.revision,
                });
            }
        }
        self.watched = Some(offered);
        self.follower.publisher.publish(Arc::clone(snapshot));
        Ok(())
    }

    /// Takes a polled list; whether anything changed. Rights that a watch brought stay.
    pub(super) fn accept_polled(&mut self, routes: Routes) -> bool {
        let current = self.follower.current();
        if current
            .as_ref()
            .is_some_and(|current| current.routes == routes)
        {
            return false;
        }
        let last = current
            .as_ref()
            .filter(|current| &*current.cluster.0 == POLLED);
        let revision = last.map_or(1, |last| last.revision.0.saturating_add(1));
        let snapshot = Snapshot {
            cluster: ClusterId(POLLED.into()),
            revision: Revision(revision),
            routes,
            access: current.and_then(|current| current.access.clone()),
        };
        self.follower.publisher.publish(Arc::new(snapshot));
        true
    }
}

/// The cluster id of polled lists, which have none.
const POLLED: &str = "polled";
