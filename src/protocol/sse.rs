//! Framing of server-sent events: bytes in, whole events out, each with the bytes it came as.
//!
//! Promises: the events' raw bytes, put together, are the stream, byte for byte; an event is handed out as soon as its
//! blank line is there; what is held has a bound. Must not: change, join or drop anything on its own.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};

/// Cuts a stream into events.
#[derive(Debug)]
pub struct Parser {
    buffer: BytesMut,
    /// Bytes of the buffer that were looked at.
    seen: usize,
    /// Where the current line starts.
    line: usize,
    /// The last byte looked at was a carriage return: a line feed right after it belongs to it.
    after_cr: bool,
    /// Leading bytes of the buffer that are no part of a line.
    lead: usize,
    /// Nothing was looked at yet: a byte order mark may stand here.
    start: bool,
    limit: usize,
}

/// One event, or a block of comments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    raw: Bytes,
    /// Leading bytes that are no part of a line: a byte order mark, or a line feed that ended the event before.
    lead: usize,
}

/// The stream cannot be held within the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event exceeds {limit} bytes without an end")]
pub struct TooLong {
    /// The limit that was set.
    pub limit: usize,
}

impl Parser {
    /// A parser that holds at most `limit` bytes of an unfinished event, lines of it included.
    pub fn new(limit: usize) -> Self {
        Self {
            buffer: BytesMut::new(),
            seen: 0,
            line: 0,
            after_cr: false,
            lead: 0,
            start: true,
            limit,
        }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event, if there is one.
    ///
    /// # Errors
    /// When what is there exceeds the limit without being whole.
    pub fn next_event(&mut self) -> Result<Option<Event>, TooLong> {
        while let Some(rest) = self.buffer.get(self.seen..).filter(|rest| !rest.is_empty()) {
            if self.after_cr && rest.first() == Some(&b'\n') {
                self.after_cr = false;
                self.seen += 1;
                self.line = self.seen;
                if self.seen == 1 {
                    self.lead = 1;
                }
                continue;
            }
            self.after_cr = false;
            let Some(at) = memchr::memchr2(b'\n', b'\r', rest) else {
                self.seen = self.buffer.len();
                break;
            };
            let end = self.seen + at;
            self.after_cr = rest.get(at) == Some(&b'\r');
            self.seen = end + 1;
            let blank = end == self.line;
            self.line = self.seen;
            if blank {
                return Ok(Some(self.cut()));
            }
        }
        if self.buffer.len() > self.limit {
            Err(TooLong { limit: self.limit })
        } else {
            Ok(None)
        }
    }

    /// The comments at the head of an unfinished event, as far as their lines are whole: no part of what it says, and
    /// clients look at them at once to see that the other side lives.
    pub fn take_comments(&mut self) -> Option<Bytes> {
        let held = self.buffer.get(self.lead..self.line)?;
        if held.is_empty() || !lines(held).all(|line| line.text.first() == Some(&b':')) {
            return None;
        }
        let comments = self.buffer.split_to(self.line).freeze();
        self.seen -= self.line;
        self.line = 0;
        self.lead = 0;
        self.start = false;
        Some(comments)
    }

    /// The bytes that belong to no whole event; clients ignore them at the end of a stream.
    pub fn into_rest(self) -> Bytes {
        self.buffer.freeze()
    }

    fn cut(&mut self) -> Event {
        // The second half of the line end, if it is there already; else it leads the next event's bytes.
        if self.after_cr && self.buffer.get(self.seen) == Some(&b'\n') {
            self.after_cr = false;
            self.seen += 1;
        }
        let raw = self.buffer.split_to(self.seen).freeze();
        let mark = std::mem::take(&mut self.start) && raw.starts_with(BYTE_ORDER_MARK);
        let lead = if mark {
            BYTE_ORDER_MARK.len()
        } else {
            std::mem::take(&mut self.lead)
        };
        self.seen = 0;
        self.line = 0;
        Event { raw, lead }
    }
}

impl Event {
    /// The bytes as they came, the blank line included.
    pub const fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The event's type; the last `event` line counts.
    pub fn name(&self) -> Option<&[u8]> {
        self.last(b"event")
    }

