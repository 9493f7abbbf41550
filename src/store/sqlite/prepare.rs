//! From a directory to a database that is locked, whole, ours, up to date and readable.
//!
//! A new database is made beside its place and renamed when it is complete, so that a file of
//! length zero is always a loss and never a beginning. Each migration is one transaction.

use std::io::Read as _;
use std::path::Path;

use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::sqlite::{SqliteConnection, SqliteJournalMode};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio_util::task::TaskTracker;

use super::connection::{CORRUPT, Home, IOERR, NOTADB, Work, classify, primary_code};
use super::files::{self, DATABASE_FILE, beside};
use super::record::{LockError, Record};
use super::{SqliteStore, options};
use crate::domain::time::Timestamp;
use crate::store::seal::Sealer;
use crate::store::sql::Connection as _;
use crate::store::unit::{self, Access, Verdict};
use crate::store::{Error, OpenError};

/// Locks, creates, checks and migrates; answers the writer's connection.
pub(super) async fn prepare(
    data_dir: &Path,
    sealer: &Sealer,
    now: Timestamp,
) -> Result<(SqliteConnection, Record), OpenError> {
    let path = data_dir.join(DATABASE_FILE);
    files::make_private_directory(data_dir).map_err(unusable(data_dir))?;
    let record = lock(&path)?;
    create_if_missing(&path, sealer, now).await?;
    check_header(&path)?;
    files::make_private(&path).map_err(unusable(&path))?;
    let mut writer = connect(&path).await?;
    check(&mut writer, &path).await?;
    migrate(&mut writer, &path, migrations()).await?;
    Ok((writer, record))
}

fn unusable(path: &Path) -> impl FnOnce(std::io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |source| OpenError::Directory { path, source }
}

fn lock(path: &Path) -> Result<Record, OpenError> {
    let lock = beside(path, ".lock");
    Record::lock(&lock).map_err(|error| match error {
        LockError::Held => failed(path)(Error::InUse),
        LockError::File(source) => OpenError::Directory { path: lock, source },
    })
}

fn failed(path: &Path) -> impl FnOnce(Error) -> OpenError + use<> {
    let database = path.display().to_string();
    move |source| OpenError::Store { database, source }
}

fn damaged(path: &Path, what: impl Into<String>) -> OpenError {
    OpenError::Damaged {
        path: path.to_owned(),
        what: what.into(),
    }
}

async fn create_if_missing(path: &Path, sealer: &Sealer, now: Timestamp) -> Result<(), OpenError> {
    let partial = beside(path, ".new");
    for leftover in [&partial, &beside(&partial, "-journal")] {
        files::remove_if_there(leftover).map_err(unusable(leftover))?;
    }
    match std::fs::metadata(path) {
        Ok(found) if found.len() == 0 => return Err(damaged(path, "it is empty")),
        Ok(_) => return Ok(()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(unusable(path)(error));
        }
        Err(_) => {}
    }
    if beside(path, "-wal").exists() {
        return Err(damaged(
            path,
            "its -wal file is there and the database itself is not",
        ));
    }
    files::create_private(&partial).map_err(unusable(&partial))?;
    create(&partial, sealer, now).await.map_err(failed(path))?;
    files::sync_file(&partial).map_err(unusable(&partial))?;
    std::fs::rename(&partial, path).map_err(unusable(path))?;
    files::sync_directory(path).map_err(unusable(path))
}

async fn create(path: &Path, sealer: &Sealer, now: Timestamp) -> Result<(), Error> {
    let options = options(path, Access::Write).journal_mode(SqliteJournalMode::Delete);
    let mut connection = options
        .connect()
        .await
        .map_err(|error| classify(error, path))?;
    run(&mut connection, path, migrations()).await?;
    let slot = std::sync::Arc::new(tokio::sync::Mutex::new(None));
    let home = Home::New(std::sync::Arc::clone(&slot).lock_owned().await);
    let mut work = Work::new(connection, home, path.to_owned(), TaskTracker::new());
    work.begin("BEGIN IMMEDIATE").await?;
    unit::initialise(&mut work, sealer, now).await?;
    work.commit(None, None).await?;
    let connection = slot.lock().await.take();
    match connection {
        Some(connection) => connection
            .close()
            .await
            .map_err(|error| classify(error, path)),
        None => Ok(()),
    }
}

