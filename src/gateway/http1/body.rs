//! A request's body on its way from the connection to whoever reads it.
//!
//! Promises: nothing is read from the client before somebody asks for it, except what came behind
//! the head. Whichever side is dropped first, the other one learns of it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::AsyncRead;
use tokio::time::{Instant, Sleep, sleep_until};

use super::upgrade::OnUpgrade;
use crate::gateway::framing::{Decoder, Framing, Step};
use crate::gateway::scratch;

/// The body of a request.
#[derive(Debug)]
pub struct Body {
    kind: Kind,
    upgrade: Option<OnUpgrade>,
}

#[derive(Debug)]
enum Kind {
    /// It was there with its head; empty when it was taken.
    Whole(Bytes),
    Coming(Reader),
}

#[derive(Debug)]
struct Reader(Arc<Mutex<Shared>>);

/// What reader and connection know of each other.
#[derive(Debug)]
struct Shared {
    ready: Option<Bytes>,
    /// Bytes that were not handed out yet, where that is known.
    remaining: Option<u64>,
    state: Progress,
    /// The reader waits for more.
    wanted: bool,
    reader: Option<Waker>,
    connection: Option<Waker>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Coming,
    /// All of it came.
    Complete,
    /// The rest will not come.
    Broken,
    /// Nobody reads it any more.
    Unread,
}

