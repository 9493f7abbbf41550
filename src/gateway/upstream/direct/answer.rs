//! An answer's head as it stands on the wire.
//!
//! Promises: what it accepts has exactly one framing; what leaves it has no field of one hop in it.

use std::mem::MaybeUninit;

use bytes::{Buf as _, Bytes};
use http::{Method, StatusCode};

use crate::gateway::fields::{FieldList, Name};
use crate::gateway::framing::{Framing, decimal};

/// The head of one answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) fields: FieldList,
    pub(super) framing: Framing,
    /// The connection may serve again after the body.
    pub(super) persistent: bool,
}

/// Why an answer cannot be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// Not an HTTP/1 head.
    #[error("the answer is not HTTP/1.1: {0}")]
    Syntax(httparse::Error),
    /// More than we hold.
    #[error("the answer's head is longer than {MAX_HEAD_BYTES} bytes")]
    TooLarge,
    /// Its length can be read in more than one way.
    #[error("the answer's length is ambiguous")]
    Framing,
    /// A change of protocol that nobody asked for.
    #[error("the answer changes the protocol, which was not asked for")]
    Switching,
}

/// Reads a head off the front of `came`, stepping over those that only inform; `None` when more
/// bytes are needed. Values share the bytes that came.
pub(super) fn read(came: &mut Bytes, method: &Method) -> Result<Option<Head>, Malformed> {
    loop {
        let Some(head) = read_one(came, method)? else {
            return if came.len() > MAX_HEAD_BYTES {
                Err(Malformed::TooLarge)
            } else {
                Ok(None)
            };
        };
        match head.status.as_u16() {
            101 => return Err(Malformed::Switching),
            100..200 => {}
            _ => return Ok(Some(head)),
        }
    }
}

fn read_one(came: &mut Bytes, method: &Method) -> Result<Option<Head>, Malformed> {
    let mut fields = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let length = match httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut parsed, came, &mut fields)
        .map_err(Malformed::Syntax)?
    {
        httparse::Status::Complete(length) if length <= MAX_HEAD_BYTES => length,
        httparse::Status::Complete(_) => return Err(Malformed::TooLarge),
        httparse::Status::Partial => return Ok(None),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Malformed::Syntax(httparse::Error::Status))?;
    let mut builder = Builder::new(came.slice(..length), parsed.headers.len());
    for field in parsed.headers.iter() {
        builder.add(field.name.as_bytes(), field.value)?;
    }
    let head = builder.finish(status, parsed.version == Some(1), method)?;
    came.advance(length);
    Ok(Some(head))
}

/// Collects fields, keeping what frames the answer for itself.
struct Builder {
    fields: FieldList,
    length: Option<u64>,
    /// Values of `Transfer-Encoding`, and whether they were `chunked` alone.
    encodings: usize,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    /// Fields of one hop are named.
    names: bool,
}

impl Builder {
    fn new(came: Bytes, count: usize) -> Self {
        Self {
            fields: FieldList::of(came, count),
            length: None,
            encodings: 0,
            chunked: false,
            close: false,
            keep_alive: false,
            names: false,
        }
    }

    fn add(&mut self, spelling: &[u8], value: &[u8]) -> Result<(), Malformed> {
        let name = Name::of(spelling);
        match name {
            Name::Connection => {
                for token in value.split(|byte| *byte == b',') {
                    let token = token.trim_ascii();
                    if token.eq_ignore_ascii_case(b"close") {
                        self.close = true;
                    } else if token.eq_ignore_ascii_case(b"keep-alive") {
                        self.keep_alive = true;
                    } else {
                        self.names = true;
                    }
                }
                if !self.names {
                    return Ok(());
                }
            }
            Name::TransferEncoding => {
                self.encodings += 1;
                self.chunked = value.eq_ignore_ascii_case(b"chunked");
                return Ok(());
            }
            Name::ContentLength => {
                let length = decimal(value).ok_or(Malformed::Framing)?;
                if self.length.is_some_and(|other| other != length) {
                    return Err(Malformed::Framing);
                }
                if self.length.replace(length).is_some() {
                    return Ok(());
                }
            }
            _ => {}
        }
        self.fields.note(name, spelling, value);
        Ok(())
    }

