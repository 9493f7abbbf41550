//! Lists of tools in answers: found by their shape, cut down to what may be seen.
//!
//! Promises: every message in which some client could find a list of tools is looked into, whatever was asked; what
//! remains keeps its bytes; where nothing is taken away, nothing is written. Must not: know who may see what – the
//! caller says so tool by tool – nor look into results any deeper.
//!
//! Start reading at [`restrict`]; [`may_hold_tools`] is the quick look before it.
//!
//! # Why by shape
//! An answer may come on another stream than the one that was asked on (resumed, or a server's own choice), so what
//! was asked says nothing. A list of tools is the array `tools` in the object `result` of a message.

use super::keys::looks_like;
use super::scan::{Scanner, Text};
use super::{EnvelopeError, MAX_DEPTH};

/// What became of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restricted {
    /// No list in it.
    NoList,
    /// All that is listed may be seen.
    Untouched,
    /// The text with the other tools taken out, and its hint to caches made private.
    Changed(String),
}

/// Whether a text, JSON or not, can hold a list of tools for anybody. Quick and generous: an escape in a name or a
/// byte that is no text of UTF-8 means that it can.
pub fn may_hold_tools(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = memchr::memchr3(b't', b'T', b'\\', rest) {
        let (_, found) = rest.split_at_checked(at).unwrap_or_default();
        if ends_a_key(found) || found.starts_with(b"\\u") {
            return true;
        }
        rest = found.get(1..).unwrap_or_default();
    }
    memchr::memchr(0, text).is_some() || std::str::from_utf8(text).is_err()
}

/// Whether `tools"` stands there, for parsers that ignore case too.
fn ends_a_key(text: &[u8]) -> bool {
    let (letters, rest) = text.split_at_checked(LETTERS.len()).unwrap_or_default();
    letters.eq_ignore_ascii_case(LETTERS)
        && [&b"s\""[..], b"S\"", LONG_S]
            .iter()
            .any(|end| rest.starts_with(end))
}

/// Takes the tools that `keep` does not know out of every list in a text: one message, or a batch.
///
/// # Errors
/// When the text is no JSON, or when clients could read different lists from it.
pub fn restrict(
    text: &[u8],
    mut keep: impl FnMut(&str) -> bool,
) -> Result<Restricted, EnvelopeError> {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let mut scanner = Scanner::new(text)?.lenient();
    let mut cutter = Cutter {
        keep: &mut keep,
        lists: 0,
        edits: Vec::new(),
    };
    match scanner.value_start() {
        Some(b'{') => cutter.message(&mut scanner, 0)?,
        Some(b'[') => scanner.array(|scanner| match scanner.value_start() {
            Some(b'{') => cutter.message(scanner, 1),
            _ => scanner.skip_value(1),
        })?,
        _ => scanner.skip_value(0)?,
    }
    scanner.end()?;
    let Cutter { lists, edits, .. } = cutter;
    if edits.is_empty() {
        return Ok(if lists == 0 {
            Restricted::NoList
        } else {
            Restricted::Untouched
        });
    }
    let mut changed = String::with_capacity(text.len());
    let mut done = 0;
    for edit in &edits {
        changed.push_str(scanner.slice(done, edit.start));
        changed.push_str(&edit.text);
        done = edit.end;
    }
    changed.push_str(scanner.slice(done, text.len()));
    Ok(Restricted::Changed(changed))
}

/// What stands in the place of a part of the text.
struct Edit {
    start: usize,
    end: usize,
    text: String,
}

struct Cutter<'k> {
    keep: &'k mut dyn FnMut(&str) -> bool,
    lists: usize,
    /// By place, none inside another.
    edits: Vec<Edit>,
}