/// Looks before SQLite does, which would make a database of a stub and change a foreign one.
fn check_header(path: &Path) -> Result<(), OpenError> {
    let mut header = [0; HEADER_LENGTH];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut header));
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err(damaged(path, "it is cut off"));
        }
        read => read.map_err(unusable(path))?,
    }
    if !header.starts_with(MAGIC) {
        return Err(damaged(path, "it is not an SQLite database"));
    }
    if !header.ends_with(APPLICATION_ID) {
        return Err(OpenError::Foreign {
            path: path.to_owned(),
        });
    }
    Ok(())
}

async fn connect(path: &Path) -> Result<SqliteConnection, OpenError> {
    options(path, Access::Write)
        .connect()
        .await
        .map_err(|error| broken(path, error))
}

/// A failure while the file is read for the first time: damage, where SQLite says so.
fn broken(path: &Path, error: sqlx::Error) -> OpenError {
    match primary_code(&error) {
        Some(NOTADB) => damaged(path, "it is not an SQLite database"),
        Some(CORRUPT) => damaged(path, "it is cut off or overwritten"),
        Some(IOERR) => damaged(path, format!("it cannot be read: {error}")),
        _ => failed(path)(classify(error, path)),
    }
}

async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let findings: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(5)")
        .fetch_all(connection)
        .await
        .map_err(|error| broken(path, error))?;
    if findings != ["ok"] {
        return Err(damaged(path, findings.join("; ")));
    }
    Ok(())
}

pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    migrations: Vec<Migration>,
) -> Result<(), OpenError> {
    run(connection, path, migrations)
        .await
        .map_err(failed(path))
}

pub(super) async fn run(
    connection: &mut SqliteConnection,
    path: &Path,
    migrations: Vec<Migration>,
) -> Result<(), Error> {
    let migrator = Migrator::with_migrations(migrations);
    migrator
        .run_direct(None, connection, false)
        .await
        .map_err(|error| match error {
            MigrateError::VersionMissing(_) => Error::NewerSchema,
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                classify(error, path)
            }
            other => Error::Failed(other.into()),
        })
}

pub(super) fn migrations() -> Vec<Migration> {
    unit::numbered([
        ("initial", include_str!("migrations/0001_initial.sql")),
        ("accounts", include_str!("migrations/0002_accounts.sql")),
        ("policy", include_str!("migrations/0003_policy.sql")),
        ("oidc", include_str!("migrations/0004_oidc.sql")),
        ("gateways", include_str!("migrations/0005_gateways.sql")),
        ("audit", include_str!("migrations/0006_audit.sql")),
        (
            "identity_keys",
            include_str!("migrations/0007_identity_keys.sql"),
        ),
        (
            "provider_scopes",
            include_str!("migrations/0008_provider_scopes.sql"),
        ),
        (
            "provider_users",
            include_str!("migrations/0009_provider_users.sql"),
        ),
        ("key_uses", include_str!("migrations/0010_key_uses.sql")),
    ])
}

/// Reads everything that must be readable, and compares with what was acknowledged.
pub(super) async fn verify(store: &SqliteStore) -> Result<(), OpenError> {
    let path = &store.path;
    let mut unit = store.read_unit().await.map_err(failed(path))?;
    let found = match unit.verify().await.map_err(failed(path))? {
        Verdict::Sound(found) => found,
        Verdict::OtherKey(source) => {
            return Err(OpenError::OtherKey {
                database: path.display().to_string(),
                source,
            });
        }
    };
    let record = beside(path, ".lock");
    match store.record.seen().map_err(unusable(&record))? {
        Some(seen) if seen.cluster == found.cluster && seen.commits > found.commits => {
            return Err(OpenError::Behind {
                path: path.clone(),
                stored: found.commits.0,
                seen: seen.commits.0,
            });
        }
        Some(seen) if seen.cluster != found.cluster => {
            tracing::warn!(
                was = %seen.cluster, is = %found.cluster,
                "the database was replaced by that of another cluster"
            );
        }
        Some(_) | None => {}
    }
    if let Err(error) = store.record.note(&found) {
        tracing::warn!(path = %record.display(), %error, "the number of commits was not noted");
    }
    Ok(())
}

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Up to and with the application's id.
const HEADER_LENGTH: usize = 72;
/// As the first migration sets it.
const APPLICATION_ID: &[u8] = b"mcpr";
