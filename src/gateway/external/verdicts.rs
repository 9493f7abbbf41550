//! What the auth server said, remembered for a while, and asked for once at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::HeaderValue;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::domain::principal::Principal;
use crate::gateway::reason::Reason;
use crate::gateway::recent::{Entry, Recent};

/// What the auth server said.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It agrees, and says who it is; `None` where it names nobody.
    Allowed(Option<Arc<Principal>>),
    /// It does not: 401 or 403, with what it asks for.
    Refused(Reason, Option<HeaderValue>),
}

/// SHA-256 of all that a verdict depends on.
pub(super) type Key = [u8; 32];

type Flight = Arc<OnceCell<Result<Verdict, Reason>>>;

#[derive(Debug)]
pub(super) struct Verdicts {
    ttl: Duration,
    kept: Recent<Kept>,
    /// Questions under way; as many as requests that wait.
    flights: Mutex<HashMap<Key, Flight>>,
}

#[derive(Debug)]
struct Kept {
    key: Key,
    until: Instant,
    verdict: Verdict,
}

impl Entry for Kept {
    type Until = Instant;

    fn until(&self) -> Instant {
        self.until
    }

    fn replaces(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Verdicts {
    /// Remembers each for `ttl`; with none, every question is asked.
    pub(super) fn new(ttl: Duration) -> Self {
        let entries = if ttl.is_zero() { 0 } else { ENTRIES };
        Self {
            ttl,
            kept: Recent::new(entries),
            flights: Mutex::default(),
        }
    }

    /// The verdict of this key: a remembered one, that of a question under way, or what `ask` says.
    /// May be dropped at any point; who waits beside then asks.
    pub(super) async fn of<F>(
        &self,
        key: impl FnOnce() -> Key,
        ask: impl FnOnce() -> F,
    ) -> Result<Verdict, Reason>
    where
        F: Future<Output = Result<Verdict, Reason>>,
    {
        if self.ttl.is_zero() {
            return ask().await;
        }
        let key = key();
        if let Some(verdict) = self.find(&key) {
            return Ok(verdict);
        }
        let landing = Landing {
            verdicts: self,
            key,
            flight: self.join(key),
        };
        // Again, after joining: a flight that has just landed has left its verdict here.
        if let Some(verdict) = self.find(&key) {
            return Ok(verdict);
        }
        let asking = async {
            let asked_at = Instant::now();
            let verdict = ask().await;
            if let Ok(verdict) = &verdict
                && is_kept(verdict)
            {
                let kept = Kept {
                    key,
                    until: asked_at + self.ttl,
                    verdict: verdict.clone(),
                };
                self.kept.keep(hash(&key), kept);
            }
            // Who comes from now on does not get what may be old by then.
            landing.remove();
            verdict
        };
        landing.flight.get_or_init(|| asking).await.clone()
    }

    /// What `ask` says now, whatever is remembered; it takes the place of that.
    pub(super) async fn fresh<F>(
        &self,
        key: Key,
        ask: impl FnOnce() -> F,
    ) -> Result<Verdict, Reason>
    where
        F: Future<Output = Result<Verdict, Reason>>,
    {
        let asked_at = Instant::now();
        let verdict = ask().await?;
        if !self.ttl.is_zero() {
            let life = if is_kept(&verdict) {
                self.ttl
            } else {
                Duration::ZERO
            };
            let kept = Kept {
                key,
                until: asked_at + life,
                verdict: verdict.clone(),
            };
            self.kept.keep(hash(&key), kept);
        }
        Ok(verdict)
    }

    fn find(&self, key: &Key) -> Option<Verdict> {
        let now = Instant::now();
        self.kept.find(hash(key), |kept| {
            (kept.key == *key && now < kept.until).then(|| kept.verdict.clone())
        })
    }

    fn join(&self, key: Key) -> Flight {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(flights.entry(key).or_default())
    }
}

/// Takes the flight off the list when the last who waited for it is gone.
struct Landing<'v> {
    verdicts: &'v Verdicts,
    key: Key,
    flight: Flight,
}

impl Landing<'_> {
    fn remove(&self) {
        let mut flights = self.flights();
        if flights
            .get(&self.key)
            .is_some_and(|listed| Arc::ptr_eq(listed, &self.flight))
        {
            flights.remove(&self.key);
        }
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Flight>> {
        self.verdicts
            .flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let mut flights = self.flights();
        let is_last = Arc::strong_count(&self.flight) == LISTED_AND_MINE;
        if is_last
            && flights
                .get(&self.key)
                .is_some_and(|listed| Arc::ptr_eq(listed, &self.flight))
        {
            flights.remove(&self.key);
        }
    }
}

/// Only of callers that the server knows, so that nobody else can push these out.
const fn is_kept(verdict: &Verdict) -> bool {
    matches!(
        verdict,
        Verdict::Allowed(_) | Verdict::Refused(Reason::Forbidden, _)
    )
}

/// Uniform, and nobody can choose it cheaply.
fn hash(key: &Key) -> u64 {
    let (head, _) = key.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    u64::from_le_bytes(*head)
}

const LISTED_AND_MINE: usize = 2;
/// Verdicts remembered, about.
const ENTRIES: usize = 4_096;

#[cfg(test)]
mod tests;
