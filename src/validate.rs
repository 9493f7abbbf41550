//! Verdicts for other people's gateways: `/auth/validate` and `/validate`, in the registry and as
//! `mcp auth-server`.
//!
//! Promises: what is answered hangs on the snapshot alone, so that the registry may be away; a full
//! verdict is given only to a gateway that shows its credential, and only on what that gateway says
//! itself; whoever may do something through our own gateway may do it here, and nobody else. Where
//! it cannot decide it refuses. Must not know the registry: it follows snapshots like a gateway.
//!
//! Start with [`router()`], then `question` (what is asked, by which headers), `judge` (the
//! verdict), `answer` (how it is said). [`pass_on`] is what an auth server alone needs beside it.
//!
//! # Why
//! Statuses are those that gateways pass on: 401 and 403 for what a client may not, also where our
//! own gateway would say 400 or 404. 400 is left for a gateway that asks wrongly.

mod answer;
mod judge;
pub mod pass_on;
mod question;
mod router;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwapOption;

pub use self::router::router;
use crate::auth::oidc::refresh::{KeyFetcher, KeySource};
use crate::auth::verify::Verifier;
use crate::catalog::{Snapshot, SnapshotSink};

/// Bytes that the head of a question may have beside those of a client's request: the longest body
/// that may come along, in base64.
pub const BODY_HEADER_BYTES: usize = question::MAX_BODY / 3 * 4 + 1024;

/// Decides, from the last snapshot that it was given.
#[derive(Debug)]
pub struct Validator {
    snapshot: ArcSwapOption<Snapshot>,
    verifier: Arc<Verifier>,
    keys: KeyFetcher,
    /// The gateways' own address, for which tokens may have been made; no slash at its end.
    base: Option<String>,
}

impl Validator {
    /// With the public address of the gateways, where there is one.
    pub fn new(verifier: Verifier, source: Arc<dyn KeySource>, base: Option<&url::Url>) -> Self {
        let verifier = Arc::new(verifier);
        Self {
            snapshot: ArcSwapOption::empty(),
            keys: KeyFetcher::new(source, Arc::clone(&verifier)),
            verifier,
            base: base.map(|url| url.as_str().trim_end_matches('/').to_owned()),
        }
    }

    /// Whether there is a snapshot that can decide.
    pub fn is_ready(&self) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.as_ref().is_some_and(|one| one.access.is_some())
    }
}

impl SnapshotSink for Validator {
    fn apply(&self, snapshot: &Arc<Snapshot>) {
        self.snapshot.store(Some(Arc::clone(snapshot)));
    }
}
