//! Holding an MCP message: read once, parsed once, forwarded as the same bytes.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::fields::Name;
use super::head::RequestHead;
use super::reason::Reason;

/// Whether a POST carries what we can read: JSON, not compressed.
pub fn check_media(head: &RequestHead) -> Result<(), Reason> {
    let kind = head.field(Name::ContentType).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next();
    let kind = kind.unwrap_or_default().trim_ascii();
    if !kind.eq_ignore_ascii_case(b"application/json") || head.has(Name::ContentEncoding) {
        return Err(Reason::UnsupportedMedia);
    }
    Ok(())
}

/// Why a body could not be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Longer than the limit.
    TooLarge,
    /// It stopped coming, or did not come in time.
    Silent,
    /// The side that sends it broke off.
    Broken,
}

/// What a client is told whose message it is.
impl From<Failure> for Reason {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::TooLarge => Self::BodyTooLarge,
            Failure::Silent => Self::BodyTimeout,
            Failure::Broken => Self::BadRequest,
        }
    }
}

/// Reads a whole body of at most `limit` bytes, with at most `silence` between two parts, and all of
/// it before `deadline`.
pub async fn hold(
    body: impl Body<Data = Bytes> + Unpin,
    limit: usize,
    silence: Duration,
    deadline: Instant,
) -> Result<Bytes, Failure> {
    timeout_at(deadline, collect(body, limit, silence))
        .await
        .unwrap_or(Err(Failure::Silent))
}

async fn collect(
    mut body: impl Body<Data = Bytes> + Unpin,
    limit: usize,
    silence: Duration,
) -> Result<Bytes, Failure> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(Failure::TooLarge);
    }
    let mut first = Bytes::new();
    let mut all: Option<BytesMut> = None;
    loop {
        // What is there already needs no timer.
        let there = poll_fn(|context| Poll::Ready(Pin::new(&mut body).poll_frame(context))).await;
        let frame = match there {
            Poll::Ready(frame) => frame,
            Poll::Pending => timeout(silence, body.frame())
                .await
                .map_err(|_| Failure::Silent)?,
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Failure::Broken)?;
        // Trailers are dropped: nothing may add fields after the head was checked.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let held = all.as_ref().map_or(first.len(), BytesMut::len);
        if held + data.len() > limit {
            return Err(Failure::TooLarge);
        }
        match &mut all {
            Some(all) => all.extend_from_slice(&data),
            None if first.is_empty() => first = data,
            None => {
                let expected = usize::try_from(announced)
                    .unwrap_or(limit)
                    .max(held + data.len());
                let mut joined = BytesMut::with_capacity(expected);
                joined.extend_from_slice(&first);
                joined.extend_from_slice(&data);
                all = Some(joined);
            }
        }
        if body.is_end_stream() {
            break;
        }
    }
    Ok(all.map_or(first, BytesMut::freeze))
}
