//! A connection in a transaction, and what PostgreSQL's failures mean.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgPool, PgRow};
use sqlx::{Column as _, Postgres, Row as _, TypeInfo as _, ValueRef as _};

use super::Channel;
use crate::domain::ids::Revision;
use crate::store::Error;
use crate::store::sql::{Commits, Connection, Row, Value, spoiled};
use crate::store::unit::Access;

/// A transaction; the driver rolls it back when it is dropped.
pub(super) struct Work {
    transaction: sqlx::Transaction<'static, Postgres>,
    /// The server's number of a writing transaction: what it is asked for after a lost commit.
    id: Option<String>,
    pool: PgPool,
    channel: Channel,
    /// A statement failed, or its future was dropped before the answer came. A `COMMIT` would then
    /// be answered like any other, and roll back.
    spoiled: bool,
}

impl Work {
    pub(super) async fn begin(
        pool: &PgPool,
        channel: &Channel,
        access: Access,
    ) -> Result<Self, Error> {
        let statement = match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // Every statement sees what writers before it committed.
            Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        };
        let mut work = Self::start(pool, channel, statement).await?;
        if access == Access::Write {
            work.id = Some(lock(&mut work.transaction).await?);
        }
        Ok(work)
    }

    /// For a database that has no cluster's row to take yet.
    pub(super) async fn begin_first(pool: &PgPool, channel: &Channel) -> Result<Self, Error> {
        Self::start(pool, channel, "BEGIN").await
    }

    async fn start(
        pool: &PgPool,
        channel: &Channel,
        statement: &'static str,
    ) -> Result<Self, Error> {
        let transaction = pool.begin_with(statement).await.map_err(classify)?;
        let (pool, channel) = (pool.clone(), channel.clone());
        Ok(Self {
            transaction,
            id: None,
            pool,
            channel,
            spoiled: false,
        })
    }

    /// Until its answer is there, a statement may have done anything.
    fn start_statement(&mut self) -> Result<(), Error> {
        if self.spoiled {
            return Err(spoiled());
        }
        self.spoiled = true;
        Ok(())
    }
}

/// Takes the cluster's row, which puts this writer in the queue.
async fn lock(transaction: &mut sqlx::Transaction<'static, Postgres>) -> Result<String, Error> {
    let sql = "SELECT pg_current_xact_id()::text FROM cluster WHERE id = 1 FOR UPDATE";
    sqlx::query_scalar(sql)
        .fetch_one(&mut **transaction)
        .await
        .map_err(classify)
}

#[async_trait]
impl Connection for Work {
    async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, Error> {
        self.start_statement()?;
        let query = values.into_iter().fold(sqlx::query(sql), bind);
        let done = query
            .execute(&mut *self.transaction)
            .await
            .map_err(classify)?;
        self.spoiled = false;
        Ok(done.rows_affected())
    }

    async fn fetch(&mut self, sql: &'static str, values: Vec<Value>) -> Result<Vec<Row>, Error> {
        self.start_statement()?;
        let query = values.into_iter().fold(sqlx::query(sql), bind);
        let rows = query
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(classify)?;
        self.spoiled = false;
        rows.iter().map(|row| read(row).map_err(classify)).collect()
    }

    async fn commit(
        mut self,
        _counted: Option<Commits>,
        changed: Option<Revision>,
    ) -> Result<(), Error> {
        self.start_statement()?;
        self.spoiled = false;
        if let Some(revision) = changed {
            let payload = format!("{} {revision}", self.channel.sender);
            let values = vec![(&*self.channel.name).into(), Value::Text(payload)];
            self.execute("SELECT pg_notify($1, $2)", values).await?;
        }
        let Err(error) = self.transaction.commit().await else {
            return Ok(());
        };
        match self.id {
            Some(id) => outcome(&self.pool, &id, error).await,
            None => Err(classify(error)),
        }
    }
}

/// What became of a commit whose answer was lost.
async fn outcome(pool: &PgPool, id: &str, lost: sqlx::Error) -> Result<(), Error> {
    for wait in OUTCOME_WAITS {
        let asked: Result<Option<String>, _> =
            sqlx::query_scalar("SELECT pg_xact_status($1::text::xid8)")
                .bind(id)
                .fetch_one(pool)
                .await;
        match asked.as_ref().map(Option::as_deref) {
            Ok(Some("committed")) => return Ok(()),
            Ok(Some("aborted")) => {
                let cause = anyhow::Error::new(lost).context("nothing was committed");
                return Err(Error::Unavailable(cause));
            }
            // The server has not noticed yet that the connection is gone, or is not back.
            Ok(_) | Err(_) => tokio::time::sleep(wait).await,
        }
    }
    let cause = anyhow::Error::new(lost).context("whether the change was committed is not known");
    Err(Error::Unavailable(cause))
}

type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

fn bind(query: Query, value: Value) -> Query {
    match value {
        Value::Text(text) => query.bind(text),
        Value::Int(number) => query.bind(number),
        Value::Bytes(bytes) => query.bind(bytes),
        Value::NoInt => query.bind(None::<i64>),
        Value::NoBytes => query.bind(None::<Vec<u8>>),
    }
}

fn read(row: &PgRow) -> Result<Row, sqlx::Error> {
    row.columns()
        .iter()
        .enumerate()
        .map(|(index, column)| {
            if row.try_get_raw(index)?.is_null() {
                return Ok(Value::NoInt);
            }
            match column.type_info().name() {
                "INT8" => row.try_get(index).map(Value::Int),
                "BYTEA" => row.try_get(index).map(Value::Bytes),
                _ => row.try_get(index).map(Value::Text),
            }
        })
        .collect::<Result<_, _>>()
        .map(Row)
}

/// What a failure of the driver means to the caller.
pub(super) fn classify(error: sqlx::Error) -> Error {
    let kind = kind(&error);
    let error = anyhow::Error::new(error);
    match kind {
        Kind::Full => Error::Full(error),
        Kind::Unavailable => Error::Unavailable(error),
        Kind::Failed => Error::Failed(error),
    }
}

enum Kind {
    Full,
    Unavailable,
    Failed,
}

fn kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::BeginFailed => Kind::Unavailable,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some(DISK_FULL) => Kind::Full,
            Some(code) if UNAVAILABLE.iter().any(|class| code.starts_with(class)) => {
                Kind::Unavailable
            }
            Some(_) | None => Kind::Failed,
        },
        _ => Kind::Failed,
    }
}

const DISK_FULL: &str = "53100";
/// Connection lost; serialisation or deadlock; out of resources; shutting down or starting; lock
/// not available in time; cancelled by a limit; idle too long; a standby after a failover.
const UNAVAILABLE: [&str; 8] = ["08", "40", "53", "57P", "55P03", "57014", "25P03", "25006"];
const OUTCOME_WAITS: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
