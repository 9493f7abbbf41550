//! Log lines as JSON, one object each.
//!
//! # Why
//! The access log is a line per request, and counts in what a request costs: with the formatter of
//! `tracing-subscriber` and a second pass for unsafe characters, a call with both access logs on took 1.67
//! times what it takes NGINX. Here a field is written once, straight into the line, with what is unsafe in
//! it escaped on the way.

use std::cell::RefCell;
use std::fmt::{self, Debug, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

use super::escape::is_unsafe;
use super::queue::Queue;

/// Writes every event as `{"timestamp", "level", fields…, "target"}`, with `span` where there is one,
/// into each of its queues.
#[derive(Debug)]
pub(super) struct JsonLines(pub(super) Vec<Queue>);

impl<S> Layer<S> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = SpanFields(Vec::new());
            attributes.record(&mut Fields(&mut fields.0));
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<SpanFields>()
        {
            record.record(&mut Fields(&mut fields.0));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        // Taken out: what a value's `Debug` logs while it is written gets a line of its own. A thread
        // that ends has no such places any more.
        let mut line = LINE.try_with(RefCell::take).unwrap_or_default();
        self.write(&mut line, event, &context);
        let _ = LINE.try_with(|kept| kept.replace(line));
    }
}

impl JsonLines {
    fn write<S>(&self, line: &mut Vec<u8>, event: &Event<'_>, context: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        line.clear();
        line.extend_from_slice(b"{\"timestamp\":\"");
        let now = now();
        if CLOCK
            .try_with(|clock| clock.borrow_mut().write(now, line))
            .is_err()
        {
            Clock::default().write(now, line);
        }
        line.extend_from_slice(b"\",\"level\":\"");
        line.extend_from_slice(event.metadata().level().as_str().as_bytes());
        line.push(b'"');
        event.record(&mut Fields(line));
        line.extend_from_slice(b",\"target\":");
        text(line, event.metadata().target());
        if let Some(span) = context.lookup_current() {
            line.extend_from_slice(b",\"span\":{\"name\":");
            text(line, span.name());
            if let Some(fields) = span.extensions().get::<SpanFields>() {
                line.extend_from_slice(&fields.0);
            }
            line.push(b'}');
        }
        line.extend_from_slice(b"}\n");
        for queue in &self.0 {
            queue.send(line);
        }
        line.shrink_to(KEPT);
    }
}

/// Members of an object, each with a comma before it.
struct SpanFields(Vec<u8>);

/// Appends each field as a member, with a comma before it.
struct Fields<'l>(&'l mut Vec<u8>);

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        self.0.push(b',');
        let name = field.name();
        text(self.0, name.strip_prefix("r#").unwrap_or(name));
        self.0.push(b':');
    }

    /// A number or truth value, which JSON spells as Rust does.
    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        // Writing to a buffer in memory cannot fail.
        let _ = write!(Text(self.0), "{value}");
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, value);
        } else {
            self.plain(field, "null");
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.name(field);
        text(self.0, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.name(field);
        self.0.push(b'"');
        let _ = write!(Text(self.0), "{value:?}");
        self.0.push(b'"');
    }
}

/// A JSON string.
fn text(line: &mut Vec<u8>, value: &str) {
    line.push(b'"');
    Text(line).push(value);
    line.push(b'"');
}

/// The inside of a JSON string (RFC 8259, section 7), with unsafe characters as `\uXXXX`.
struct Text<'l>(&'l mut Vec<u8>);

impl Text<'_> {
    fn push(&mut self, value: &str) {
        let mut rest = value;
        while !rest.is_empty() {
            let plain = rest.bytes().position(|byte| !is_plain(byte));
            let (clean, more) = rest.split_at(plain.unwrap_or(rest.len()));
            self.0.extend_from_slice(clean.as_bytes());
            let mut characters = more.chars();
            if let Some(character) = characters.next() {
                self.character(character);
            }
            rest = characters.as_str();
        }
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.0.extend_from_slice(b"\\\""),
            '\\' => self.0.extend_from_slice(b"\\\\"),
            '\n' => self.0.extend_from_slice(b"\\n"),
            '\r' => self.0.extend_from_slice(b"\\r"),
            '\t' => self.0.extend_from_slice(b"\\t"),
            other if is_unsafe(other) => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    self.0.extend_from_slice(b"\\u");
                    for shift in [12, 8, 4, 0] {
                        let digit = usize::from(*unit >> shift & 0xf);
                        self.0.extend(b"0123456789abcdef".get(digit).copied());
                    }
                }
            }
            other => {
                let mut bytes = [0; 4];
                self.0
                    .extend_from_slice(other.encode_utf8(&mut bytes).as_bytes());
            }
        }
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, value: &str) -> fmt::Result {
        self.push(value);
        Ok(())
    }
}

/// Stands in a JSON string as it is.
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// The time of day to the microsecond; all but the fraction is spelt once a second.
#[derive(Default)]
struct Clock {
    second: Option<u64>,
    /// `2026-11-29T21:04:05`.
    spelling: String,
}

impl Clock {
    /// Appends the moment this long after 1970.
    fn write(&mut self, now: Duration, line: &mut Vec<u8>) {
        if self.second != Some(now.as_secs()) {
            self.second = Some(now.as_secs());
            let second = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            let time = OffsetDateTime::from_unix_timestamp(second).ok();
            self.spelling = time
                .and_then(|time| time.format(&Rfc3339).ok())
                .unwrap_or_default();
            self.spelling
                .truncate(self.spelling.trim_end_matches('Z').len());
        }
        line.extend_from_slice(self.spelling.as_bytes());
        line.push(b'.');
        let mut divisor = 100_000;
        while divisor > 0 {
            let digit = now.subsec_micros() / divisor % 10;
            line.extend(b"0123456789".get(digit as usize).copied());
            divisor /= 10;
        }
        line.push(b'Z');
    }
}

/// Since 1970; a clock that is set to before then is no reason to lose a line.
#[expect(
    clippy::disallowed_methods,
    reason = "a line's time is the system's, to the microsecond"
)]
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

thread_local! {
    /// The line that is being written; its room is used again for the next.
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static CLOCK: RefCell<Clock> = RefCell::default();
}

/// Room that a thread keeps for its next line.
const KEPT: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str) -> String {
        let mut line = Vec::new();
        text(&mut line, value);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn any_text_reads_back_as_it_was_and_shows_nothing_unsafe() {
        let every: String = (0..0x11_0000).filter_map(char::from_u32).collect();
        for value in ["", "plain", "a\"b\\c\u{1}\u{7f}d", "żółw 🐢", &every] {
            let json = written(value);
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), value);
            assert!(!json.chars().any(is_unsafe));
        }
    }

    #[test]
    fn the_time_is_spelt_to_the_microsecond() {
        let mut clock = Clock::default();
        for (seconds, nanos, spelling) in [
            (0, 0, "1970-01-01T00:00:00.000000Z"),
            (1_796_000_645, 123_456_789, "2026-11-30T01:04:05.123456Z"),
            (1_796_000_645, 999_999_999, "2026-11-30T01:04:05.999999Z"),
            (1_796_000_646, 7_000, "2026-11-30T01:04:06.000007Z"),
        ] {
            let mut line = Vec::new();
            clock.write(Duration::new(seconds, nanos), &mut line);
            assert_eq!(String::from_utf8(line).unwrap(), spelling);
        }
    }
}
