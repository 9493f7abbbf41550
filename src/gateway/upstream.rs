//! Sending to an origin over this worker's own connections.
//!
//! Each worker keeps its own pool, so that no lock is shared between cores and a response is
//! written by the thread that read it. A request is sent once: it is tried again only when the
//! connection gave it back unsent.

mod connect;
mod pool;

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::timeout;

use self::connect::Protocol;
use self::pool::Sender;
pub use self::pool::{Lease, Pool, PoolLimits};
use super::body::{self, RequestBody};
use super::origin::Origin;
use super::reason::Reason;

/// An answer's head, its body to come, and the connection it comes on.
#[derive(Debug)]
pub struct Answer {
    /// Head and body.
    pub response: Response<Incoming>,
    /// Gives the connection back at the end of the body.
    pub lease: Lease,
}

/// Sends one request and waits for the head of the answer, at most `limit`.
///
/// # Errors
/// The reason to answer the client with.
pub async fn send(
    pool: &Arc<Pool>,
    origin: &Arc<Origin>,
    request: Request<RequestBody>,
    limit: Duration,
) -> Result<Answer, Reason> {
    timeout(limit, exchange(pool, origin, request))
        .await
        .unwrap_or(Err(Reason::UpstreamFirstByte))
}

async fn exchange(
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
        response: Response<Incoming>,
    ) -> Answer {
        Answer {
            response,
            lease: Lease::new(Arc::clone(self), origin.id, sender),
        }
    }
}

fn refusal(error: &hyper::Error) -> Reason {
    tracing::debug!(%error, "exchange with a server failed");
    // The request's own body may be what failed.
    match error.source().and_then(|source| source.downcast_ref()) {
        Some(body::Error::Silent) => Reason::BodyTimeout,
        Some(body::Error::Broken(_)) => Reason::BadRequest,
        Some(body::Error::Closed | body::Error::Legacy(_)) | None => Reason::UpstreamProtocol,
    }
}
