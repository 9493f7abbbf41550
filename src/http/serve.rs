//! Serving one client connection: TLS, protocol, and the timeouts that hyper does not give.
//!
//! Gateway and registry both serve their clients through [`serve`]. It must not know a use case: what
//! answers is a service, made for each connection.
//!
//! # Why
//!
//! hyper notices neither a client that never speaks nor one that reads nothing, and has no limit for
//! an idle HTTP/2 connection. So a supervisor beside it looks at what moved ([`Connection`]) every few
//! seconds, and ends what is too slow; requests pay nothing for it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::{HttpService, Service};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::connection::Connection;
use super::turns::Turns;
use super::woken::WhenWoken;
use crate::config::GatewayConfig;
use crate::net::accept::Permit;
use crate::net::idle_io::Watched;

/// Limits and timeouts of client connections.
#[derive(Clone, Copy, Debug)]
pub struct ServeLimits {
    /// Accept to first byte.
    pub first_byte: Duration,
    /// TLS handshake.
    pub tls_handshake: Duration,
    /// A request's header block complete.
    pub header: Duration,
    /// A connection without a request.
    pub keep_alive: Duration,
    /// A client that takes no bytes of an answer.
    pub write_stall: Duration,
    /// HTTP/2 ping interval, and how long its answer may take.
    pub h2_ping: Duration,
    /// Header fields of a request.
    pub header_fields: usize,
    /// Bytes of a request's head, target included.
    pub head_bytes: usize,
    /// Concurrent HTTP/2 streams of a connection.
    pub h2_streams: u32,
}

impl ServeLimits {
    /// As the settings say: they hold for the front listener, the gateway's or the registry's.
    pub fn new(config: &GatewayConfig) -> Self {
        let (timeouts, limits) = (&config.timeouts, &config.limits);
        Self {
            first_byte: timeouts.first_byte.get(),
            tls_handshake: timeouts.tls_handshake.get(),
            header: timeouts.header.get(),
            keep_alive: timeouts.keep_alive.get(),
            write_stall: timeouts.write_stall.get(),
            h2_ping: timeouts.h2_ping.get(),
            header_fields: limits.header_fields,
            head_bytes: limits
                .header_bytes
                .bytes()
                .saturating_add(limits.target_bytes.bytes()),
            h2_streams: limits.h2_streams,
        }
    }
}

/// A connection as the acceptor hands it over.
#[derive(Debug)]
pub struct Arrival {
    /// The socket.
    pub stream: TcpStream,
    /// The client.
    pub peer: SocketAddr,
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

/// Serves a connection to its end with what `make_service` makes for it.
///
/// # Errors
/// Why the connection ended, where it did not end well. Worth a debug line at most: what clients do
/// to their connections is their own affair.
pub async fn serve<S: Answers>(
    arrival: Arrival,
    limits: &ServeLimits,
    stop: &Stop,
    make_service: impl FnOnce(Arc<Connection>) -> S,
) -> io::Result<()> {
    let Arrival {
        stream,
        peer,
        permit,
        tls,
    } = arrival;
    let evicted = permit.evicted().clone();
    let io = Watched::new(stream, Arc::clone(permit.activity()));
    let served = async {
        match tls {
            None => serve_plain(io, peer, permit, limits, stop, make_service).await,
            // Boxed: twice as large as all the rest, and streams over plain HTTP would carry it.
            Some(tls) => {
                Box::pin(serve_tls(io, peer, permit, tls, limits, stop, make_service)).await
            }
        }
    };
    let (mut dropped, mut ended) = (
        std::pin::pin!(evicted.cancelled()),
        std::pin::pin!(stop.hard.cancelled()),
    );
    let cut = WhenWoken::new(std::future::poll_fn(|context| {
        if dropped.as_mut().poll(context).is_ready() {
            let error = io::Error::other("made room for another connection");
            return Poll::Ready(Err(error));
        }
        ended.as_mut().poll(context).map(Ok)
    }));
    tokio::select! {
        biased;
        served = served => served,
        cut = cut => cut,
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What answers on one connection. HTTP/2 is hyper's; HTTP/1.1 is spoken by whom the service says.
pub trait Answers:
    HttpService<
        Incoming,
        ResBody: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
        Error: Into<BoxError>,
        Future: Send + 'static,
    > + Send
    + Sized
{
    /// Serves an HTTP/1.1 connection.
    fn http1<IO: Socket>(self, io: IO, limits: &ServeLimits) -> impl Driven + Send;
}

/// Bytes both ways.
pub trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<IO: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for IO {}

/// A service whose HTTP/1.1 is hyper's too.
#[derive(Clone, Debug)]
pub struct ByHyper<S>(pub S);

impl<S: Service<Request<Incoming>>> Service<Request<Incoming>> for ByHyper<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        self.0.call(request)
    }
}

impl<S, B> Answers for ByHyper<S>
where
    S: Service<
            Request<Incoming>,
            Response = Response<B>,
            Error: Into<BoxError>,
            Future: Send + 'static,
        > + Send,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    fn http1<IO: Socket>(self, io: IO, limits: &ServeLimits) -> impl Driven + Send {
        http1::Builder::new()
            .max_headers(limits.header_fields)
            .max_header_size(limits.head_bytes)
            .max_buf_size(READ_BUFFER)
            .serve_connection(TokioIo::new(io), self)
            .with_upgrades()
    }
}

