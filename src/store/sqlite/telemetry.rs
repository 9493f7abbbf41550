//! `telemetry.db`: who used what. Its own file, so that no change of the registry waits for it.
//!
//! Opened when it is first needed. The last moments before a power cut may be missing
//! (`synchronous=NORMAL`); a file that is damaged is set aside under another name and a new one
//! begun, because the registry can do without it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use super::connection::{CORRUPT, Home, NOTADB, Work, classify, primary_code};
use super::files::{self, beside};
use super::{BUSY_TIMEOUT, report};
use crate::domain::time::Timestamp;
use crate::store::sql::Connection as _;
use crate::store::unit::{access, numbered};
use crate::store::{AccessBatch, AccessLog, AuditFilter, Error, Place, StoredAccess};

/// The file, and its two connections.
#[derive(Debug)]
pub(super) struct Telemetry {
    path: PathBuf,
    writer: Arc<Mutex<Option<SqliteConnection>>>,
    reader: Arc<Mutex<Option<SqliteConnection>>>,
    /// Whether the file was looked at; held while that is done.
    is_ready: Mutex<Option<bool>>,
    rollbacks: TaskTracker,
}

impl Telemetry {
    pub(super) fn new(data_dir: &Path, rollbacks: TaskTracker) -> Self {
        Self {
            path: data_dir.join(FILE),
            writer: Arc::default(),
            reader: Arc::default(),
            is_ready: Mutex::new(Some(false)),
            rollbacks,
        }
    }

    /// Starts a transaction on one of the connections.
    async fn begin(
        &self,
        place: &Arc<Mutex<Option<SqliteConnection>>>,
        statement: &'static str,
    ) -> Result<Work, Error> {
        self.prepare().await?;
        let mut slot = Arc::clone(place).lock_owned().await;
        let connection = match slot.take() {
            Some(connection) => connection,
            None => connect(&self.path).await?,
        };
        let home = Home::New(slot);
        let mut work = Work::new(connection, home, self.path.clone(), self.rollbacks.clone());
        work.begin(statement).await?;
        Ok(work)
    }

    /// Makes the file, or brings it up to date; once.
    async fn prepare(&self) -> Result<(), Error> {
        let mut is_ready = self.is_ready.lock().await;
        match *is_ready {
            Some(true) => return Ok(()),
            Some(false) => {}
            None => return Err(Error::Unavailable(anyhow::anyhow!("it was closed"))),
        }
        let connection = match open(&self.path).await {
            Ok(connection) => connection,
            Err(error) if is_damage(&error) => {
                set_aside(&self.path)?;
                open(&self.path).await?
            }
            Err(error) => return Err(error),
        };
        *self.writer.lock().await = Some(connection);
        *is_ready = Some(true);
        Ok(())
    }

    /// Ends both connections; whatever still runs keeps its own.
    pub(super) async fn close(&self) {
        *self.is_ready.lock().await = None;
        for place in [&self.reader, &self.writer] {
            let connection = match place.try_lock() {
                Ok(mut slot) => slot.take(),
                Err(_) => None,
            };
            if let Some(connection) = connection {
                report(connection.close().await);
            }
        }
    }
}

#[async_trait]
impl AccessLog for Telemetry {
    async fn keep(&self, batch: &AccessBatch, now: Timestamp) -> Result<bool, Error> {
        let mut work = self.begin(&self.writer, "BEGIN IMMEDIATE").await?;
        let new = access::keep(&mut work, batch, now).await?;
        work.commit(None, None).await?;
        Ok(new)
    }

    async fn search(
        &self,
        filter: &AuditFilter,
        before: Place,
        limit: u32,
    ) -> Result<Vec<StoredAccess>, Error> {
        let mut work = self.begin(&self.reader, "BEGIN").await?;
        let found = access::search(&mut work, filter, before, limit).await?;
        work.commit(None, None).await?;
        Ok(found)
    }

    async fn purge(&self, before: Timestamp, most_bytes: u64) -> Result<u64, Error> {
        let mut gone = 0;
        loop {
            let mut work = self.begin(&self.writer, "BEGIN IMMEDIATE").await?;
            let some = access::purge(&mut work, before, most_bytes).await?;
            work.commit(None, None).await?;
            if some == 0 {
                return Ok(gone);
            }
            gone += some;
        }
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection, Error> {
    let options = super::options(path, super::Access::Write)
        .synchronous(SqliteSynchronous::Normal)
        .busy_timeout(BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .thread_name(|id| format!("telemetry-{id}"));
    options
        .connect()
        .await
        .map_err(|error| classify(error, path))
}

async fn open(path: &Path) -> Result<SqliteConnection, Error> {
    let unusable = |error: std::io::Error| {
        let what = format!("cannot use {}", path.display());
        Error::Failed(anyhow::Error::new(error).context(what))
    };
    if !path.exists() {
        files::create_private(path).map_err(unusable)?;
    }
    files::make_private(path).map_err(unusable)?;
    let mut connection = connect(path).await?;
    let migrations = numbered([("access", include_str!("telemetry/0001_access.sql"))]);
    super::prepare::run(&mut connection, path, migrations).await?;
    Ok(connection)
}

/// SQLite says that the file is not one of its own, or not whole.
fn is_damage(error: &Error) -> bool {
    let Error::Failed(cause) = error else {
        return false;
    };
    let code = cause.downcast_ref::<sqlx::Error>().and_then(primary_code);
    matches!(code, Some(CORRUPT | NOTADB))
}

fn set_aside(path: &Path) -> Result<(), Error> {
    let aside = beside(path, ".damaged");
    std::fs::rename(path, &aside).map_err(|error| Error::Failed(error.into()))?;
    for leftover in [beside(path, "-wal"), beside(path, "-shm")] {
        files::remove_if_there(&leftover).map_err(|error| Error::Failed(error.into()))?;
    }
    tracing::error!(file = %path.display(), kept_as = %aside.display(),
        "the log of who used what is damaged; it was set aside and a new one begun");
    Ok(())
}

const FILE: &str = "telemetry.db";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::AccessEvent;
    use crate::store::Mark;

    fn batch(sequence: u64) -> AccessBatch {
        AccessBatch {
            gateway: "gw".to_owned(),
            mark: Some(Mark {
                run: "r".to_owned(),
                sequence,
            }),
            events: vec![AccessEvent::default()],
        }
    }

    #[tokio::test]
    async fn a_damaged_file_is_set_aside_and_a_new_one_begun() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        std::fs::write(&path, [7; 8_192]).unwrap();
        let telemetry = Telemetry::new(dir.path(), TaskTracker::new());
        assert!(
            telemetry
                .keep(&batch(1), Timestamp::default())
                .await
                .unwrap()
        );
        let aside = std::fs::read(dir.path().join("telemetry.db.damaged")).unwrap();
        assert_eq!(aside, [7; 8_192]);
        telemetry.close().await;
        let refused = telemetry.keep(&batch(2), Timestamp::default()).await;
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    }

    #[tokio::test]
    async fn nobody_else_may_read_the_file_and_it_is_made_when_it_is_needed() {
        use std::os::unix::fs::PermissionsExt as _;

        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let telemetry = Telemetry::new(dir.path(), TaskTracker::new());
        assert!(!path.exists());
        telemetry
            .keep(&batch(1), Timestamp::default())
            .await
            .unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
