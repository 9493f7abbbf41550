//! Reading in turns: one connection's bytes never keep the others of its thread waiting for long.
//!
//! # Why
//! A task may read from its socket until tokio's budget of 128 operations is spent, and what is read of
//! HTTP/2 is decoded in the same breath. A few connections that send heads as fast as they can then have
//! megabytes of them decoded before anybody else's turn comes.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;

/// A socket that lets others go first after each [`TURN`] of bytes read.
#[derive(Debug)]
pub(super) struct Turns<IO> {
    io: IO,
    /// Bytes until then.
    left: usize,
}

impl<IO> Turns<IO> {
    pub(super) const fn new(io: IO) -> Self {
        Self { io, left: TURN }
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Turns<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.left == 0 {
            this.left = TURN;
            // Wakes this task after the runtime has looked who else has something to do; a task that
            // wakes itself would come back before it looks.
            let _ = pin!(yield_now()).poll(context);
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(context, buffer);
        let bytes = buffer.filled().len().saturating_sub(before);
        this.left = match read {
            Poll::Ready(_) => this.left.saturating_sub(bytes),
            Poll::Pending => TURN,
        };
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Turns<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().io).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(context)
    }
}

/// Bytes read in a turn: four frames of the size that most send at most.
const TURN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_socket_that_always_has_more_gives_way_and_goes_on() {
        let counted = Arc::<Wakes>::default();
        let waker = Arc::clone(&counted).into();
        let mut context = Context::from_waker(&waker);
        let mut socket = Turns::new(tokio::io::repeat(1));
        for turn in 1..=3 {
            let mut read = 0;
            loop {
                let mut room = vec![0; 24 * 1024];
                let mut buffer = ReadBuf::new(&mut room);
                match Pin::new(&mut socket).poll_read(&mut context, &mut buffer) {
                    Poll::Ready(done) => done.unwrap(),
                    Poll::Pending => break,
                }
                read += buffer.filled().len();
            }
            assert_eq!(read, 72 * 1024, "whole buffers until there are enough");
            assert_eq!(counted.0.load(Ordering::Relaxed), turn);
        }
    }
}
