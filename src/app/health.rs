//! `mcp health`: does the process behind the same settings serve?
//!
//! Promises: one request to `/health` of the front listener, done within [`LIMIT`], with no change
//! anywhere. A certificate is not verified when the address dialled is loopback: it may be of our
//! own making, and nobody else can listen there. Anywhere else it is. Start reading at [`check`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::config::{Part, Parts, TlsSource};

mod trust;

#[expect(
    clippy::disallowed_types,
    reason = "the front listener depends on several sections"
)]
type Settings = crate::config::Config;

/// How long the whole question may take.
pub const LIMIT: Duration = Duration::from_secs(3);

/// What to ask, and whom to trust.
#[derive(Clone, Debug)]
pub struct Question {
    /// The URL asked for.
    pub url: Url,
    /// PEM roots trusted besides the built-in ones.
    pub extra_ca_file: Option<PathBuf>,
}

/// Why the process does not serve, as far as can be seen from here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The settings leave nothing to ask.
    #[error("cannot ask for health: no listener of this mode is switched on")]
    NoListener,
    /// Neither http nor https, or no host.
    #[error("cannot ask {0}: write an http or https URL with a host")]
    Url(String),
    /// Nobody listens.
    #[error("cannot connect to {url}")]
    Connect {
        /// What was asked for.
        url: String,
        /// Why.
        source: std::io::Error,
    },
    /// The additional roots cannot be read.
    #[error("cannot read the roots in {path:?}")]
    Roots {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS for {url}")]
    Tls {
        /// What was asked for.
        url: String,
        /// Why.
        source: rustls::Error,
    },
    /// No HTTP came back.
    #[error("no answer from {url}")]
    Http {
        /// What was asked for.
        url: String,
        /// Why.
        source: hyper::Error,
    },
    /// An answer that does not say healthy.
    #[error("{url} answers {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// What was answered.
        status: http::StatusCode,
    },
    /// Nothing within the limit.
    #[error("no answer from {url} within {} s", LIMIT.as_secs())]
    Late {
        /// What was asked for.
        url: String,
    },
}

/// The question that these settings lead to: `/health` of the front listener.
///
/// # Errors
/// No listener is switched on.
pub fn question(settings: &Settings, parts: Parts) -> Result<Question, Error> {
    let tls = settings.tls.source() != TlsSource::Off;
    let gateway = &settings.gateway;
    let https = gateway
        .https_bind
        .address()
        .filter(|_| tls)
        .map(|address| ("https", address));
    let (scheme, address) = if parts.has(Part::Gateway) {
        https.or_else(|| gateway.http_bind.address().map(|address| ("http", address)))
    } else if parts.has(Part::Validate) {
        let address = settings.auth.bind.address();
        address.map(|address| ("http", address))
    } else {
        let scheme = if tls { "https" } else { "http" };
        settings
            .registry
            .bind
            .address()
            .map(|address| (scheme, address))
    }
    .ok_or(Error::NoListener)?;
    let url = format!("{scheme}://{}/health", dialled(address));
    let url = Url::parse(&url).map_err(|_| Error::NoListener)?;
    Ok(Question {
        url,
        extra_ca_file: settings.network.extra_ca_file.clone(),
    })
}

/// Where to reach a listener from its own machine.
fn dialled(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    address
}

/// Asks, and says in a line what was answered.
///
/// # Errors
/// Anything but a success within [`LIMIT`].
pub async fn check(question: &Question) -> Result<String, Error> {
    match tokio::time::timeout(LIMIT, ask(question)).await {
        Ok(answer) => answer.map(|status| format!("{} answers {status}", question.url)),
        Err(_) => Err(Error::Late {
            url: question.url.to_string(),
        }),
    }
}

async fn ask(question: &Question) -> Result<http::StatusCode, Error> {
    let url = &question.url;
    let stream = connect(url).await?;
    let status = match url.scheme() {
        "https" => request(secure(question, stream).await?, url).await?,
        _ => request(stream, url).await?,
    };
    if status.is_success() {
        Ok(status)
    } else {
        Err(Error::Status {
            url: url.to_string(),
            status,
        })
    }
}

async fn connect(url: &Url) -> Result<TcpStream, Error> {
    let port = url
        .port_or_known_default()
        .filter(|_| matches!(url.scheme(), "http" | "https"));
    let connecting = match (url.host(), port) {
        (Some(Host::Domain(name)), Some(port)) => TcpStream::connect((name, port)).await,
        (Some(Host::Ipv4(ip)), Some(port)) => TcpStream::connect((ip, port)).await,
        (Some(Host::Ipv6(ip)), Some(port)) => TcpStream::connect((ip, port)).await,
        (None, _) | (_, None) => return Err(Error::Url(url.to_string())),
    };
    connecting.map_err(|source| Error::Connect {
        url: url.to_string(),
        source,
    })
}

async fn secure(
    question: &Question,
    stream: TcpStream,
) -> Result<tokio_rustls::client::TlsStream<TcpStream>, Error> {
    let url = &question.url;
    let local = stream
        .peer_addr()
        .is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
    let tls = |source| Error::Tls {
        url: url.to_string(),
        source,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(tls)?;
    let config = if local {
        let verifier = Arc::new(trust::AnyCertificate::new(&provider));
        builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth()
    } else {
        builder
            .with_root_certificates(roots(question)?)
            .with_no_client_auth()
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| Error::Url(url.to_string()))?;
    let connector = TlsConnector::from(Arc::new(config));
    connector
        .connect(name, stream)
        .await
        .map_err(|source| Error::Connect {
            url: url.to_string(),
            source,
        })
}

fn roots(question: &Question) -> Result<rustls::RootCertStore, Error> {
    let mut roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    if let Some(path) = &question.extra_ca_file {
        let unreadable = |source| Error::Roots {
            path: path.clone(),
            source,
        };
        for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
            roots.add_parsable_certificates([certificate.map_err(unreadable)?]);
        }
    }
    Ok(roots)
}

/// Sends the request and waits for the head of the answer.
async fn request(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send,
    url: &Url,
) -> Result<http::StatusCode, Error> {
    let failed = |source| Error::Http {
        url: url.to_string(),
        source,
    };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let request = http::Request::get(url.path())
        .header(http::header::HOST, url.authority())
        .header(
            http::header::USER_AGENT,
            concat!("mcp-health/", env!("CARGO_PKG_VERSION")),
        )
        .header(http::header::CONNECTION, "close")
        .body(Empty::<bytes::Bytes>::new())
        .map_err(|_| Error::Url(url.to_string()))?;
    let mut connection = std::pin::pin!(connection);
    let mut answer = std::pin::pin!(sender.send_request(request));
    tokio::select! {
        answer = answer.as_mut() => answer.map(|answer| answer.status()).map_err(failed),
        // The connection ends first when the answer is complete at once, or when it broke.
        ended = connection.as_mut() => {
            ended.map_err(failed)?;
            answer.await.map(|answer| answer.status()).map_err(failed)
        }
    }
}

#[cfg(test)]
mod tests;
