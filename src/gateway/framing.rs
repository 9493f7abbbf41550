//! Where a body ends (RFC 9112 §6.3), as a machine over the bytes that came.
//!
//! Promises: what it hands out is content only; it reads nothing beyond the body's end, and gives up
//! at the first byte that two readers could take differently.

use bytes::{Buf as _, Bytes};

/// How the end of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    Empty,
    /// So many bytes.
    Length(u64),
    /// In chunks.
    Chunked,
    /// By the connection's end.
    UntilClose,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Content.
    Data(Bytes),
    /// Nothing until more bytes are there.
    More,
    /// The body is complete.
    End,
}

/// A chunk that is not what RFC 9112 §7.1 says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chunks are malformed: {0}")]
pub struct Malformed(&'static str);

/// Takes a body out of what came.
#[derive(Debug)]
pub struct Decoder(State);

#[derive(Clone, Copy, Debug)]
enum State {
    /// So many bytes of content are to come.
    Length(u64),
    /// All bytes are content.
    UntilClose,
    /// In a chunk's size: its value and how many digits there were.
    Size(u64, u8),
    /// After a chunk's size: an extension, which nobody reads; bytes of it so far.
    Extension(u64, u16),
    /// The line feed after a chunk's size.
    SizeEnd(u64),
    /// So many bytes of this chunk are to come.
    Chunk(u64),
    /// The carriage return after a chunk.
    ChunkReturn,
    /// The line feed after a chunk.
    ChunkEnd,
    /// In the trailer section: bytes of it so far, and where in a line.
    Trailer(u16, Line),
    /// Complete.
    End,
}

#[derive(Clone, Copy, Debug)]
enum Line {
    Start,
    Within,
    /// After a carriage return; the line was empty.
    EmptyReturn,
    /// After a carriage return.
    Return,
}

impl Decoder {
    /// At the beginning of a body.
    pub const fn new(framing: Framing) -> Self {
        Self(match framing {
            Framing::Empty | Framing::Length(0) => State::End,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size(0, 0),
            Framing::UntilClose => State::UntilClose,
        })
    }

    /// Whether the body is complete.
    pub const fn is_end(&self) -> bool {
        matches!(self.0, State::End)
    }

    /// Whether the connection's end is the body's.
    pub const fn ends_with_connection(&self) -> bool {
        matches!(self.0, State::UntilClose)
    }

    /// Bytes of content that are still to come, where that is known.
    pub const fn remaining(&self) -> Option<u64> {
        match self.0 {
            State::Length(length) => Some(length),
            State::End => Some(0),
            _ => None,
        }
    }

    /// The next step, taking what it needs out of `came`.
    pub fn next(&mut self, came: &mut Bytes) -> Result<Step, Malformed> {
        loop {
            match self.0 {
                State::End => return Ok(Step::End),
                _ if came.is_empty() => return Ok(Step::More),
                State::UntilClose => return Ok(Step::Data(std::mem::take(came))),
                State::Length(left) => {
                    let data = take(came, left);
                    let left = left - data.len() as u64;
                    self.0 = if left == 0 {
                        State::End
                    } else {
                        State::Length(left)
                    };
                    return Ok(Step::Data(data));
                }
                State::Chunk(left) => {
                    let data = take(came, left);
                    let left = left - data.len() as u64;
                    self.0 = if left == 0 {
                        State::ChunkReturn
                    } else {
                        State::Chunk(left)
                    };
                    return Ok(Step::Data(data));
                }
                state => self.0 = after(state, came.get_u8())?,
            }
        }
    }
}

/// The state after one byte of what is not content.
fn after(state: State, byte: u8) -> Result<State, Malformed> {
    Ok(match (state, byte) {
        (State::Size(size, digits), _) if byte.is_ascii_hexdigit() => {
            if digits >= MAX_SIZE_DIGITS {
                return Err(Malformed("a chunk is too long"));
            }
            let digit = char::from(byte).to_digit(16).unwrap_or_default();
            State::Size(size << 4 | u64::from(digit), digits + 1)
        }
        (State::Size(_, 0), _) => return Err(Malformed("a chunk has no size")),
        (State::Size(size, _) | State::Extension(size, _), b'\r') => State::SizeEnd(size),
        (State::Size(size, _), b';' | b' ' | b'\t') => State::Extension(size, 0),
        (State::Size(..), _) => return Err(Malformed("a chunk's size is not a number")),
        (State::Extension(..), b'\n' | 0) => {
            return Err(Malformed("a bare line feed in a chunk's size line"));
        }
        (State::Extension(size, length), _) if length < MAX_EXTENSION_BYTES => {
            State::Extension(size, length + 1)
        }
        (State::Extension(..), _) => return Err(Malformed("a chunk extension is too long")),
        (State::SizeEnd(0), b'\n') => State::Trailer(0, Line::Start),
        (State::SizeEnd(size), b'\n') => State::Chunk(size),
        (State::ChunkReturn, b'\r') => State::ChunkEnd,
        (State::ChunkEnd, b'\n') => State::Size(0, 0),
        (State::SizeEnd(_) | State::ChunkReturn | State::ChunkEnd, _) => {
            return Err(Malformed("a chunk does not end with CRLF"));
        }
        (State::Trailer(_, Line::EmptyReturn), b'\n') => State::End,
        (State::Trailer(length, Line::Return), b'\n') => State::Trailer(length, Line::Start),
        (State::Trailer(_, Line::EmptyReturn | Line::Return), _) | (State::Trailer(..), b'\n') => {
            return Err(Malformed("a trailer line does not end with CRLF"));
        }
        (State::Trailer(length, _), _) if length >= MAX_TRAILER_BYTES => {
            return Err(Malformed("the trailer section is too long"));
        }
        (State::Trailer(length, Line::Start), b'\r') => {
            State::Trailer(length + 1, Line::EmptyReturn)
        }
        (State::Trailer(length, Line::Within), b'\r') => State::Trailer(length + 1, Line::Return),
        (State::Trailer(length, _), _) => State::Trailer(length + 1, Line::Within),
        // Content is taken whole, and nothing comes after the end.
        (State::Length(_) | State::UntilClose | State::Chunk(_) | State::End, _) => state,
    })
}

fn take(came: &mut Bytes, at_most: u64) -> Bytes {
    let count = usize::try_from(at_most).map_or(came.len(), |most| most.min(came.len()));
    came.split_to(count)
}

/// Digits and nothing else (RFC 9110 §8.6): no sign, no list.
pub fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 18 {
        return None;
    }
    value.iter().try_fold(0, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        Some(number * 10 + digit)
    })
}

