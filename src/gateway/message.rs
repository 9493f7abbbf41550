//! Holding an MCP message: read once, parsed once, forwarded as the same bytes.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header;
use http_body::Body as _;
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout, timeout_at};

use super::head::RequestHead;
use super::reason::Reason;
use crate::http::leftover::ClientBody;

/// Whether a POST carries what we can read: JSON, not compressed.
pub fn check_media(head: &RequestHead) -> Result<(), Reason> {
    let kind = head.header_str(header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json")
        || head.header(header::CONTENT_ENCODING).is_some()
    {
        return Err(Reason::UnsupportedMedia);
    }
    Ok(())
}

/// Reads a whole body of at most `limit` bytes, with at most `silence` between two parts, and all of
/// it before `deadline`.
pub async fn hold(
    body: ClientBody,
    limit: usize,
    silence: Duration,
    deadline: Instant,
) -> Result<Bytes, Reason> {
    timeout_at(deadline, collect(body, limit, silence))
        .await
        .unwrap_or(Err(Reason::BodyTimeout))
}

async fn collect(mut body: ClientBody, limit: usize, silence: Duration) -> Result<Bytes, Reason> {
    let announced = body.size_hint().lower();
    if announced > limit as u64 {
        return Err(Reason::BodyTooLarge);
    }
    let mut first = Bytes::new();
    let mut all: Option<BytesMut> = None;
    loop {
        let frame = timeout(silence, body.frame())
            .await
            .map_err(|_| Reason::BodyTimeout)?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|_| Reason::BadRequest)?;
        // Trailers are dropped: nothing may add fields after the head was checked.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let held = all.as_ref().map_or(first.len(), BytesMut::len);
        if held + data.len() > limit {
            return Err(Reason::BodyTooLarge);
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
    }
    Ok(all.map_or(first, BytesMut::freeze))
}
