//! Waiting for what becomes of a call: not too long, and not longer than its caller may.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::super::pipeline::Context;
use super::super::reason::Reason;
use super::super::shared::Gateway;
use super::super::streams::Stream;
use super::super::waits::TooLong;

/// How long something may take, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) whole: Duration,
    pub(super) since: Instant,
}

impl Limit {
    pub(super) fn from_now(whole: Duration) -> Self {
        let since = Instant::now();
        Self { whole, since }
    }

    pub(super) fn end(self) -> Instant {
        self.since + self.whole
    }
}

/// Waits for what becomes of a call, at most as long as `limit` says: one that takes longer than a
/// moment is given up when the right to it ends.
pub(super) async fn watched<T>(
    context: &Context,
    stream: &Stream,
    limit: Option<Limit>,
    mut work: impl Future<Output = Result<T, Reason>> + Unpin,
) -> Result<T, Reason> {
    let moment = limit.map_or(A_MOMENT, |limit| limit.whole.min(A_MOMENT));
    match context.waits.limit(moment, &mut work).await {
        Ok(done) => done,
        // Boxed: few calls come here, and it is large.
        Err(TooLong) => Box::pin(outlasting(&context.gateway, stream, limit, work)).await,
    }
}

/// The same for what has taken a moment already.
async fn outlasting<T>(
    gateway: &Gateway,
    stream: &Stream,
    limit: Option<Limit>,
    work: impl Future<Output = Result<T, Reason>>,
) -> Result<T, Reason> {
    let mut guard = gateway.open_call(stream);
    let end = limit.map(Limit::end);
    tokio::select! {
        biased;
        () = guard.closed() => Err(gateway.lost(stream).unwrap_or(Reason::Stopping)),
        done = work => done,
        () = sleep_until(end.unwrap_or_else(Instant::now)), if end.is_some() => {
            Err(Reason::UpstreamFirstByte)
        }
    }
}

/// Calls that are over by then are not listed, so that they cost no lock. Revocation may take a second.
const A_MOMENT: Duration = Duration::from_millis(250);