    /// The event's id.
    pub fn id(&self) -> Option<&[u8]> {
        self.last(b"id")
    }

    /// The `data` lines, joined; nothing when there is none (a comment, or `retry` alone).
    pub fn data(&self) -> Option<Cow<'_, [u8]>> {
        let mut lines = self.values(b"data");
        let first = lines.next()?;
        let Some(second) = lines.next() else {
            return Some(Cow::Borrowed(first));
        };
        let mut joined = first.to_vec();
        for line in std::iter::once(second).chain(lines) {
            joined.push(b'\n');
            joined.extend_from_slice(line);
        }
        Some(Cow::Owned(joined))
    }

    /// The same event with other data; every other line stays as it is.
    #[must_use]
    pub fn with_data(&self, data: &str) -> Self {
        let mut raw = Vec::with_capacity(self.raw.len() + data.len());
        let mut pending = Some(data);
        raw.extend_from_slice(self.raw.get(..self.lead).unwrap_or_default());
        for line in self.lines() {
            if field(line.text).0 == b"data" {
                if let Some(data) = pending.take() {
                    print_data(&mut raw, data);
                }
            } else {
                if line.text.is_empty()
                    && let Some(data) = pending.take()
                {
                    print_data(&mut raw, data);
                }
                raw.extend_from_slice(line.whole);
            }
        }
        Self {
            raw: raw.into(),
            lead: self.lead,
        }
    }

    fn last<'e>(&'e self, name: &'static [u8]) -> Option<&'e [u8]> {
        self.values(name).last()
    }

    fn values<'e>(&'e self, name: &'static [u8]) -> impl Iterator<Item = &'e [u8]> {
        let fields = self.lines().map(|line| field(line.text));
        fields
            .filter(move |field| field.0 == name)
            .map(|field| field.1)
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        lines(self.raw.get(self.lead..).unwrap_or_default())
    }
}

/// Prints an event. Line breaks in `name` and `id` would start another field, so they are left out.
pub fn print(name: Option<&str>, id: Option<&str>, data: &str) -> Bytes {
    let mut raw = Vec::with_capacity(data.len() + 32);
    for (field, value) in [("event", name), ("id", id)] {
        if let Some(value) = value {
            raw.extend_from_slice(field.as_bytes());
            raw.extend_from_slice(b": ");
            raw.extend(
                value
                    .bytes()
                    .filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)),
            );
            raw.push(b'\n');
        }
    }
    print_data(&mut raw, data);
    raw.push(b'\n');
    raw.into()
}

fn print_data(raw: &mut Vec<u8>, data: &str) {
    for line in data
        .split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
    {
        for part in line.split('\r') {
            raw.extend_from_slice(b"data: ");
            raw.extend_from_slice(part.as_bytes());
            raw.push(b'\n');
        }
    }
}

struct Line<'a> {
    text: &'a [u8],
    whole: &'a [u8],
}

fn lines(raw: &[u8]) -> impl Iterator<Item = Line<'_>> {
    let mut rest = raw;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\n', b'\r', rest).unwrap_or(rest.len());
        let width = if rest.get(end..end + 2) == Some(b"\r\n") {
            2
        } else {
            1
        };
        let (whole, after) = rest.split_at_checked(end + width).unwrap_or((rest, &[]));
        rest = after;
        Some(Line {
            text: whole.get(..end).unwrap_or_default(),
            whole,
        })
    })
}

/// Name and value of a line; one blank after the colon belongs to neither. A comment has an empty name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b':', line).and_then(|colon| line.split_at_checked(colon)) {
        Some((name, value)) => {
            let value = value.get(1..).unwrap_or_default();
            (name, value.strip_prefix(b" ").unwrap_or(value))
        }
        None => (line, &[]),
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests;
