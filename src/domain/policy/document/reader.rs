//! Reads values and remembers each mistake with its place.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{GROUPS, Names, UI_SCOPES};
use crate::domain::path::is_segment;
use crate::domain::validate::FieldError;

/// Collects what is wrong and what is worth knowing.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) errors: Vec<FieldError>,
    pub(super) notes: Vec<FieldError>,
    /// What is not known is a mistake.
    strict: bool,
}

impl Reader {
    pub(super) const fn strict() -> Self {
        Self::new(true)
    }

    pub(super) const fn lenient() -> Self {
        Self::new(false)
    }

    const fn new(strict: bool) -> Self {
        Self {
            errors: Vec::new(),
            notes: Vec::new(),
            strict,
        }
    }

    pub(super) fn wrong(&mut self, at: &str, value: &Value, rule: &str) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(FieldError::new(at, value, rule));
        }
    }

    pub(super) fn note(&mut self, at: &str, value: &Value, text: &str) {
        if self.notes.len() < MAX_ERRORS {
            self.notes.push(FieldError::new(at, value, text));
        }
    }

    /// Something that is not known here.
    pub(super) fn unknown(&mut self, at: &str, value: &Value, what: &str) {
        if self.strict {
            self.wrong(at, value, what);
        } else {
            self.note(at, value, &format!("{what}; it was left out"));
        }
    }

    pub(super) fn only_known(
        &mut self,
        at: &str,
        map: &Map<String, Value>,
        known: &[&str],
        ignored: &[&str],
    ) {
        for (name, value) in map {
            if !known.contains(&name.as_str()) && !ignored.contains(&name.as_str()) {
                let what = format!("is not a field here; known are {}", known.join(", "));
                self.unknown(&below(at, name), value, &what);
            }
        }
    }

    pub(super) fn object<'v>(
        &mut self,
        at: &str,
        value: Option<&'v Value>,
    ) -> Option<&'v Map<String, Value>> {
        match value {
            Some(Value::Object(map)) => Some(map),
            other => {
                self.wrong(at, other.unwrap_or(&Value::Null), "must be an object");
                None
            }
        }
    }

    /// The entries of an object; nothing where it is absent.
    pub(super) fn entries<'v>(
        &mut self,
        at: &str,
        value: Option<&'v Value>,
    ) -> Vec<(&'v String, &'v Value)> {
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(_) => self
                .object(at, value)
                .map(|map| map.iter().collect())
                .unwrap_or_default(),
        }
    }

    /// The items of a list; nothing where it is absent.
    pub(super) fn items<'v>(
        &mut self,
        at: &str,
        value: Option<&'v Value>,
    ) -> Vec<(usize, &'v Value)> {
        match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) if items.len() <= MAX_ITEMS => {
                items.iter().enumerate().collect()
            }
            Some(Value::Array(_)) => {
                self.wrong(
                    at,
                    &Value::from("(long list)"),
                    "must have at most 10000 items",
                );
                Vec::new()
            }
            Some(other) => {
                self.wrong(at, other, "must be a list");
                Vec::new()
            }
        }
    }

    pub(super) fn flag(&mut self, at: &str, value: Option<&Value>) -> Option<bool> {
        match value {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(*flag),
            Some(other) => {
                self.wrong(at, other, "must be true or false");
                None
            }
        }
    }

    pub(super) fn text(&mut self, at: &str, value: Option<&Value>) -> Option<String> {
        let text = value.and_then(Value::as_str);
        let good = text.filter(|text| is_line(text));
        if good.is_none() {
            self.wrong(at, value.unwrap_or(&Value::Null), TEXT_RULE);
        }
        good.map(str::to_owned)
    }

    /// Names, or every one: `"*"`, or a list that holds `*` or `all`.
    pub(super) fn names(&mut self, at: &str, value: Option<&Value>) -> Names {
        if let Some(Value::String(text)) = value {
            if !EVERY.contains(&text.as_str()) {
                self.wrong(
                    at,
                    &Value::from(text.as_str()),
                    "must be a list of names, or \"*\"",
                );
            }
            return Names::All;
        }
        let mut names = BTreeSet::new();
        for (index, item) in self.items(at, value) {
            names.extend(self.text(&below(at, &index.to_string()), Some(item)));
        }
        if names.iter().any(|name| EVERY.contains(&name.as_str())) {
            Names::All
        } else {
            Names::Only(names)
        }
    }

    /// One server as files name it, or `*`.
    pub(super) fn server(&mut self, at: &str, value: &Value) -> Names {
        match value.as_str() {
            Some("*") => Names::All,
            Some(text) => self.server_ids(at, Names::Only(BTreeSet::from([text.to_owned()]))),
            None => {
                self.wrong(at, value, SERVER_RULE);
                Names::Only(BTreeSet::new())
            }
        }
    }

    /// Servers, or every one: `"*"` alone or in a list. A server may be called `all`.
    pub(super) fn servers(&mut self, at: &str, value: Option<&Value>) -> Names {
        let mut ids = BTreeSet::new();
        let single = value.filter(|value| value.is_string());
        let listed = match single {
            Some(value) => vec![(0, value)],
            None => self.items(at, value),
        };
        for (index, item) in listed {
            match self.server(&below(at, &index.to_string()), item) {
                Names::All => return Names::All,
                Names::Only(id) => ids.extend(id),
            }
        }
        Names::Only(ids)
    }

    /// The same names as servers' ids.
    pub(super) fn server_ids(&mut self, at: &str, names: Names) -> Names {
        let Names::Only(names) = names else {
            return Names::All;
        };
        let mut ids = BTreeSet::new();
        for name in names {
            let id = name.trim_matches('/');
            if !id.is_empty() && id.len() < MAX_NAME && id.split('/').all(is_segment) {
                ids.insert(id.to_owned());
            } else {
                self.wrong(at, &Value::from(name), SERVER_RULE);
            }
        }
        Names::Only(ids)
    }

    /// RFC 6749, section 3.3: names travel in lists separated by spaces.
    pub(super) fn scope_name(&mut self, at: &str, name: &str) {
        let is_token = (1..MAX_NAME).contains(&name.len())
            && name
                .bytes()
                .all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if !is_token || name == UI_SCOPES || name == GROUPS {
            self.wrong(at, &Value::from(name), SCOPE_RULE);
        }
    }

    pub(super) fn group_name(&mut self, at: &str, name: &str) {
        if !is_line(name) {
            self.wrong(at, &Value::from(name), TEXT_RULE);
        }
    }
}

/// A member of a JSON pointer (RFC 6901).
pub(super) fn below(at: &str, name: &str) -> String {
    format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"))
}

fn is_line(text: &str) -> bool {
    (1..=MAX_TEXT).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

const EVERY: &[&str] = &["*", "all"];
const SERVER_RULE: &str = "must be a server's path such as fininfo, or \"*\"";
const SCOPE_RULE: &str = "must be 1 to 200 printable ASCII characters without space, quote and backslash, and neither UI-Scopes nor group_mappings";
const TEXT_RULE: &str = "must be a text of 1 to 500 characters without control characters";
const MAX_NAME: usize = 201;
const MAX_TEXT: usize = 500;
const MAX_ITEMS: usize = 10_000;
const MAX_ERRORS: usize = 100;
