//! Ready when every part says so: each holds a guard until it serves; off first at stop.
//!
//! Promises: [`Readiness::is_ready`] is true only while no guard is held and no stop has begun;
//! what is missing can be said in words. Start reading at [`Readiness::guard`].

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

/// Whether the process is ready; clones share it.
#[derive(Clone, Debug)]
pub struct Readiness(Arc<watch::Sender<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    next: u64,
    waiting: BTreeMap<u64, String>,
    stopping: bool,
}

impl State {
    fn is_ready(&self) -> bool {
        !self.stopping && self.waiting.is_empty()
    }
}

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// Ready at once, until somebody takes a guard.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }

    /// Not ready until the guard is dropped; `reason` says what is waited for, such as
    /// `waiting for the first snapshot`.
    #[must_use = "dropping the guard means ready"]
    pub fn guard(&self, reason: impl Into<String>) -> Guard {
        let mut id = 0;
        self.0.send_modify(|state| {
            id = state.next;
            state.next += 1;
            state.waiting.insert(id, reason.into());
        });
        Guard {
            id,
            readiness: self.clone(),
        }
    }

    /// Never ready again: the process stops. To be called before anything else is closed.
    pub fn not_ready(&self) {
        self.0.send_modify(|state| state.stopping = true);
    }

    /// Claims that the process serves.
    pub fn is_ready(&self) -> bool {
        self.0.borrow().is_ready()
    }

    /// What keeps the process from being ready.
    pub fn reasons(&self) -> Vec<String> {
        let state = self.0.borrow();
        let stopping = state.stopping.then(|| "stopping".to_owned());
        stopping
            .into_iter()
            .chain(state.waiting.values().cloned())
            .collect()
    }

    /// Waits until the process is ready; for ever, when it stops first.
    pub async fn ready(&self) {
        let mut watched = self.0.subscribe();
        // The sender lives as long as `self`, so that the wait cannot fail.
        let _ = watched.wait_for(State::is_ready).await;
    }
}

/// Keeps the process from being ready until it is dropped.
#[derive(Debug)]
pub struct Guard {
    id: u64,
    readiness: Readiness,
}

impl Guard {
    /// Says anew what is waited for.
    pub fn because(&self, reason: impl Into<String>) {
        self.readiness.0.send_modify(|state| {
            state.waiting.insert(self.id, reason.into());
        });
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.readiness.0.send_modify(|state| {
            state.waiting.remove(&self.id);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_every_guard_is_dropped() {
        let readiness = Readiness::new();
        let listening = readiness.guard("opening listeners");
        let snapshot = readiness.guard("waiting for the first snapshot");
        assert!(!readiness.is_ready());
        assert_eq!(
            readiness.reasons(),
            ["opening listeners", "waiting for the first snapshot"]
        );
        drop(listening);
        assert!(!readiness.is_ready());
        snapshot.because("the registry answers 500");
        assert_eq!(readiness.reasons(), ["the registry answers 500"]);
        drop(snapshot);
        assert!(readiness.is_ready());
        assert!(readiness.reasons().is_empty());
    }

    #[test]
    fn a_part_can_take_readiness_back() {
        let readiness = Readiness::new();
        assert!(readiness.is_ready());
        let guard = readiness.guard("policy is missing");
        assert!(!readiness.is_ready());
        drop(guard);
        assert!(readiness.is_ready());
    }

    #[test]
    fn never_ready_again_once_stopping() {
        let readiness = Readiness::new();
        let guard = readiness.guard("starting");
        readiness.not_ready();
        drop(guard);
        assert!(!readiness.is_ready());
        assert_eq!(readiness.reasons(), ["stopping"]);
    }

    #[tokio::test]
    async fn waiting_ends_with_the_last_guard() {
        let readiness = Readiness::new();
        let guard = readiness.guard("starting");
        let waiter = readiness.clone();
        tokio::join!(waiter.ready(), async { drop(guard) });
        assert!(readiness.is_ready());
    }
}
