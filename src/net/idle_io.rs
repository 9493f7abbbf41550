//! A wrapper around a socket that notes when bytes last moved.
//!
//! Promises: no timer, no allocation, no lock and no look at the clock per operation; a relaxed store
//! for each that moved bytes. Deciding that a connection is too slow is not its job: a supervisor looks
//! at the shared [`Activity`] every now and then, and what it sees of silence is as fine as its looks.
//!
//! Put it around the TCP stream, below TLS: then a stalled handshake shows too, and a slow reader
//! shows as [`Activity::write_stalled`] once the kernel's buffer is full. A full HTTP/2 stream window
//! holds bytes above this layer and does not show here.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What moved on one connection, and when. Times are milliseconds since the connection began.
///
/// What the socket notes has one writer (the reading or the writing half), hence plain loads and stores.
#[derive(Debug)]
pub struct Activity {
    born: Instant,
    /// How many bytes had moved when somebody last looked and there were more than before.
    seen: AtomicU64,
    /// When that was, plus one; 0: nobody has seen any.
    seen_at: AtomicU64,
    /// Time since when a write waits, plus one; 0: none waits.
    stalled_at: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    /// Requests that are being answered, counted by whoever speaks the protocol.
    busy: AtomicU64,
}

impl Activity {
    /// A connection that begins now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            born: Instant::now(),
            seen: AtomicU64::new(0),
            seen_at: AtomicU64::new(0),
            stalled_at: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            busy: AtomicU64::new(0),
        })
    }

    /// How long the connection has existed.
    pub fn age(&self) -> Duration {
        Duration::from_millis(self.tick())
    }

    /// True once any byte has arrived.
    pub fn has_read(&self) -> bool {
        self.bytes_in() != 0
    }

    /// For how long nobody who looked has seen bytes move in either direction; since the beginning
    /// where none has. A look itself.
    pub fn idle(&self) -> Duration {
        let moved = self.bytes_in().wrapping_add(self.bytes_out());
        if self.seen.swap(moved, Relaxed) != moved {
            self.seen_at.store(self.tick().saturating_add(1), Relaxed);
        }
        self.since(self.seen_at.load(Relaxed))
    }

    /// For how long a write has waited without the peer taking a byte; `None`: none waits.
    pub fn write_stalled(&self) -> Option<Duration> {
        match self.stalled_at.load(Relaxed) {
            0 => None,
            since => Some(self.since(since)),
        }
    }

    /// Bytes that have arrived.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Relaxed)
    }

    /// Bytes that the peer's side of the kernel has taken.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out.load(Relaxed)
    }

    /// Counts one request that is being answered; until [`Activity::end_request`] the connection
    /// is not taken for an idle one.
    pub fn begin_request(&self) {
        self.busy.fetch_add(1, Relaxed);
    }

    /// Ends what [`Activity::begin_request`] began.
    pub fn end_request(&self) {
        let _ = self
            .busy
            .fetch_update(Relaxed, Relaxed, |open| open.checked_sub(1));
    }

    /// True while a request is being answered.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Relaxed) != 0
    }

    fn tick(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Time since a stored tick (one too high, so that 0 says never).
    fn since(&self, stored: u64) -> Duration {
        Duration::from_millis(self.tick().saturating_sub(stored.saturating_sub(1)))
    }

    fn note_read(&self, bytes: usize) {
        add(&self.bytes_in, bytes);
    }

    fn note_written(&self, bytes: usize) {
        if self.stalled_at.load(Relaxed) != 0 {
            self.stalled_at.store(0, Relaxed);
        }
        add(&self.bytes_out, bytes);
    }

    fn note_write_waits(&self) {
        if self.stalled_at.load(Relaxed) == 0 {
            self.stalled_at
                .store(self.tick().saturating_add(1), Relaxed);
        }
    }
}

/// One writer, so a load and a store do: no locked instruction.
fn add(total: &AtomicU64, bytes: usize) {
    total.store(total.load(Relaxed).wrapping_add(bytes as u64), Relaxed);
}

/// A socket whose traffic is noted in an [`Activity`].
#[derive(Debug)]
pub struct Watched<IO> {
    io: IO,
    activity: Arc<Activity>,
}

impl<IO> Watched<IO> {
    /// Watches `io`.
    pub const fn new(io: IO, activity: Arc<Activity>) -> Self {
        Self { io, activity }
    }

    /// The shared record.
    pub const fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// The socket.
    pub const fn get_ref(&self) -> &IO {
        &self.io
    }

    /// Gives the socket back.
    pub fn into_inner(self) -> IO {
        self.io
    }

    fn noted(&self, wrote: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &wrote {
            Poll::Ready(Ok(bytes)) if *bytes > 0 => self.activity.note_written(*bytes),
            Poll::Ready(_) => {}
            Poll::Pending => self.activity.note_write_waits(),
        }
        wrote
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Watched<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.io).poll_read(context, buffer);
        let bytes = buffer.filled().len().saturating_sub(before);
        if bytes > 0 {
            this.activity.note_read(bytes);
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Watched<IO> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.io).poll_write(context, bytes);
        this.noted(wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.io).poll_write_vectored(context, slices);
        this.noted(wrote)
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

#[cfg(test)]
mod tests;
