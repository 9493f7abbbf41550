//! The registry's side of the watch: lines for one gateway.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::{Codec, Error, Position};
use crate::catalog::snapshot::Snapshot;
use crate::domain::secret::Secret;

/// Lines for a gateway that showed `token`: the whole snapshot as soon as there is one, then deltas
/// to it, at most one per `coalesce`, and a heartbeat after each `heartbeat` of silence (an empty
/// line before the first snapshot). Ends at `stop` and when the publisher is gone.
///
/// Holds at most one line; a slow reader skips revisions, it does not pile them up.
pub fn watch_stream(
    receiver: watch::Receiver<Option<Arc<Snapshot>>>,
    token: Secret<String>,
    heartbeat: Duration,
    coalesce: Duration,
    stop: CancellationToken,
) -> impl Stream<Item = Bytes> + Send + 'static {
    let feed = Feed {
        receiver,
        codec: Codec::new(token),
        heartbeat,
        coalesce,
        stop,
        sent: None,
        spoke_at: Instant::now(),
        changed_at: None,
    };
    stream::unfold(feed, |mut feed| async move {
        let line = feed.next().await?;
        Some((line, feed))
    })
}

struct Feed {
    receiver: watch::Receiver<Option<Arc<Snapshot>>>,
    codec: Codec,
    heartbeat: Duration,
    coalesce: Duration,
    stop: CancellationToken,
    /// What the gateway has.
    sent: Option<Arc<Snapshot>>,
    spoke_at: Instant,
    changed_at: Option<Instant>,
}

impl Feed {
    async fn next(&mut self) -> Option<Bytes> {
        let stop = self.stop.clone();
        let silence = self.spoke_at + self.heartbeat;
        let line = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            fresh = timeout_at(silence, self.fresh()) => match fresh {
                Ok(fresh) => self.change(fresh?),
                Err(_) => self.sign_of_life(),
            },
        };
        self.spoke_at = Instant::now();
        line.inspect_err(|error| tracing::error!(%error, "a watch ended: nothing can be written"))
            .ok()
    }

    /// The newest snapshot, once it is not the one sent and the time to send it has come. May be
    /// dropped at any point: it looks at what is there, not at what was announced.
    async fn fresh(&mut self) -> Option<Arc<Snapshot>> {
        while self.newest().is_none() {
            self.receiver.changed().await.ok()?;
        }
        if let Some(at) = self.changed_at {
            sleep_until(at + self.coalesce).await;
        }
        self.newest()
    }

    fn newest(&mut self) -> Option<Arc<Snapshot>> {
        let newest = self.receiver.borrow_and_update().clone()?;
        let known = self.sent.as_ref().is_some_and(|sent| {
            Arc::ptr_eq(sent, &newest) || Position::of(sent) == Position::of(&newest)
        });
        (!known).then_some(newest)
    }

    fn change(&mut self, fresh: Arc<Snapshot>) -> Result<Bytes, Error> {
        let line = match &self.sent {
            Some(sent) => self.codec.delta(sent, &fresh),
            None => self.codec.full(&fresh),
        };
        self.sent = Some(fresh);
        self.changed_at = Some(Instant::now());
        line
    }

    fn sign_of_life(&self) -> Result<Bytes, Error> {
        match &self.sent {
            Some(sent) => self.codec.heartbeat(&Position::of(sent)),
            None => Ok(Bytes::from_static(b"\n")),
        }
    }
}
