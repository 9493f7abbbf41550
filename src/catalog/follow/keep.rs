//! Keeping the newest snapshot on disk.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Follower;
use crate::catalog::disk::Disk;
use crate::catalog::snapshot::Snapshot;

/// Saves the first snapshot at once and each newest one [`EVERY`] after it came, until `stop`; then the
/// last one. Bursts become one write, and writing does not hold up the change itself.
///
/// Runs on blocking threads. A failure is logged when it begins; the next snapshot is another try.
/// Without a token there is no disk and nothing is kept.
pub(super) async fn run(follower: &Follower, stop: &CancellationToken) {
    let mut snapshots = follower.publisher.subscribe();
    let mut failing = false;
    let mut kept = snapshots.borrow_and_update().clone();
    loop {
        let stopped = tokio::select! {
            biased;
            () = stop.cancelled() => true,
            changed = snapshots.changed() => changed.is_err(),
        };
        if !stopped && kept.is_some() {
            let _ = stop.run_until_cancelled(sleep(EVERY)).await;
        }
        let newest = snapshots.borrow_and_update().clone();
        let fresh = newest.filter(|newest| !is_kept(kept.as_ref(), newest));
        if let (Some(snapshot), Some(disk)) = (fresh, follower.disk.load_full()) {
            let saved = save(disk, Arc::clone(&snapshot)).await;
            note(&saved, &mut failing);
            kept = saved.is_ok().then_some(snapshot);
        }
        if stopped {
            return;
        }
    }
}

fn is_kept(kept: Option<&Arc<Snapshot>>, newest: &Arc<Snapshot>) -> bool {
    kept.is_some_and(|kept| Arc::ptr_eq(kept, newest))
}

async fn save(disk: Arc<Disk>, snapshot: Arc<Snapshot>) -> Result<(), String> {
    tokio::task::spawn_blocking(move || disk.save(&snapshot))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

fn note(saved: &Result<(), String>, failing: &mut bool) {
    match saved {
        Err(error) if !*failing => {
            tracing::error!(%error, "the last good snapshot is not kept; a restart needs the registry");
        }
        Ok(()) if *failing => tracing::info!("the last good snapshot is kept again"),
        Ok(()) | Err(_) => {}
    }
    *failing = saved.is_err();
}

const EVERY: Duration = Duration::from_secs(1);
