//! `[log]`: logs.

use std::path::PathBuf;

use serde::Deserialize;

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
