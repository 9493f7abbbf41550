//! Open event streams and tunnels, so that each can be closed when its right or its server ends.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use metrics::Gauge;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::external::Standing;
use super::limit;
use super::table::CompiledRoute;
use crate::catalog::snapshot::Access;
use crate::domain::principal::Principal;
use crate::domain::time::Timestamp;

/// All open streams of this process.
#[derive(Debug)]
pub struct Streams {
    open: Mutex<Open>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    stopping: bool,
    entries: HashMap<u64, (Stream, CancellationToken)>,
}

impl Open {
    /// Their number as a gauge shows it.
    fn shown(&self) -> f64 {
        u32::try_from(self.entries.len()).map_or(f64::MAX, f64::from)
    }
}

/// Whose stream it is and where it goes.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The server; `None`: the registry's own pages.
    pub route: Option<Arc<CompiledRoute>>,
    /// The caller; `None` at a public server and at the registry.
    pub caller: Option<Arc<Principal>>,
    /// Without end by design (a GET stream, a subscription, a tunnel): closed as soon as the
    /// gateway stops, while an answer in progress may finish.
    pub endless: bool,
    /// When its caller was let in.
    pub opened_at: Timestamp,
    /// What let it be opened; `None` at the registry.
    pub access: Option<Arc<Access>>,
    /// The verdict of an auth server that let it be opened.
    pub verdict: Option<Arc<Standing>>,
    /// Its place among its caller's streams, where they are limited.
    pub place: Option<Arc<limit::Place>>,
}

impl Streams {
    /// None yet.
    pub fn new(gauge: Gauge) -> Arc<Self> {
        Arc::new(Self {
            open: Mutex::default(),
            gauge,
        })
    }

    /// Lists a stream until its guard is dropped.
    pub fn open(self: &Arc<Self>, stream: Stream) -> StreamGuard {
        let token = CancellationToken::new();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.next += 1;
        let id = open.next;
        if open.stopping && stream.endless {
            token.cancel();
        }
        open.entries.insert(id, (stream, token.clone()));
        self.gauge.set(open.shown());
        StreamGuard {
            id,
            streams: Arc::clone(self),
            closed: Box::pin(token.clone().cancelled_owned()),
            token,
        }
    }

    /// The gateway stops: closes those without end, now and from now on; the others may finish.
    pub fn stop(&self) {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stopping = true;
        self.close_unless(|stream| !stream.endless);
    }

    /// Closes those whose credential has ended, or whose verdict was taken back.
    pub fn close_expired(&self, now: Timestamp) -> usize {
        self.close_unless(|stream| {
            let end = stream.caller.as_ref().and_then(|caller| caller.expires_at);
            let agreed = stream
                .verdict
                .as_ref()
                .is_none_or(|verdict| verdict.lost(now).is_none());
            end.is_none_or(|end| end > now) && agreed
        })
    }

    /// Those about whose verdict it is time to ask again.
    pub fn due(&self, now: Timestamp) -> Vec<Stream> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let all = open.entries.values().map(|(stream, _)| stream);
        let is_due = |stream: &&Stream| {
            let verdict = stream.verdict.as_ref();
            verdict.is_some_and(|verdict| verdict.is_due(now))
        };
        all.filter(is_due).cloned().collect()
    }

    /// Closes those that `keep` refuses; how many.
    pub fn close_unless(&self, keep: impl Fn(&Stream) -> bool) -> usize {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = open.entries.values().filter(|(stream, _)| !keep(stream));
        // Those closed before are on their way out.
        let lost = lost.filter(|(_, token)| !token.is_cancelled());
        lost.map(|(_, token)| token.cancel()).count()
    }

    /// How many are open.
    pub fn len(&self) -> usize {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entries
            .len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A listed stream.
#[derive(Debug)]
pub struct StreamGuard {
    id: u64,
    streams: Arc<Streams>,
    token: CancellationToken,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl StreamGuard {
    /// Ends the stream.
    pub fn close(&self) {
        self.token.cancel();
    }

    /// Ready once the stream must end.
    pub fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.closed.as_mut().poll(context)
    }

    /// Waits until the stream must end.
    pub async fn closed(&mut self) {
        self.closed.as_mut().await;
    }
}

impl Drop for StreamGuard {
    fn drop(&mut self) {
        let mut open = self
            .streams
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.entries.remove(&self.id);
        self.streams.gauge.set(open.shown());
    }
}
