//! SQLite: one file in the data directory, one process, one writer, several readers.
//!
//! - A commit is acknowledged after its fsync (`synchronous=FULL`), never before.
//! - A connection on which anything but a constraint failed is thrown away and opened again by the
//!   next caller: after a failed fsync nobody knows what its cache holds. Nothing is retried here.
//! - What would lose or misread data stops the start: see [`prepare`].

mod connection;
mod files;
mod prepare;
mod record;
mod telemetry;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::task::TaskTracker;

use self::connection::{Home, Idle, Work, classify};
use self::record::Record;
use self::telemetry::Telemetry;
use super::seal::Sealer;
use super::unit::{Access, Unit};
use super::{AccessLog, Error, OpenError, Store, Transaction};
use crate::domain::time::Clock;

pub(super) use files::{
    DATABASE_FILE, make_private, make_private_directory, private_mode, sync_directory,
};

/// An open database file.
#[derive(Debug)]
pub(super) struct SqliteStore {
    path: PathBuf,
    sealer: Sealer,
    /// Empty after a failure: the next writer opens a new connection.
    writer: Arc<Mutex<Option<SqliteConnection>>>,
    readers: Arc<Semaphore>,
    idle: Idle,
    record: Arc<Record>,
    /// Rollbacks of dropped transactions.
    rollbacks: TaskTracker,
    telemetry: Telemetry,
    closed: AtomicBool,
}

impl SqliteStore {
    pub(super) async fn open(
        data_dir: &Path,
        sealer: Sealer,
        clock: &Clock,
    ) -> Result<Self, OpenError> {
        let (writer, record) = prepare::prepare(data_dir, &sealer, clock.now()).await?;
        let rollbacks = TaskTracker::new();
        let store = Self {
            telemetry: Telemetry::new(data_dir, rollbacks.clone()),
            path: data_dir.join(DATABASE_FILE),
            sealer,
            writer: Arc::new(Mutex::new(Some(writer))),
            readers: Arc::new(Semaphore::new(READERS)),
            idle: Idle::default(),
            record: Arc::new(record),
            rollbacks,
            closed: AtomicBool::new(false),
        };
        prepare::verify(&store).await?;
        Ok(store)
    }

    fn open_or_closed(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::Unavailable(anyhow::anyhow!("it was closed")));
        }
        Ok(())
    }

    async fn start(
        &self,
        home: Home,
        idle: Option<SqliteConnection>,
        access: Access,
    ) -> Result<Unit<Work>, Error> {
        let connection = match idle {
            Some(connection) => connection,
            None => options(&self.path, access)
                .connect()
                .await
                .map_err(|error| classify(error, &self.path))?,
        };
        let mut work = Work::new(connection, home, self.path.clone(), self.rollbacks.clone());
        work.begin(match access {
            Access::Read => "BEGIN",
            Access::Write => "BEGIN IMMEDIATE",
        })
        .await?;
        Ok(Unit::new(work, self.sealer.clone(), access))
    }

    /// The writing transaction, with its type.
    async fn write_unit(&self) -> Result<Unit<Work>, Error> {
        // No limit of its own: a holder does no other I/O, its statements end by the busy timeout,
        // and a caller that goes away leaves the queue.
        let mut slot = Arc::clone(&self.writer).lock_owned().await;
        self.open_or_closed()?;
        let idle = slot.take();
        let home = Home::Writer {
            slot,
            record: Arc::clone(&self.record),
        };
        self.start(home, idle, Access::Write).await
    }

    async fn read_unit(&self) -> Result<Unit<Work>, Error> {
        let closed = |_| Error::Unavailable(anyhow::anyhow!("it was closed"));
        // As for writers.
        let permit = Arc::clone(&self.readers)
            .acquire_owned()
            .await
            .map_err(closed)?;
        let idle = self.idle.take();
        let home = Home::Reader {
            idle: self.idle.clone(),
            _permit: permit,
        };
        self.start(home, idle, Access::Read).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn begin(&self) -> Result<Box<dyn Transaction + '_>, Error> {
        Ok(Box::new(self.write_unit().await?))
    }

    async fn read(&self) -> Result<Box<dyn Transaction + '_>, Error> {
        Ok(Box::new(self.read_unit().await?))
    }

    fn access(&self) -> &dyn AccessLog {
        &self.telemetry
    }

    async fn changed_elsewhere(&self) {
        // The lock keeps every other process out.
        std::future::pending::<()>().await;
    }

    fn is_shared(&self) -> bool {
        false
    }

    async fn backup(&self, target: &Path) -> Result<(), Error> {
        self.open_or_closed()?;
        let failed = |source: std::io::Error| {
            let what = format!("cannot write the backup {}", target.display());
            Error::Failed(anyhow::Error::new(source).context(what))
        };
        files::create_private(target).map_err(failed)?;
        let copied = self.copy_to(target).await;
        if copied.is_err() {
            // Nothing half-written stays; the copy's own failure is the one to tell.
            drop(std::fs::remove_file(target));
        }
        copied?;
        files::sync_file(target).map_err(failed)
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.telemetry.close().await;
        self.rollbacks.close();
        let quiet = async {
            let writer = self.writer.lock().await.take();
            drop(self.readers.acquire_many(READERS_AS_PERMITS).await);
            self.rollbacks.wait().await;
            writer
        };
        // Whoever is still at work after this keeps the write-ahead log; the next start reads it.
        let writer = tokio::time::timeout(CLOSE_LIMIT, quiet)
            .await
            .ok()
            .flatten();
        self.readers.close();
        while let Some(reader) = self.idle.take() {
            report(reader.close().await);
        }
        if let Some(mut writer) = writer {
            let checkpoint = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)");
            report(checkpoint.execute(&mut writer).await.map(drop));
            report(writer.close().await);
        }
    }
}

impl SqliteStore {
    async fn copy_to(&self, target: &Path) -> Result<(), Error> {
        let failed = |error| classify(error, target);
        let target = target.to_str().ok_or_else(|| {
            Error::Failed(anyhow::anyhow!("the backup's path is not valid UTF-8"))
        })?;
        let mut connection = options(&self.path, Access::Write)
            .connect()
            .await
            .map_err(failed)?;
        // Reads one state, whatever is written meanwhile; the target must be empty.
        let copied = sqlx::query("VACUUM INTO $1")
            .bind(target)
            .execute(&mut connection)
            .await;
        report(connection.close().await);
        copied.map(drop).map_err(failed)
    }
}

fn report(ended: Result<(), sqlx::Error>) {
    if let Err(error) = ended {
        tracing::warn!(%error, "the database was not closed cleanly; the next start recovers it");
    }
}

fn options(path: &Path, access: Access) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("fullfsync", "ON")
        .pragma("checkpoint_fullfsync", "ON")
        .pragma("cell_size_check", "ON")
        .pragma("trusted_schema", "OFF")
        .pragma("temp_store", "MEMORY")
        .pragma("journal_size_limit", "67108864");
    match access {
        Access::Write => options.thread_name(|id| format!("store-write-{id}")),
        Access::Read => options
            .pragma("query_only", "ON")
            .thread_name(|id| format!("store-read-{id}")),
    }
}

const READERS: usize = 4;
const READERS_AS_PERMITS: u32 = 4;
/// For other programs (a shell, a copy in progress) that hold the file for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
const CLOSE_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
