//! One worker's kept connections.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::super::body::RequestBody;
use super::super::origin::OriginId;
use super::direct::Wire;
use crate::net::dial::Dialer;

/// Limits of a pool.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Connect, TLS included.
    pub connect: Duration,
    /// Idle connections are closed after.
    pub keep_alive: Duration,
    /// Idle connections kept per origin.
    pub idle_per_origin: usize,
}

/// Connections of one worker, by origin. The lock is only ever taken by that worker's thread; it is
/// there because the futures are `Send`.
#[derive(Debug)]
pub struct Pool {
    slots: Mutex<HashMap<OriginId, Slot, foldhash::fast::RandomState>>,
    pub(super) dialer: Arc<Dialer>,
    pub(super) limits: PoolLimits,
    pub(super) drivers: TaskTracker,
}

#[derive(Debug, Default)]
struct Slot {
    idle: Vec<Idle>,
    wires: Vec<IdleWire>,
    shared: Option<Shared>,
}

#[derive(Debug)]
struct Shared {
    sender: http2::SendRequest<RequestBody>,
    used: Instant,
}

#[derive(Debug)]
struct IdleWire {
    wire: Wire,
    since: Instant,
}

#[derive(Debug)]
struct Idle {
    sender: http1::SendRequest<RequestBody>,
    since: Instant,
}

impl Pool {
    /// An empty pool that dials through `dialer`.
    pub fn new(dialer: Arc<Dialer>, limits: PoolLimits) -> Arc<Self> {
        Arc::new(Self {
            slots: Mutex::default(),
            dialer,
            limits,
            drivers: TaskTracker::new(),
        })
    }

    /// A kept connection that was open when last looked at.
    pub(super) fn take(&self, origin: OriginId) -> Option<Sender> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get_mut(&origin)?;
        if let Some(shared) = &mut slot.shared {
            if !shared.sender.is_closed() {
                shared.used = Instant::now();
                return Some(Sender::H2(shared.sender.clone()));
            }
            slot.shared = None;
        }
        for index in (0..slot.idle.len()).rev() {
            let sender = slot.idle.get(index).map(|idle| &idle.sender)?;
            if sender.is_closed() {
                slot.idle.swap_remove(index);
            } else if sender.is_ready() {
                return Some(Sender::H1(slot.idle.swap_remove(index).sender));
            }
            // Else it still sends the body of a request that was answered early, and would make
            // this one wait for it.
        }
        None
    }

    /// A kept connection without hyper on it that was open when last looked at.
    pub(super) fn take_wire(&self, origin: OriginId) -> Option<Wire> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.get_mut(&origin)?;
        while let Some(mut idle) = slot.wires.pop() {
            if idle.wire.is_idle() {
                return Some(idle.wire);
            }
        }
        None
    }

    /// Keeps a connection for the next exchange.
    pub(super) fn keep_wire(&self, origin: OriginId, wire: Wire) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(origin).or_default();
        if slot.wires.len() < self.limits.idle_per_origin {
            slot.wires.push(IdleWire {
                wire,
                since: Instant::now(),
            });
        }
    }

    /// Shares an HTTP/2 connection with the requests to come.
    pub(super) fn share(&self, origin: OriginId, sender: http2::SendRequest<RequestBody>) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(origin).or_default().shared = Some(Shared {
            sender,
            used: Instant::now(),
        });
    }

    fn keep(&self, origin: OriginId, sender: http1::SendRequest<RequestBody>) {
        if sender.is_closed() {
            return;
        }
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = slots.entry(origin).or_default();
        if slot.idle.len() < self.limits.idle_per_origin {
            slot.idle.push(Idle {
                sender,
                since: Instant::now(),
            });
        }
    }

    /// Closes what was idle for too long and forgets origins without connections.
    pub fn sweep(&self, now: Instant) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|_, slot| {
            slot.idle.retain(|idle| {
                !idle.sender.is_closed() && now.duration_since(idle.since) < self.limits.keep_alive
            });
            slot.wires.retain_mut(|idle| {
                now.duration_since(idle.since) < self.limits.keep_alive && idle.wire.is_idle()
            });
            // Exchanges in progress hold the connection themselves.
            slot.shared = slot.shared.take().filter(|shared| {
                !shared.sender.is_closed()
                    && now.duration_since(shared.used) < self.limits.keep_alive
            });
            !slot.idle.is_empty() || !slot.wires.is_empty() || slot.shared.is_some()
        });
    }
}

/// The sending half of a connection.
pub(super) enum Sender {
    H1(http1::SendRequest<RequestBody>),
    H2(http2::SendRequest<RequestBody>),
}

type Unsent = (Option<Request<RequestBody>>, hyper::Error);

impl Sender {
    pub(super) async fn ready(&mut self) -> hyper::Result<()> {
        match self {
            Self::H1(sender) => sender.ready().await,
            Self::H2(sender) => sender.ready().await,
        }
    }

    pub(super) async fn try_send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, Unsent> {
        let answer = match self {
            Self::H1(sender) => sender.try_send_request(request).await,
            Self::H2(sender) => sender.try_send_request(as_h2(request)).await,
        };
        answer.map_err(|mut error| (error.take_message(), error.into_error()))
    }
}

/// HTTP/2 names the host in the target and knows no `Host` (RFC 9113 §8.3.1).
fn as_h2(mut request: Request<RequestBody>) -> Request<RequestBody> {
    if let Some(host) = request.headers_mut().remove(http::header::HOST) {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(http::uri::Scheme::HTTPS);
        parts.authority = http::uri::Authority::try_from(host.as_bytes()).ok();
        parts.path_and_query = request.uri().path_and_query().cloned();
        if let Ok(uri) = http::Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
    *request.version_mut() = http::Version::HTTP_2;
    request
}

/// A connection in use for one exchange. Dropped before [`Lease::finish`], an HTTP/1.1 connection is
/// closed (which tells the server that nobody waits any more) and an HTTP/2 stream is reset.
pub struct Lease {
    pool: Arc<Pool>,
    origin: OriginId,
    sender: Option<Sender>,
}

impl Lease {
    pub(super) const fn new(pool: Arc<Pool>, origin: OriginId, sender: Sender) -> Self {
        Self {
            pool,
            origin,
            sender: Some(sender),
        }
    }

    /// The answer was read to its end: the connection may serve again.
    pub fn finish(&mut self) {
        match self.sender.take() {
            Some(Sender::H1(sender)) => self.pool.keep(self.origin, sender),
            Some(Sender::H2(_)) | None => {}
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Lease")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
