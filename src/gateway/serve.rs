//! Serving one client connection: TLS, protocol, and the timeouts that hyper does not give.
//!
//! hyper notices neither a client that never speaks nor one that reads nothing, and has no limit for
//! an idle HTTP/2 connection. So a supervisor beside it looks at what moved ([`Activity`]) every few
//! seconds, and ends what is too slow; requests pay nothing for it.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::body::ResponseBody;
use super::connection::Connection;
use super::pipeline::{self, Context};
use super::reason::Reason;
use super::reply::{self, ReplyContext};
use super::shared::Gateway;
use super::upstream::Pool;
use crate::net::accept::Permit;
use crate::net::idle_io::{Activity, Watched};

/// A connection as the acceptor hands it over.
#[derive(Debug)]
pub struct Arrival {
    /// The socket.
    pub stream: TcpStream,
    /// The client.
    pub peer: std::net::SocketAddr,
    /// Its place.
    pub permit: Permit,
    /// Set on a TLS listener.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// When connections end.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Finish what is in progress.
    pub soft: CancellationToken,
    /// Drop everything.
    pub hard: CancellationToken,
}

/// Serves a connection to its end.
pub async fn serve(gateway: Arc<Gateway>, pool: Arc<Pool>, arrival: Arrival, stop: Stop) {
    let Arrival { stream, peer, permit, tls } = arrival;
    let activity = Arc::clone(permit.activity());
    let evicted = permit.evicted().clone();
    gateway.usage.connections.increment(1);
    let served = async {
        let watched = Watched::new(stream, Arc::clone(&activity));
        match tls {
            None => serve_plain(&gateway, pool, watched, peer, &activity, &stop).await,
            Some(tls) => serve_tls(&gateway, pool, watched, peer, tls, &activity, &stop).await,
        }
    };
    tokio::select! {
        result = served => if let Err(error) = result {
            tracing::debug!(client.address = %peer.ip(), %error, "connection ended");
        },
        () = evicted.cancelled() => tracing::debug!(client.address = %peer.ip(), "connection made room for another"),
        () = stop.hard.cancelled() => {}
    }
    gateway.usage.connections.decrement(1);
    drop(permit);
}

async fn serve_tls(
    gateway: &Arc<Gateway>,
    pool: Arc<Pool>,
    io: Watched<TcpStream>,
    peer: std::net::SocketAddr,
    tls: Arc<rustls::ServerConfig>,
    activity: &Arc<Activity>,
    stop: &Stop,
) -> io::Result<()> {
    let handshake = tokio_rustls::TlsAcceptor::from(tls).accept(io);
    let stream = timeout(gateway.timeouts.tls_handshake.get(), handshake)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "TLS handshake took too long"))??;
    let session = stream.get_ref().1;
    let is_h2 = session.alpn_protocol() == Some(b"h2");
    let connection = Arc::new(Connection::new(peer, Some(session.server_name()), Arc::clone(activity)));
    let context = Context { gateway: Arc::clone(gateway), pool, connection };
    if is_h2 { serve_h2(context, stream, stop).await } else { serve_h1(context, stream, stop).await }
}

async fn serve_plain(
    gateway: &Arc<Gateway>,
    pool: Arc<Pool>,
    io: Watched<TcpStream>,
    peer: std::net::SocketAddr,
    activity: &Arc<Activity>,
    stop: &Stop,
) -> io::Result<()> {
    let connection = Arc::new(Connection::new(peer, None, Arc::clone(activity)));
    let timeouts = &gateway.timeouts;
    let io = tokio::select! {
        io = detect(io, timeouts.first_byte.get(), timeouts.header.get()) => io?,
        () = stop.soft.cancelled() => return Ok(()),
    };
    let Some((io, is_h2)) = io else { return Ok(()) };
    let context = Context { gateway: Arc::clone(gateway), pool, connection };
    if is_h2 { serve_h2(context, io, stop).await } else { serve_h1(context, io, stop).await }
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads just enough to tell HTTP/2 with prior knowledge from HTTP/1; `None` when nothing came.
async fn detect(
    mut io: Watched<TcpStream>,
    first_byte: Duration,
    preface: Duration,
) -> io::Result<Option<(Prefixed<Watched<TcpStream>>, bool)>> {
    let mut read = [0; PREFACE.len()];
    let mut length = 0;
    let mut limit = first_byte;
    loop {
        let rest = read.get_mut(length..).unwrap_or_default();
        let count = timeout(limit, io.read(rest))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no request came"))??;
        if count == 0 {
            return Ok(None);
        }
        length += count;
        limit = preface;
        let seen = read.get(..length).unwrap_or_default();
        let undecided = PREFACE.starts_with(seen);
        if !undecided || length == PREFACE.len() {
            let io = Prefixed { prefix: Bytes::copy_from_slice(seen), io };
            return Ok(Some((io, undecided)));
        }
    }
}

async fn serve_h1<IO>(context: Context, io: IO, stop: &Stop) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &context.gateway.limits;
    let supervisor = Supervisor::new(&context, false);
    let connection = http1::Builder::new()
        .max_headers(limits.header_fields)
        .max_header_size(limits.header_bytes.bytes() + limits.target_bytes.bytes())
        .max_buf_size(READ_BUFFER)
        .serve_connection(TokioIo::new(io), service(context))
        .with_upgrades();
    supervisor.run(connection, stop).await
}

async fn serve_h2<IO>(context: Context, io: IO, stop: &Stop) -> io::Result<()>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = &context.gateway.limits;
    let ping = context.gateway.timeouts.h2_ping.get();
    let supervisor = Supervisor::new(&context, true);
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.header_bytes.bytes()).unwrap_or(u32::MAX))
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(1 << 20)
        .max_send_buf_size(64 * 1024)
        .keep_alive_interval(ping)
        .keep_alive_timeout(ping)
        .serve_connection(TokioIo::new(io), service(context));
    supervisor.run(connection, stop).await
}

