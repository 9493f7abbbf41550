//! A plain connection to an upstream: reading without holding a buffer while it waits.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_util::io::poll_read_buf;

/// A connection that waits in a pool, or carries one exchange.
#[derive(Debug)]
pub(in crate::gateway::upstream) struct Wire(TcpStream);

impl Wire {
    pub(super) const fn new(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Whether it is open and silent, as a connection between two exchanges has to be. Costs no
    /// system call unless something happened on it.
    pub(in crate::gateway::upstream) fn is_idle(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let mut byte = [0; 1];
        Pin::new(&mut self.0)
            .poll_read(&mut context, &mut ReadBuf::new(&mut byte))
            .is_pending()
    }

    /// Writes some of what is given.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(context, slices)
    }

    /// Appends what is there; nothing more: the other side has closed.
    pub(super) fn poll_append(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Bytes,
    ) -> Poll<io::Result<usize>> {
        self.poll_scratch(context, |came| {
            *to = if to.is_empty() {
                Bytes::copy_from_slice(came)
            } else {
                let mut joined = std::mem::take(to)
                    .try_into_mut()
                    .unwrap_or_else(|shared| BytesMut::from(&*shared));
                joined.extend_from_slice(came);
                joined.freeze()
            };
        })
    }

    /// What is there; empty: the other side has closed. `expected` bytes are still to come, where
    /// that is known.
    pub(super) fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        expected: Option<u64>,
    ) -> Poll<io::Result<Bytes>> {
        if expected.is_some_and(|expected| expected >= BULK as u64) {
            // Much is to come: read it to where it stays.
            let mut buffer = BytesMut::with_capacity(SCRATCH);
            ready!(poll_read_buf(Pin::new(&mut self.0), context, &mut buffer))?;
            return Poll::Ready(Ok(buffer.freeze()));
        }
        let mut taken = Bytes::new();
        ready!(self.poll_scratch(context, |came| taken = Bytes::copy_from_slice(came)))?;
        Poll::Ready(Ok(taken))
    }

    /// Reads into this thread's scratch buffer, so that ten thousand waiting streams hold none.
    fn poll_scratch(
        &mut self,
        context: &mut Context<'_>,
        keep: impl FnOnce(&[u8]),
    ) -> Poll<io::Result<usize>> {
        SCRATCH_BUFFER.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
            keep(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }
}

/// Bytes that are read at once.
const SCRATCH: usize = 64 * 1024;
/// From here on a copy costs more than a buffer of its own.
const BULK: usize = 16 * 1024;

thread_local! {
    static SCRATCH_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}
