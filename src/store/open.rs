//! Which database, and why it cannot be opened.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::seal::{SealError, Sealer};
use super::{Error, Store, sqlite};
use crate::config::store::StoreConfig;
use crate::domain::time::Clock;

/// Opens the configured database, makes it where there is none, and brings its schema up to date.
///
/// # Errors
/// Whatever would make it lose or misread data stops it here, with the remedy; see [`OpenError`].
pub async fn open(
    config: &StoreConfig,
    data_dir: &Path,
    sealer: Sealer,
    clock: &Clock,
) -> Result<Arc<dyn Store>, OpenError> {
    let Some(url) = &config.database_url else {
        return Ok(Arc::new(
            sqlite::SqliteStore::open(data_dir, sealer, clock).await?,
        ));
    };
    if !["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.expose().starts_with(scheme))
    {
        return Err(OpenError::Url);
    }
    #[cfg(feature = "postgres")]
    return Ok(Arc::new(
        super::postgres::PostgresStore::open(url.expose(), config.connections, sealer, clock)
            .await?,
    ));
    #[cfg(not(feature = "postgres"))]
    return Err(OpenError::NoPostgres);
}

/// Why a database is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is of no known kind. It is not shown: it may hold a password.
    #[error(
        "DATABASE_URL is neither empty nor a postgres:// address; leave it empty for SQLite in DATA_DIR, or write postgres://USER:PASSWORD@HOST/DATABASE"
    )]
    Url,
    /// This build has no PostgreSQL.
    #[error(
        "this build cannot use PostgreSQL; build it with the feature `postgres`, or leave DATABASE_URL empty"
    )]
    NoPostgres,
    /// The data directory or a file in it cannot be used.
    #[error("cannot use {path}; check DATA_DIR, its owner and its permissions")]
    Directory {
        /// Directory or file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The database's file is not whole.
    #[error(
        "the database {path} is damaged: {what}; restore it from a backup together with its -wal file, or move it away to start empty"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// Somebody else's database.
    #[error("{path} is a database of another program; give this one a DATA_DIR of its own")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Acknowledged writes are missing.
    #[error(
        "the database {path} is older than it was: it holds {stored} commits, and {seen} were acknowledged; bring back the missing {path}-wal, or, if an older copy was put there on purpose, delete {path}.lock and start again"
    )]
    Behind {
        /// The file.
        path: PathBuf,
        /// Commits in it.
        stored: u64,
        /// Commits that were acknowledged.
        seen: u64,
    },
    /// The key does not fit.
    #[error("cannot read the secrets in the database {database}")]
    OtherKey {
        /// File or address.
        database: String,
        /// Which key is needed.
        #[source]
        source: SealError,
    },
    /// PostgreSQL is too old.
    #[error("the PostgreSQL at {database} is version {found}; version 13 or newer is needed")]
    OldServer {
        /// Address.
        database: String,
        /// Its version.
        found: String,
    },
    /// Anything else: in use, newer schema, not reachable, rows that cannot be read back.
    #[error("cannot open the database {database}")]
    Store {
        /// File or address, without password.
        database: String,
        /// Cause.
        #[source]
        source: Error,
    },
}

#[cfg(all(test, not(feature = "postgres")))]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;

    #[tokio::test]
    async fn a_build_without_postgres_says_so() {
        let config = StoreConfig {
            database_url: Some(Secret::new("postgres://u:hunter2@db/x".to_owned())),
            connections: 2,
        };
        let dir = tempfile::tempdir().unwrap();
        let sealer = Sealer::from_secret("the operator's secret").unwrap();
        let refused = open(&config, dir.path(), sealer, &Clock::system())
            .await
            .map(drop);
        assert!(matches!(refused, Err(OpenError::NoPostgres)), "{refused:?}");
    }
}
