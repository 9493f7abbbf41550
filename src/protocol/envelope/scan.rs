//! JSON syntax over bytes: steps over values without keeping them.
//!
//! Promises: accepts no text that a strict JSON parser refuses; never recurses, so that nesting costs no stack.

use std::borrow::Cow;

use super::{EnvelopeError, MAX_DEPTH};

/// A position in a text that is known to be UTF-8.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// Lone surrogates are let pass.
    lenient: bool,
}

/// A string as it is written, without its quotes; its escapes are known to be right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// The string's value where it is written without escapes.
    #[inline]
    pub(super) const fn plain(self) -> Option<&'a str> {
        if self.escaped { None } else { Some(self.raw) }
    }

    /// The string's value.
    pub(super) fn value(self) -> Cow<'a, str> {
        if self.escaped {
            Cow::Owned(unescape(self.raw))
        } else {
            Cow::Borrowed(self.raw)
        }
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Result<Self, EnvelopeError> {
        let text = std::str::from_utf8(bytes).map_err(|error| EnvelopeError::Encoding {
            at: error.valid_up_to(),
        })?;
        Ok(Self {
            text,
            bytes,
            at: 0,
            lenient: false,
        })
    }

    /// Takes lone surrogates for the replacement character instead of refusing them: servers that cut texts write
    /// them, and what is read so decides nothing but that it is no name that somebody knows.
    #[must_use]
    pub(super) const fn lenient(mut self) -> Self {
        self.lenient = true;
        self
    }

    /// Where it stands, in bytes.
    pub(super) const fn at(&self) -> usize {
        self.at
    }

    /// What stands between two places.
    pub(super) fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    #[cold]
    pub(super) const fn syntax(&self, rule: &'static str) -> EnvelopeError {
        EnvelopeError::Syntax { rule, at: self.at }
    }

    /// Goes to the next value and says which byte it starts with.
    #[inline]
    pub(super) fn value_start(&mut self) -> Option<u8> {
        self.skip_space();
        self.peek()
    }

    /// Nothing but space is left.
    pub(super) fn end(&mut self) -> Result<(), EnvelopeError> {
        self.skip_space();
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            Err(self.syntax("expected the end"))
        }
    }

    /// Steps over one value and returns it as it is written.
    pub(super) fn raw_value(&mut self, open: u32) -> Result<&'a str, EnvelopeError> {
        self.skip_space();
        let start = self.at;
        self.skip_value(open)?;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// Walks an object: `field` is called with each key, at its value, and must step over that.
    ///
    /// `open` is the number of containers around the object.
    #[inline]
    pub(super) fn object(
        &mut self,
        open: u32,
        mut field: impl FnMut(&mut Self, Text<'a>) -> Result<(), EnvelopeError>,
    ) -> Result<(), EnvelopeError> {
        self.expect(b'{', "expected an object")?;
        if open >= MAX_DEPTH {
            return Err(EnvelopeError::Depth { at: self.at });
        }
        if self.value_start() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.key()?;
            field(self, key)?;
            match self.value_start() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.syntax("expected `,` or `}`")),
            }
        }
    }

    /// Walks an outermost array: `element` is called at each value and must step over it.
    pub(super) fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), EnvelopeError>,
    ) -> Result<(), EnvelopeError> {
        self.expect(b'[', "expected an array")?;
        if self.value_start() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            element(self)?;
            match self.value_start() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return Err(self.syntax("expected `,` or `]`")),
            }
        }
    }

    /// Steps over one value of any kind; `open` is the number of containers around it.
    pub(super) fn skip_value(&mut self, open: u32) -> Result<(), EnvelopeError> {
        let mut stack = Stack {
            open,
            around: open,
            objects: 0,
        };
        loop {
            match self.value_start() {
                Some(b'"') => {
                    self.skip_string()?;
                }
                Some(b'{') => {
                    self.at += 1;
                    stack
                        .push(true)
                        .ok_or(EnvelopeError::Depth { at: self.at })?;
                    if self.value_start() != Some(b'}') {
                        self.skip_key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.at += 1;
                    stack
                        .push(false)
                        .ok_or(EnvelopeError::Depth { at: self.at })?;
                    if self.value_start() != Some(b']') {
                        continue;
                    }
                }
                Some(b'-' | b'0'..=b'9') => self.number()?,
                Some(b't') => self.word("true")?,
                Some(b'f') => self.word("false")?,
                Some(b'n') => self.word("null")?,
                _ => return Err(self.syntax("expected a value")),
            }
            if self.close(&mut stack)? {
                return Ok(());
            }
        }
    }

    /// After a value: closes what ends here. Says whether the outermost value is over, else stands at the next one.
    #[inline]
    fn close(&mut self, stack: &mut Stack) -> Result<bool, EnvelopeError> {
        while let Some(object) = stack.top() {
            match (self.value_start(), object) {
                (Some(b','), false) => {
                    self.at += 1;
                    return Ok(false);
                }
                (Some(b','), true) => {
                    self.at += 1;
                    self.skip_key()?;
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.at += 1;
                    stack.pop();
                }
                (_, true) => return Err(self.syntax("expected `,` or `}`")),
                (_, false) => return Err(self.syntax("expected `,` or `]`")),
            }
        }
        Ok(true)
    }

    /// A key with its colon.
    #[inline]
    fn key(&mut self) -> Result<Text<'a>, EnvelopeError> {
        if self.value_start() != Some(b'"') {
            return Err(self.syntax("expected a key"));
        }
        let key = self.string()?;
        self.skip_space();
        self.expect(b':', "expected `:`")?;
        Ok(key)
    }

    /// Steps over a key with its colon.
    #[inline]
    fn skip_key(&mut self) -> Result<(), EnvelopeError> {
        if self.value_start() != Some(b'"') {
            return Err(self.syntax("expected a key"));
        }
        self.skip_string()?;
        self.skip_space();
        self.expect(b':', "expected `:`")
    }

    /// A string; stands at its opening quote.
    #[inline]
    pub(super) fn string(&mut self) -> Result<Text<'a>, EnvelopeError> {
        let start = self.at.wrapping_add(1);
        let escaped = self.skip_string()?;
        let raw = self.text.get(start..self.at.wrapping_sub(1));
        Ok(Text {
            raw: raw.unwrap_or_default(),
            escaped,
        })
    }

    /// Steps over a string; whether there are escapes in it. Stands at its opening quote.
    #[inline]
    fn skip_string(&mut self) -> Result<bool, EnvelopeError> {
        self.expect(b'"', "expected a string")?;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            self.at = self.at.wrapping_add(1);
            return Ok(false);
        }
        self.skip_escaped()?;
        Ok(true)
    }

    /// Steps over the rest of a string that is not plain to its end.
    #[cold]
    fn skip_escaped(&mut self) -> Result<(), EnvelopeError> {
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(_) => return Err(self.syntax("control character in a string")),
                None => return Err(self.syntax("string without end")),
            }
            self.skip_plain();
        }
    }

    /// Goes on to the next quote, backslash or control character, eight bytes at a time.
    #[inline]
    fn skip_plain(&mut self) {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        while let Some((chunk, behind)) = rest.split_first_chunk::<8>() {
            let found = special_bytes(u64::from_le_bytes(*chunk));
            if found != 0 {
                let before = self.bytes.len().wrapping_sub(rest.len());
                self.at = before.wrapping_add((found.trailing_zeros() / 8) as usize);
                return;
            }
            rest = behind;
        }
        let is_plain = |byte: &u8| *byte >= 0x20 && !matches!(byte, b'"' | b'\\');
        let plain = rest.iter().take_while(|byte| is_plain(byte)).count();
        self.at = self
            .bytes
            .len()
            .wrapping_sub(rest.len())
            .wrapping_add(plain);
    }

    #[cold]
    fn escape(&mut self) -> Result<(), EnvelopeError> {
        let rest = self.bytes.get(self.at + 1..).unwrap_or_default();
        match rest.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => match hex4(rest.get(1..5)) {
                None => return Err(self.syntax("expected four hexadecimal digits")),
                Some(0xD800..=0xDBFF) => {
                    let low = rest.get(5..7).filter(|mark| *mark == b"\\u");
                    let low = low.and_then(|_| hex4(rest.get(7..11)));
                    if matches!(low, Some(0xDC00..=0xDFFF)) {
                        self.at += 12;
                    } else if self.lenient {
                        self.at += 6;
                    } else {
                        return Err(self.syntax("lone surrogate"));
                    }
                }
                Some(0xDC00..=0xDFFF) if !self.lenient => return Err(self.syntax("lone surrogate")),
                Some(_) => self.at += 6,
            },
            _ => return Err(self.syntax("unknown escape")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), EnvelopeError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        let exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if exponent {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if exponent || self.at - start > LONG_NUMBER {
            self.finite(start)?;
        }
        Ok(())
    }

    #[cold]
    fn finite(&self, start: usize) -> Result<(), EnvelopeError> {
        let number = self.text.get(start..self.at).unwrap_or_default();
        match number.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(()),
            _ => Err(self.syntax("number out of range")),
        }
    }

    #[inline]
    fn digits(&mut self) -> Result<(), EnvelopeError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.syntax("expected a digit"))
        } else {
            Ok(())
        }
    }

    fn word(&mut self, word: &'static str) -> Result<(), EnvelopeError> {
        match self.bytes.get(self.at..) {
            Some(rest) if rest.starts_with(word.as_bytes()) => {
                self.at += word.len();
                Ok(())
            }
            _ => Err(self.syntax("expected a value")),
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8, rule: &'static str) -> Result<(), EnvelopeError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            Err(self.syntax(rule))
        }
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }
}

