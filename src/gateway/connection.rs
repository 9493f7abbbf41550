//! One client connection: what the phases may know of it, and serving it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

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

    /// Counts a request; how many there were with it.
    pub fn count_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Requests so far.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}
