//! Settings while they are being put together: one value per key, its origin, and what went wrong.

use std::collections::BTreeMap;
use std::path::Path;

use figment::value::Value;

use super::mistake::Mistake;
use super::names::SECRETS;
use super::origin::Origin;
use super::schema::Schema;
use super::suggest;

/// One value and where it came from. The value may be a secret: `Debug` leaves it out.
#[derive(Clone)]
pub(super) struct Assigned {
    pub(super) value: Value,
    pub(super) origin: Origin,
}

impl std::fmt::Debug for Assigned {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("Assigned")
            .field(&self.origin)
            .finish()
    }
}

/// Settings while they are being put together.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) schema: Schema,
    pub(super) values: BTreeMap<String, Assigned>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) warnings: Vec<String>,
}

impl Draft {
    /// The lowest layer.
    pub(super) fn new(schema: Schema) -> Self {
        let values = schema
            .keys()
            .filter_map(|key| {
                let value = schema.entry(key)?.default.clone()?;
                Some((
                    key.to_owned(),
                    Assigned {
                        value,
                        origin: Origin::Default,
                    },
                ))
            })
            .collect();
        Self {
            schema,
            values,
            mistakes: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Puts a value above what is there; an empty text leaves what is there.
    pub(super) fn set(&mut self, key: &str, value: &toml::Value, origin: Origin) {
        if let Some(value) = self.schema.shaped(key, value) {
            self.values
                .insert(key.to_owned(), Assigned { value, origin });
        }
    }

    /// Puts a text above what is there.
    pub(super) fn set_text(&mut self, key: &str, text: &str, origin: Origin) {
        self.set(key, &toml::Value::String(text.to_owned()), origin);
    }

    /// Puts a value where there is none.
    pub(super) fn set_default(&mut self, key: &str, text: &str, origin: Origin) {
        if !self.values.contains_key(key) {
            self.set_text(key, text, origin);
        }
    }

    /// Goes back to the default, so that the rest can be examined.
    pub(super) fn reset(&mut self, key: &str) {
        match self
            .schema
            .entry(key)
            .and_then(|entry| entry.default.clone())
        {
            Some(value) => {
                self.values.insert(
                    key.to_owned(),
                    Assigned {
                        value,
                        origin: Origin::Default,
                    },
                );
            }
            None => {
                self.values.remove(key);
            }
        }
    }

    /// The text of a key, if it has one.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.values.get(key)?.value.as_str().map(str::to_owned)
    }

    /// Where a key's value came from.
    pub(super) fn origin(&self, key: &str) -> Option<&Origin> {
        self.values.get(key).map(|assigned| &assigned.origin)
    }

    /// Claims that somebody set the key, rather than a default.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.origin(key)
            .is_some_and(|origin| !matches!(origin, Origin::Default | Origin::Derived(_)))
    }

    /// Claims that no mistake was found at any of these keys, so that a rule over them makes sense.
    pub(super) fn are_sound(&self, keys: &[&str]) -> bool {
        !self
            .mistakes
            .iter()
            .any(|mistake| keys.contains(&mistake.key.as_str()))
    }

    /// Records what is wrong with the value of a key.
    pub(super) fn blame(
        &mut self,
        key: &str,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let assigned = self.values.get(key);
        self.mistakes.push(Mistake {
            key: key.to_owned(),
            value: assigned.map(|assigned| shown(key, &assigned.value)),
            origin: assigned.map(|assigned| assigned.origin.clone()),
            problem: problem.into(),
            remedy: remedy.into(),
        });
    }

    /// Records a key that does not exist. Its value may be a misspelt secret and is not shown.
    pub(super) fn blame_unknown(&mut self, key: &str, written: &str, origin: Origin) {
        let meant = suggest::nearest(key, self.schema.keys());
        let remedy = match (meant, &origin) {
            (Some(meant), Origin::Env(_)) => {
                format!("did you mean {} ({meant})?", super::names::generic(meant))
            }
            (Some(meant), _) => format!("did you mean {meant}?"),
            (None, _) => "remove it; `mcp config show` lists every setting".to_owned(),
        };
        self.mistakes.push(Mistake {
            key: written.to_owned(),
            value: None,
            origin: Some(origin),
            problem: "there is no such setting".to_owned(),
            remedy,
        });
    }

    /// Records that a file could not be read.
    pub(super) fn blame_file(
        &mut self,
        key: &str,
        origin: Origin,
        path: &Path,
        error: &std::io::Error,
    ) {
        self.mistakes.push(Mistake {
            key: key.to_owned(),
            value: None,
            origin: Some(origin),
            problem: format!("cannot read {}: {}", path.display(), reason(error)),
            remedy: read_remedy(path, error),
        });
    }
}

/// A value as it may be shown: secrets and passwords in URLs hidden.
pub(super) fn shown(key: &str, value: &Value) -> String {
    if SECRETS.contains(&key) {
        return "\"***\"".to_owned();
    }
    match value {
        Value::String(_, text) => toml::Value::String(without_password(text)).to_string(),
        other => toml::Value::try_from(other)
            .map_or_else(|_| format!("{other:?}"), |value| value.to_string()),
    }
}

fn without_password(text: &str) -> String {
    match url::Url::parse(text) {
        Ok(mut url) if url.password().is_some() => match url.set_password(Some("***")) {
            Ok(()) => url.into(),
            Err(()) => "***".to_owned(),
        },
        Ok(_) | Err(_) => text.to_owned(),
    }
}

fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        _ => error.to_string(),
    }
}

fn read_remedy(path: &Path, error: &std::io::Error) -> String {
    let owner = owner(path);
    match error.kind() {
        std::io::ErrorKind::NotFound => "create it, or correct the path".to_owned(),
        std::io::ErrorKind::PermissionDenied => {
            format!("make it readable for the user that runs this process{owner}")
        }
        _ => "correct the file, or the path".to_owned(),
    }
}

#[cfg(unix)]
fn owner(path: &Path) -> String {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).map_or_else(
        |_| String::new(),
        |meta| {
            format!(
                " (it belongs to user {}, mode {:04o})",
                meta.uid(),
                meta.mode() & 0o7777
            )
        },
    )
}

#[cfg(not(unix))]
fn owner(_path: &Path) -> String {
    String::new()
}
