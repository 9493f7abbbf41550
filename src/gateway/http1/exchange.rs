//! One request and its answer, from the first byte of the answer to its last.

use std::fmt::Display;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;

use super::super::head::Reply;
use super::Answering;
use super::body::Receiving;
use super::out::{Asked, Coding, Out};
use super::upgrade;

/// What a connection is at.
pub(super) struct Exchange<B> {
    /// Set while the request's body is still to come.
    pub(super) receiving: Option<Receiving>,
    pub(super) answer: Stage<B>,
    pub(super) out: Out,
    pub(super) asked: Asked,
    pub(super) upgrade: Option<upgrade::Pending>,
    /// Why the answer cannot be finished.
    pub(super) broken: Option<io::Error>,
}

/// How far an answer is.
pub(super) enum Stage<B> {
    Making(Answering<B>),
    Body(B, Coding),
    Over,
}

impl<B: http_body::Body<Data = Bytes, Error: Display> + Unpin> Exchange<B> {
    /// The answer to what is no request.
    pub(super) fn refusal(status: StatusCode) -> Self {
        let mut out = Out::default();
        out.refusal(status);
        Self {
            receiving: None,
            answer: Stage::Over,
            out,
            asked: Asked {
                head_only: false,
                is_11: true,
                persistent: false,
            },
            upgrade: None,
            broken: None,
        }
    }

    /// Takes what there is of the answer; true when there may be more as soon as this is written.
    pub(super) fn fill(&mut self, context: &mut Context<'_>) -> bool {
        loop {
            match &mut self.answer {
                Stage::Making(answering) => match answering.as_mut().poll(context) {
                    Poll::Pending => return false,
                    Poll::Ready(reply) => self.head(reply),
                },
                Stage::Body(..) if self.out.is_full() => return true,
                Stage::Body(body, coding) => {
                    match poll_part(body, coding, &mut self.out, context) {
                        Poll::Pending => return false,
                        Poll::Ready(Ok(true)) => {}
                        Poll::Ready(ended) => {
                            self.broken = ended.err();
                            self.answer = Stage::Over;
                        }
                    }
                }
                Stage::Over => return false,
            }
        }
    }

    fn head(&mut self, reply: Reply<B>) {
        let Reply {
            status,
            fields,
            body,
        } = reply;
        if let Some(upgrade) = &mut self.upgrade
            && status == StatusCode::SWITCHING_PROTOCOLS
        {
            upgrade.accept();
        }
        let (coding, persistent) = self
            .out
            .head(status, &fields, &body.size_hint(), self.asked);
        self.asked.persistent = persistent;
        let over = coding == Coding::Bodiless || body.is_end_stream();
        self.answer = if over {
            self.broken = self.out.end(coding).err();
            Stage::Over
        } else {
            Stage::Body(body, coding)
        };
    }
}

/// The next part of an answer's body; whether there is another one behind it.
fn poll_part<B>(
    body: &mut B,
    coding: &mut Coding,
    out: &mut Out,
    context: &mut Context<'_>,
) -> Poll<io::Result<bool>>
where
    B: http_body::Body<Data = Bytes, Error: Display> + Unpin,
{
    let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(context)) else {
        return Poll::Ready(out.end(*coding).map(|()| false));
    };
    let frame = frame.map_err(|error| io::Error::other(error.to_string()))?;
    // Trailers are dropped: nobody may add fields after the head.
    out.data(frame.into_data().unwrap_or_default(), coding)?;
    if body.is_end_stream() {
        return Poll::Ready(out.end(*coding).map(|()| false));
    }
    Poll::Ready(Ok(true))
}
