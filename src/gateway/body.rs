//! Bodies on their way through: never boxed, never buffered.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::account::Record;
use super::filter;
use super::http1;
use super::legacy;
use super::shared::Gateway;
use super::streams::{Stream, StreamGuard};
use super::upstream::AnswerBody;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a body ended early.
#[derive(Debug)]
pub enum Error {
    /// The side that sends it broke off.
    Broken(BoxError),
    /// The side that sends it reset its stream, with a reason that says nothing of an error.
    Cut,
    /// The side that sends it fell silent.
    Silent,
    /// The right to the stream, or its server, is gone, or the gateway stops.
    Closed,
    /// A legacy stream that cannot go on.
    Legacy(legacy::Error),
    /// A stream that may hold what its caller must not see.
    Filtered(filter::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Broken(_) | Self::Cut => "the body was broken off",
            Self::Silent => "the body stopped coming",
            Self::Closed => "the stream was closed by the gateway",
            Self::Legacy(_) => "the legacy stream cannot be passed on",
            Self::Filtered(_) => "the stream cannot be looked through",
        })
    }
}

impl From<hyper::Error> for Error {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(Box::new(error))
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broken(error) => Some(&**error),
            Self::Legacy(error) => Some(error),
            Self::Filtered(error) => Some(error),
            Self::Cut | Self::Silent | Self::Closed => None,
        }
    }
}

/// What a client sends.
#[derive(Debug)]
pub enum ClientBody {
    /// Over HTTP/1.1.
    Http1(http1::Body),
    /// Over HTTP/2.
    Hyper(Incoming),
}

impl ClientBody {
    /// All of it, where it is there already.
    pub fn take_whole(&mut self) -> Option<Bytes> {
        match self {
            Self::Http1(body) => body.take_whole(),
            Self::Hyper(_) => None,
        }
    }

