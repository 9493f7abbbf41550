//! PostgreSQL: one database for several registry replicas.
//!
//! - A writing transaction takes the cluster's row first (`FOR UPDATE`), so writers form one queue
//!   over all replicas and the order of revisions is the order of commits.
//! - Starting a transaction is tried again for a while: nothing can have been applied yet. A commit
//!   never is: when the connection is lost on the way, the server is asked what became of it.
//! - The address may ask for TLS as usual: `?sslmode=verify-full&sslrootcert=FILE`.
//! - `NOTIFY` on commit wakes the other replicas; what is missed is made up for within
//!   [`PERIODIC_WAKE`].

mod connection;
mod listen;
mod prepare;
mod telemetry;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgPool;
use tokio::time::Instant;

use self::connection::{Work, classify};
use self::listen::Listener;
use super::seal::Sealer;
use super::unit::{Access, Unit};
use super::{AccessLog, Error, OpenError, Store, Transaction};
use crate::domain::time::Clock;

/// Connections to a database that other processes may use as well.
#[derive(Debug)]
pub(super) struct PostgresStore {
    pool: PgPool,
    listener: Listener,
    sealer: Sealer,
    channel: Channel,
}

/// Where changes are announced, and by whom.
#[derive(Clone, Debug)]
struct Channel {
    /// One per cluster: several may live in one database.
    name: Arc<str>,
    /// This process, so that it does not wake itself.
    sender: Arc<str>,
}

impl PostgresStore {
    pub(super) async fn open(
        url: &str,
        connections: u32,
        sealer: Sealer,
        clock: &Clock,
    ) -> Result<Self, OpenError> {
        let target = prepare::target(url)?;
        let pool = prepare::pool(&target, connections).await?;
        let channel = prepare::prepare(&pool, &target, &sealer, clock.now()).await?;
        let listener = Listener::new(target.options, channel.clone());
        let store = Self {
            pool,
            listener,
            sealer,
            channel,
        };
        // From here on no change is missed between the first read and the first wait.
        store
            .listener
            .connect()
            .await
            .map_err(|error| OpenError::Store {
                database: target.shown,
                source: classify(error),
            })?;
        Ok(store)
    }

    async fn start(&self, access: Access) -> Result<Unit<Work>, Error> {
        let mut waits = RETRY_WAITS.iter();
        let deadline = Instant::now() + RETRY_LIMIT;
        loop {
            let error = match Work::begin(&self.pool, &self.channel, access).await {
                Ok(work) => return Ok(Unit::new(work, self.sealer.clone(), access)),
                Err(error) => error,
            };
            match (error, waits.next()) {
                (Error::Unavailable(error), Some(wait)) if Instant::now() < deadline => {
                    tracing::debug!(error = format!("{error:#}"), "no transaction yet");
                    tokio::time::sleep(*wait).await;
                }
                (error, _) => return Err(error),
            }
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn begin(&self) -> Result<Box<dyn Transaction + '_>, Error> {
        Ok(Box::new(self.start(Access::Write).await?))
    }

    async fn read(&self) -> Result<Box<dyn Transaction + '_>, Error> {
        Ok(Box::new(self.start(Access::Read).await?))
    }

    fn access(&self) -> &dyn AccessLog {
        self
    }

    async fn changed_elsewhere(&self) {
        tokio::select! {
            () = self.listener.heard() => {}
            () = tokio::time::sleep(PERIODIC_WAKE) => {}
        }
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn backup(&self, _: &Path) -> Result<(), Error> {
        Err(Error::Failed(anyhow::anyhow!(
            "a PostgreSQL database is backed up with pg_dump"
        )))
    }

    async fn close(&self) {
        self.listener.close();
        self.pool.close().await;
    }
}

/// For a restart or a failover that is over in a moment; longer ones are the caller's to report.
const RETRY_WAITS: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
];
/// Attempts that waited long for a connection or a lock are not repeated.
const RETRY_LIMIT: Duration = Duration::from_secs(5);
/// The longest that a lost notification goes unnoticed.
const PERIODIC_WAKE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
