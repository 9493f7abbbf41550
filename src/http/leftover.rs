//! Request bodies that nobody read to their end, where hyper reads them.
//!
//! A refusal is often decided before the body is there. hyper then closes the connection, and the
//! kernel answers the rest of the body with a reset, so that a client that writes head and body
//! apart may lose the refusal itself. So what is left over is read and thrown away beside the
//! answer, for a moment and within a limit; the connection serves on.
//!
//! Start reading at [`ClientBody`]; [`Leftovers::discard`] runs as long as the connection.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::connection::Connection;

/// The body of a client's request. Dropped before its end, it goes to the connection's leftovers.
#[derive(Debug)]
pub struct ClientBody {
    incoming: Option<Incoming>,
    /// `None` where nothing needs to be read: an HTTP/2 stream ends alone, and a client that waits
    /// for leave to send its body sends none.
    connection: Option<Arc<Connection>>,
}

impl ClientBody {
    /// The same request with a body that may be left unread.
    pub fn wrap(request: Request<Incoming>, connection: &Arc<Connection>) -> Request<Self> {
        let sends =
            request.version() < Version::HTTP_2 && !request.headers().contains_key(header::EXPECT);
        request.map(|incoming| Self {
            incoming: Some(incoming),
            connection: sends.then(|| Arc::clone(connection)),
        })
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.incoming {
            Some(incoming) => Pin::new(incoming).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for ClientBody {
    fn drop(&mut self) {
        if let (Some(incoming), Some(connection)) = (self.incoming.take(), &self.connection)
            && !incoming.is_end_stream()
        {
            connection.leftovers().put(incoming);
        }
    }
}

/// What is left over on one connection: of HTTP/1, at most the body of the last request.
#[derive(Debug, Default)]
pub struct Leftovers {
    left: Mutex<Option<Incoming>>,
    there: Notify,
}

impl Leftovers {
    fn put(&self, body: Incoming) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        self.there.notify_one();
    }

    /// Reads what is left over, for ever; dropping a body that is too long or too slow closes the
    /// connection, as hyper does.
    pub async fn discard(&self) {
        loop {
            self.there.notified().await;
            let left = self
                .left
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take();
            if let Some(body) = left {
                // Whether it came to its end shows at the connection.
                let _ = timeout(WITHIN, to_end(body)).await;
            }
        }
    }
}

async fn to_end(mut body: Incoming) {
    let mut rest = AT_MOST;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        let Some(less) = rest.checked_sub(length) else {
            return;
        };
        rest = less;
    }
}

/// How long the rest of a body may take.
const WITHIN: Duration = Duration::from_secs(2);
/// How much of it is read.
const AT_MOST: usize = 1024 * 1024;