async fn serve_tls<S: Answers>(
    io: Watched<TcpStream>,
    peer: SocketAddr,
    permit: Permit,
    tls: Arc<rustls::ServerConfig>,
    limits: &ServeLimits,
    stop: &Stop,
    make_service: impl FnOnce(Arc<Connection>) -> S,
) -> io::Result<()> {
    let handshake = tokio_rustls::TlsAcceptor::from(tls).accept(io);
    let stream = timeout(limits.tls_handshake, handshake)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "TLS handshake took too long"))??;
    let session = stream.get_ref().1;
    let is_h2 = session.alpn_protocol() == Some(b"h2");
    let name = session.server_name();
    let connection = Arc::new(Connection::new(peer, Some(name), permit, is_h2));
    let service = make_service(Arc::clone(&connection));
    if is_h2 {
        Box::pin(serve_h2(connection, stream, service, limits, stop)).await
    } else {
        serve_h1(connection, stream, service, limits, stop).await
    }
}

async fn serve_plain<S: Answers>(
    io: Watched<TcpStream>,
    peer: SocketAddr,
    permit: Permit,
    limits: &ServeLimits,
    stop: &Stop,
    make_service: impl FnOnce(Arc<Connection>) -> S,
) -> io::Result<()> {
    let detected = tokio::select! {
        detected = detect(io, limits.first_byte, limits.header) => detected?,
        () = stop.soft.cancelled() => return Ok(()),
    };
    let Some((io, is_h2)) = detected else {
        return Ok(());
    };
    let connection = Arc::new(Connection::new(peer, None, permit, is_h2));
    let service = make_service(Arc::clone(&connection));
    if is_h2 {
        Box::pin(serve_h2(connection, io, service, limits, stop)).await
    } else {
        serve_h1(connection, io, service, limits, stop).await
    }
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
    let mut deadline = Instant::now() + first_byte;
    loop {
        let rest = read.get_mut(length..).unwrap_or_default();
        let count = timeout_at(deadline, io.read(rest))
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no request came"))??;
        if count == 0 {
            return Ok(None);
        }
        if length == 0 {
            deadline = Instant::now() + preface;
        }
        length += count;
        let seen = read.get(..length).unwrap_or_default();
        let undecided = PREFACE.starts_with(seen);
        if !undecided || length == PREFACE.len() {
            let io = Prefixed {
                prefix: Bytes::copy_from_slice(seen),
                io,
            };
            return Ok(Some((io, undecided)));
        }
    }
}

async fn serve_h1<IO, S>(
    connection: Arc<Connection>,
    io: IO,
    service: S,
    limits: &ServeLimits,
    stop: &Stop,
) -> io::Result<()>
where
    IO: Socket,
    S: Answers,
{
    let supervisor = Supervisor::new(connection, limits, false);
    supervisor.run(service.http1(io, limits), stop).await
}

