//! Exchanges over plain HTTP/1.1, without hyper: the way of every call to an `http://` server.
//!
//! Promises: the head goes out as `prepare` wrote it, the body as it was held; the answer has exactly
//! one framing, or there is none. A request is sent once: another connection is tried only when
//! nothing of it was written. It must not be given a request of which the body still comes, nor an
//! upgrade: those go through hyper (`pool`).
//! Start reading at [`send`]; `answer` reads heads, [`framing`](crate::gateway::framing) bodies.
//!
//! # Why
//! A call has its message in memory before it is sent, so that one write and one read do. hyper's
//! client makes a header map, a task and two channels of it, which cost as much as all our phases
//! together; and it keeps a read buffer for each stream that waits.

mod answer;
mod body;
#[cfg(test)]
mod tests;
mod wire;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Method;

pub use self::body::DirectBody;
pub(super) use self::wire::Wire;
use super::connect;
use super::pool::Pool;
use super::{Answer, AnswerBody};
use crate::gateway::origin::Origin;
use crate::gateway::reason::Reason;

/// A request as it goes out.
#[derive(Debug)]
pub struct Outgoing {
    /// Decides whether the answer has a body.
    pub method: Method,
    /// Request line, fields and the empty line.
    pub head: Vec<u8>,
    /// The held message.
    pub body: Bytes,
}

/// Sends a request and waits for the head of the answer.
pub(super) async fn send(
    pool: &Arc<Pool>,
    origin: &Arc<Origin>,
    mut request: Outgoing,
) -> Result<Answer, Reason> {
    if request.body.len() <= JOINED {
        // One buffer is one write, and cheaper than two.
        let body = std::mem::take(&mut request.body);
        request.head.extend_from_slice(&body);
    }
    while let Some(wire) = pool.take_wire(origin.id) {
        match exchange(pool, origin, wire, &request).await {
            Err(Failure::Unsent) => {}
            Err(Failure::Refused(reason)) => return Err(reason),
            Ok(answer) => return Ok(answer),
        }
    }
    // Boxed: rare beside the exchanges, and large.
    let stream = Box::pin(connect::tcp(pool, origin)).await?;
    match exchange(pool, origin, Wire::new(stream), &request).await {
        Err(Failure::Unsent) => Err(Reason::UpstreamConnect),
        Err(Failure::Refused(reason)) => Err(reason),
        Ok(answer) => Ok(answer),
    }
}

enum Failure {
    /// The connection took nothing of the request.
    Unsent,
    Refused(Reason),
}

async fn exchange(
    pool: &Arc<Pool>,
    origin: &Arc<Origin>,
    wire: Wire,
    request: &Outgoing,
) -> Result<Answer, Failure> {
    let mut exchange = Exchange {
        wire,
        request,
        sent: 0,
        deaf: false,
        came: Bytes::new(),
    };
    let head = poll_fn(|context| exchange.poll_head(context)).await?;
    let is_sent = exchange.sent == request.head.len() + request.body.len();
    let home = (head.persistent && is_sent).then(|| (Arc::clone(pool), origin.id));
    let body = DirectBody::new(head.framing, exchange.came, exchange.wire, home);
    Ok(Answer {
        status: head.status,
        fields: head.fields,
        body: AnswerBody::Direct(body),
        is_h2: false,
        upgrade: None,
    })
}

/// One request going out and its answer's head coming in.
struct Exchange<'r> {
    wire: Wire,
    request: &'r Outgoing,
    sent: usize,
    /// The server takes no more of the request; it may have answered before.
    deaf: bool,
    came: Bytes,
}

impl Exchange<'_> {
    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<answer::Head, Failure>> {
        // The answer is looked for while the request still goes out: a server may refuse early.
        self.write(context);
        loop {
            match ready!(self.wire.poll_append(context, &mut self.came)) {
                Ok(0) => return Poll::Ready(Err(self.lost("the connection was closed"))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(self.lost(&error))),
            }
            match answer::read(&mut self.came, &self.request.method) {
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => {}
                Err(malformed) => {
                    tracing::debug!(error = %malformed, "exchange with a server failed");
                    return Poll::Ready(Err(Failure::Refused(Reason::UpstreamProtocol)));
                }
            }
        }
    }

    fn write(&mut self, context: &mut Context<'_>) {
        let (head, body) = (&self.request.head, &self.request.body);
        while !self.deaf && self.sent < head.len() + body.len() {
            let of_body = self.sent.saturating_sub(head.len());
            let slices = [
                head.get(self.sent..).unwrap_or_default(),
                body.get(of_body..).unwrap_or_default(),
            ];
            match self.wire.poll_write(context, slices) {
                Poll::Ready(Ok(count)) if count > 0 => self.sent += count,
                Poll::Ready(_) => self.deaf = true,
                Poll::Pending => return,
            }
        }
    }

    fn lost(&self, error: &(impl std::fmt::Display + ?Sized)) -> Failure {
        if self.sent == 0 && self.came.is_empty() {
            return Failure::Unsent;
        }
        tracing::debug!(%error, "exchange with a server failed");
        Failure::Refused(Reason::UpstreamProtocol)
    }
}

/// Bodies up to this are written behind their head.
const JOINED: usize = 16 * 1024;
