//! Reading typed values out of a JSON object while noting every mistake.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::FieldError;

/// An object under examination: each reader notes the field as known and its mistakes.
pub(crate) struct Fields<'a> {
    map: &'a Map<String, Value>,
    prefix: &'static str,
    known: BTreeSet<&'static str>,
    errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// The body itself.
    pub(crate) fn new(map: &'a Map<String, Value>) -> Self {
        Self::below(map, "")
    }

    /// An object inside the body, at a JSON pointer.
    pub(crate) fn below(map: &'a Map<String, Value>, prefix: &'static str) -> Self {
        Self {
            map,
            prefix,
            known: BTreeSet::new(),
            errors: Vec::new(),
        }
    }

    /// Whether the field was written, whatever its value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// The value as written.
    pub(crate) fn raw(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.insert(name);
        self.map.get(name)
    }

    /// A text; `None` also when it is wrong.
    pub(crate) fn text(&mut self, name: &'static str, rule: Text) -> Option<String> {
        let value = self.raw(name)?;
        match rule.check(value) {
            Ok(text) => Some(text),
            Err(rule) => {
                self.wrong(name, rule);
                None
            }
        }
    }

    /// A text that may be null or empty, both meaning none.
    pub(crate) fn optional_text(&mut self, name: &'static str, rule: Text) -> Option<String> {
        self.raw(name).filter(|value| !value.is_null())?;
        self.text(name, rule).filter(|text| !text.is_empty())
    }

    /// One of a few words.
    pub(crate) fn one_of(
        &mut self,
        name: &'static str,
        words: &[&'static str],
    ) -> Option<&'static str> {
        let value = self.raw(name)?;
        let word = words
            .iter()
            .find(|word| Some(**word) == value.as_str())
            .copied();
        if word.is_none() {
            self.wrong(name, format!("must be one of {}", words.join(", ")));
        }
        word
    }

    /// True or false.
    pub(crate) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let value = self.raw(name)?;
        let flag = value.as_bool();
        if flag.is_none() {
            self.wrong(name, "must be true or false");
        }
        flag
    }

    /// A whole number that may be null, meaning none.
    pub(crate) fn optional_integer(
        &mut self,
        name: &'static str,
        min: u64,
        max: u64,
    ) -> Option<u64> {
        let value = self.raw(name).filter(|value| !value.is_null())?;
        let number = value.as_u64().filter(|number| (min..=max).contains(number));
        if number.is_none() {
            self.wrong(name, format!("must be a whole number from {min} to {max}"));
        }
        number
    }

    /// A list of at most `max` items; `None` also when it is wrong.
    pub(crate) fn list(&mut self, name: &'static str, max: usize) -> Option<&'a [Value]> {
        match self.raw(name)? {
            Value::Array(items) if items.len() <= max => Some(items),
            Value::Array(_) => {
                self.wrong(name, format!("must hold at most {max} items"));
                None
            }
            _ => {
                self.wrong(name, "must be a list");
                None
            }
        }
    }

    /// Notes a mistake in a field of this object.
    pub(crate) fn wrong(&mut self, name: &str, rule: impl Into<String>) {
        let value = self.map.get(name).unwrap_or(&Value::Null);
        let pointer = format!(
            "{}/{}",
            self.prefix,
            name.replace('~', "~0").replace('/', "~1")
        );
        self.errors.push(FieldError::new(pointer, value, rule));
    }

    /// Notes a mistake deeper inside.
    pub(crate) fn wrong_at(&mut self, pointer: String, value: &Value, rule: impl Into<String>) {
        self.errors.push(FieldError::new(pointer, value, rule));
    }

    /// Takes over the mistakes of an inner object.
    pub(crate) fn absorb(&mut self, inner: Fields<'_>) {
        self.errors.extend(inner.errors);
    }

    /// Names that no reader has asked for.
    pub(crate) fn unknown(&self) -> Vec<String> {
        self.map
            .keys()
            .filter(|name| !self.known.contains(name.as_str()))
            .cloned()
            .collect()
    }

    /// All mistakes.
    pub(crate) fn into_errors(self) -> Vec<FieldError> {
        self.errors
    }
}

/// What a text must be.
#[derive(Clone, Copy)]
pub(crate) struct Text {
    max: usize,
    lines: bool,
    required: bool,
}

impl Text {
    /// One line of at most `max` characters.
    pub(crate) const fn line(max: usize) -> Self {
        Self {
            max,
            lines: false,
            required: false,
        }
    }

    /// Text of at most `max` characters in which line breaks and tabs are fine.
    pub(crate) const fn lines(max: usize) -> Self {
        Self {
            max,
            lines: true,
            required: false,
        }
    }

    /// And not blank.
    pub(crate) const fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    /// The text, trimmed where it is a line.
    pub(crate) fn check(self, value: &Value) -> Result<String, String> {
        let Value::String(text) = value else {
            return Err("must be a text".to_owned());
        };
        let text = if self.lines { text } else { text.trim() };
        if self.required && text.trim().is_empty() {
            return Err("must not be empty".to_owned());
        }
        if text.chars().count() > self.max {
            return Err(format!("must be at most {} characters long", self.max));
        }
        let control = |c: char| c.is_control() && !(self.lines && matches!(c, '\n' | '\r' | '\t'));
        if text.chars().any(control) {
            return Err("must not hold control characters".to_owned());
        }
        Ok(text.to_owned())
    }
}

/// Length of the value's JSON text.
pub(crate) fn size(value: &Value) -> usize {
    value.to_string().len()
}

/// The value as far as it is worth showing.
pub(crate) fn shown(value: &Value) -> Value {
    const MAX: usize = 200;
    match value {
        Value::String(text) if text.chars().count() > MAX => {
            let mut short: String = text.chars().take(MAX).collect();
            short.push('…');
            Value::String(short)
        }
        Value::Array(items) if size(value) > MAX => {
            Value::String(format!("(a list of {} items)", items.len()))
        }
        Value::Object(map) if size(value) > MAX => {
            Value::String(format!("(an object of {} fields)", map.len()))
        }
        other => other.clone(),
    }
}
