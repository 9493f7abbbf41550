//! HTTP/1.1 with clients, without hyper: requests off the wire, answers onto it.
//!
//! Promises: a request has one framing, or it is refused and the connection ends; answers go out in
//! the order of the requests; a body is read when somebody asks for it; a client that leaves ends
//! what was done for it. It must know nothing of MCP, routes or rights.
//! Start reading at [`Http1`]'s `poll`; `head` reads heads, `body` bodies, `exchange` follows an
//! answer, `out` writes it, `linger` closes.
//!
//! # Why
//! Most calls are one read and one write on this side. hyper's connection costs as much as all our
//! phases together, keeps a read and a write buffer for each stream that waits, and reads a bare
//! line feed as a line's end and a length beside chunks, of which two readers make two things.

mod body;
mod exchange;
mod head;
mod linger;
mod out;
#[cfg(test)]
mod tests;
mod upgrade;

use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Version};
use tokio::io::{AsyncRead, AsyncWrite};

use self::body::Received;
use self::exchange::{Exchange, Stage};
use self::head::Head;
use self::linger::Linger;
use self::out::{Asked, Out};
use super::fields::Name;
use super::framing::Framing;
use super::head::{Reply, RequestHead};
use super::scratch;

pub use self::body::Body;
pub use self::head::HeadLimits;
pub use self::upgrade::{OnUpgrade, Upgraded};

/// What answers the requests of a connection.
pub trait Answer {
    /// The body of an answer.
    type Body: http_body::Body<Data = Bytes, Error: Display> + Unpin;

    /// Answers one request. An [`OnUpgrade`] of its body comes true behind a 101.
    fn answer(&self, head: RequestHead, body: Body) -> Answering<Self::Body>;
}

/// An answer that is being made.
pub type Answering<B> = Pin<Box<dyn Future<Output = Reply<B>> + Send>>;

/// A connection; it is done when the future is.
#[derive(Debug)]
pub struct Http1<IO, A: Answer> {
    /// Gone after an upgrade.
    io: Option<IO>,
    answers: A,
    limits: HeadLimits,
    /// Read, not taken yet.
    came: Bytes,
    /// So much of it was no whole head.
    judged: usize,
    state: State<A::Body>,
    winding_down: bool,
}

enum State<B> {
    /// Between two requests, or in the head of one.
    Head,
    Exchange(Box<Exchange<B>>),
    /// Our side has ended.
    Closing(Linger),
}

impl<B> std::fmt::Debug for State<B> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Head => "Head",
            Self::Exchange(_) => "Exchange",
            Self::Closing(_) => "Closing",
        })
    }
}

/// How an exchange ended.
enum End {
    /// The next request may come.
    Next,
    Close,
    /// The client's bytes belong to somebody else now.
    Upgraded(upgrade::Pending),
}

impl<IO, A> Http1<IO, A>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Answer,
{
    /// Serves a connection.
    pub const fn new(io: IO, answers: A, limits: HeadLimits) -> Self {
        Self {
            io: Some(io),
            answers,
            limits,
            came: Bytes::new(),
            judged: 0,
            state: State::Head,
            winding_down: false,
        }
    }

    /// Ends the connection behind the request that is in progress.
    pub const fn wind_down(&mut self) {
        self.winding_down = true;
    }

