//! A request's head as it stands on the wire (RFC 9112).
//!
//! Promises: what it accepts can be read in one way only, and its body has exactly one framing.

use std::mem::MaybeUninit;

use bytes::{Buf as _, Bytes};
use http::uri::Uri;
use http::{Method, StatusCode, Version};

use crate::domain::target;
use crate::gateway::fields::{FieldList, Name};
use crate::gateway::framing::{Framing, decimal};
use crate::gateway::head::{RequestHead, Target};

/// How much a head may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Fields.
    pub fields: usize,
    /// Bytes, the target included.
    pub bytes: usize,
}

/// The head of one request.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) request: RequestHead,
    pub(super) framing: Framing,
    /// The client sends another request behind this one.
    pub(super) persistent: bool,
    /// The client waits for leave to send the body.
    pub(super) expects: bool,
}

/// Why a head is refused; the connection ends after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("the head is not HTTP/1: {0}")]
    Syntax(httparse::Error),
    #[error("a line does not end with CRLF")]
    BareFeed,
    #[error("the request target is not a URI")]
    Target,
    #[error("the head is too large")]
    TooLarge,
    #[error("the length of the body can be read in two ways")]
    Framing,
    #[error("the transfer coding is not `chunked` alone")]
    Coding,
    #[error("this is not HTTP/1.0 or HTTP/1.1")]
    Version,
}

impl Refused {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Coding => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::Syntax(_) | Self::BareFeed | Self::Target | Self::Framing => {
                StatusCode::BAD_REQUEST
            }
        }
    }
}

/// Reads a head off the front of `came`; `None` when more bytes are needed. Values share the bytes
/// that came.
pub(super) fn read(came: &mut Bytes, limits: HeadLimits) -> Result<Option<Head>, Refused> {
    if came.is_empty() {
        return Ok(None);
    }
    let mut few = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; USUAL_FIELDS];
    let mut many = Vec::new();
    let places = if limits.fields <= USUAL_FIELDS {
        few.get_mut(..limits.fields).unwrap_or_default()
    } else {
        many.resize_with(limits.fields, MaybeUninit::uninit);
        &mut many
    };
    let mut parsed = httparse::Request::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let length = match parser.parse_request_with_uninit_headers(&mut parsed, came, places) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if came.len() > limits.bytes => {
            return Err(Refused::TooLarge);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Refused::TooLarge),
        Err(httparse::Error::Version) => return Err(Refused::Version),
        Err(error) => return Err(Refused::Syntax(error)),
    };
    if length > limits.bytes {
        return Err(Refused::TooLarge);
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Ok(None);
    };
    let is_11 = minor == 1;
    // Behind the target: a blank, the version and a line's end.
    let target_ends = end_of(came, target);
    let first_field = target_ends.map(|at| at.wrapping_add(b" HTTP/1.1\r\n".len()));
    let method = Method::from_bytes(method.as_bytes())
        .map_err(|_| Refused::Syntax(httparse::Error::Token))?;
    let target = if target::is_plain(target.as_bytes()) {
        Target::Plain(target.to_owned())
    } else {
        let uri = Uri::from_maybe_shared(came.slice_ref(target.as_bytes()));
        Target::Any(uri.map_err(|_| Refused::Target)?)
    };
    let version = if is_11 {
        Version::HTTP_11
    } else {
        Version::HTTP_10
    };
    let mut framing = FramingFields::default();
    let text = came.slice(..length);
    let mut fields = FieldList::of(text, parsed.headers.len());
    for field in parsed.headers.iter() {
        let name = Name::of(field.name.as_bytes());
        framing.note(name, field.value)?;
        fields.note(name, field.name.as_bytes(), field.value);
    }
    let head = came.get(..length).unwrap_or_default();
    let begins = head
        .first()
        .is_some_and(|byte| !matches!(byte, b'\r' | b'\n'));
    let usual = begins
        && first_field.is_some_and(|first| {
            let before = head
                .get(..first)
                .is_some_and(|line| line.ends_with(b"\r\n"));
            before && head.ends_with(b"\r\n\r\n") && fields.are_lines(first..length.wrapping_sub(2))
        });
    if !usual {
        only_whole_line_ends(head)?;
    }
    came.advance(length);
    Ok(Some(Head {
        persistent: !framing.close && (is_11 || framing.keep_alive),
        expects: is_11 && framing.expects,
        framing: framing.decided(is_11)?,
        request: RequestHead::new(method, version, target, fields),
    }))
}

/// Where a part of a text ends in it.
fn end_of(text: &[u8], part: &str) -> Option<usize> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    start
        .checked_add(part.len())
        .filter(|end| *end <= text.len())
}

/// A bare line feed ends a line for some readers and none for others (RFC 9112 §2.2).
fn only_whole_line_ends(head: &[u8]) -> Result<(), Refused> {
    let mut before = None;
    for feed in memchr::memchr_iter(b'\n', head) {
        before = feed.checked_sub(1);
        if before.and_then(|at| head.get(at)) != Some(&b'\r') {
            return Err(Refused::BareFeed);
        }
    }
    before.map(|_| ()).ok_or(Refused::BareFeed)
}

/// What the fields say of the body and of the connection.
#[derive(Debug, Default)]
struct FramingFields {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects: bool,
}

