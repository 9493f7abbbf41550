//! As much of HTTP/1.1 as both sides here need: heads, and where a body ends.

use memchr::memmem;

/// A message's head: its length with the empty line, and how its body is framed.
pub struct Head {
    pub bytes: usize,
    pub body: Body,
}

/// How a body ends.
#[derive(Clone, Copy)]
pub enum Body {
    Length(usize),
    Chunked,
}

/// The head at the start of `data`, once it is complete.
pub fn head(data: &[u8]) -> Option<Head> {
    let end = memmem::find(data, b"\r\n\r\n")?;
    let body = if field(&data[..end], "transfer-encoding").is_some() {
        Body::Chunked
    } else {
        Body::Length(
            field(&data[..end], "content-length")
                .and_then(|value| value.parse().ok())
                .unwrap_or(0),
        )
    };
    Some(Head {
        bytes: end + 4,
        body,
    })
}

/// The value of a header field.
pub fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|byte| *byte == b'\n').find_map(|line| {
        let (before, after) = line.split_at_checked(name.len())?;
        let value = before
            .eq_ignore_ascii_case(name.as_bytes())
            .then(|| after.strip_prefix(b":"))
            .flatten()?;
        std::str::from_utf8(value).ok().map(str::trim)
    })
}

/// The length of the whole answer at the start of `data` and whether it is a 200, once it is complete.
pub fn answer(data: &[u8]) -> Option<(usize, bool)> {
    let head = head(data)?;
    let body = match head.body {
        Body::Length(length) => (data.len() >= head.bytes + length).then_some(length)?,
        Body::Chunked => memmem::find(&data[head.bytes..], b"0\r\n\r\n")? + 5,
    };
    Some((head.bytes + body, data.starts_with(b"HTTP/1.1 200 ")))
}
