//! A connection in a transaction, and what SQLite's failures mean.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Row as _, Sqlite, TypeInfo as _, ValueRef as _};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit};
use tokio_util::task::TaskTracker;

use super::files::beside;
use super::record::Record;
use crate::domain::ids::Revision;
use crate::store::Error;
use crate::store::sql::{Commits, Connection, Row, Value, spoiled};

/// Readers that wait for work.
#[derive(Clone, Debug, Default)]
pub(super) struct Idle(Arc<std::sync::Mutex<Vec<SqliteConnection>>>);

impl Idle {
    pub(super) fn take(&self) -> Option<SqliteConnection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn give(&self, connection: SqliteConnection) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }
}

/// Where a connection goes when its transaction is over, and what it keeps from others till then.
#[derive(Debug)]
pub(super) enum Home {
    /// The one writer's place.
    Writer {
        /// Held as long as the transaction lives.
        slot: OwnedMutexGuard<Option<SqliteConnection>>,
        /// Notes commits.
        record: Arc<Record>,
    },
    /// The place of a database that is being made.
    New(OwnedMutexGuard<Option<SqliteConnection>>),
    /// One of the readers.
    Reader {
        /// The others.
        idle: Idle,
        /// Bounds their number.
        _permit: OwnedSemaphorePermit,
    },
}

impl Home {
    fn give_back(self, connection: SqliteConnection) {
        match self {
            Self::Writer { mut slot, .. } | Self::New(mut slot) => *slot = Some(connection),
            Self::Reader { idle, .. } => idle.give(connection),
        }
    }
}

/// A connection at work. Dropped in the middle, it rolls back in the background before anybody
/// else gets it.
pub(super) struct Work {
    /// Both are there until the work is over.
    parts: Option<(SqliteConnection, Home)>,
    path: PathBuf,
    rollbacks: TaskTracker,
    /// A statement failed, or its future was dropped before the answer came.
    spoiled: bool,
    /// The connection itself is in doubt.
    doubtful: bool,
}

impl Work {
    pub(super) fn new(
        connection: SqliteConnection,
        home: Home,
        path: PathBuf,
        rollbacks: TaskTracker,
    ) -> Self {
        Self {
            parts: Some((connection, home)),
            path,
            rollbacks,
            spoiled: false,
            doubtful: false,
        }
    }

    pub(super) async fn begin(&mut self, statement: &'static str) -> Result<(), Error> {
        self.run(statement, vec![], Take::Count).await.map(drop)
    }

    async fn run(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
        take: Take,
    ) -> Result<Answer, Error> {
        let Some((connection, _)) = self.parts.as_mut().filter(|_| !self.spoiled) else {
            return Err(spoiled());
        };
        self.spoiled = true;
        let query = values.into_iter().fold(sqlx::query(sql), bind);
        let answer = match take {
            Take::Count => query
                .execute(connection)
                .await
                .map(|done| Answer::Count(done.rows_affected())),
            Take::Rows => query.fetch_all(connection).await.map(Answer::Rows),
        };
        match answer {
            Ok(answer) => {
                self.spoiled = false;
                Ok(answer)
            }
            Err(error) => {
                self.doubtful = !is_about_the_statement(&error);
                Err(classify(error, &self.path))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Take {
    Count,
    Rows,
}

enum Answer {
    Count(u64),
    Rows(Vec<SqliteRow>),
}

#[async_trait]
impl Connection for Work {
    async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, Error> {
        match self.run(sql, values, Take::Count).await? {
            Answer::Count(count) => Ok(count),
            Answer::Rows(rows) => Ok(rows.len() as u64),
        }
    }

    async fn fetch(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        match self.run(sql, values, Take::Rows).await? {
            Answer::Count(_) => Ok(Vec::new()),
            Answer::Rows(rows) => rows
                .into_iter()
                .map(|row| read(&row).map_err(|error| classify(error, &self.path)))
                .collect(),
        }
    }

    async fn commit(
        mut self,
        counted: Option<Commits>,
        _changed: Option<Revision>,
    ) -> Result<(), Error> {
        if let Err(error) = self.run("COMMIT", vec![], Take::Count).await {
            self.doubtful = true;
            return Err(error);
        }
        if let Some((connection, home)) = self.parts.take() {
            if let (Home::Writer { record, .. }, Some(commits)) = (&home, counted) {
                record.count(commits);
            }
            home.give_back(connection);
        }
        Ok(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let Some((mut connection, home)) = self.parts.take() else {
            return;
        };
        // A connection in doubt is closed by its drop, which rolls back; so is one that nobody can
        // wait for.
        if self.doubtful || Handle::try_current().is_err() {
            return;
        }
        self.rollbacks.spawn(async move {
            // Fails as well when a COMMIT that nobody waited for got through: then, too, a new
            // connection is the plain way on.
            if sqlx::query("ROLLBACK")
                .execute(&mut connection)
                .await
                .is_ok()
            {
                home.give_back(connection);
            }
        });
    }
}

type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

fn bind(query: Query, value: Value) -> Query {
    match value {
        Value::Text(text) => query.bind(text),
        Value::Int(number) => query.bind(number),
        Value::Bytes(bytes) => query.bind(bytes),
        Value::NoInt => query.bind(None::<i64>),
        Value::NoBytes => query.bind(None::<Vec<u8>>),
    }
}

fn read(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    (0..row.len())
        .map(|index| {
            let raw = row.try_get_raw(index)?;
            if raw.is_null() {
                return Ok(Value::NoInt);
            }
            match raw.type_info().name() {
                "INTEGER" => row.try_get(index).map(Value::Int),
                "BLOB" => row.try_get(index).map(Value::Bytes),
                _ => row.try_get(index).map(Value::Text),
            }
        })
        .collect::<Result<_, _>>()
        .map(Row)
}

/// The connection is as good as before.
fn is_about_the_statement(error: &sqlx::Error) -> bool {
    matches!(
        primary_code(error),
        Some(BUSY | LOCKED | CONSTRAINT | READONLY)
    )
}

pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let sqlx::Error::Database(error) = error else {
        return None;
    };
    // The lowest byte of an extended code is the primary one.
    error.code()?.parse::<i32>().ok().map(|code| code & 0xff)
}

/// What a failure of the driver means to the caller.
pub(super) fn classify(error: sqlx::Error, path: &Path) -> Error {
    let code = primary_code(&error);
    let described = anyhow::Error::new(error).context(format!("using {}", path.display()));
    match code {
        Some(FULL) => Error::Full(described),
        Some(IOERR | CANTOPEN) if is_disk_full(path) => Error::Full(described),
        Some(BUSY | LOCKED) => Error::Unavailable(described),
        _ => Error::Failed(described),
    }
}

/// Whether a write now fails for want of room. SQLite says so for the database's own pages only;
/// for the log's index and for quotas it just says that a write failed.
fn is_disk_full(path: &Path) -> bool {
    let probe = beside(path, ".probe");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    super::private_mode(&mut options);
    let written = options.open(&probe).and_then(|mut file| {
        file.write_all(&vec![0; PROBE_LENGTH])?;
        file.sync_all()
    });
    drop(std::fs::remove_file(&probe));
    written.is_err_and(|error| {
        matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        )
    })
}

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
pub(super) const IOERR: i32 = 10;
pub(super) const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const CONSTRAINT: i32 = 19;
pub(super) const NOTADB: i32 = 26;
const PROBE_LENGTH: usize = 65_536;
