//! Outgoing connections: resolve, check, dial.
//!
//! Promises: every address is checked by the [`AddressGuard`] after it was resolved, and the very
//! address that was checked is the one dialled, at every connect; nothing was sent where an error is
//! returned. Start reading at [`Dialer::connect`].

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::guard::{AddressGuard, Refused, literal};

/// A connection that did not come about. Nothing was sent: the caller may try elsewhere.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// No address of the host may be dialled.
    #[error("{host}:{port} may not be dialled: {refused}")]
    Refused {
        /// Who was to be dialled.
        host: String,
        /// At which port.
        port: u16,
        /// The first address' verdict.
        refused: Refused,
    },
    /// The name has no address.
    #[error("the host name {host} does not resolve: {source}")]
    Dns {
        /// The name.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// Nothing within the limit.
    #[error("no connection to {host}:{port} within {limit:?}")]
    Timeout {
        /// Who was dialled.
        host: String,
        /// At which port.
        port: u16,
        /// How long.
        limit: Duration,
    },
    /// Nobody listens there.
    #[error("{address} refused the connection")]
    ConnectionRefused {
        /// The address that answered last.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// No route, or another trouble of the network.
    #[error("cannot connect to {address}: {source}")]
    Connect {
        /// The address tried last.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
    /// The peer's certificate does not hold, or its TLS is not ours.
    #[error("the TLS handshake with {host} failed: {source}")]
    Tls {
        /// Who was dialled.
        host: String,
        /// What rustls said.
        source: io::Error,
    },
}

impl DialError {
    /// Label for metrics and logs.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "address_not_allowed",
            Self::Dns { .. } => "dns",
            Self::Timeout { .. } => "connect_timeout",
            Self::ConnectionRefused { .. } => "connection_refused",
            Self::Connect { .. } => "connect",
            Self::Tls { .. } => "tls",
        }
    }
}

/// Addresses of a name, as a boxed future.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Where addresses of names come from.
pub trait Resolve: fmt::Debug + Send + Sync {
    /// Addresses of `host`, best first.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The machine's resolver: hosts file, DNS, whatever it is set up for.
#[derive(Clone, Copy, Debug)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            Ok(lookup_host((host, 0))
                .await?
                .map(|address| address.ip())
                .collect())
        })
    }
}

/// Dials what the guard lets through. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dialer {
    guard: Arc<AddressGuard>,
    resolver: Arc<dyn Resolve>,
}

impl Dialer {
    /// With the machine's resolver.
    pub fn new(guard: Arc<AddressGuard>) -> Self {
        Self::with_resolver(guard, Arc::new(SystemResolver))
    }

    /// With another resolver.
    pub fn with_resolver(guard: Arc<AddressGuard>, resolver: Arc<dyn Resolve>) -> Self {
        Self { guard, resolver }
    }

    /// The rule that is applied.
    pub const fn guard(&self) -> &Arc<AddressGuard> {
        &self.guard
    }

    /// Connects to a name or an address (IPv6 in brackets or not), all within `limit`.
    ///
    /// A literal address takes no DNS. Several addresses are tried with the families in turn, the
    /// next one 250 ms after the one before, and the first that answers wins.
    ///
    /// # Errors
    /// See [`DialError`].
    pub async fn connect(
        &self,
        host: &str,
        port: u16,
        limit: Duration,
    ) -> Result<TcpStream, DialError> {
        let deadline = Instant::now() + limit;
        let late = || DialError::Timeout {
            host: host.to_owned(),
            port,
            limit,
        };
        let addresses = timeout_at(deadline, self.addresses(host, port))
            .await
            .map_err(|_| late())??;
        let stream = timeout_at(deadline, race(&addresses))
            .await
            .map_err(|_| late())??;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(error = %error, "small writes stay delayed on an outgoing connection");
        }
        Ok(stream)
    }

    /// The addresses of a host that may be dialled, in the order to try them; never empty.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, DialError> {
        let refuse = |refused| DialError::Refused {
            host: host.to_owned(),
            port,
            refused,
        };
        self.guard.check_port(port).map_err(refuse)?;
        let found = if let Some(address) = literal(host) {
            vec![address]
        } else {
            self.guard.check_name(host).map_err(refuse)?;
            self.resolver
                .resolve(host)
                .await
                .map_err(|source| DialError::Dns {
                    host: host.to_owned(),
                    source,
                })?
        };
        let mut refused = None;
        let mut allowed = Vec::with_capacity(found.len());
        for address in found {
            let address = address.to_canonical();
            match self.guard.check(address) {
                Ok(()) => allowed.push(SocketAddr::new(address, port)),
                Err(reason) => refused = refused.or(Some(reason)),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(interleave(allowed)),
            (true, Some(reason)) => Err(refuse(reason)),
            (true, None) => Err(DialError::Dns {
                host: host.to_owned(),
                source: io::Error::new(io::ErrorKind::NotFound, "the name has no addresses"),
            }),
        }
    }
}

/// Speaks TLS over a connection; `server_name` is what the certificate must be for.
///
/// # Errors
/// See [`DialError`].
pub async fn connect_tls<IO: AsyncRead + AsyncWrite + Unpin>(
    stream: IO,
    server_name: &str,
    config: Arc<ClientConfig>,
    limit: Duration,
) -> Result<TlsStream<IO>, DialError> {
    let failed = |source| DialError::Tls {
        host: server_name.to_owned(),
        source,
    };
    let name = match literal(server_name) {
        Some(address) => ServerName::from(address),
        None => ServerName::try_from(server_name.trim_end_matches('.').to_owned())
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?,
    };
    match timeout(limit, TlsConnector::from(config).connect(name, stream)).await {
        Ok(done) => done.map_err(failed),
        Err(_) => Err(failed(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("not finished within {limit:?}"),
        ))),
    }
}

/// The families in turn, beginning with the resolver's first.
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else {
        return addresses;
    };
    let total = addresses.len();
    let (ours, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first);
    let (mut ours, mut others) = (ours.into_iter(), others.into_iter());
    let mut mixed = Vec::with_capacity(total);
    while mixed.len() < total {
        mixed.extend(ours.next());
        mixed.extend(others.next());
    }
    mixed
}

/// The first connection that comes about. The deadline is the caller's.
async fn race(addresses: &[SocketAddr]) -> Result<TcpStream, DialError> {
    if let [only] = addresses {
        return dial(*only).await;
    }
    let mut left = addresses.iter().copied();
    let mut attempts = JoinSet::new();
    let mut failed = None;
    loop {
        if let Some(address) = left.next() {
            attempts.spawn(dial(address));
        }
        let wait = if left.len() > 0 {
            STAGGER
        } else {
            Duration::MAX
        };
        match timeout(wait, attempts.join_next()).await {
            Ok(Some(Ok(Ok(stream)))) => return Ok(stream),
            Ok(Some(Ok(Err(error)))) => failed = Some(error),
            Ok(Some(Err(_))) | Err(_) => {}
            Ok(None) => return Err(failed.unwrap_or_else(nothing_to_dial)),
        }
    }
}

fn nothing_to_dial() -> DialError {
    DialError::Connect {
        address: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0),
        source: io::ErrorKind::AddrNotAvailable.into(),
    }
}

async fn dial(address: SocketAddr) -> Result<TcpStream, DialError> {
    TcpStream::connect(address)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::ConnectionRefused => DialError::ConnectionRefused { address, source },
            _ => DialError::Connect { address, source },
        })
}

/// How much later than the one before the next address is tried (RFC 8305, §5).
const STAGGER: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests;
