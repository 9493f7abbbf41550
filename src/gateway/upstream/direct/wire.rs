//! A plain connection to an upstream.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::gateway::scratch;

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
        slices: [&[u8]; 2],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.0);
        match slices {
            // The kernel's way for one buffer is the shorter one.
            [bytes, []] | [[], bytes] => stream.poll_write(context, bytes),
            both => stream.poll_write_vectored(context, &both.map(io::IoSlice::new)),
        }
    }

    /// Appends what is there; nothing more: the other side has closed.
    pub(super) fn poll_append(
        &mut self,
        context: &mut Context<'_>,
        to: &mut Bytes,
    ) -> Poll<io::Result<usize>> {
        scratch::poll_append(&mut self.0, context, to)
    }

    /// What is there; empty: the other side has closed. `expected` bytes are still to come, where
    /// that is known.
    pub(super) fn poll_take(
        &mut self,
        context: &mut Context<'_>,
        expected: Option<u64>,
    ) -> Poll<io::Result<Bytes>> {
        scratch::poll_take(&mut self.0, context, expected)
    }
}