    fn poll_head(&mut self, io: &mut IO, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let read = if self.may_be_whole() {
                head::read(&mut self.came, self.limits)
            } else {
                Ok(None)
            };
            self.judged = self.came.len();
            match read {
                Ok(Some(head)) => {
                    self.judged = 0;
                    self.state = State::Exchange(Box::new(self.begin(head)));
                    return Poll::Ready(Ok(()));
                }
                Ok(None) => {}
                Err(refused) => {
                    tracing::debug!(error = %refused, "request refused");
                    self.state = State::Exchange(Box::new(Exchange::refusal(refused.status())));
                    return Poll::Ready(Ok(()));
                }
            }
            if self.winding_down && self.came.is_empty() {
                self.state = State::Closing(Linger::none());
                return Poll::Ready(Ok(()));
            }
            if ready!(scratch::poll_append(io, context, &mut self.came))? == 0 {
                if !self.came.is_empty() {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                self.state = State::Closing(Linger::none());
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Without another line's end there is nothing to read: a head that drips in must not be read
    /// from its beginning for each byte.
    fn may_be_whole(&self) -> bool {
        let fresh = self.came.get(self.judged..).unwrap_or_default();
        self.judged == 0 || self.came.len() > self.limits.bytes || fresh.contains(&b'\n')
    }

    fn begin(&mut self, head: Head) -> Exchange<A::Body> {
        let Head {
            request,
            framing,
            persistent,
            expects,
        } = head;
        let asks = request.has(Name::Upgrade);
        let upgrade = asks.then(upgrade::pair);
        let asked = Asked {
            head_only: *request.method() == Method::HEAD,
            is_11: request.version() == Version::HTTP_11,
            persistent,
        };
        let there = self.came.len() as u64;
        let (body, receiving) = match framing {
            Framing::Empty | Framing::UntilClose => (Body::whole(Bytes::new()), None),
            Framing::Length(length) if length <= there => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                (Body::whole(self.came.split_to(length)), None)
            }
            Framing::Length(_) | Framing::Chunked => {
                let (body, receiving) = Body::coming(framing, expects);
                (body, Some(receiving))
            }
        };
        let (body, upgrade) = match upgrade {
            Some((pending, on_upgrade)) => (body.with_upgrade(on_upgrade), Some(pending)),
            None => (body, None),
        };
        Exchange {
            receiving,
            answer: Stage::Making(self.answers.answer(request, body)),
            out: Out::default(),
            asked,
            upgrade,
            broken: None,
        }
    }

    fn poll_exchange(
        &mut self,
        exchange: &mut Exchange<A::Body>,
        io: &mut IO,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<End>> {
        loop {
            exchange.asked.persistent &= !self.winding_down;
            let more = exchange.fill(context);
            let written = exchange.out.poll_write(io, context)?;
            if written.is_ready() && more {
                continue;
            }
            match self.poll_request(exchange, io, context)? {
                Poll::Ready(()) => continue,
                Poll::Pending => {}
            }
            if written.is_pending() || !matches!(exchange.answer, Stage::Over) {
                return Poll::Pending;
            }
            if let Some(error) = exchange.broken.take() {
                return Poll::Ready(Err(error));
            }
            if let Some(upgrade) = exchange.upgrade.take_if(|upgrade| upgrade.is_accepted()) {
                return Poll::Ready(Ok(End::Upgraded(upgrade)));
            }
            return if !exchange.asked.persistent {
                Poll::Ready(Ok(End::Close))
            } else if exchange.receiving.is_none() {
                Poll::Ready(Ok(End::Next))
            } else {
                Poll::Pending
            };
        }
    }

    /// The request's side: its body, and whether the client is still there. Ready when something
    /// happened that the answer may wait for.
    fn poll_request(
        &mut self,
        exchange: &mut Exchange<A::Body>,
        io: &mut IO,
        context: &mut Context<'_>,
    ) -> io::Result<Poll<()>> {
        if let Some(receiving) = &mut exchange.receiving {
            match receiving.poll(io, &mut self.came, context)? {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Received::Delivered) => {}
                Poll::Ready(Received::Continue) => {
                    // Behind the answer's head it would be a second answer.
                    if matches!(exchange.answer, Stage::Making(_)) {
                        exchange.out.go_on();
                    }
                }
                Poll::Ready(Received::End) => exchange.receiving = None,
                Poll::Ready(Received::GivenUp) => {
                    exchange.receiving = None;
                    exchange.asked.persistent = false;
                }
            }
            return Ok(Poll::Ready(()));
        }
        // What a client sends ahead of the answer waits in the kernel from here on.
        while self.came.len() < AHEAD {
            match scratch::poll_append(io, context, &mut self.came)? {
                Poll::Pending => break,
                Poll::Ready(0) => {
                    let kind = io::ErrorKind::ConnectionAborted;
                    return Err(io::Error::new(kind, "the client left before its answer"));
                }
                Poll::Ready(_) => {}
            }
        }
        Ok(Poll::Pending)
    }
}

impl<IO, A> Future for Http1<IO, A>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Answer + Unpin,
{
    type Output = io::Result<()>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(mut io) = this.io.take() else {
            return Poll::Ready(Ok(()));
        };
        let polled = this.poll_with(&mut io, context);
        match polled {
            Poll::Pending => {
                this.io = Some(io);
                Poll::Pending
            }
            Poll::Ready(Ok(Some(upgrade))) => {
                upgrade.fulfil(std::mem::take(&mut this.came), io);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(ended) => Poll::Ready(ended.map(|_| ())),
        }
    }
}

impl<IO, A> Http1<IO, A>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Answer,
{
    fn poll_with(
        &mut self,
        io: &mut IO,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Option<upgrade::Pending>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Head) {
                State::Head => ready!(self.poll_head(io, context))?,
                State::Exchange(mut exchange) => {
                    match self.poll_exchange(&mut exchange, io, context)? {
                        Poll::Pending => {
                            self.state = State::Exchange(exchange);
                            return Poll::Pending;
                        }
                        Poll::Ready(End::Next) => {}
                        Poll::Ready(End::Close) => {
                            let unread = exchange.receiving.is_some() || !self.came.is_empty();
                            self.state = State::Closing(if unread {
                                Linger::for_unread()
                            } else {
                                Linger::none()
                            });
                        }
                        Poll::Ready(End::Upgraded(upgrade)) => {
                            return Poll::Ready(Ok(Some(upgrade)));
                        }
                    }
                }
                State::Closing(mut linger) => {
                    let closed = linger.poll(io, context);
                    self.state = State::Closing(linger);
                    ready!(closed)?;
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }
}

/// Bytes of requests that are read ahead of the answer.
const AHEAD: usize = 64 * 1024;