async fn serve_h2<IO, S>(
    connection: Arc<Connection>,
    io: IO,
    service: S,
    limits: &ServeLimits,
    stop: &Stop,
) -> io::Result<()>
where
    IO: Socket,
    S: Answers,
{
    let supervisor = Supervisor::new(connection, limits, true);
    let driven = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.h2_streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(READ_BUFFER)
        .keep_alive_interval(limits.h2_ping)
        .keep_alive_timeout(limits.h2_ping)
        .serve_connection(TokioIo::new(Turns::new(io)), service);
    supervisor.run(driven, stop).await
}

/// A connection that is being served.
pub trait Driven: Future<Output = Result<(), Self::Error>> {
    /// Why it ended.
    type Error: Into<BoxError>;

    /// Ends it behind what is in progress.
    fn wind_down(self: Pin<&mut Self>);
}

impl<IO, S> Driven for http1::UpgradeableConnection<IO, S>
where
    S: HttpService<Incoming, ResBody: Body<Error: Into<BoxError>> + 'static, Error: Into<BoxError>>,
    IO: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    type Error = hyper::Error;

    fn wind_down(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<IO, S> Driven for http2::Connection<IO, S, TokioExecutor>
where
    S: Answers,
    IO: hyper::rt::Read + hyper::rt::Write + Unpin,
{
    type Error = hyper::Error;

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

/// What a connection is looked at for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    /// Somebody asked for its end.
    WindDown,
    /// It is time to judge it.
    Look,
}

enum Verdict {
    Fine,
    WindDown,
    Drop(&'static str),
}

impl Supervisor {
    fn new(connection: Arc<Connection>, limits: &ServeLimits, is_h2: bool) -> Self {
        Self {
            connection,
            header: limits.header,
            keep_alive: limits.keep_alive,
            write_stall: limits.write_stall,
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
        let client = Arc::clone(&self.connection);
        let mut discarding = std::pin::pin!(client.leftovers().discard());
        let mut stopping = std::pin::pin!(stop.soft.cancelled());
        let mut asked = std::pin::pin!(client.winding_down());
        let mut told = false;
        // What hardly ever happens is asked about only when it did.
        let mut events = WhenWoken::new(std::future::poll_fn(move |context| {
            // It has no end.
            let _ = discarding.as_mut().poll(context);
            if !told
                && (stopping.as_mut().poll(context).is_ready()
                    || asked.as_mut().poll(context).is_ready())
            {
                told = true;
                return Poll::Ready(Event::WindDown);
            }
            look.as_mut().poll(context).map(|()| {
                look.as_mut().reset(Instant::now() + look_every);
                Event::Look
            })
        }));
        let mut winding_down = false;
        loop {
            let event = tokio::select! {
                biased;
                ended = connection.as_mut() => return ended.map_err(io::Error::other),
                event = &mut events => event,
            };
            let verdict = match event {
                Event::WindDown => Verdict::WindDown,
                Event::Look => self.judge(Instant::now()),
            };
            match verdict {
                Verdict::Fine => {}
                Verdict::WindDown if winding_down && event == Event::Look => return Ok(()),
                Verdict::WindDown => {
                    winding_down = true;
                    connection.as_mut().wind_down();
                }
                Verdict::Drop(why) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
            }
        }
    }

    fn judge(&mut self, now: Instant) -> Verdict {
        let activity = self.connection.activity();
        // A look: who has to make room for others is found by it too.
        activity.idle();
        if activity
            .write_stalled()
            .is_some_and(|stalled| stalled >= self.write_stall)
        {
            return Verdict::Drop("the client takes no bytes");
        }
        let stalled_stream = self.connection.stalled_stream();
        if stalled_stream.is_some_and(|stalled| stalled >= self.write_stall) {
            return Verdict::Drop("the client opens no window for an answer");
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
pub struct Prefixed<IO> {
    prefix: Bytes,
    io: IO,
}

impl<IO> Prefixed<IO> {
    /// `prefix` comes first.
    pub const fn new(prefix: Bytes, io: IO) -> Self {
        Self { prefix, io }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Prefixed<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
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
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
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
/// What an HTTP/2 client may send before we have taken it, per stream.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same, per connection.
const CONNECTION_WINDOW: u32 = 1 << 20;
