//! How log lines look, and which are written.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::Subscriber;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::{self, Writer};
use tracing_subscriber::layer::{Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Registry, fmt, reload};

use super::escape::Escaped;
use super::json::JsonLines;
use super::queue::Queue;
use crate::config::LogConfig;
use crate::config::log::{LevelError, LogFormat, directives};

/// Changes the log level while the process runs.
#[derive(Clone)]
pub struct LevelHandle {
    /// Absent when nothing listens.
    filter: Option<reload::Handle<Targets, Registry>>,
    current: Arc<Mutex<String>>,
}

impl LevelHandle {
    /// A level that no log follows, for tests.
    ///
    /// # Errors
    /// It is not a level.
    pub fn detached(level: &str) -> Result<Self, LevelError> {
        targets(level)?;
        Ok(Self {
            filter: None,
            current: Arc::new(Mutex::new(level.to_owned())),
        })
    }

    /// The level in force, in the words it was given in.
    pub fn current(&self) -> String {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes another level at once.
    ///
    /// # Errors
    /// It is not a level; the one in force stays.
    pub fn set(&self, level: &str) -> Result<(), LevelError> {
        let targets = targets(level)?;
        let taken = self
            .filter
            .as_ref()
            .is_none_or(|filter| filter.reload(targets).is_ok());
        if taken {
            level
                .trim()
                .clone_into(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Ok(())
    }
}

impl std::fmt::Debug for LevelHandle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_tuple("LevelHandle")
            .field(&self.current())
            .finish()
    }
}

/// Builds what writes to the standard output and, if there is one, the file.
pub(super) fn subscriber(
    config: &LogConfig,
    terminal: bool,
    stdout: &Queue,
    file: Option<&Queue>,
) -> Result<(impl Subscriber + Send + Sync + use<>, LevelHandle), LevelError> {
    let (filter, handle) = reload::Layer::new(targets(&config.level)?);
    let level = config.level.trim().to_owned();
    let handle = LevelHandle {
        filter: Some(handle),
        current: Arc::new(Mutex::new(level)),
    };
    let mut layers: Vec<Box<dyn Layer<_> + Send + Sync>> = Vec::new();
    let mut json = Vec::new();
    for (queue, terminal) in [(Some(stdout), terminal), (file, false)] {
        let Some(queue) = queue else { continue };
        match shape(config.format, terminal) {
            Shape::Text => layers.push(text(terminal, queue)),
            Shape::Json => json.push(queue.clone()),
        }
    }
    if !json.is_empty() {
        layers.push(JsonLines(json).boxed());
    }
    let subscriber = tracing_subscriber::registry().with(filter).with(layers);
    Ok((subscriber, handle))
}

fn targets(level: &str) -> Result<Targets, LevelError> {
    directives(level)?
        .parse()
        .map_err(|_| LevelError::new(level))
}

/// Text or JSON.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Json,
}

const fn shape(format: LogFormat, terminal: bool) -> Shape {
    match (format, terminal) {
        (LogFormat::Text, _) | (LogFormat::Auto, true) => Shape::Text,
        (LogFormat::Json, _) | (LogFormat::Auto, false) => Shape::Json,
    }
}

fn text<S>(colours: bool, queue: &Queue) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer()
        .with_ansi(colours)
        .fmt_fields(format::debug_fn(field).delimited(" "))
        .with_writer(queue.clone())
        .boxed()
}

/// Writes one field; every value passes through [`Escaped`], whatever made it.
fn field(
    writer: &mut Writer<'_>,
    field: &tracing::field::Field,
    value: &dyn std::fmt::Debug,
) -> std::fmt::Result {
    let mut writer = Escaped(writer);
    match field.name() {
        "message" => write!(writer, "{value:?}"),
        name => write!(writer, "{}={value:?}", name.trim_start_matches("r#")),
    }
}

#[cfg(test)]
mod tests;
