//! HTTP clients for our own requests (not for proxied traffic, which dials by itself).
//!
//! Promises: trusted roots are the built-in ones and the operator's, redirects are not followed, a
//! connect takes five seconds at most, `HTTPS_PROXY` and `NO_PROXY` are honoured. Time limits of
//! whole requests are the caller's, because some are held open on purpose.
//!
//! Start reading at [`registry_client`] for the operator's registry, at [`GuardedClient`] for
//! addresses that somebody else names.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder};
use tokio::net::lookup_host;
use url::Url;

use super::guard::{AddressGuard, Refused};
use super::roots::{Roots, RootsError, client_config};
use crate::config::NetworkConfig;

/// A client could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The operator's authorities.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The library refused.
    #[error("cannot set up an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The client that follows the registry: `REGISTRY_CA_FILE` and `EXTRA_CA_FILE` are trusted too.
///
/// The registry's address is the operator's own, so it is not judged.
///
/// # Errors
/// When an authorities file cannot be used.
pub fn registry_client(config: &NetworkConfig) -> Result<Client, OutboundError> {
    Ok(registry_builder(config)?.build()?)
}

fn registry_builder(config: &NetworkConfig) -> Result<ClientBuilder, OutboundError> {
    let registry = config
        .registry_ca_file
        .as_deref()
        .map(|path| ("REGISTRY_CA_FILE", path));
    builder(&Roots::load(registry.into_iter().chain(extra(config)))?)
}

/// A client for addresses that somebody else names, such as an issuer's metadata: the guard judges
/// each of them, literal or resolved.
#[derive(Clone, Debug)]
pub struct GuardedClient {
    client: Client,
    guard: Arc<AddressGuard>,
}

impl GuardedClient {
    /// With these settings; `EXTRA_CA_FILE` is trusted too.
    ///
    /// # Errors
    /// When an authorities file cannot be used.
    pub fn new(config: &NetworkConfig) -> Result<Self, OutboundError> {
        let guard = Arc::new(AddressGuard::new(config));
        Ok(Self {
            client: guarded_builder(config, &guard)?.build()?,
            guard,
        })
    }

    /// A request, unless its address is refused.
    ///
    /// # Errors
    /// Why the address is refused. What a name resolves to is judged when the request is sent.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, Refused> {
        if let Some(host) = url.host() {
            self.guard.check_host_text(&host)?;
        }
        if let Some(port) = url.port_or_known_default() {
            self.guard.check_port(port)?;
        }
        Ok(self.client.request(method, url))
    }
}

fn guarded_builder(
    config: &NetworkConfig,
    guard: &Arc<AddressGuard>,
) -> Result<ClientBuilder, OutboundError> {
    Ok(builder(&Roots::load(extra(config))?)?.dns_resolver(Arc::new(Guarded(Arc::clone(guard)))))
}

fn extra(config: &NetworkConfig) -> Option<(&'static str, &Path)> {
    config
        .extra_ca_file
        .as_deref()
        .map(|path| ("EXTRA_CA_FILE", path))
}

#[expect(clippy::disallowed_methods, reason = "this is where clients come from")]
fn builder(roots: &Roots) -> Result<ClientBuilder, OutboundError> {
    let tls = client_config(roots, None, false, &[b"h2", b"http/1.1"])?;
    Ok(Client::builder()
        .tls_backend_preconfigured(Arc::unwrap_or_clone(tls))
        .user_agent(concat!("mcp/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_LIMIT)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_INTERVAL)
        .pool_max_idle_per_host(IDLE_PER_HOST))
}

/// The machine's resolver, its answers judged.
#[derive(Debug)]
struct Guarded(Arc<AddressGuard>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((name.as_str(), 0)).await?.collect();
            let (mut allowed, mut refused) = (Vec::new(), None);
            for address in found {
                match guard.check(address.ip()) {
                    Ok(()) => allowed.push(address),
                    Err(reason) => refused = refused.or(Some(reason)),
                }
            }
            match refused {
                Some(reason) if allowed.is_empty() => Err(reason.into()),
                _ => Ok(Box::new(allowed.into_iter()) as Addrs),
            }
        })
    }
}

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A connection that answers no ping within this time is given up.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// One for the watch and one for everything else.
const IDLE_PER_HOST: usize = 2;

#[cfg(test)]
mod tests;