impl Cutter<'_> {
    fn message(&mut self, scanner: &mut Scanner<'_>, open: u32) -> Result<(), EnvelopeError> {
        let mut seen = false;
        scanner.object(open, |scanner, key| {
            if is_only(key, "result", MESSAGE, &mut seen)? && scanner.value_start() == Some(b'{') {
                self.result(scanner, open + 1)
            } else {
                scanner.skip_value(open + 1)
            }
        })
    }

    fn result(&mut self, scanner: &mut Scanner<'_>, open: u32) -> Result<(), EnvelopeError> {
        let mut seen = [false; 3];
        let [tools, scope, life] = &mut seen;
        let (mut cut, mut hint) = (None, None);
        let start = scanner.at() + 1;
        scanner.object(open, |scanner, key| {
            if is_only(key, "tools", RESULT, tools)? && scanner.value_start() == Some(b'[') {
                self.lists += 1;
                cut = self.tools(scanner, open + 1)?;
                return Ok(());
            }
            let is_scope = is_only(key, "cacheScope", RESULT, scope)?;
            is_only(key, "ttlMs", RESULT, life)?;
            scanner.value_start();
            let from = scanner.at();
            scanner.skip_value(open + 1)?;
            if is_scope {
                hint = Some((from, scanner.at()));
            }
            Ok(())
        })?;
        let Some(cut) = cut else { return Ok(()) };
        let hint = match hint {
            Some((start, end)) => Some(Edit {
                start,
                end,
                text: PRIVATE.to_owned(),
            }),
            None if *life => Some(Edit {
                start,
                end: start,
                text: ["\"cacheScope\":", PRIVATE, ","].concat(),
            }),
            None => None,
        };
        let first = self.edits.len();
        self.edits.extend(hint.into_iter().chain([cut]));
        if let Some(edits) = self.edits.get_mut(first..) {
            edits.sort_by_key(|edit| edit.start);
        }
        Ok(())
    }

    /// Steps over a list; what stands in its place when something was taken out of it.
    fn tools(
        &mut self,
        scanner: &mut Scanner<'_>,
        open: u32,
    ) -> Result<Option<Edit>, EnvelopeError> {
        if open >= MAX_DEPTH {
            return Err(EnvelopeError::Depth { at: scanner.at() });
        }
        let start = scanner.at();
        let mut before = start + 1;
        let mut left: Option<String> = None;
        scanner.array(|scanner| {
            scanner.value_start();
            let from = scanner.at();
            let may_stay = self.tool(scanner, open + 1)?;
            match &mut left {
                None if may_stay => before = scanner.at(),
                None => left = Some(scanner.slice(start, before).to_owned()),
                Some(left) if may_stay => {
                    if left.len() > 1 {
                        left.push(',');
                    }
                    left.push_str(scanner.slice(from, scanner.at()));
                }
                Some(_) => {}
            }
            Ok(())
        })?;
        Ok(left.map(|mut text| {
            text.push(']');
            Edit {
                start,
                end: scanner.at(),
                text,
            }
        }))
    }

    /// Steps over an element of a list; whether it may stay. What has no name cannot be allowed.
    fn tool(&mut self, scanner: &mut Scanner<'_>, open: u32) -> Result<bool, EnvelopeError> {
        if scanner.value_start() != Some(b'{') {
            scanner.skip_value(open)?;
            return Ok(false);
        }
        let mut seen = false;
        let mut may_stay = false;
        scanner.object(open, |scanner, key| {
            if is_only(key, "name", TOOL, &mut seen)? && scanner.value_start() == Some(b'"') {
                may_stay = (self.keep)(&scanner.string()?.value());
                return Ok(());
            }
            scanner.skip_value(open + 1)
        })?;
        Ok(may_stay)
    }
}

/// Whether the key is this field, which may stand there once and in this spelling only.
fn is_only(
    key: Text<'_>,
    field: &'static str,
    object: &'static str,
    seen: &mut bool,
) -> Result<bool, EnvelopeError> {
    let key = key.value();
    if looks_like(&key, field) {
        return Err(EnvelopeError::LookAlike { object, field });
    }
    if key != field {
        return Ok(false);
    }
    if std::mem::replace(seen, true) {
        return Err(EnvelopeError::Duplicate { object });
    }
    Ok(true)
}

const MESSAGE: &str = "the message";
const RESULT: &str = "`result`";
const TOOL: &str = "a tool of `result.tools`";
const LETTERS: &[u8] = b"tool";
/// The letter beyond ASCII that some parsers take for an `s`, and a quote.
const LONG_S: &[u8] = b"\xc5\xbf\"";
const PRIVATE: &str = "\"private\"";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

#[cfg(test)]
mod tests;
