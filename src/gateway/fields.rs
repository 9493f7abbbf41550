//! The fields of a request or an answer, in the order they came.
//!
//! Promises: a field is found whatever the case of its name; what is written elsewhere is byte for byte
//! what came. Whoever reads fields has checked their syntax: here nothing is refused.
//!
//! # Why
//! A map of names and values copies, hashes and counts references for each field, which costs more
//! than all that is decided on them. Here they stay where they came, in one piece of memory: a field is
//! two places in it and a [`Name`], which is found out once and says what phases want to know.

mod name;

use std::ops::Range;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{HeaderMap, HeaderName};

pub use self::name::Name;

/// Names and values; a name may come more than once.
#[derive(Clone, Debug, Default)]
pub struct FieldList {
    /// Names and values lie in it,
    came: Bytes,
    /// or, as if it came behind, in what was added.
    added: Vec<u8>,
    list: Vec<Field>,
    present: Names,
    repeated: Names,
}

/// One field of a list.
#[derive(Clone, Copy, Debug)]
struct Field {
    name: Name,
    spelling: Span,
    value: Span,
    /// It came as `name: value` and a line's end.
    is_line: bool,
}

/// A place in the text of a list.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    length: u32,
}

/// A set of names.
#[derive(Clone, Copy, Debug, Default)]
struct Names(u64);

impl Names {
    const fn has(self, name: Name) -> bool {
        self.0 & (1 << name as u8) != 0
    }

    /// Adds a name; false where it was there.
    const fn add(&mut self, name: Name) -> bool {
        let before = self.0;
        self.0 |= 1 << name as u8;
        before != self.0
    }
}

