//! Puts the layers together and finds every mistake at once.
//!
//! Promises: nothing is read but what [`Sources`] names (files and passed-in variables); each value
//! keeps its origin; a mistake never hides another; no secret reaches an error, a warning or
//! [`Loaded::show`]. Start reading at [`load`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use figment::Figment;
use figment::error::Kind;
use figment::providers::Serialized;

use super::Config;
use super::draft::{Assigned, Draft};
use super::mistake::{Errors, Mistake};
use super::names::{WITHOUT_EFFECT, preferred};
use super::origin::Origin;
use super::parts::{Part, Parts};
use super::schema::Schema;
use super::{checks, layers};

/// What settings are put together from.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The settings file, if one is named.
    pub file: Option<PathBuf>,
    /// The environment.
    pub env: Vec<(String, String)>,
    /// What the command line sets.
    pub flags: Vec<Flag>,
    /// The parts that will run: settings of others are not checked against each other.
    pub parts: Parts,
}

/// A setting made on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// The key that it sets.
    pub key: &'static str,
    /// The flag, as written.
    pub name: &'static str,
    /// The value.
    pub value: String,
}

/// Settings that hold together.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// What the operator should know; to be logged once.
    pub warnings: Vec<String>,
    pub(super) values: BTreeMap<String, Assigned>,
    pub(super) keys: Vec<String>,
}

impl Loaded {
    /// Where the value of a key came from; `None` when it is not set.
    pub fn origin(&self, key: &str) -> Option<&Origin> {
        self.values.get(key).map(|assigned| &assigned.origin)
    }
}

/// Puts the layers together, lowest first: defaults, file, environment, flags.
///
/// # Errors
/// Every mistake in any layer, at once.
pub fn load(sources: &Sources) -> Result<Loaded, Errors> {
    let mut draft = Draft::new(Schema::compiled().map_err(|error| broken_defaults(&error))?);
    if let Some(path) = &sources.file {
        layers::file(&mut draft, path);
    }
    layers::environment(&mut draft, &sources.env);
    layers::flags(&mut draft, &sources.flags);
    derive(&mut draft, sources);

    let config = extract(&mut draft);
    if let Some(config) = &config {
        checks::run(&mut draft, config, sources.parts);
    }
    warn(&mut draft, sources.parts);
    match config {
        Some(config) if draft.mistakes.is_empty() => Ok(Loaded {
            config,
            warnings: draft.warnings,
            keys: draft.schema.keys().map(str::to_owned).collect(),
            values: draft.values,
        }),
        Some(_) | None => {
            draft
                .mistakes
                .sort_by(|left, right| left.key.cmp(&right.key));
            Err(Errors(draft.mistakes))
        }
    }
}

/// Fills in the defaults that depend on other things.
fn derive(draft: &mut Draft, sources: &Sources) {
    let state = layers::variable(&sources.env, "STATE_DIRECTORY")
        .and_then(|list| list.split(':').next())
        .map(|directory| (PathBuf::from(directory), "$STATE_DIRECTORY"));
    let home = layers::variable(&sources.env, "HOME")
        .map(|home| (Path::new(home).join("mcp-gateway"), "$HOME"));
    match state.or(home) {
        Some((directory, from)) => {
            let origin = Origin::Derived(from.to_owned());
            draft.set_default("data_dir", &directory.to_string_lossy(), origin);
        }
        None if draft.values.contains_key("data_dir") => {}
        None => {
            draft.blame(
                "data_dir",
                "is not set, and neither $STATE_DIRECTORY nor $HOME is",
                "set DATA_DIR to a directory that this process may write to",
            );
            draft.set_default("data_dir", "/", Origin::Default);
        }
    }
    if let Some(directory) = draft.text("data_dir") {
        let servers = Path::new(&directory).join("servers");
        let origin = Origin::Derived("data_dir".to_owned());
        draft.set_default("registry.servers_dir", &servers.to_string_lossy(), origin);
    }
    let alone = !sources.parts.has(Part::Registry);
    let ops = if sources.parts.has(Part::Validate) {
        "off"
    } else if alone {
        "127.0.0.1:9466"
    } else {
        "127.0.0.1:9464"
    };
    draft.set_default("ops.bind", ops, Origin::Derived("mode".to_owned()));
    token_file(draft, sources.parts);
}

