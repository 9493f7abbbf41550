//! Bytes both ways between two connections.
//!
//! Promises: every byte that one side sent before its end, whatever end that was, reaches the other
//! side before it is told; no more is read than the other side takes. Must not: know what the bytes
//! mean. A close frame is bytes, and so is its code.
//!
//! # Why
//! A peer often sends its last bytes and closes while the other one still sends to it; its kernel then
//! answers with a reset. Stopping both directions at that error would lose those last bytes, and so
//! would closing a connection with unread bytes in it, which sends a reset after them. So each
//! direction ends alone, and what nobody takes any more is read and thrown away for a moment.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// One direction's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The sender said that it sends no more, and the receiver was told.
    Closed,
    /// One of them is gone.
    Broken,
}

/// Carries bytes until both directions have ended; what the client took is counted in `to_client`.
/// True when both sides closed their own.
pub(super) async fn carry(
    client: impl AsyncRead + AsyncWrite,
    server: impl AsyncRead + AsyncWrite,
    to_client: &AtomicU64,
) -> bool {
    let (from_client, into_client) = split(client);
    let (from_server, into_server) = split(server);
    let (client_gone, server_gone) = (CancellationToken::new(), CancellationToken::new());
    let to_server = AtomicU64::new(0);
    let ends = tokio::join!(
        Direction {
            sender_gone: &client_gone,
            receiver_gone: &server_gone,
            carried: &to_server,
        }
        .run(from_client, into_server),
        Direction {
            sender_gone: &server_gone,
            receiver_gone: &client_gone,
            carried: to_client,
        }
        .run(from_server, into_client),
    );
    ends == (End::Closed, End::Closed)
}

struct Direction<'a> {
    sender_gone: &'a CancellationToken,
    receiver_gone: &'a CancellationToken,
    carried: &'a AtomicU64,
}

impl Direction<'_> {
    async fn run(self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> End {
        let mut buffer = vec![0; QUIET_BUFFER];
        let end = self.copy(&mut from, &mut to, &mut buffer).await;
        let told = to.shutdown().await.is_ok();
        match end {
            Ok(()) if told => return End::Closed,
            Ok(()) => self.receiver_gone.cancel(),
            Err(_) => {}
        }
        if self.receiver_gone.is_cancelled() {
            let discard = async { while matches!(from.read(&mut buffer).await, Ok(1..)) {} };
            let _ = timeout(LINGER, discard).await;
        }
        End::Broken
    }

    /// Copies to the sender's end; an error when one of the two is gone before.
    async fn copy(
        &self,
        from: &mut (impl AsyncRead + Unpin),
        to: &mut (impl AsyncWrite + Unpin),
        buffer: &mut Vec<u8>,
    ) -> io::Result<()> {
        loop {
            let read = tokio::select! {
                biased;
                read = from.read(buffer) => read,
                () = self.receiver_gone.cancelled() => return Err(io::ErrorKind::BrokenPipe.into()),
            };
            let count = read.inspect_err(|_| self.sender_gone.cancel())?;
            if count == 0 {
                return Ok(());
            }
            let bytes = buffer.get(..count).unwrap_or_default();
            let written = async {
                to.write_all(bytes).await?;
                to.flush().await
            };
            written.await.inspect_err(|_| self.receiver_gone.cancel())?;
            self.carried.fetch_add(count as u64, Ordering::Relaxed);
            if count == buffer.len() {
                buffer.resize(BUSY_BUFFER, 0);
            }
        }
    }
}

/// Held of each direction of a tunnel in which little moves.
const QUIET_BUFFER: usize = 2 * 1024;
/// Held where a read filled it.
const BUSY_BUFFER: usize = 16 * 1024;
/// How long what nobody takes is still read.
const LINGER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
