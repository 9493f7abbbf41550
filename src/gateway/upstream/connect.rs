//! Making a connection to an origin.

use std::sync::Arc;

use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use super::pool::{Pool, Sender};
use crate::gateway::origin::{Origin, Peer, PeerTls};
use crate::gateway::reason::Reason;
use crate::net::dial::DialError;

/// Bytes that hyper reads at once from an upstream, at most.
const READ_BUFFER: usize = 64 * 1024;
/// Bytes of an answer's head.
const HEAD_BYTES: u32 = 64 * 1024;

/// A new connection to a plain `http://` origin, nothing said on it yet.
pub(super) async fn tcp(pool: &Pool, origin: &Origin) -> Result<TcpStream, Reason> {
    match &origin.peer {
        Peer::Network { host, port, .. } => dial(pool, host, *port).await,
        // The registry in this process has no address.
        Peer::Local(_) => Err(Reason::UpstreamConnect),
    }
}

async fn dial(pool: &Pool, host: &str, port: u16) -> Result<TcpStream, Reason> {
    pool.dialer
        .connect(host, port, pool.limits.connect)
        .await
        .map_err(|error| refusal(host, port, &error))
}

/// What a connection may speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// Whatever both sides like best.
    Any,
    /// HTTP/1.1 only.
    Http1,
}

/// A new connection, its driver running on this worker.
pub(super) async fn connect(
    pool: &Arc<Pool>,
    origin: &Arc<Origin>,
    protocol: Protocol,
) -> Result<Sender, Reason> {
    match &origin.peer {
        Peer::Local(peer) => h1(pool, peer.connect()).await,
        Peer::Network { host, port, tls } => {
            let deadline = Instant::now() + pool.limits.connect;
            let stream = dial(pool, host, *port).await?;
            match tls {
                None => h1(pool, stream).await,
                Some(tls) => {
                    let secured = timeout_at(deadline, handshake(tls, stream, protocol))
                        .await
                        .map_err(|_| Reason::UpstreamConnectTimeout)?
                        .map_err(|error| {
                            tracing::warn!(host, port, %error, "TLS handshake with a server failed");
                            Reason::UpstreamTls
                        })?;
                    if secured.get_ref().1.alpn_protocol() == Some(b"h2") {
                        h2(pool, origin, secured).await
                    } else {
                        h1(pool, secured).await
                    }
                }
            }
        }
    }
}

async fn handshake(
    tls: &PeerTls,
    stream: TcpStream,
    protocol: Protocol,
) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut config = Arc::clone(&tls.config);
    if protocol == Protocol::Http1 {
        Arc::make_mut(&mut config).alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    tokio_rustls::TlsConnector::from(config)
        .connect(tls.name.clone(), stream)
        .await
}

async fn h1<IO>(pool: &Arc<Pool>, io: IO) -> Result<Sender, Reason>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(READ_BUFFER)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|_| Reason::UpstreamProtocol)?;
    pool.drivers.spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "connection to a server ended");
        }
    });
    Ok(Sender::H1(sender))
}

async fn h2<IO>(pool: &Arc<Pool>, origin: &Arc<Origin>, io: IO) -> Result<Sender, Reason>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .max_header_list_size(HEAD_BYTES)
        .keep_alive_interval(pool.limits.keep_alive)
        .handshake(TokioIo::new(io))
        .await
        .map_err(|_| Reason::UpstreamProtocol)?;
    pool.drivers.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection to a server ended");
        }
    });
    pool.share(origin.id, sender.clone());
    Ok(Sender::H2(sender))
}

fn refusal(host: &str, port: u16, error: &DialError) -> Reason {
    tracing::debug!(host, port, reason = error.reason(), %error, "no connection to a server");
    match error {
        DialError::Refused { .. } => Reason::UpstreamForbidden,
        DialError::Timeout { .. } => Reason::UpstreamConnectTimeout,
        DialError::Tls { .. } => Reason::UpstreamTls,
        DialError::Dns { .. } | DialError::ConnectionRefused { .. } | DialError::Connect { .. } => {
            Reason::UpstreamConnect
        }
    }
}
