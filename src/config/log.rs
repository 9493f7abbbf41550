//! `[log]`: logs.

use std::path::PathBuf;

use serde::Deserialize;

use super::types::ByteSize;

/// Settings of logs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// `LOG_LEVEL`: error, warning, info, debug or trace, in any case; or filter directives.
    pub level: String,
    /// `LOG_FORMAT`: text, json or auto (text on a terminal).
    pub format: LogFormat,
    /// `LOG_FILE`: also write to this file.
    pub file: Option<PathBuf>,
    /// The file is rotated when it is larger.
    pub file_bytes: ByteSize,
    /// Rotated files that are kept.
    pub files_kept: usize,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, else JSON.
    Auto,
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// Turns a level in the words of any log library, or filter directives, into directives.
///
/// A bare `debug` or `trace` is meant for this program: other libraries stay at `info`.
pub fn directives(level: &str) -> Result<String, LevelError> {
    let word = level.trim().to_ascii_lowercase();
    let directives = match word.as_str() {
        "off" => "off".to_owned(),
        "critical" | "fatal" | "error" => "error".to_owned(),
        "warning" | "warn" => "warn".to_owned(),
        "info" | "notice" => "info".to_owned(),
        "debug" | "trace" => format!("info,mcp={word}"),
        _ => level.trim().to_owned(),
    };
    // A lone word would be taken as the name of a module whose events are all let through.
    let lone_word = directives == level.trim() && !directives.contains('=');
    let known = ["off", "error", "warn", "info"].contains(&directives.as_str());
    let parses = directives
        .parse::<tracing_subscriber::filter::Targets>()
        .is_ok();
    if parses && (known || !lone_word) {
        Ok(directives)
    } else {
        Err(LevelError::new(level))
    }
}

/// What a level may be, for people.
pub(super) const LEVELS: &str =
    "write error, warning, info, debug or trace, or directives such as info,mcp::gateway=debug";

/// A level that is neither a known word nor filter directives.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a log level: {LEVELS}")]
pub struct LevelError(String);

impl LevelError {
    /// Quotes the level that is not one.
    pub fn new(level: &str) -> Self {
        Self(level.to_owned())
    }
}