/// 60 bits: far beyond any body, far from an overflow.
const MAX_SIZE_DIGITS: u8 = 15;
const MAX_EXTENSION_BYTES: u16 = 4 * 1024;
const MAX_TRAILER_BYTES: u16 = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Content, and what is left over behind the body.
    fn decode(framing: Framing, parts: &[&[u8]]) -> Result<(Vec<u8>, bool, Vec<u8>), Malformed> {
        let (mut decoder, mut content, mut rest) = (Decoder::new(framing), Vec::new(), Vec::new());
        for part in parts {
            let mut came = Bytes::copy_from_slice(part);
            loop {
                match decoder.next(&mut came)? {
                    Step::Data(data) => content.extend_from_slice(&data),
                    Step::More => break,
                    Step::End => {
                        rest.extend_from_slice(&came);
                        break;
                    }
                }
            }
        }
        Ok((content, decoder.is_end(), rest))
    }

    #[test]
    fn a_length_ends_after_its_last_byte() {
        let (content, end, rest) = decode(Framing::Length(5), &[b"he", b"lloHTTP/1.1"]).unwrap();
        assert_eq!(
            (&*content, end, &*rest),
            (&b"hello"[..], true, &b"HTTP/1.1"[..])
        );
        let (content, end, _) = decode(Framing::Length(5), &[b"hell"]).unwrap();
        assert_eq!((&*content, end), (&b"hell"[..], false));
        assert!(Decoder::new(Framing::Length(0)).is_end());
    }

    #[test]
    fn chunks_are_taken_apart_at_any_place() {
        let wire = b"4;name=\"v\"\r\nWiki\r\nA \r\npedia in c\r\n0\r\nx-a: b\r\nx-c: d\r\n\r\nHTTP";
        for at in 0..wire.len() {
            let (first, second) = wire.split_at(at);
            let (content, end, rest) = decode(Framing::Chunked, &[first, second]).unwrap();
            assert_eq!(content, b"Wikipedia in c", "split at {at}");
            assert!(end, "split at {at}");
            assert_eq!(rest, b"HTTP", "split at {at}");
        }
    }

    #[test]
    fn refuses_chunks_that_two_readers_take_differently() {
        for wire in [
            &b"\r\n"[..],
            b"x\r\n",
            b" 5\r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"5\nhello\n",
            b"5;a\nhello",
            b"5;a\0\r\nhello",
            b"5\r\rhello",
            b"5\r\nhelloX\r\n",
            b"5\r\nhello\n",
            b"5\r\nhello\rX",
            b"1000000000000000\r\n",
            b"0\r\nx: a\n\r\n",
            b"0\r\n\n",
            b"0\r\n\rX",
            b"0\r\nx: a\rX",
        ] {
            assert!(
                decode(Framing::Chunked, &[wire]).is_err(),
                "{:?}",
                String::from_utf8_lossy(wire)
            );
        }
        let long = [b"5;".as_slice(), &vec![b'a'; 5_000], b"\r\nhello\r\n"].concat();
        assert!(decode(Framing::Chunked, &[&long]).is_err());
        let long = [b"0\r\nx: ".as_slice(), &vec![b'a'; 20_000], b"\r\n\r\n"].concat();
        assert!(decode(Framing::Chunked, &[&long]).is_err());
    }

    proptest! {
        #[test]
        fn any_chunking_and_any_splitting_give_the_same_content(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(b"0\r\n\r\n");
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
            at.extend([0, wire.len()]);
            at.sort_unstable();
            let parts: Vec<&[u8]> = at.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
            let (content, end, rest) = decode(Framing::Chunked, &parts).unwrap();
            prop_assert_eq!(content, chunks.concat());
            prop_assert!(end && rest.is_empty());
        }

        #[test]
        fn never_panics_and_never_makes_up_content(wire in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok((content, _, _)) = decode(Framing::Chunked, &[&wire]) {
                prop_assert!(content.len() <= wire.len());
            }
        }
    }
}