/// The open containers of a value, one bit each: no more than [`MAX_DEPTH`] fit, which is the limit anyway.
struct Stack {
    open: u32,
    around: u32,
    objects: u64,
}

impl Stack {
    #[inline]
    fn push(&mut self, object: bool) -> Option<()> {
        if self.open >= MAX_DEPTH {
            return None;
        }
        self.open += 1;
        self.objects = self.objects << 1 | u64::from(object);
        Some(())
    }

    #[inline]
    const fn pop(&mut self) {
        self.open -= 1;
        self.objects >>= 1;
    }

    /// Whether the innermost container is an object; nothing when none is open.
    #[inline]
    const fn top(&self) -> Option<bool> {
        if self.open == self.around {
            None
        } else {
            Some(self.objects & 1 == 1)
        }
    }
}

/// Marks the high bit of each byte that is a quote, a backslash or below a space.
///
/// Only the lowest mark is exact: a borrow may set marks above it.
#[inline]
const fn special_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES << 7;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = word ^ (ONES * b'"' as u64);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = word ^ (ONES * b'\\' as u64);
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (control | quote | backslash) & HIGHS
}

fn hex4(digits: Option<&[u8]>) -> Option<u16> {
    digits?.iter().try_fold(0u16, |value, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(value << 4 | u16::try_from(digit).ok()?)
    })
}

