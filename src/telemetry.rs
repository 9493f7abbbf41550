//! Logs and metrics of the process.
//!
//! Promises: a log line is one line and shows no control, escape or direction-changing character of
//! any value in it, as text and as JSON; writing logs never blocks the thread that logs (a full
//! queue drops lines and counts them); metric names are constants in [`metrics`].
//! Must not: know any part of the program. Start reading at [`Telemetry::start`].

mod escape;
mod json;
mod log;
pub mod metrics;
mod queue;
mod rotate;

pub use escape::Escaped;
pub use log::LevelHandle;
pub use metrics::Metrics;

use std::io;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::LogConfig;
use crate::config::log::LevelError;
use queue::Queue;
use rotate::RotatingFile;

/// Logs and metrics of the process, while it runs. Dropping it writes out what is queued.
#[derive(Debug)]
pub struct Telemetry {
    /// Changes the log level while the process runs.
    pub level: LevelHandle,
    /// What `/metrics` shows.
    pub metrics: Metrics,
    queues: Vec<Queue>,
}

/// Why logs or metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The level is not one.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// The log file cannot be written.
    #[error(
        "cannot open the log file {path:?}: create its directory and let this process write there, or unset LOG_FILE"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No thread for writing logs.
    #[error("cannot start the thread that writes logs")]
    Thread(#[source] io::Error),
    /// Something else in this process set logs up.
    #[error("logs are set up already")]
    LogsTaken(#[from] tracing_subscriber::util::TryInitError),
    /// Something else in this process set metrics up.
    #[error("metrics are set up already")]
    MetricsTaken,
}

impl Telemetry {
    /// Sets up logs and metrics for the whole process; `started_unix` is now, in seconds.
    ///
    /// # Errors
    /// The level cannot be read, the file cannot be opened, or it is the second call.
    pub fn start(config: &LogConfig, started_unix: i64) -> Result<Self, Error> {
        let terminal = io::stdout().is_terminal();
        let stdout = Queue::start("mcp-log", io::stdout()).map_err(Error::Thread)?;
        let file = config
            .file
            .as_ref()
            .map(|path| open(config, path))
            .transpose()?;
        let (subscriber, level) = log::subscriber(config, terminal, &stdout, file.as_ref())?;
        subscriber.try_init()?;
        let metrics = Metrics::install(started_unix)?;
        Ok(Self {
            level,
            metrics,
            queues: std::iter::once(stdout).chain(file).collect(),
        })
    }

    /// Waits, for a second at most, until what is logged so far is written.
    pub fn flush(&self) {
        for queue in &self.queues {
            queue.flush();
        }
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        self.flush();
    }
}

fn open(config: &LogConfig, path: &std::path::Path) -> Result<Queue, Error> {
    let file = RotatingFile::open(path, config.file_bytes.bytes(), config.files_kept).map_err(
        |source| Error::File {
            path: path.to_owned(),
            source,
        },
    )?;
    Queue::start("mcp-log-file", file).map_err(Error::Thread)
}