impl FieldList {
    /// An empty list of fields that lie in `came`, room for `count` of them.
    pub fn of(came: Bytes, count: usize) -> Self {
        Self {
            came,
            list: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    /// Adds a field that lies in the text of this list, `name` being what its spelling says. One that
    /// lies elsewhere is copied.
    pub fn note(&mut self, name: Name, spelling: &[u8], value: &[u8]) {
        match (self.within(spelling), self.within(value)) {
            (Some(at), Some(value)) => {
                let is_line = self.is_line(at, value);
                self.add(name, at, value, is_line);
            }
            _ => self.push(spelling, value),
        }
    }

    /// Whether the text reads `name: value` and a line's end there.
    fn is_line(&self, spelling: Span, value: Span) -> bool {
        let colon = spelling.end();
        colon.wrapping_add(2) == value.start as usize
            && self
                .came
                .get(colon..)
                .is_some_and(|rest| rest.starts_with(b": "))
            && self
                .came
                .get(value.end()..)
                .is_some_and(|rest| rest.starts_with(b"\r\n"))
    }

    /// Whether a part of the text is nothing but these fields, each `name: value` and a line's end.
    pub fn are_lines(&self, part: Range<usize>) -> bool {
        let mut at = part.start;
        self.list.iter().all(|field| {
            let starts = field.is_line && field.spelling.start as usize == at;
            at = field.value.end().wrapping_add(2);
            starts
        }) && at == part.end
    }

    /// Where a part of the text lies.
    fn within(&self, part: &[u8]) -> Option<Span> {
        let start = part
            .as_ptr()
            .addr()
            .checked_sub(self.came.as_ptr().addr())?;
        let ends = start.checked_add(part.len())?;
        (ends <= self.came.len()).then_some(Span::new(start, part.len()))?
    }

    /// Adds a field behind the others; one with control characters in it is none, and left out.
    pub fn push(&mut self, spelling: &[u8], value: &[u8]) {
        self.push_as(Name::of(spelling), spelling, value);
    }

    /// The same where it is known what the spelling says.
    fn push_as(&mut self, name: Name, spelling: &[u8], value: &[u8]) {
        if !is_value(value) {
            return;
        }
        let at = self.append(spelling);
        let value = self.append(value);
        self.add(name, at, value, false);
    }

    fn append(&mut self, text: &[u8]) -> Span {
        let start = self.came.len() + self.added.len();
        self.added.extend_from_slice(text);
        // No list is as long as four gigabytes: heads have their limits.
        Span::new(start, text.len()).unwrap_or(Span {
            start: 0,
            length: 0,
        })
    }

    fn add(&mut self, name: Name, spelling: Span, value: Span, is_line: bool) {
        if !self.present.add(name) && (name.is_one() || self.has_spelling(name, spelling)) {
            self.repeated.add(name);
        }
        self.list.push(Field {
            name,
            spelling,
            value,
            is_line,
        });
    }

    /// Whether a name of a family is there in this spelling.
    fn has_spelling(&self, name: Name, spelling: Span) -> bool {
        let spelling = self.text(spelling);
        let mut family = self.list.iter().filter(|field| field.name == name);
        family.any(|field| self.text(field.spelling).eq_ignore_ascii_case(spelling))
    }

    fn text(&self, span: Span) -> &[u8] {
        let (start, length) = (span.start as usize, span.length as usize);
        let (text, start) = match start.checked_sub(self.came.len()) {
            None => (&*self.came, start),
            Some(start) => (&*self.added, start),
        };
        text.get(start..start + length).unwrap_or_default()
    }

    /// Writes the fields that are wanted as lines of an HTTP/1.1 head. Lines that came one behind the other
    /// in this form are copied in one piece.
    pub fn write(&self, to: &mut Vec<u8>, mut wanted: impl FnMut(Name, &[u8]) -> bool) {
        let mut run = 0..0;
        for field in &self.list {
            if !wanted(field.name, self.text(field.spelling)) {
                continue;
            }
            let line = field.line();
            if let Some(line) = &line
                && line.start == run.end
            {
                run.end = line.end;
                continue;
            }
            to.extend_from_slice(self.came.get(run).unwrap_or_default());
            run = line.unwrap_or_else(|| {
                let (name, value) = (self.text(field.spelling), self.text(field.value));
                put_line(to, name, value);
                0..0
            });
        }
        to.extend_from_slice(self.came.get(run).unwrap_or_default());
    }

    /// How many fields there are.
    pub const fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All fields: what each is, how its name is spelt, its value.
    pub fn iter(&self) -> impl Iterator<Item = (Name, &[u8], &[u8])> {
        self.list.iter().map(|field| {
            (
                field.name,
                self.text(field.spelling),
                self.text(field.value),
            )
        })
    }

    /// Bytes of all names and values.
    pub fn bytes(&self) -> usize {
        let both = |field: &Field| field.spelling.length as usize + field.value.length as usize;
        self.list.iter().map(both).sum()
    }

    /// Whether a field of this name is there.
    pub const fn has(&self, name: Name) -> bool {
        self.present.has(name)
    }

    /// Whether a name comes more than once; of a family, whether one of its names does.
    pub const fn repeats(&self, name: Name) -> bool {
        self.repeated.has(name)
    }

    /// The values of a name.
    pub fn all(&self, name: Name) -> impl Iterator<Item = &[u8]> {
        let list = if self.has(name) { &*self.list } else { &[] };
        list.iter()
            .filter(move |field| field.name == name)
            .map(|field| self.text(field.value))
    }

    /// The first value of a name.
    pub fn get(&self, name: Name) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The first value of a name, when it is visible ASCII with blanks and tabs in it.
    pub fn get_str(&self, name: Name) -> Option<&str> {
        self.get(name).and_then(visible)
    }

    /// The values of all fields that are spelt so, in whatever case.
    pub fn spelt<'f>(&'f self, spelling: &'f str) -> impl Iterator<Item = &'f [u8]> {
        self.iter()
            .filter(move |(_, other, _)| other.eq_ignore_ascii_case(spelling.as_bytes()))
            .map(|(_, _, value)| value)
    }

    /// Removes what `Connection` names beside itself: fields of this hop (RFC 9110 §7.6.1).
    pub fn remove_named_by_connection(&mut self) {
        let named: Vec<Vec<u8>> = connection_tokens(self)
            .filter(|token| Name::of(token) != Name::ContentLength)
            .map(<[u8]>::to_vec)
            .collect();
        if !named.is_empty() {
            self.keep(|_, spelling| !named.iter().any(|one| one.eq_ignore_ascii_case(spelling)));
        }
    }

    /// Removes all fields of a name.
    pub fn remove(&mut self, name: Name) {
        if self.has(name) {
            self.keep(|other, _| other != name);
        }
    }

    /// Keeps the fields that are wanted, judged by what they are and how they are spelt.
    pub fn keep(&mut self, mut wanted: impl FnMut(Name, &[u8]) -> bool) {
        let list = std::mem::take(&mut self.list);
        (self.present, self.repeated) = Default::default();
        for field in list {
            if wanted(field.name, self.text(field.spelling)) {
                self.add(field.name, field.spelling, field.value, field.is_line);
            }
        }
    }

    /// Sets a field, replacing all that are spelt so.
    pub fn set(&mut self, spelling: &str, value: &[u8]) {
        let (name, spelling) = (Name::of(spelling.as_bytes()), spelling.as_bytes());
        if name.is_one() && self.has(name) && !self.repeats(name) && is_value(value) {
            let value = self.append(value);
            if let Some(field) = self.list.iter_mut().find(|field| field.name == name) {
                field.value = value;
                field.is_line = false;
            }
            return;
        }
        if name.is_one() {
            self.remove(name);
        } else if self.has(name) {
            self.keep(|_, other| !other.eq_ignore_ascii_case(spelling));
        }
        self.push(spelling, value);
    }
}

impl Field {
    /// Where it stands as a line of its own.
    fn line(&self) -> Option<Range<usize>> {
        let lies = || self.spelling.start as usize..self.value.end().wrapping_add(2);
        self.is_line.then(lies)
    }
}

impl Span {
    const fn end(self) -> usize {
        (self.start as usize).wrapping_add(self.length as usize)
    }

    fn new(start: usize, length: usize) -> Option<Self> {
        Some(Self {
            start: u32::try_from(start).ok()?,
            length: u32::try_from(length).ok()?,
        })
    }
}

/// Writes one line of an HTTP/1.1 head.
#[inline]
pub fn put_line(to: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    to.extend_from_slice(name);
    to.extend_from_slice(b": ");
    to.extend_from_slice(value);
    to.extend_from_slice(b"\r\n");
}

/// What `Connection` says beside that the connection goes on: names of fields of this hop, mostly.
pub fn connection_tokens(fields: &FieldList) -> impl Iterator<Item = &[u8]> {
    let values = fields.all(Name::Connection);
    values
        .flat_map(|value| value.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty() && !token.eq_ignore_ascii_case(b"keep-alive"))
}

/// Whether a text can be a field's value.
fn is_value(text: &[u8]) -> bool {
    let odd = |byte: &u8| u8::from(byte.is_ascii_control() && *byte != b'\t');
    text.iter().fold(0, |any, byte| any | odd(byte)) == 0
}

/// Text of visible ASCII, blanks and tabs.
pub fn visible(value: &[u8]) -> Option<&str> {
    // Without a way out in the middle the compiler looks at many bytes at once.
    let odd = |byte: &u8| u8::from(!matches!(byte, b' '..=b'~' | b'\t'));
    if value.iter().fold(0, |any, byte| any | odd(byte)) != 0 {
        return None;
    }
    std::str::from_utf8(value).ok()
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for FieldList {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(written: I) -> Self {
        let mut fields = Self::default();
        for (name, value) in written {
            fields.push(name.as_ref(), value.as_ref());
        }
        fields
    }
}

impl From<&HeaderMap> for FieldList {
    fn from(map: &HeaderMap) -> Self {
        let mut fields = Self::of(Bytes::new(), map.len());
        let bytes = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        fields.added.reserve(map.iter().map(bytes).sum());
        for (name, value) in map {
            // Names of a map are in lower case.
            let spelling = name.as_str().as_bytes();
            fields.push_as(Name::of_lower(spelling), spelling, value.as_bytes());
        }
        fields
    }
}

impl From<&FieldList> for HeaderMap {
    /// What is no field of a map is left out; no reader lets such a field pass.
    fn from(fields: &FieldList) -> Self {
        let mut map = Self::with_capacity(fields.len());
        for (name, spelling, value) in fields.iter() {
            let value = if fields.within(value).is_some() {
                HeaderValue::from_maybe_shared(fields.came.slice_ref(value))
            } else {
                HeaderValue::from_bytes(value)
            };
            if let (Ok(spelling), Ok(mut value)) = (HeaderName::from_bytes(spelling), value) {
                value.set_sensitive(name.is_secret());
                map.append(spelling, value);
            }
        }
        map
    }
}

#[cfg(test)]
mod tests;
