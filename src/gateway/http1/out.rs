//! What is on its way to the client, and how an answer looks on the wire (RFC 9112).

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::{Buf as _, Bytes};
use http::StatusCode;
use http_body::SizeHint;
use tokio::io::AsyncWrite;

use crate::gateway::fields::{FieldList, Name, connection_tokens};
use crate::gateway::framing;

/// Bytes that were not written yet: small parts joined, a large one as it came.
#[derive(Debug, Default)]
pub(super) struct Out {
    joined: Vec<u8>,
    /// So much of it was written.
    sent: usize,
    large: Bytes,
    tail: &'static [u8],
}

/// How the end of an answer's body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// It has none.
    Bodiless,
    /// So many bytes are to come.
    Length(u64),
    Chunked,
    /// By the end of the connection: the client is too old for chunks.
    UntilClose,
}

/// What of the exchange the answer's head depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) head_only: bool,
    pub(super) is_11: bool,
    /// The connection goes on afterwards, as far as the request is concerned.
    pub(super) persistent: bool,
}

impl Out {
    /// Writes an answer's head. Says how its body is coded and whether the connection goes on.
    pub(super) fn head(
        &mut self,
        status: StatusCode,
        fields: &FieldList,
        body: &SizeHint,
        asked: Asked,
    ) -> (Coding, bool) {
        let switching = status == StatusCode::SWITCHING_PROTOCOLS;
        let announced = fields.has(Name::ContentLength);
        let length = fields
            .get(Name::ContentLength)
            .and_then(framing::decimal)
            .or_else(|| body.exact());
        let bodiless = status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let coding = match length {
            _ if bodiless || asked.head_only => Coding::Bodiless,
            Some(length) => Coding::Length(length),
            None if asked.is_11 => Coding::Chunked,
            None => Coding::UntilClose,
        };
        let persistent = asked.persistent && coding != Coding::UntilClose && !closes(fields);
        let small = body.upper().filter(|bytes| *bytes <= JOINED as u64);
        let room = small.and_then(|bytes| usize::try_from(bytes).ok());
        let head = &mut self.joined;
        head.reserve(fields.bytes() + 4 * fields.len() + room.unwrap_or(0) + USUAL_HEAD);
        if status == StatusCode::OK {
            head.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        } else {
            head.extend_from_slice(b"HTTP/1.1 ");
            head.extend_from_slice(status.as_str().as_bytes());
            head.extend_from_slice(b" ");
            head.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        // The framing is ours, and so is what is said of the connection.
        fields.write(head, |name, _| match name {
            Name::TransferEncoding => false,
            Name::Connection => switching,
            _ => true,
        });
        let sends_length = match coding {
            Coding::Length(_) => true,
            Coding::Bodiless => asked.head_only && !bodiless,
            Coding::Chunked | Coding::UntilClose => false,
        };
        if let Some(length) = length.filter(|_| sends_length && !announced) {
            head.extend_from_slice(b"content-length: ");
            decimal(head, length);
            head.extend_from_slice(b"\r\n");
        }
        if coding == Coding::Chunked {
            head.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        match (persistent, asked.is_11) {
            _ if switching => {}
            (false, _) => head.extend_from_slice(b"connection: close\r\n"),
            (true, false) => head.extend_from_slice(b"connection: keep-alive\r\n"),
            (true, true) => {}
        }
        if !fields.has(Name::Date) {
            head.extend_from_slice(b"date: ");
            DATE.with_borrow_mut(|date| head.extend_from_slice(date.now()));
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        (coding, persistent)
    }

    /// An answer without a body, behind which the connection ends.
    pub(super) fn refusal(&mut self, status: StatusCode) {
        let asked = Asked {
            head_only: false,
            is_11: true,
            persistent: false,
        };
        self.head(
            status,
            &FieldList::default(),
            &SizeHint::with_exact(0),
            asked,
        );
    }

    /// Leave to send the body (RFC 9110 §15.2.1).
    pub(super) fn go_on(&mut self) {
        self.joined
            .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    /// A part of the body. Nothing may be added while [`Out::is_full`].
    ///
    /// # Errors
    /// When the body is longer than was announced.
    pub(super) fn data(&mut self, data: Bytes, coding: &mut Coding) -> io::Result<()> {
        if data.is_empty() {
            // An empty chunk would be the end.
            return Ok(());
        }
        let tail: &'static [u8] = match coding {
            Coding::Bodiless => return Ok(()),
            Coding::UntilClose => b"",
            Coding::Length(left) => {
                let Some(less) = left.checked_sub(data.len() as u64) else {
                    return Err(io::Error::other("an answer is longer than it says"));
                };
                *left = less;
                b""
            }
            Coding::Chunked => {
                hex(&mut self.joined, data.len());
                b"\r\n"
            }
        };
        if data.len() <= JOINED {
            self.joined.reserve(data.len() + tail.len());
            self.joined.extend_from_slice(&data);
            self.joined.extend_from_slice(tail);
        } else {
            (self.large, self.tail) = (data, tail);
        }
        Ok(())
    }

    /// The end of the body.
    ///
    /// # Errors
    /// When the body is shorter than was announced.
    pub(super) fn end(&mut self, coding: Coding) -> io::Result<()> {
        match coding {
            Coding::Length(1..) => Err(io::Error::other("an answer is shorter than it says")),
            Coding::Chunked if self.large.is_empty() => {
                self.joined.extend_from_slice(b"0\r\n\r\n");
                Ok(())
            }
            Coding::Chunked => {
                self.tail = b"\r\n0\r\n\r\n";
                Ok(())
            }
            Coding::Length(0) | Coding::Bodiless | Coding::UntilClose => Ok(()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting().is_empty() && self.large.is_empty() && self.tail.is_empty()
    }

    fn waiting(&self) -> &[u8] {
        self.joined.get(self.sent..).unwrap_or_default()
    }

    /// Whether it has to be written before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.joined.len() >= JOINED || !self.large.is_empty() || !self.tail.is_empty()
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// Those of the connection.
    pub(super) fn poll_write(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !self.is_empty() {
            let count = if self.large.is_empty() && self.tail.is_empty() {
                ready!(Pin::new(&mut *io).poll_write(context, self.waiting()))?
            } else {
                let slices = [self.waiting(), &*self.large, self.tail].map(IoSlice::new);
                ready!(Pin::new(&mut *io).poll_write_vectored(context, &slices))?
            };
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written(count);
        }
        // What waits for the next part waits without a buffer.
        (self.joined, self.sent) = (Vec::new(), 0);
        // TLS may hold what a full socket did not take.
        Pin::new(io).poll_flush(context)
    }

    fn written(&mut self, count: usize) {
        let of_joined = count.min(self.waiting().len());
        self.sent += of_joined;
        let of_large = (count - of_joined).min(self.large.len());
        self.large.advance(of_large);
        self.tail = self
            .tail
            .get(count - of_joined - of_large..)
            .unwrap_or_default();
    }
}

fn closes(fields: &FieldList) -> bool {
    connection_tokens(fields).any(|token| token.eq_ignore_ascii_case(b"close"))
}

fn decimal(to: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut used = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        used += 1;
        if number == 0 {
            break;
        }
    }
    to.extend_from_slice(digits.get(digits.len() - used..).unwrap_or_default());
}

/// A chunk's size line.
fn hex(to: &mut Vec<u8>, size: usize) {
    let mut line = [0; 18];
    let mut used = 2;
    line[16..].copy_from_slice(b"\r\n");
    let mut left = size;
    for digit in line.iter_mut().take(16).rev() {
        *digit = b"0123456789abcdef"
            .get(left & 0xf)
            .copied()
            .unwrap_or_default();
        left >>= 4;
        used += 1;
        if left == 0 {
            break;
        }
    }
    to.reserve(used);
    to.extend_from_slice(line.get(line.len() - used..).unwrap_or_default());
}

/// This second, as a `Date` field says it.
struct Date {
    second: u64,
    text: [u8; 29],
}

impl Date {
    #[expect(
        clippy::disallowed_methods,
        reason = "a Date field tells this machine's time and decides nothing"
    )]
    fn now(&mut self) -> &[u8] {
        let now = SystemTime::now();
        let second = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        if second != self.second {
            self.second = second;
            let text = httpdate::fmt_http_date(now);
            if let Ok(text) = text.as_bytes().try_into() {
                self.text = text;
            }
        }
        &self.text
    }
}

thread_local! {
    static DATE: RefCell<Date> = const {
        RefCell::new(Date {
            second: 0,
            text: *b"Thu, 01 Jan 1970 00:00:00 GMT",
        })
    };
}

/// Most heads.
const USUAL_HEAD: usize = 512;
/// Parts up to this are copied behind what waits: one write is cheaper than two.
const JOINED: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_sizes_as_they_are_read() {
        for size in [1, 9, 10, 15, 16, 255, 4096, 65_535, usize::MAX] {
            let mut line = Vec::new();
            hex(&mut line, size);
            assert_eq!(&line[..], format!("{size:x}\r\n").as_bytes());
            let mut number = Vec::new();
            decimal(&mut number, size as u64);
            assert_eq!(&number[..], size.to_string().as_bytes());
        }
        let mut none = Vec::new();
        decimal(&mut none, 0);
        assert_eq!(&none[..], b"0");
    }

    #[test]
    fn a_body_is_as_long_as_it_says_or_an_error() {
        let mut out = Out::default();
        let mut coding = Coding::Length(3);
        out.data(Bytes::from_static(b"ab"), &mut coding).unwrap();
        assert!(out.end(coding).is_err());
        assert!(out.data(Bytes::from_static(b"cd"), &mut coding).is_err());
        out.data(Bytes::from_static(b"c"), &mut coding).unwrap();
        out.end(coding).unwrap();
    }

    #[tokio::test]
    async fn small_and_large_parts_go_out_in_order() {
        let mut out = Out::default();
        let mut coding = Coding::Chunked;
        out.data(Bytes::from_static(b"small"), &mut coding).unwrap();
        let large = vec![b'x'; JOINED + 1];
        out.data(Bytes::from(large.clone()), &mut coding).unwrap();
        assert!(out.is_full());
        out.end(coding).unwrap();
        // A pipe that takes seven bytes at a time.
        let (mut near, mut far) = tokio::io::duplex(7);
        let writing = std::future::poll_fn(|context| out.poll_write(&mut near, context));
        let mut read = vec![0; 5 + 5 + 6 + large.len() + 7];
        let (wrote, count) = tokio::join!(
            writing,
            tokio::io::AsyncReadExt::read_exact(&mut far, &mut read)
        );
        wrote.unwrap();
        count.unwrap();
        let expected = [b"5\r\nsmall\r\n2001\r\n", &large[..], b"\r\n0\r\n\r\n"].concat();
        assert_eq!(read, expected);
        assert!(out.is_empty());
    }
}
