//! An answer's body on its way, and the connection it comes on.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::SizeHint;

use super::wire::Wire;
use crate::gateway::framing::{Decoder, Framing, Step};
use crate::gateway::origin::OriginId;
use crate::gateway::upstream::Pool;

/// The body of an answer. Dropped before its end, it closes the connection, which tells the server
/// that nobody waits any more; at its end the connection goes back to its pool.
#[derive(Debug)]
pub struct DirectBody {
    decoder: Decoder,
    /// Read, not handed out yet.
    came: Bytes,
    wire: Option<Wire>,
    home: Option<(Arc<Pool>, OriginId)>,
}

impl DirectBody {
    /// `home` is set where the connection may serve again.
    pub(super) fn new(
        framing: Framing,
        came: Bytes,
        wire: Wire,
        home: Option<(Arc<Pool>, OriginId)>,
    ) -> Self {
        let mut body = Self {
            decoder: Decoder::new(framing),
            came,
            wire: Some(wire),
            home,
        };
        if body.decoder.is_end() {
            body.finish();
        }
        body
    }

    /// All of the content, where its length is known and it is there.
    pub(in crate::gateway::upstream) fn take_whole(&mut self) -> Option<Bytes> {
        let left = self.decoder.remaining()?;
        if left == 0 || left > self.came.len() as u64 {
            return None;
        }
        let Ok(Step::Data(data)) = self.decoder.next(&mut self.came) else {
            return None;
        };
        self.finish();
        Some(data)
    }

    /// The next part of the content; nothing at its end.
    pub(in crate::gateway::upstream) fn poll_data(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        loop {
            match self.decoder.next(&mut self.came) {
                Ok(Step::Data(data)) => {
                    if self.decoder.is_end() {
                        self.finish();
                    }
                    return Poll::Ready(Some(Ok(data)));
                }
                Ok(Step::End) => {
                    self.finish();
                    return Poll::Ready(None);
                }
                Ok(Step::More) => {}
                Err(malformed) => return self.fail(io::Error::other(malformed)),
            }
            let Some(wire) = &mut self.wire else {
                return Poll::Ready(None);
            };
            let expected = self.decoder.remaining();
            match ready!(wire.poll_take(context, expected)) {
                Ok(came) if came.is_empty() => {
                    if self.decoder.ends_with_connection() {
                        self.wire = None;
                        return Poll::Ready(None);
                    }
                    let kind = io::ErrorKind::UnexpectedEof;
                    let error = io::Error::new(kind, "the server closed the connection");
                    return self.fail(error);
                }
                Ok(came) => self.came = came,
                Err(error) => return self.fail(error),
            }
        }
    }

    /// Whether everything was handed out.
    pub(in crate::gateway::upstream) const fn is_end(&self) -> bool {
        self.decoder.is_end()
    }

    /// What is known of its length.
    pub(in crate::gateway::upstream) fn size_hint(&self) -> SizeHint {
        self.decoder
            .remaining()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }

    fn fail(&mut self, error: io::Error) -> Poll<Option<io::Result<Bytes>>> {
        self.wire = None;
        Poll::Ready(Some(Err(error)))
    }

    fn finish(&mut self) {
        let wire = self.wire.take();
        // Bytes behind the body answer nothing that was asked.
        if let (Some(wire), Some((pool, origin)), true) =
            (wire, self.home.take(), self.came.is_empty())
        {
            pool.keep_wire(origin, wire);
        }
    }
}
