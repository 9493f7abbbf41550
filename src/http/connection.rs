//! One client connection: what the phases may know of it.

use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

use crate::net::idle_io::Activity;

/// What the phases may know of a client connection.
#[derive(Debug)]
pub struct Connection {
    peer: IpAddr,
    peer_value: HeaderValue,
    sni: Option<Box<str>>,
    secure: bool,
    activity: Arc<Activity>,
    requests: AtomicU64,
    wind_down: Notify,
}

impl Connection {
    /// A connection from `peer`; `tls` says what name it was made for, if it is over TLS.
    pub fn new(peer: SocketAddr, tls: Option<Option<&str>>, activity: Arc<Activity>) -> Self {
        let peer = peer.ip().to_canonical();
        Self {
            peer,
            peer_value: HeaderValue::try_from(peer.to_string())
                .unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            sni: tls.flatten().map(Into::into),
            secure: tls.is_some(),
            activity,
            requests: AtomicU64::new(0),
            wind_down: Notify::new(),
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

    /// Whether it is over TLS.
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// `http` or `https`.
    pub const fn scheme_value(&self) -> HeaderValue {
        HeaderValue::from_static(if self.secure { "https" } else { "http" })
    }

    /// What moved on it.
    pub const fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Begins a request: until the guard is dropped the connection is not idle.
    pub fn begin_request(self: &Arc<Self>) -> Busy {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.activity.begin_request();
        Busy(Arc::clone(self))
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

/// A request in progress on a connection.
#[derive(Debug)]
pub struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.activity.end_request();
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
