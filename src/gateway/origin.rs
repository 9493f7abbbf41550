//! Whom a worker connects to: one [`Origin`] per scheme, host, port and way of judging certificates.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustls::pki_types::ServerName;
use tokio::io::DuplexStream;

use crate::domain::endpoint::UpstreamUrl;
use crate::domain::server::UpstreamTls;
use crate::net::roots::{self, Roots};

/// Whom to connect to. Equal ones are one value, so that connections are shared between routes.
#[derive(Debug)]
pub struct Origin {
    /// Names it in the workers' pools.
    pub id: OriginId,
    /// How to get there.
    pub peer: Peer,
}

/// Names an origin within this process; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OriginId(u64);

impl Origin {
    fn new(peer: Peer) -> Self {
        // One count for the whole process: the registry and the servers are found through different
        // `Origins`, and a worker's pool takes a connection by this number alone.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            id: OriginId(NEXT.fetch_add(1, Ordering::Relaxed)),
            peer,
        }
    }

    /// Whether it is reached over the network without TLS.
    pub const fn is_plain(&self) -> bool {
        matches!(self.peer, Peer::Network { tls: None, .. })
    }
}

/// How to get to an origin.
#[derive(Debug)]
pub enum Peer {
    /// Over the network.
    Network {
        /// Name or literal address, without brackets.
        host: String,
        /// Port.
        port: u16,
        /// Set for `https`.
        tls: Option<PeerTls>,
    },
    /// The registry of this process, over memory.
    Local(LocalPeer),
}

/// How to speak TLS to an origin.
#[derive(Clone, Debug)]
pub struct PeerTls {
    /// Roots, protocols.
    pub config: Arc<rustls::ClientConfig>,
    /// Whose certificate it must be.
    pub name: ServerName<'static>,
}

/// Opens an in-memory connection to a server of this process.
#[derive(Clone)]
pub struct LocalPeer(Arc<dyn Fn() -> DuplexStream + Send + Sync>);

impl LocalPeer {
    /// From a function that makes a connection, serves one end and answers the other.
    pub fn new(connect: impl Fn() -> DuplexStream + Send + Sync + 'static) -> Self {
        Self(Arc::new(connect))
    }

    /// A new connection.
    pub fn connect(&self) -> DuplexStream {
        (self.0)()
    }
}

impl fmt::Debug for LocalPeer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LocalPeer")
    }
}

/// All origins in use; equal ones are found again as long as somebody holds them.
#[derive(Debug)]
pub struct Origins {
    roots: Roots,
    known: Mutex<HashMap<OriginKey, Weak<Origin>>>,
}

type OriginKey = (String, Option<String>, bool);

impl Origins {
    /// With the roots that certificates are judged by.
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            known: Mutex::default(),
        }
    }

    /// The origin of a URL; `None` when its host or private CA is not usable.
    pub fn intern(&self, url: &UpstreamUrl, tls: &UpstreamTls) -> Option<Arc<Origin>> {
        let parsed = url.as_url();
        let key = (
            parsed.origin().ascii_serialization(),
            tls.ca.clone(),
            tls.insecure,
        );
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(origin) = known.get(&key).and_then(Weak::upgrade) {
            return Some(origin);
        }
        let host = match parsed.host()? {
            url::Host::Domain(name) => name.to_owned(),
            url::Host::Ipv4(address) => address.to_string(),
            url::Host::Ipv6(address) => address.to_string(),
        };
        let tls = if url.is_https() {
            Some(self.peer_tls(&host, tls)?)
        } else {
            None
        };
        let port = parsed.port_or_known_default()?;
        let origin = Arc::new(Origin::new(Peer::Network { host, port, tls }));
        known.retain(|_, origin| origin.strong_count() > 0);
        known.insert(key, Arc::downgrade(&origin));
        Some(origin)
    }

    /// An origin within this process.
    pub fn local(&self, peer: LocalPeer) -> Arc<Origin> {
        Arc::new(Origin::new(Peer::Local(peer)))
    }

    fn peer_tls(&self, host: &str, tls: &UpstreamTls) -> Option<PeerTls> {
        let config = roots::client_config(&self.roots, tls.ca.as_deref(), tls.insecure, ALPN)
            .inspect_err(
                |error| tracing::error!(host, %error, "TLS towards a server cannot be set up"),
            )
            .ok()?;
        Some(PeerTls {
            config,
            name: ServerName::try_from(host.to_owned()).ok()?,
        })
    }

    /// With the built-in roots only.
    #[cfg(test)]
    pub fn for_tests() -> Self {
        Self::new(Roots::built_in())
    }
}

/// HTTP/2 where the server has it.
const ALPN: &[&[u8]] = &[b"h2", b"http/1.1"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_origins_are_one_and_different_ones_are_not() {
        let origins = Origins::for_tests();
        let intern = |url: &str, tls: &UpstreamTls| {
            origins
                .intern(&UpstreamUrl::parse(url).unwrap(), tls)
                .unwrap()
        };
        let usual = UpstreamTls::default();
        let insecure = UpstreamTls {
            ca: None,
            insecure: true,
        };
        let first = intern("https://h/a", &usual);
        assert!(Arc::ptr_eq(&first, &intern("https://h:443/b", &usual)));
        assert!(!Arc::ptr_eq(&first, &intern("https://h/a", &insecure)));
        assert!(!Arc::ptr_eq(&first, &intern("http://h/a", &usual)));
    }

    #[test]
    fn no_two_origins_have_one_id_whoever_made_them() {
        let url = UpstreamUrl::parse("http://h/").unwrap();
        let one = |origins: &Origins| origins.intern(&url, &UpstreamTls::default()).unwrap();
        let (ours, theirs) = (Origins::for_tests(), Origins::for_tests());
        assert_ne!(one(&ours).id, one(&theirs).id);
    }
}
