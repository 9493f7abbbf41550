//! The keys that exist, read from `defaults.toml`.

use std::collections::BTreeMap;

use figment::value::Value;

/// The manual of every key, and the lowest layer.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// Every key with the shape of its value and its default.
#[derive(Debug)]
pub(super) struct Schema(BTreeMap<String, Entry>);

/// What is known about one key.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) shape: Shape,
    /// Absent: not set by default.
    pub(super) default: Option<Value>,
}

/// How a value looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Bool,
    Number,
    List,
}

impl Schema {
    /// Reads the compiled-in defaults.
    pub(super) fn compiled() -> Result<Self, toml::de::Error> {
        let table: toml::Table = toml::from_str(DEFAULTS)?;
        let mut entries = BTreeMap::new();
        collect("", &table, &mut entries);
        Ok(Self(entries))
    }

    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        self.0.get(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What the manual says a value is, such as `duration` or `list of host names`.
    pub(super) fn unit(key: &str) -> Option<&'static str> {
        let (mut section, mut unit) = ("", None);
        for line in DEFAULTS.lines() {
            if let Some((_, facts)) = line.split_once(" | unit: ") {
                unit = facts.split(" | ").next();
            } else if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            } else if let Some((name, _)) = line.split_once(" = ")
                && key.rsplit_once('.').unwrap_or(("", key)) == (section, name)
            {
                return unit;
            }
        }
        None
    }

    pub(super) fn is_section(&self, key: &str) -> bool {
        self.keys().any(|known| {
            known
                .strip_prefix(key)
                .is_some_and(|rest| rest.starts_with('.'))
        })
    }

    /// The key that a deserializer's path lies in: itself, or the list whose item it is.
    pub(super) fn owner<'path>(&self, path: &'path [String]) -> Option<String>
    where
        Self: 'path,
    {
        (1..=path.len())
            .rev()
            .filter_map(|count| path.get(..count))
            .map(|head| head.join("."))
            .find(|key| self.0.contains_key(key))
    }

    /// Brings a value into the shape that its key has, where that is possible without guessing:
    /// `yes` is a boolean, `a,b` a list. `None`: an empty text, which means not set.
    pub(super) fn shaped(&self, key: &str, value: &toml::Value) -> Option<Value> {
        let shape = self.entry(key).map_or(Shape::Text, |entry| entry.shape);
        let shaped = match (shape, value) {
            (_, toml::Value::String(text)) if text.is_empty() => return None,
            (Shape::Bool, toml::Value::String(text)) => {
                boolean(text).map_or_else(|| value.clone(), toml::Value::Boolean)
            }
            (Shape::Bool, toml::Value::Integer(0)) => toml::Value::Boolean(false),
            (Shape::Bool, toml::Value::Integer(1)) => toml::Value::Boolean(true),
            (Shape::Number, toml::Value::String(text)) => number(text),
            (Shape::List, toml::Value::String(text)) => toml::Value::Array(
                text.split([',', ' ', '\t', '\n', '\r'])
                    .filter(|item| !item.is_empty())
                    .map(|item| {
                        if NUMBER_LISTS.contains(&key) {
                            number(item)
                        } else {
                            item.into()
                        }
                    })
                    .collect(),
            ),
            (Shape::Text, toml::Value::String(text)) if LOWER_CASE.contains(&key) => {
                text.to_ascii_lowercase().into()
            }
            _ => value.clone(),
        };
        Value::serialize(&shaped).ok()
    }
}

fn collect(prefix: &str, table: &toml::Table, entries: &mut BTreeMap<String, Entry>) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let shape = match value {
            toml::Value::Table(inner) => {
                collect(&key, inner, entries);
                continue;
            }
            toml::Value::Boolean(_) => Shape::Bool,
            toml::Value::Integer(_) => Shape::Number,
            toml::Value::Array(_) => Shape::List,
            toml::Value::String(_) | toml::Value::Float(_) | toml::Value::Datetime(_) => {
                Shape::Text
            }
        };
        let set = value.as_str() != Some("");
        let default = set.then(|| Value::serialize(value).ok()).flatten();
        entries.insert(key, Entry { shape, default });
    }
}

/// Reads a boolean as people write it.
fn boolean(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// A number, or the text as it is, so that the mistake can be shown.
fn number(text: &str) -> toml::Value {
    text.trim()
        .parse::<i64>()
        .map_or_else(|_| text.into(), toml::Value::Integer)
}

/// Lists whose items are numbers.
const NUMBER_LISTS: &[&str] = &["network.blocked_ports"];

/// Words that are accepted in any case.
const LOWER_CASE: &[&str] = &["audit.access", "log.format"];

#[cfg(test)]
mod tests;
