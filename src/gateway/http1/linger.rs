//! Closing a connection so that its client gets the answer.
//!
//! # Why
//! Bytes that are still on their way would reset the connection if it were just closed, and the
//! client might lose what it was told last.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::gateway::scratch;

/// A connection of which our side ends.
#[derive(Debug)]
pub(super) struct Linger {
    is_shut: bool,
    /// Bytes that are still read.
    left: usize,
    until: Option<Pin<Box<Sleep>>>,
}

impl Linger {
    /// Nothing is on its way.
    pub(super) const fn none() -> Self {
        Self {
            is_shut: false,
            left: 0,
            until: None,
        }
    }

    /// The client may still be sending.
    pub(super) fn for_unread() -> Self {
        Self {
            is_shut: false,
            left: BYTES,
            until: Some(Box::pin(sleep_until(Instant::now() + WITHIN))),
        }
    }

    /// Ends our side, and waits a moment for the other one's end where that is worth it.
    ///
    /// # Errors
    /// When our side cannot be ended.
    pub(super) fn poll(
        &mut self,
        io: &mut (impl AsyncRead + AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut *io).poll_shutdown(context))?;
            self.is_shut = true;
        }
        while self.left > 0 {
            match scratch::poll_discard(io, context) {
                Poll::Ready(Ok(count @ 1..)) => self.left = self.left.saturating_sub(count),
                Poll::Ready(_) => break,
                Poll::Pending => {
                    if let Some(until) = &mut self.until {
                        ready!(until.as_mut().poll(context));
                    }
                    break;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// How much of a client that was told the end is still read, and for how long.
const BYTES: usize = 1024 * 1024;
const WITHIN: Duration = Duration::from_secs(1);