fn service(
    context: Context,
) -> impl hyper::service::Service<
    Request<Incoming>,
    Response = Response<ResponseBody>,
    Error = Infallible,
    Future = impl Future<Output = Result<Response<ResponseBody>, Infallible>> + Send,
> + Send {
    service_fn(move |request| {
        let limit = context.gateway.limits.requests_per_connection;
        if limit != 0 && context.connection.requests() + 1 >= limit {
            context.connection.wind_down();
        }
        let gateway = Arc::clone(&context.gateway);
        let answer = pipeline::handle(context.clone(), request);
        async move { Ok(unwound(answer, &gateway).await) }
    })
}

/// A panic in a phase is this request's 500 and nobody else's trouble.
async fn unwound(
    answer: impl Future<Output = Response<ResponseBody>>,
    gateway: &Gateway,
) -> Response<ResponseBody> {
    let mut answer = std::pin::pin!(answer);
    let polled = std::future::poll_fn(|context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(response)) => Poll::Ready(Some(response)),
            Err(_) => Poll::Ready(None),
        }
    });
    if let Some(response) = polled.await {
        return response;
    }
    metrics::counter!("mcp_gateway_refused_total", "reason" => Reason::Internal.label()).increment(1);
    let mut response = reply::refuse(Reason::Internal, &ReplyContext::default(), gateway.ids.next());
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response
}

/// A connection that hyper drives.
trait Driven: Future<Output = hyper::Result<()>> {
    fn wind_down(self: Pin<&mut Self>);
}

impl<IO, S> Driven for http1::UpgradeableConnection<IO, S>
where
    S: hyper::service::HttpService<Incoming, ResBody = ResponseBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    fn wind_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<IO, S> Driven for http2::Connection<IO, S, TokioExecutor>
where
    S: hyper::service::HttpService<Incoming, ResBody = ResponseBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    S::Future: Send + 'static,
    IO: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    fn wind_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Ends a connection that is too slow, idle for too long, or no longer wanted.
struct Supervisor {
    connection: Arc<Connection>,
    header: Duration,
    keep_alive: Duration,
    write_stall: Duration,
    is_h2: bool,
    idle_since: Option<Instant>,
    head_since: Option<Instant>,
    requests: u64,
    bytes: u64,
}

enum Verdict {
    Fine,
    WindDown,
    Drop(&'static str),
}

impl Supervisor {
    fn new(context: &Context, is_h2: bool) -> Self {
        let timeouts = &context.gateway.timeouts;
        Self {
            connection: Arc::clone(&context.connection),
            header: timeouts.header.get(),
            keep_alive: timeouts.keep_alive.get(),
            write_stall: timeouts.write_stall.get(),
            is_h2,
            idle_since: None,
            head_since: None,
            requests: 0,
            bytes: 0,
        }
    }

    async fn run(mut self, connection: impl Driven, stop: &Stop) -> io::Result<()> {
        let mut connection = std::pin::pin!(connection);
        let look_every = (self.header.min(self.keep_alive).min(self.write_stall) / 3)
            .clamp(Duration::from_millis(50), Duration::from_secs(5));
        let mut look = std::pin::pin!(sleep_until(Instant::now() + look_every));
        let mut winding_down = false;
        loop {
            tokio::select! {
                biased;
                ended = connection.as_mut() => return ended.map_err(io::Error::other),
                () = stop.soft.cancelled(), if !winding_down => {
                    winding_down = true;
                    connection.as_mut().wind_down();
                }
                () = self.connection.winding_down(), if !winding_down => {
                    winding_down = true;
                    connection.as_mut().wind_down();
                }
                () = look.as_mut() => {
                    match self.judge(Instant::now()) {
                        Verdict::Fine => {}
                        Verdict::WindDown if winding_down => return Ok(()),
                        Verdict::WindDown => {
                            winding_down = true;
                            connection.as_mut().wind_down();
                        }
                        Verdict::Drop(why) => {
                            return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                        }
                    }
                    look.as_mut().reset(Instant::now() + look_every);
                }
            }
        }
    }

    fn judge(&mut self, now: Instant) -> Verdict {
        let activity = self.connection.activity();
        if activity.write_stalled().is_some_and(|stalled| stalled >= self.write_stall) {
            return Verdict::Drop("the client takes no bytes");
        }
        let (requests, bytes) = (self.connection.requests(), activity.bytes_in());
        if activity.is_busy() || requests != self.requests {
            (self.requests, self.bytes) = (requests, bytes);
            (self.idle_since, self.head_since) = (None, None);
            return Verdict::Fine;
        }
        // Between requests: HTTP/1 bytes are the head of the next one, HTTP/2 ones may be pings.
        if !self.is_h2 && bytes > self.bytes {
            let since = *self.head_since.get_or_insert(now);
            if now.duration_since(since) >= self.header {
                return Verdict::Drop("the head of a request did not arrive in time");
            }
        }
        let since = *self.idle_since.get_or_insert(now);
        if now.duration_since(since) >= self.keep_alive {
            return Verdict::WindDown;
        }
        Verdict::Fine
    }
}

/// A stream of which the first bytes were read already.
#[derive(Debug)]
struct Prefixed<IO> {
    prefix: Bytes,
    io: IO,
}

impl<IO: AsyncRead + Unpin> AsyncRead for Prefixed<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let count = self.prefix.len().min(buffer.remaining());
        buffer.put_slice(&self.prefix.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Prefixed<IO> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }
}

/// Bytes that hyper reads at once, at most.
const READ_BUFFER: usize = 64 * 1024;