/// The value of a string whose escapes are known to be right.
#[cold]
fn unescape(raw: &str) -> String {
    let mut value = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, escape)) = rest.split_once('\\') {
        value.push_str(plain);
        let mut chars = escape.chars();
        match chars.next() {
            Some('b') => value.push('\u{8}'),
            Some('f') => value.push('\u{c}'),
            Some('n') => value.push('\n'),
            Some('r') => value.push('\r'),
            Some('t') => value.push('\t'),
            Some('u') => {
                let units = [escape.get(1..5), escape.get(7..11)]
                    .map(|digits| hex4(digits.map(str::as_bytes)).unwrap_or_default());
                let pair = matches!(units, [0xD800..=0xDBFF, 0xDC00..=0xDFFF])
                    && escape.get(5..7) == Some("\\u");
                value.extend(
                    char::decode_utf16(units.into_iter().take(if pair { 2 } else { 1 }))
                        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)),
                );
                chars = escape
                    .get(if pair { 11 } else { 5 }..)
                    .unwrap_or_default()
                    .chars();
            }
            Some(other) => value.push(other),
            None => {}
        }
        rest = chars.as_str();
    }
    value.push_str(rest);
    value
}

/// Numbers of more characters may be beyond a double without an exponent.
const LONG_NUMBER: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_first_special_byte_of_eight() {
        for special in (0..0x20).chain([b'"', b'\\']) {
            for at in 0..8 {
                for filler in [
                    b' ', b'a', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff,
                ] {
                    let mut word = [filler; 8];
                    assert_eq!(special_bytes(u64::from_le_bytes(word)), 0, "{filler:#x}");
                    word[at] = special;
                    let found = special_bytes(u64::from_le_bytes(word));
                    assert_eq!(
                        (found.trailing_zeros() / 8) as usize,
                        at,
                        "{special:#x} in {filler:#x}"
                    );
                }
            }
        }
    }
}