impl Body {
    /// A body that is there.
    pub(super) const fn whole(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Whole(bytes),
            upgrade: None,
        }
    }

    /// A body that is still to come, and the side that brings it.
    pub(super) fn coming(framing: Framing, expects: bool) -> (Self, Receiving) {
        let decoder = Decoder::new(framing);
        let shared = Arc::new(Mutex::new(Shared {
            ready: None,
            remaining: decoder.remaining(),
            state: Progress::Coming,
            wanted: false,
            reader: None,
            connection: None,
        }));
        let receiving = Receiving {
            shared: Arc::clone(&shared),
            decoder,
            expects,
            discard: None,
        };
        let body = Self {
            kind: Kind::Coming(Reader(shared)),
            upgrade: None,
        };
        (body, receiving)
    }

    /// The same body of a request that asks for another protocol.
    pub(super) fn with_upgrade(mut self, upgrade: OnUpgrade) -> Self {
        self.upgrade = Some(upgrade);
        self
    }

    /// All of it, where it came with its head.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        match &mut self.kind {
            Kind::Whole(bytes) => Some(std::mem::take(bytes)),
            Kind::Coming(_) => None,
        }
    }

    /// Where the client's bytes go behind a 101; only a request that asks for one has it.
    pub const fn take_upgrade(&mut self) -> Option<OnUpgrade> {
        self.upgrade.take()
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match &mut self.kind {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Coming(reader) => {
                let data = ready!(lock(&reader.0).poll_data(context));
                Poll::Ready(data.map(|data| data.map(Frame::data)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Coming(reader) => {
                let shared = lock(&reader.0);
                shared.ready.is_none() && shared.state == Progress::Complete
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Coming(reader) => lock(&reader.0)
                .remaining
                .map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut shared = lock(&self.0);
        if shared.state == Progress::Coming {
            shared.state = Progress::Unread;
            wake(&mut shared.connection);
        }
    }
}

impl Shared {
    fn poll_data(&mut self, context: &Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(data) = self.ready.take() {
            if let Some(remaining) = &mut self.remaining {
                *remaining = remaining.saturating_sub(data.len() as u64);
            }
            return Poll::Ready(Some(Ok(data)));
        }
        match self.state {
            Progress::Complete | Progress::Unread => return Poll::Ready(None),
            Progress::Broken => {
                let kind = io::ErrorKind::UnexpectedEof;
                let error = io::Error::new(kind, "the client broke off its request");
                return Poll::Ready(Some(Err(error)));
            }
            Progress::Coming => {}
        }
        self.wanted = true;
        if !self
            .reader
            .as_ref()
            .is_some_and(|one| one.will_wake(context.waker()))
        {
            self.reader = Some(context.waker().clone());
        }
        // A reader in the connection's own task runs just before the connection looks anyway.
        if !self
            .connection
            .as_ref()
            .is_some_and(|one| one.will_wake(context.waker()))
        {
            wake(&mut self.connection);
        }
        Poll::Pending
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection's side of a body that is still to come.
#[derive(Debug)]
pub(super) struct Receiving {
    shared: Arc<Mutex<Shared>>,
    decoder: Decoder,
    /// The client waits for leave.
    expects: bool,
    discard: Option<Discard>,
}

/// What is thrown away of a body that nobody reads.
#[derive(Debug)]
struct Discard {
    left: usize,
    until: Pin<Box<Sleep>>,
}

/// What happened on the request's side.
#[derive(Debug)]
pub(super) enum Received {
    /// The reader has something to look at, and is in this task.
    Delivered,
    /// The client is to be told that it may send the body.
    Continue,
    /// The body's end came.
    End,
    /// Its end will not be waited for; the connection cannot go on.
    GivenUp,
}

impl Receiving {
    /// Reads what is asked for.
    ///
    /// # Errors
    /// When the client breaks off, or sends what is no body.
    pub(super) fn poll(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        came: &mut Bytes,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Received>> {
        loop {
            {
                let mut shared = lock(&self.shared);
                if shared.state == Progress::Unread {
                    drop(shared);
                    return self.poll_discard(io, came, context);
                }
                if shared.ready.is_some() || !shared.wanted {
                    shared.connection = Some(context.waker().clone());
                    return Poll::Pending;
                }
            }
            if std::mem::take(&mut self.expects) && came.is_empty() {
                return Poll::Ready(Ok(Received::Continue));
            }
            match self.decoder.next(came).map_err(io::Error::other)? {
                Step::Data(data) => return Poll::Ready(Ok(self.deliver(data, context))),
                Step::End => {
                    self.end();
                    return Poll::Ready(Ok(Received::End));
                }
                Step::More => {}
            }
            *came = ready!(scratch::poll_take(io, context, self.decoder.remaining()))?;
            if came.is_empty() {
                return Poll::Ready(Err(broken_off()));
            }
        }
    }

    fn deliver(&mut self, data: Bytes, context: &Context<'_>) -> Received {
        let is_end = self.decoder.is_end();
        let mut shared = lock(&self.shared);
        shared.ready = Some(data);
        shared.wanted = false;
        if is_end {
            shared.state = Progress::Complete;
        }
        match shared.reader.take() {
            Some(reader) if !reader.will_wake(context.waker()) => reader.wake(),
            _ => {}
        }
        if is_end {
            Received::End
        } else {
            Received::Delivered
        }
    }

    fn end(&self) {
        let mut shared = lock(&self.shared);
        shared.state = Progress::Complete;
        wake(&mut shared.reader);
    }

    /// A refusal is often decided before the body is there. Closing then would reset the connection,
    /// and the client might lose the refusal; so the rest is thrown away, within limits.
    fn poll_discard(
        &mut self,
        io: &mut (impl AsyncRead + Unpin),
        came: &mut Bytes,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<Received>> {
        if self.expects {
            // It was not told to send the body; whether it does nobody knows.
            return Poll::Ready(Ok(Received::GivenUp));
        }
        let discard = self.discard.get_or_insert_with(|| Discard {
            left: DISCARD_BYTES,
            until: Box::pin(sleep_until(Instant::now() + DISCARD_WITHIN)),
        });
        loop {
            match self.decoder.next(came).map_err(io::Error::other)? {
                Step::Data(data) => match discard.left.checked_sub(data.len()) {
                    Some(left) => discard.left = left,
                    None => return Poll::Ready(Ok(Received::GivenUp)),
                },
                Step::End => return Poll::Ready(Ok(Received::End)),
                Step::More => match scratch::poll_take(io, context, None) {
                    Poll::Ready(taken) => {
                        *came = taken?;
                        if came.is_empty() {
                            return Poll::Ready(Err(broken_off()));
                        }
                    }
                    Poll::Pending => {
                        ready!(discard.until.as_mut().poll(context));
                        return Poll::Ready(Ok(Received::GivenUp));
                    }
                },
            }
        }
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        if shared.state == Progress::Coming {
            shared.state = Progress::Broken;
            wake(&mut shared.reader);
        }
    }
}

fn broken_off() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the client broke off its request",
    )
}

/// How long the rest of a body that nobody reads may take.
const DISCARD_WITHIN: Duration = Duration::from_secs(2);
/// How much of it is read.
const DISCARD_BYTES: usize = 1024 * 1024;
