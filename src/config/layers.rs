//! The layers above the defaults: file, environment, flags.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::draft::Draft;
use super::load::Flag;
use super::mistake::Mistake;
use super::names::{NAMED, SECRETS, generic, is_unused, replacement};
use super::oidc::keycloak;
use super::origin::Origin;

/// Reads the settings file.
pub(super) fn file(draft: &mut Draft, path: &Path) {
    let origin = Origin::Flag("--config".to_owned());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return draft.blame_file("settings file", origin, path, &error),
    };
    match toml::from_str::<toml::Table>(&text) {
        Ok(table) => tables(draft, "", &table, path),
        Err(error) => {
            // The error's own text quotes the line, which may hold a secret.
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.map_or(1, |before| before.matches('\n').count() + 1);
            draft.mistakes.push(Mistake {
                key: "settings file".to_owned(),
                value: None,
                origin: Some(Origin::File(path.to_owned())),
                problem: format!("line {line} is not TOML: {}", first_line(error.message())),
                remedy: "correct the line; nothing of the file was read".to_owned(),
            });
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn tables(draft: &mut Draft, prefix: &str, table: &toml::Table, path: &Path) {
    for (name, value) in table {
        let key = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        let origin = Origin::File(path.to_owned());
        match value {
            _ if draft.schema.entry(&key).is_some() => draft.set(&key, value, origin),
            toml::Value::Table(inner) if draft.schema.is_section(&key) => {
                tables(draft, &key, inner, path);
            }
            _ if draft.schema.is_section(&key) => draft.mistakes.push(Mistake {
                problem: "is a section, not a value".to_owned(),
                remedy: format!("write [{key}] and its keys below it"),
                value: None,
                origin: Some(origin),
                key,
            }),
            _ => draft.blame_unknown(&key, &key, origin),
        }
    }
}

/// Reads the environment: named variables, their older names, `MCP__…`, and files of secrets.
pub(super) fn environment(draft: &mut Draft, variables: &[(String, String)]) {
    let index = index(draft);
    let mut found: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    let mut unused = BTreeSet::new();
    for (name, value) in variables.iter().filter(|(_, value)| !value.is_empty()) {
        match index.get(name) {
            Some((key, Form::Value)) => {
                let origin = Origin::Env(name.clone());
                let content = Content::Text(value.clone());
                found
                    .entry(key.clone())
                    .or_default()
                    .push(Found { origin, content });
            }
            Some((key, Form::File)) => {
                let path = PathBuf::from(value);
                let origin = Origin::NamedFile {
                    variable: name.clone(),
                    path: path.clone(),
                };
                let content = Content::File(path);
                found
                    .entry(key.clone())
                    .or_default()
                    .push(Found { origin, content });
            }
            None if name.starts_with("MCP__") => {
                let key = name
                    .trim_start_matches("MCP__")
                    .to_ascii_lowercase()
                    .replace("__", ".");
                draft.blame_unknown(&key, name, Origin::Env(name.clone()));
            }
            None if keycloak::takes(name, variables) => {}
            None if is_unused(name) => {
                unused.insert(name.as_str());
            }
            None => {}
        }
    }
    credentials(variables, &mut found);
    for (key, sources) in found {
        assign(draft, &key, sources);
    }
    keycloak::apply(draft, variables);
    warn_of_unused(draft, &unused);
}

/// A value found in the environment.
struct Found {
    origin: Origin,
    content: Content,
}

/// A value, or the file that holds it.
#[derive(PartialEq, Eq)]
enum Content {
    Text(String),
    File(PathBuf),
}

/// What a variable holds.
#[derive(Clone, Copy)]
enum Form {
    Value,
    File,
}

/// Every name that means a setting.
fn index(draft: &Draft) -> BTreeMap<String, (String, Form)> {
    let mut index = BTreeMap::new();
    let own = NAMED.iter().flat_map(|named| {
        named
            .names
            .iter()
            .map(|name| ((*name).to_owned(), named.key.to_owned()))
    });
    let generic = draft
        .schema
        .keys()
        .map(|key| (generic(key), key.to_owned()));
    for (name, key) in own.chain(generic) {
        if SECRETS.contains(&key.as_str()) {
            // A key of its own (`catalog.token_file`) takes the name over when its turn comes.
            index
                .entry(format!("{name}_FILE"))
                .or_insert_with(|| (key.clone(), Form::File));
        }
        index.insert(name, (key, Form::Value));
    }
    index
}

/// Adds the secrets that lie in the credentials directory (systemd's `LoadCredential=`).
fn credentials(variables: &[(String, String)], found: &mut BTreeMap<String, Vec<Found>>) {
    let Some(directory) = variable(variables, "CREDENTIALS_DIRECTORY") else {
        return;
    };
    for named in NAMED.iter().filter(|named| SECRETS.contains(&named.key)) {
        for name in named.names {
            let path = Path::new(directory).join(name);
            if path.exists() {
                let origin = Origin::Credential(path.clone());
                let content = Content::File(path);
                found
                    .entry(named.key.to_owned())
                    .or_default()
                    .push(Found { origin, content });
            }
        }
    }
}

/// Takes the one source of a key, or says that there are several. Two names with the same text are
/// one source; a text and a file never are.
fn assign(draft: &mut Draft, key: &str, sources: Vec<Found>) {
    let mut sources = sources.into_iter();
    let Some(first) = sources.next() else { return };
    for other in sources {
        if other.content != first.content {
            draft.mistakes.push(Mistake {
                key: key.to_owned(),
                value: None,
                origin: Some(first.origin.clone()),
                problem: format!("is set a second time by {}", other.origin),
                remedy: "remove one of the two".to_owned(),
            });
        }
    }
    match first.content {
        Content::Text(text) => draft.set_text(key, &text, first.origin),
        Content::File(path) => secret_file(draft, key, &path, first.origin),
    }
}

/// Reads a secret from a file; the line end that editors add is not part of it.
pub(super) fn secret_file(draft: &mut Draft, key: &str, path: &Path, origin: Origin) {
    match std::fs::read_to_string(path).map(|text| text.trim_end_matches(['\r', '\n']).to_owned()) {
        Ok(text) if text.is_empty() => draft.mistakes.push(Mistake {
            key: key.to_owned(),
            value: None,
            origin: Some(origin),
            problem: "the file is empty".to_owned(),
            remedy: "write the secret into it, or do not name it".to_owned(),
        }),
        Ok(text) => draft.set_text(key, &text, origin),
        Err(error) => draft.blame_file(key, origin, path, &error),
    }
}

fn warn_of_unused(draft: &mut Draft, unused: &BTreeSet<&str>) {
    if unused.is_empty() {
        return;
    }
    let names: Vec<String> = unused
        .iter()
        .map(|name| {
            replacement(name).map_or_else(
                || (*name).to_owned(),
                |instead| format!("{name} (use {instead})"),
            )
        })
        .collect();
    draft.warnings.push(format!(
        "the environment holds settings of the earlier system that this version does not use: {}",
        names.join(", ")
    ));
}

/// Lays the flags on top.
pub(super) fn flags(draft: &mut Draft, flags: &[Flag]) {
    for flag in flags {
        draft.set_text(flag.key, &flag.value, Origin::Flag(flag.name.to_owned()));
    }
}

/// A variable that is set and not empty.
pub(super) fn variable<'a>(variables: &'a [(String, String)], name: &str) -> Option<&'a str> {
    variables
        .iter()
        .find(|(known, value)| known == name && !value.is_empty())
        .map(|(_, value)| value.as_str())
}
