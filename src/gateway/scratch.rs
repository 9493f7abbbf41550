//! Reading without holding a buffer while one waits: ten thousand waiting streams hold none.
//!
//! Each thread has one buffer that is read into; what came is copied to where it stays, at its size.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::io::poll_read_buf;

/// Appends what is there; nothing more: the other side has closed.
///
/// # Errors
/// Those of the connection.
pub fn poll_append(
    io: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    to: &mut Bytes,
) -> Poll<io::Result<usize>> {
    poll_scratch(io, context, |came| {
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

/// What is there; empty: the other side has closed. `expected` bytes are still to come, where that
/// is known.
///
/// # Errors
/// Those of the connection.
pub fn poll_take(
    io: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    expected: Option<u64>,
) -> Poll<io::Result<Bytes>> {
    if expected.is_some_and(|expected| expected >= BULK as u64) {
        // Much is to come: read it to where it stays.
        let mut buffer = BytesMut::with_capacity(SCRATCH);
        ready!(poll_read_buf(Pin::new(io), context, &mut buffer))?;
        return Poll::Ready(Ok(buffer.freeze()));
    }
    let mut taken = Bytes::new();
    ready!(poll_scratch(io, context, |came| taken = Bytes::copy_from_slice(came)))?;
    Poll::Ready(Ok(taken))
}

/// Reads and throws away; says how much it was.
///
/// # Errors
/// Those of the connection.
pub fn poll_discard(
    io: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    poll_scratch(io, context, |_| {})
}

fn poll_scratch(
    io: &mut (impl AsyncRead + Unpin),
    context: &mut Context<'_>,
    keep: impl FnOnce(&[u8]),
) -> Poll<io::Result<usize>> {
    SCRATCH_BUFFER.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(io).poll_read(context, &mut buffer))?;
        keep(buffer.filled());
        Poll::Ready(Ok(buffer.filled().len()))
    })
}

/// Bytes that are read at once.
const SCRATCH: usize = 64 * 1024;
/// From here on a copy costs more than a buffer of its own.
const BULK: usize = 16 * 1024;

thread_local! {
    static SCRATCH_BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH].into_boxed_slice());
}