/// Reads the token from the file that a setting names.
fn token_file(draft: &mut Draft, parts: Parts) {
    let Some(path) = draft.text("catalog.token_file").map(PathBuf::from) else {
        return;
    };
    if let Some(other) = draft.origin("catalog.token").map(ToString::to_string) {
        draft.blame(
            "catalog.token_file",
            format!("the token is set a second time by {other}"),
            "remove one of the two",
        );
        return;
    }
    // The registry writes the file at its first start; the order of starts is free.
    if !parts.has(Part::Registry) && !path.exists() {
        draft.warnings.push(format!(
            "no registry token yet: {} is not there, it is read once it is",
            path.display()
        ));
        return;
    }
    let origin = draft
        .origin("catalog.token_file")
        .cloned()
        .unwrap_or(Origin::Default);
    let origin = match origin {
        Origin::Env(variable) => Origin::NamedFile {
            variable,
            path: path.clone(),
        },
        _ => Origin::KeyFile(path.clone()),
    };
    layers::secret_file(draft, "catalog.token", &path, origin);
}

/// Turns the values into settings. A value that does not fit is recorded and replaced by its
/// default, so that all that do not fit are found.
fn extract(draft: &mut Draft) -> Option<Config> {
    for _ in 0..=draft.values.len() {
        let mut figment = Figment::new();
        for (key, assigned) in &draft.values {
            figment = figment.merge(Serialized::default(key, &assigned.value));
        }
        let error = match figment.extract::<Config>() {
            Ok(config) => return Some(config),
            Err(error) => error,
        };
        let owner = draft.schema.owner(&error.path);
        match owner {
            Some(key) if draft.is_given(&key) => {
                let remedy = default_remedy(draft, &key);
                draft.blame(&key, problem(&key, &error.kind), remedy);
                draft.reset(&key);
            }
            Some(_) | None => {
                draft.mistakes.push(Mistake {
                    key: error.path.join("."),
                    value: None,
                    origin: None,
                    problem: problem("", &error.kind),
                    remedy: "this is a mistake in the program's own defaults; report it".to_owned(),
                });
                return None;
            }
        }
    }
    None
}

/// What is wrong, without the value: that is shown beside it, or hidden.
fn problem(key: &str, kind: &Kind) -> String {
    match kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("must be {}", in_plain_words(expected))
        }
        Kind::UnknownVariant(_, known) => format!("must be one of {}", known.join(", ")),
        // The texts of other libraries may quote the value.
        other => Schema::unit(key).map_or_else(
            || format!("cannot be read: {other}"),
            |unit| format!("must be a {unit}"),
        ),
    }
}

fn in_plain_words(expected: &str) -> &str {
    match expected {
        "a boolean" => "true or false (also 1, 0, yes, no, on, off)",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, not negative",
        "a string" | "a borrowed string" | "path string" => "a text",
        "a sequence" => "a list",
        other => other,
    }
}

fn default_remedy(draft: &Draft, key: &str) -> String {
    let default = draft
        .schema
        .entry(key)
        .and_then(|entry| entry.default.as_ref());
    default.map_or_else(
        || "correct it, or remove it".to_owned(),
        |value| {
            format!(
                "correct it, or remove it for the default {}",
                super::draft::shown(key, value)
            )
        },
    )
}

/// Names what was set in vain.
fn warn(draft: &mut Draft, parts: Parts) {
    let in_vain: Vec<String> = WITHOUT_EFFECT
        .iter()
        .filter(|key| draft.is_given(key))
        .map(|key| preferred(key))
        .collect();
    if !in_vain.is_empty() {
        draft.warnings.push(format!(
            "set, but without effect in this version: {}",
            in_vain.join(", ")
        ));
    }
    if !parts.has(Part::Registry) {
        return;
    }
    if draft.is_given("auth.server_url") && !parts.has(Part::Gateway) {
        draft.warnings.push(
            "AUTH_SERVER_URL is accepted and not needed: the registry decides in process"
                .to_owned(),
        );
    }
    if draft.is_given("catalog.token") {
        draft.warnings.push(
            "REGISTRY_API_TOKEN opens /api/gateway/* and reading /api/servers, nothing else; in the \
             earlier system it was a token for the whole API"
                .to_owned(),
        );
    }
}

fn broken_defaults(error: &toml::de::Error) -> Errors {
    Errors(vec![Mistake {
        key: "defaults".to_owned(),
        value: None,
        origin: Some(Origin::Default),
        problem: error.message().to_owned(),
        remedy: "this is a mistake in the program; report it".to_owned(),
    }])
}

#[cfg(test)]
mod tests;