    /// RFC 9112 §6.3, §9.3.
    fn finish(
        mut self,
        status: StatusCode,
        is_11: bool,
        method: &Method,
    ) -> Result<Head, Malformed> {
        let bodiless = *method == Method::HEAD
            || status.is_informational()
            || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let framing = match (self.encodings, self.length) {
            // Both, or a coding that we do not know: a smuggler's choice.
            (1, None) if self.chunked && is_11 => Framing::Chunked,
            (0, Some(length)) => Framing::Length(length),
            (0, None) => Framing::UntilClose,
            _ => return Err(Malformed::Framing),
        };
        let framing = if bodiless { Framing::Empty } else { framing };
        if self.names {
            self.fields.remove_named_by_connection();
        }
        self.fields.remove(Name::Connection);
        self.fields.remove(Name::Hop);
        Ok(Head {
            status,
            fields: self.fields,
            framing,
            persistent: !self.close && (is_11 || self.keep_alive) && framing != Framing::UntilClose,
        })
    }
}

/// Bytes of an answer's head.
pub(super) const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Fields of an answer's head.
const MAX_FIELDS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn head(text: &str) -> Result<Option<(Head, String)>, Malformed> {
        let mut came = Bytes::copy_from_slice(text.as_bytes());
        let head = read(&mut came, &Method::POST)?;
        Ok(head.map(|head| (head, String::from_utf8(came.to_vec()).unwrap())))
    }

    fn complete(text: &str) -> (Head, String) {
        head(text).unwrap().unwrap()
    }

    #[test]
    fn takes_exactly_the_head() {
        let (head, rest) = complete(
            "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nX-Two: 1\r\nx-two: 2\r\ncontent-length: 3\r\n\r\nabc",
        );
        assert_eq!(
            (head.status, head.framing),
            (StatusCode::OK, Framing::Length(3))
        );
        assert_eq!(head.fields.get_str(Name::ContentType), Some("a/b"));
        assert_eq!(head.fields.spelt("x-two").count(), 2);
        assert!(head.persistent);
        assert_eq!(rest, "abc");
    }

    #[test]
    fn waits_for_the_rest_and_steps_over_what_informs() {
        let whole = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        for at in 0..whole.len() {
            let some = whole.get(..at).unwrap();
            assert!(head(some).unwrap().is_none(), "{at}");
        }
        let (head, rest) = complete(whole);
        assert_eq!(
            (head.status, head.framing),
            (StatusCode::NO_CONTENT, Framing::Empty)
        );
        assert!(head.fields.spelt("link").next().is_none() && rest.is_empty());
    }

    #[test]
    fn fields_of_one_hop_stay_here() {
        let (head, _) = complete(
            "HTTP/1.1 200 OK\r\nconnection: X-Hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: timeout=5\r\ntransfer-encoding: Chunked\r\nx: y\r\n\r\n",
        );
        assert_eq!(head.framing, Framing::Chunked);
        assert_eq!(head.fields.len(), 1);
        assert!(head.persistent);
    }

    #[test]
    fn a_connection_serves_again_only_when_both_sides_say_so() {
        for (text, persistent) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true),
            (
                "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: a, Close\r\n\r\n",
                false,
            ),
            ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", false),
            (
                "HTTP/1.0 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n",
                true,
            ),
            ("HTTP/1.1 200 OK\r\n\r\n", false),
        ] {
            assert_eq!(complete(text).0.persistent, persistent, "{text}");
        }
    }

    #[test]
    fn refuses_answers_of_more_than_one_length() {
        for fields in [
            "content-length: 3\r\ncontent-length: 4",
            "content-length: 3\r\ntransfer-encoding: chunked",
            "content-length: +3",
            "content-length: -3",
            "content-length: 3, 3",
            "content-length: 0x3",
            "content-length:",
            "content-length: 99999999999999999999",
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: chunked, chunked",
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
            "transfer-encoding: xchunked",
            "transfer-encoding: identity",
        ] {
            let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
            assert_eq!(head(&text).unwrap_err(), Malformed::Framing, "{fields}");
        }
        let old = "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        assert_eq!(head(old).unwrap_err(), Malformed::Framing);
    }

    #[test]
    fn refuses_what_is_no_answer() {
        for text in [
            "HTTP/2 200 OK\r\n\r\n",
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nbad name: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname: a\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname: a\0b\r\n\r\n",
        ] {
            assert!(matches!(head(text), Err(Malformed::Syntax(_))), "{text}");
        }
        assert_eq!(
            head("HTTP/1.1 101 Switching Protocols\r\n\r\n").unwrap_err(),
            Malformed::Switching
        );
        let large = format!("HTTP/1.1 200 OK\r\nx: {}", "a".repeat(70_000));
        assert_eq!(head(&large).unwrap_err(), Malformed::TooLarge);
    }
}
