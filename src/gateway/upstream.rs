//! Sending to an origin over this worker's own connections.
//!
//! Each worker keeps its own pool, so that no lock is shared between cores and a response is
//! written by the thread that read it. A request is sent once: it is tried again only when the
//! connection gave it back unsent.

mod connect;
mod direct;
mod pool;

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use self::connect::Protocol;
pub use self::direct::{DirectBody, Outgoing};
use self::pool::Sender;
pub use self::pool::{Lease, Pool, PoolLimits};
use super::body::{self, RequestBody};
use super::fields::FieldList;
use super::origin::Origin;
use super::reason::Reason;

/// An answer's head, its body to come.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: StatusCode,
    /// Fields.
    pub fields: FieldList,
    /// What follows.
    pub body: AnswerBody,
    /// It comes over HTTP/2, where a body ends with a flag.
    pub is_h2: bool,
    /// The server's bytes behind a 101.
    pub upgrade: Option<OnUpgrade>,
}

/// An answer's body, and the connection it comes on: given back at the end of the body, closed when
/// the body is dropped before.
#[derive(Debug)]
pub enum AnswerBody {
    /// Read by hyper.
    Hyper(Incoming, Lease),
    /// Read by ourselves.
    Direct(DirectBody),
    /// Held already.
    Whole(Option<Bytes>),
}

impl AnswerBody {
    /// All of it, where it is there already and comes without waiting; the connection is given back.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        match self {
            Self::Direct(body) => body.take_whole(),
            Self::Whole(bytes) => bytes.take(),
            Self::Hyper(..) => None,
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, body::Error>>> {
        match &mut *self {
            Self::Hyper(incoming, lease) => {
                let polled = Pin::new(&mut *incoming).poll_frame(context);
                if matches!(polled, Poll::Ready(None)) || incoming.is_end_stream() {
                    lease.finish();
                }
                polled.map_err(body::Error::from)
            }
            Self::Direct(body) => body
                .poll_data(context)
                .map_ok(Frame::data)
                .map_err(body::Error::from),
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Hyper(incoming, _) => incoming.is_end_stream(),
            Self::Direct(body) => body.is_end(),
            Self::Whole(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Hyper(incoming, _) => incoming.size_hint(),
            Self::Direct(body) => body.size_hint(),
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}

/// Sends a request of which everything is there to a plain `http://` origin, and waits for the head
/// of the answer; for how long is the caller's affair.
///
/// # Errors
/// The reason to answer the client with.
pub async fn send_direct(
    pool: &Arc<Pool>,
    origin: &Arc<Origin>,
    request: Outgoing,
) -> Result<Answer, Reason> {
    direct::send(pool, origin, request).await
}

/// Sends one request and waits for the head of the answer; for how long is the caller's affair.
///
/// # Errors
/// The reason to answer the client with.
pub async fn send(
    pool: &Arc<Pool>,
    origin: &Arc<Origin>,
    mut request: Request<RequestBody>,
) -> Result<Answer, Reason> {
    // HTTP/2 knows no upgrade: such a request has a connection of its own.
    let protocol = if request.headers().contains_key(http::header::UPGRADE) {
        Protocol::Http1
    } else {
        Protocol::Any
    };
    // A kept connection may have been closed by the other side at any moment. hyper gives the
    // request back when nothing of it was written; only then is another connection tried.
    while protocol == Protocol::Any
        && let Some(mut sender) = pool.take(origin.id)
    {
        if sender.ready().await.is_err() {
            continue;
        }
        match sender.try_send(request).await {
            Ok(response) => return Ok(pool.answer(origin, sender, response)),
            Err((Some(unsent), _)) => request = unsent,
            Err((None, error)) => return Err(refusal(&error)),
        }
    }
    // Boxed: rare beside the exchanges, and large.
    let mut sender = Box::pin(connect::connect(pool, origin, protocol)).await?;
    match sender.try_send(request).await {
        Ok(response) => Ok(pool.answer(origin, sender, response)),
        Err((_, error)) => Err(refusal(&error)),
    }
}

impl Pool {
    fn answer(
        self: &Arc<Self>,
        origin: &Arc<Origin>,
        sender: Sender,
        mut response: Response<Incoming>,
    ) -> Answer {
        let mut lease = Lease::new(Arc::clone(self), origin.id, sender);
        let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let upgrade = switches.then(|| hyper::upgrade::on(&mut response));
        let (parts, incoming) = response.into_parts();
        if incoming.is_end_stream() {
            lease.finish();
        }
        Answer {
            status: parts.status,
            fields: FieldList::from(&parts.headers),
            body: AnswerBody::Hyper(incoming, lease),
            is_h2: parts.version == Version::HTTP_2,
            upgrade,
        }
    }
}

fn refusal(error: &hyper::Error) -> Reason {
    tracing::debug!(%error, "exchange with a server failed");
    // The request's own body may be what failed.
    match error.source().and_then(|source| source.downcast_ref()) {
        Some(body::Error::Silent) => Reason::BodyTimeout,
        Some(body::Error::Broken(_) | body::Error::Cut) => Reason::BadRequest,
        Some(body::Error::Closed | body::Error::Legacy(_) | body::Error::Filtered(_)) | None => {
            Reason::UpstreamProtocol
        }
    }
}