    /// Where the client's bytes go behind a 101; only a request that asks for one has it.
    pub const fn take_upgrade(&mut self) -> Option<http1::OnUpgrade> {
        match self {
            Self::Http1(body) => body.take_upgrade(),
            Self::Hyper(_) => None,
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Self::Http1(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(Error::from))),
            Self::Hyper(body) => Pin::new(body)
                .poll_frame(context)
                .map(|frame| frame.map(|frame| frame.map_err(Error::from))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Hyper(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Hyper(body) => body.size_hint(),
        }
    }
}

/// What is sent to an upstream.
#[derive(Debug)]
pub enum RequestBody {
    /// Nothing.
    Empty,
    /// A held message, byte for byte as it came.
    Held(Option<Bytes>),
    /// Passed on as it comes; silence ends it.
    Stream(ClientBody, SilenceTimer),
}

impl RequestBody {
    /// The held message; nothing where there is none, or the body is still to come.
    pub fn into_held(self) -> Option<Bytes> {
        match self {
            Self::Held(bytes) => bytes,
            Self::Empty | Self::Stream(..) => None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Held(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Stream(incoming, timer) => poll_data(incoming, timer, context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Held(bytes) => bytes.is_none(),
            Self::Stream(incoming, _) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Held(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(incoming, _) => incoming.size_hint(),
        }
    }
}

/// What is sent to a client.
#[derive(Debug)]
pub enum ResponseBody {
    /// Nothing.
    Empty,
    /// Our own answer.
    Full(Option<Bytes>, Option<Box<Record>>),
    /// An upstream's answer, as it comes.
    Relay(Box<Relay>),
}

impl ResponseBody {
    /// Our own answer.
    pub const fn full(bytes: Bytes) -> Self {
        Self::Full(Some(bytes), None)
    }
}

/// An upstream's answer on its way to the client.
#[derive(Debug)]
pub struct Relay {
    /// The body.
    pub incoming: AnswerBody,
    /// It comes over HTTP/2, where a body ends with a flag.
    pub is_h2: bool,
    /// Ends the body when the upstream falls silent.
    pub timer: SilenceTimer,
    /// An event stream.
    pub is_stream: bool,
    /// Closes it when its right ends; an answer of another kind gets one once it has to wait.
    pub guard: Option<StreamGuard>,
    /// Not listed yet.
    pub unlisted: Option<(Arc<Gateway>, Stream)>,
    /// Set for legacy streams: their message URL becomes ours.
    pub rewrite: Option<Box<legacy::Rewrite>>,
    /// Set for streams to callers who may not see every tool.
    pub events: Option<Box<filter::Events>>,
    /// Written when the body is done with, however that comes about.
    pub record: Option<Box<Record>>,
    /// Why the upstream broke off, once it did.
    pub broken: Option<Error>,
}

impl Relay {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(guard) = &mut self.guard
            && guard.poll_closed(context).is_ready()
        {
            return Poll::Ready(self.closed());
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if let Some(record) = &self.record {
            record.busy.asked_for_more();
        }
        let Poll::Ready(polled) = self.poll_passed(context) else {
            return self.poll_listed(context);
        };
        match polled {
            Some(Ok(frame)) => {
                if let (Some(record), Some(data)) = (&mut self.record, frame.data_ref()) {
                    record.bytes_out += data.len() as u64;
                    record.busy.handed_over();
                }
                if self.is_over() {
                    self.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => self.break_off(error, context),
            // hyper takes a reset without error for an end, whatever is missing.
            None if self.is_h2 && !self.incoming.is_end_stream() => {
                self.break_off(Error::Cut, context)
            }
            None => {
                self.finish();
                Poll::Ready(None)
            }
        }
    }

    /// Lets what came before go out first: at an error hyper drops what it has not written yet, the
    /// answer's head included.
    fn break_off(
        &mut self,
        error: Error,
        context: &Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Some(record) = &mut self.record {
            record.broken = true;
        }
        tracing::debug!(%error, "answer cut off");
        self.broken = Some(error);
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// An event stream has no end of its own; its client resumes or reconnects. Anything else must not
    /// look complete.
    fn closed(&self) -> Option<Result<Frame<Bytes>, Error>> {
        (!self.is_stream).then_some(Err(Error::Closed))
    }

    /// Has to wait: from now on its right is looked after.
    fn poll_listed(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some((gateway, stream)) = self.unlisted.take() else {
            return Poll::Pending;
        };
        let guard = self.guard.insert(gateway.open_call(&stream));
        ready!(guard.poll_closed(context));
        Poll::Ready(self.closed())
    }

    /// The next frame as the client gets it.
    fn poll_passed(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if let Some(events) = &mut self.events {
                if let Some(failure) = events.failure() {
                    return Poll::Ready(Some(Err(Error::Filtered(failure))));
                }
                if events.is_over() {
                    return Poll::Ready(None);
                }
            }
            let polled = ready!(poll_data(&mut self.incoming, &mut self.timer, context));
            if !self.is_changed() {
                return Poll::Ready(polled);
            }
            let frame = match polled {
                Some(Ok(frame)) => frame,
                Some(error) => return Poll::Ready(Some(error)),
                None => {
                    let rest = self.events.as_mut().map(|events| events.finish());
                    let rest = rest.filter(|rest| !rest.is_empty());
                    return Poll::Ready(rest.map(|rest| Ok(Frame::data(rest))));
                }
            };
            match self.changed(frame.into_data().unwrap_or_default()) {
                Ok(data) if data.is_empty() => {}
                passed => return Poll::Ready(Some(passed.map(Frame::data))),
            }
        }
    }

    /// Whether what goes on may differ from what came.
    const fn is_changed(&self) -> bool {
        self.rewrite.is_some() || self.events.is_some()
    }

    /// What goes on in the place of what came.
    fn changed(&mut self, data: Bytes) -> Result<Bytes, Error> {
        let data = match &mut self.rewrite {
            Some(rewrite) => rewrite.pass(data).map_err(Error::Legacy)?,
            None => data,
        };
        match &mut self.events {
            Some(events) => events.pass(&data).map_err(Error::Filtered),
            None => Ok(data),
        }
    }

    /// Whether everything was handed out.
    fn is_over(&self) -> bool {
        self.incoming.is_end_stream() && self.events.as_ref().is_none_or(|events| events.is_over())
    }

    fn finish(&mut self) {
        if let Some(record) = &mut self.record {
            record.complete = true;
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes, record) => {
                if let (Some(record), Some(bytes)) = (record, &*bytes) {
                    record.bytes_out = bytes.len() as u64;
                    record.complete = true;
                    record.busy.handed_over();
                }
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Relay(relay) => relay.poll(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes, _) => bytes.is_none(),
            Self::Relay(relay) => relay.is_over(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes, _) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            // A rewritten stream has another length than the one that came.
            Self::Relay(relay) if relay.is_changed() => SizeHint::default(),
            Self::Relay(relay) => relay.incoming.size_hint(),
        }
    }
}

/// Limits the silence between two frames, and the body in all where it has a deadline. The timer is
/// made at the first wait, so that a body that is there at once costs none; it runs only while we
/// wait for the sender, not while the receiver makes the sender wait.
#[derive(Debug)]
pub struct SilenceTimer {
    limit: Duration,
    deadline: Option<Instant>,
    waiting: bool,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl SilenceTimer {
    /// Silence of at most `limit`.
    pub const fn new(limit: Duration) -> Self {
        Self {
            limit,
            deadline: None,
            waiting: false,
            sleep: None,
        }
    }

    /// The whole body is there at `deadline`.
    #[must_use]
    pub const fn until(mut self, deadline: Option<Instant>) -> Self {
        self.deadline = deadline;
        self
    }

    fn poll_silent(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.waiting {
            self.waiting = true;
            let silent = Instant::now() + self.limit;
            let end = self.deadline.map_or(silent, |end| end.min(silent));
            match &mut self.sleep {
                Some(sleep) => sleep.as_mut().reset(end),
                None => self.sleep = Some(Box::pin(sleep_until(end))),
            }
        }
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().poll(context),
            None => Poll::Pending,
        }
    }

    const fn heard(&mut self) {
        self.waiting = false;
    }
}

/// The next frame of data; trailers are dropped, since nobody may add fields after the check.
fn poll_data(
    incoming: &mut (impl Body<Data = Bytes, Error: Into<Error>> + Unpin),
    timer: &mut SilenceTimer,
    context: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
    loop {
        match Pin::new(&mut *incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {}
            Poll::Ready(frame) => {
                timer.heard();
                return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
            }
            Poll::Pending => {
                return timer
                    .poll_silent(context)
                    .map(|()| Some(Err(Error::Silent)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
