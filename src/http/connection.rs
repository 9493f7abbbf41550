//! One client connection: what the phases may know of it.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use super::leftover::Leftovers;
use crate::net::accept::Permit;
use crate::net::idle_io::Activity;

/// What the phases may know of a client connection.
#[derive(Debug)]
pub struct Connection {
    peer: IpAddr,
    peer_value: HeaderValue,
    sni: Option<Box<str>>,
    secure: bool,
    /// Its place among the connections; a tunnel keeps it.
    permit: Permit,
    requests: AtomicU64,
    /// The host that its first request called, once that was found to be ours.
    admitted_host: OnceLock<HeaderValue>,
    wind_down: Notify,
    leftovers: Leftovers,
    /// Answers in progress of an HTTP/2 connection; `None`: it is not one.
    handovers: Option<Mutex<Vec<Weak<AtomicU64>>>>,
}

impl Connection {
    /// A connection from `peer`; `tls` says what name it was made for, if it is over TLS.
    pub fn new(peer: SocketAddr, tls: Option<Option<&str>>, permit: Permit, is_h2: bool) -> Self {
        let peer = peer.ip().to_canonical();
        Self {
            peer,
            peer_value: HeaderValue::try_from(peer.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            sni: tls.flatten().map(Into::into),
            secure: tls.is_some(),
            permit,
            requests: AtomicU64::new(0),
            admitted_host: OnceLock::new(),
            wind_down: Notify::new(),
            leftovers: Leftovers::default(),
            handovers: is_h2.then(Mutex::default),
        }
    }

    /// The client's address, IPv4 in its own form.
    pub const fn peer(&self) -> IpAddr {
        self.peer
    }

    /// The same as a header value.
    pub const fn peer_value(&self) -> &HeaderValue {
        &self.peer_value
    }

    /// The name that the TLS handshake was for.
    pub fn sni(&self) -> Option<&str> {
        self.sni.as_deref()
    }

    /// A host that was called on it before and admitted.
    pub fn admitted_host(&self) -> Option<&HeaderValue> {
        self.admitted_host.get()
    }

    /// Notes that this host is ours; only the first one is kept.
    pub fn admit_host(&self, host: &HeaderValue) {
        // Losing to another request of this connection is as good.
        let _ = self.admitted_host.set(host.clone());
    }

    /// Whether it is over TLS.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// What moved on it.
    pub const fn activity(&self) -> &Arc<Activity> {
        self.permit.activity()
    }

    /// Begins a request: until the guard is dropped the connection is not idle.
    pub fn begin_request(self: &Arc<Self>) -> Busy {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.activity().begin_request();
        Busy {
            handover: self.handovers.as_ref().map(begin_handover),
            connection: Arc::clone(self),
        }
    }

    /// For how long an HTTP/2 client has not taken what an answer of its streams has for it.
    ///
    /// Its full window holds bytes above the socket, where [`Activity`] does not see them.
    pub fn stalled_stream(&self) -> Option<Duration> {
        let now = self.activity().age();
        let mut handovers = self
            .handovers
            .as_ref()?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        handovers.retain(|handover| handover.strong_count() > 0);
        handovers
            .iter()
            .filter_map(|handover| handed_over_at(&*handover.upgrade()?))
            .map(|at| now.saturating_sub(at))
            .max()
    }

    /// Request bodies that nobody read to their end.
    pub(super) const fn leftovers(&self) -> &Leftovers {
        &self.leftovers
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Asks for the connection's end after what is in progress.
    pub fn wind_down(&self) {
        self.wind_down.notify_one();
    }

    /// Waits until somebody asked for it.
    pub async fn winding_down(&self) {
        self.wind_down.notified().await;
    }
}

fn begin_handover(handovers: &Mutex<Vec<Weak<AtomicU64>>>) -> Arc<AtomicU64> {
    let handover = Arc::new(AtomicU64::new(0));
    let mut handovers = handovers.lock().unwrap_or_else(PoisonError::into_inner);
    if handovers.len() == handovers.capacity() {
        handovers.retain(|handover| handover.strong_count() > 0);
    }
    handovers.push(Arc::downgrade(&handover));
    handover
}

/// Milliseconds of the connection's age, plus one; 0: nothing waits to be taken.
fn handed_over_at(handover: &AtomicU64) -> Option<Duration> {
    let stored = handover.load(Ordering::Relaxed);
    stored.checked_sub(1).map(Duration::from_millis)
}

/// A request in progress on a connection.
#[derive(Debug)]
pub struct Busy {
    connection: Arc<Connection>,
    handover: Option<Arc<AtomicU64>>,
}

impl Busy {
    /// The connection.
    pub const fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Notes that a part of the answer was handed over: HTTP/2 asks for the next one as soon as the
    /// client's window takes this one.
    pub fn handed_over(&self) {
        if let Some(handover) = &self.handover {
            let age = u64::try_from(self.connection.activity().age().as_millis());
            handover.store(age.unwrap_or(u64::MAX).saturating_add(1), Ordering::Relaxed);
        }
    }

    /// Notes that the next part was asked for.
    pub fn asked_for_more(&self) {
        if let Some(handover) = &self.handover {
            handover.store(0, Ordering::Relaxed);
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.connection.activity().end_request();
    }
}

/// A body that keeps its connection busy until it is done with.
#[derive(Debug)]
pub struct BusyBody<B> {
    body: B,
    _busy: Busy,
}

impl<B> BusyBody<B> {
    /// Keeps the connection busy as long as `body` lives.
    pub const fn new(body: B, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl<B: Body + Unpin> Body for BusyBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
