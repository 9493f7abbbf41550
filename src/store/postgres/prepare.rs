//! From an address to a database that is reachable, up to date and readable.

use std::time::Duration;

use sqlx::Executor as _;
use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};

use super::Channel;
use super::connection::{Work, classify};
use crate::domain::time::Timestamp;
use crate::store::seal::Sealer;
use crate::store::sql::Connection as _;
use crate::store::unit::{self, Access, Unit, Verdict};
use crate::store::{Error, OpenError};

/// The server, and how to name it without its password.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) options: PgConnectOptions,
    pub(super) shown: String,
}

pub(super) fn target(url: &str) -> Result<Target, OpenError> {
    // The parser's message could quote the password.
    let options: PgConnectOptions = url.parse().map_err(|_| OpenError::Url)?;
    let database = options
        .get_database()
        .unwrap_or_else(|| options.get_username());
    let shown = format!(
        "postgres://{}:{}/{database}",
        options.get_host(),
        options.get_port()
    );
    let options = options.application_name("mcp");
    Ok(Target { options, shown })
}

pub(super) async fn pool(target: &Target, connections: u32) -> Result<PgPool, OpenError> {
    PgPoolOptions::new()
        .max_connections(connections.max(MIN_CONNECTIONS))
        .acquire_timeout(ACQUIRE_LIMIT)
        .after_connect(|connection, _| {
            Box::pin(async move { connection.execute(SESSION).await.map(drop) })
        })
        .connect_with(target.options.clone())
        .await
        .map_err(|error| failed(target, classify(error)))
}

/// Migrates, writes the first rows where there are none, and reads everything once.
pub(super) async fn prepare(
    pool: &PgPool,
    target: &Target,
    sealer: &Sealer,
    now: Timestamp,
) -> Result<Channel, OpenError> {
    let failed = |error| failed(target, error);
    let mut connection = pool
        .acquire()
        .await
        .map_err(|error| failed(classify(error)))?;
    check_version(&mut connection, target).await?;
    // The lock of the migration ends with its connection: one that failed must not be used again.
    let mut connection = connection.detach();
    connection
        .execute(UNHURRIED)
        .await
        .map_err(|error| failed(classify(error)))?;
    migrate(&mut connection, migrations())
        .await
        .map_err(failed)?;
    sqlx::Connection::close(connection)
        .await
        .map_err(|error| failed(classify(error)))?;

    let channel = Channel {
        name: "".into(),
        sender: unit::random_id().map_err(failed)?.into(),
    };
    let mut work = Work::begin_first(pool, &channel).await.map_err(failed)?;
    unit::initialise(&mut work, sealer, now)
        .await
        .map_err(failed)?;
    work.commit(None, None).await.map_err(failed)?;

    let work = Work::begin(pool, &channel, Access::Read)
        .await
        .map_err(failed)?;
    match Unit::new(work, sealer.clone(), Access::Read)
        .verify()
        .await
        .map_err(failed)?
    {
        Verdict::Sound(found) => Ok(Channel {
            name: format!("mcp_{}", found.cluster).into(),
            ..channel
        }),
        Verdict::OtherKey(source) => Err(OpenError::OtherKey {
            database: target.shown.clone(),
            source,
        }),
    }
}

fn failed(target: &Target, source: Error) -> OpenError {
    OpenError::Store {
        database: target.shown.clone(),
        source,
    }
}

async fn check_version(connection: &mut PgConnection, target: &Target) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('server_version_num')::bigint, \
               current_setting('server_version')";
    let (number, found): (i64, String) = sqlx::query_as(sql)
        .fetch_one(connection)
        .await
        .map_err(|error| failed(target, classify(error)))?;
    if number < OLDEST_SERVER {
        return Err(OpenError::OldServer {
            database: target.shown.clone(),
            found,
        });
    }
    Ok(())
}

pub(super) async fn migrate(
    connection: &mut PgConnection,
    migrations: Vec<Migration>,
) -> Result<(), Error> {
    let migrator = Migrator::with_migrations(migrations);
    migrator
        .run_direct(None, connection, false)
        .await
        .map_err(|error| match error {
            MigrateError::VersionMissing(_) => Error::NewerSchema,
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
                classify(error)
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

/// A replica that hangs must not hold up the others for ever, and an answer means that it is on
/// the disk even where the server's own default says otherwise.
const SESSION: &str = "SET lock_timeout = '10s'; SET statement_timeout = '30s'; \
    SET idle_in_transaction_session_timeout = '30s'; \
    SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off';";
/// A migration takes as long as it takes, and replicas that start together wait for it.
const UNHURRIED: &str = "SET lock_timeout = 0; SET statement_timeout = 0;";
/// A writer, and somebody who asks what became of its commit.
const MIN_CONNECTIONS: u32 = 2;
const ACQUIRE_LIMIT: Duration = Duration::from_secs(10);
const OLDEST_SERVER: i64 = 130_000;