impl FramingFields {
    fn note(&mut self, name: Name, value: &[u8]) -> Result<(), Refused> {
        match name {
            Name::ContentLength => {
                let length = decimal(value).ok_or(Refused::Framing)?;
                // A second one is refused even if it is the same.
                if self.length.replace(length).is_some() {
                    return Err(Refused::Framing);
                }
            }
            Name::TransferEncoding => {
                if self.chunked {
                    return Err(Refused::Framing);
                }
                if !value.eq_ignore_ascii_case(b"chunked") {
                    // RFC 9112 §6.1.
                    return Err(Refused::Coding);
                }
                self.chunked = true;
            }
            Name::Connection => {
                for token in value.split(|byte| *byte == b',') {
                    let token = token.trim_ascii();
                    self.close |= token.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            Name::Expect => self.expects |= value.eq_ignore_ascii_case(b"100-continue"),
            _ => {}
        }
        Ok(())
    }

    /// RFC 9112 §6.1, §6.3.
    fn decided(&self, is_11: bool) -> Result<Framing, Refused> {
        match (self.chunked, self.length) {
            (true, None) if is_11 => Ok(Framing::Chunked),
            // Both, or chunks before there were any: a smuggler's choice.
            (true, _) => Err(Refused::Framing),
            (false, None | Some(0)) => Ok(Framing::Empty),
            (false, Some(length)) => Ok(Framing::Length(length)),
        }
    }
}

/// Up to so many fields are read without an allocation.
const USUAL_FIELDS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits {
        fields: 8,
        bytes: 512,
    };

    fn head(text: &str) -> Result<Option<(Head, String)>, Refused> {
        let mut came = Bytes::copy_from_slice(text.as_bytes());
        let head = read(&mut came, LIMITS)?;
        Ok(head.map(|head| (head, String::from_utf8(came.to_vec()).unwrap())))
    }

    fn complete(text: &str) -> (Head, String) {
        head(text).unwrap().unwrap()
    }

    #[test]
    fn reads_line_fields_and_framing() {
        let (head, rest) = complete(
            "POST /a?b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-Continue\r\n\r\nabc",
        );
        assert_eq!(*head.request.method(), Method::POST);
        assert_eq!(
            (head.request.raw_path(), head.request.query()),
            ("/a", Some("b"))
        );
        assert_eq!(head.request.field_str(Name::Host), Some("x"));
        assert_eq!(head.framing, Framing::Length(3));
        assert!(head.persistent && head.expects);
        assert_eq!(rest, "abc");
        let (head, _) = complete("GET http://h/ HTTP/1.1\r\nTransfer-Encoding: CHUNKED\r\n\r\n");
        assert_eq!(head.framing, Framing::Chunked);
        assert_eq!(head.request.authority(), Some("h"));
    }

    #[test]
    fn says_whether_another_request_follows() {
        for (text, persistent) in [
            ("GET / HTTP/1.1\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nConnection: foo, Close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
            (
                "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
                false,
            ),
        ] {
            assert_eq!(complete(text).0.persistent, persistent, "{text}");
        }
    }

    #[test]
    fn waits_for_the_whole_head_wherever_it_is_cut() {
        let text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        for at in 0..text.len() {
            let (cut, _) = text.split_at(at);
            assert!(head(cut).unwrap().is_none(), "cut at {at}");
        }
        assert!(head(text).unwrap().is_some());
    }

    #[test]
    fn refuses_what_can_be_read_in_two_ways() {
        for (line, refused) in [
            ("Content-Length: 1\r\nContent-Length: 1", Refused::Framing),
            ("Content-Length: 1, 1", Refused::Framing),
            ("Content-Length: +1", Refused::Framing),
            ("Content-Length:", Refused::Framing),
            ("Content-Length: 1234567890123456789", Refused::Framing),
            (
                "Content-Length: 1\r\nTransfer-Encoding: chunked",
                Refused::Framing,
            ),
            ("Transfer-Encoding: gzip, chunked", Refused::Coding),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
                Refused::Framing,
            ),
            ("Transfer-Encoding: identity", Refused::Coding),
            ("X: a\nY: b", Refused::BareFeed),
        ] {
            let text = format!("POST / HTTP/1.1\r\n{line}\r\n\r\n");
            assert_eq!(head(&text).unwrap_err(), refused, "{line}");
        }
        for text in [
            "GET / HTTP/1.1\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\n\n",
            "\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            assert_eq!(head(text).unwrap_err(), Refused::BareFeed, "{text}");
        }
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(head(old).unwrap_err(), Refused::Framing);
        assert_eq!(
            head("GET / HTTP/2.0\r\n\r\n").unwrap_err().status(),
            StatusCode::HTTP_VERSION_NOT_SUPPORTED
        );
    }

    #[test]
    fn refuses_more_than_the_limits() {
        let fields = |count| format!("GET / HTTP/1.1\r\n{}\r\n", "X: y\r\n".repeat(count));
        assert!(head(&fields(8)).is_ok());
        assert_eq!(head(&fields(9)).unwrap_err(), Refused::TooLarge);
        for end in ["", "\r\n\r\n"] {
            let long = format!("GET / HTTP/1.1\r\nX: {}{end}", "y".repeat(512));
            assert_eq!(head(&long).unwrap_err(), Refused::TooLarge);
        }
        let many = HeadLimits {
            fields: 300,
            bytes: 1 << 16,
        };
        let mut came = Bytes::from(fields(299));
        assert!(read(&mut came, many).unwrap().is_some());
    }
}
