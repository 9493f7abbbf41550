//! The unit of work over any driver: repositories, revision, and the rows every database starts
//! with.

pub(super) mod access;
mod audit;
mod imports;
mod keys;
mod oidc;
mod policy;
mod servers;
mod service_accounts;
mod sessions;
mod tokens;
mod users;

use async_trait::async_trait;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType};

use super::seal::{Place, SealError, Sealer};
use super::sql::{Commits, Connection, Value};
use super::{
    AuditRepository, Bump, Error, ImportRepository, KeyRepository, OidcRepository,
    PolicyRepository, ServerRepository, ServiceAccountRepository, SessionRepository,
    TokenRepository, Transaction, UserRepository,
};
use crate::domain::ids::{ClusterId, Revision};
use crate::domain::time::Timestamp;

/// A transaction and the key for what is sealed in it.
pub(super) struct Unit<C> {
    connection: C,
    sealer: Sealer,
    access: Access,
}

/// What a transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Read at one consistent state.
    Read,
    /// Write as well, one at a time.
    Write,
}

impl<C: Connection> Unit<C> {
    pub(super) fn new(connection: C, sealer: Sealer, access: Access) -> Self {
        Self {
            connection,
            sealer,
            access,
        }
    }
}

#[async_trait]
impl<C: Connection> Transaction for Unit<C> {
    async fn cluster(&mut self) -> Result<(ClusterId, Revision), Error> {
        let rows = self
            .connection
            .fetch(
                "SELECT cluster_id, revision FROM cluster WHERE id = 1",
                vec![],
            )
            .await?;
        let mut row = rows
            .into_iter()
            .next()
            .ok_or_else(no_cluster)?
            .reader("cluster");
        Ok((
            ClusterId(row.text("cluster_id")?.into()),
            Revision(row.unsigned("revision")?),
        ))
    }

    fn servers(&mut self) -> &mut dyn ServerRepository {
        self
    }

    fn tokens(&mut self) -> &mut dyn TokenRepository {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionRepository {
        self
    }

    fn keys(&mut self) -> &mut dyn KeyRepository {
        self
    }

    fn imports(&mut self) -> &mut dyn ImportRepository {
        self
    }

    fn users(&mut self) -> &mut dyn UserRepository {
        self
    }

    fn oidc(&mut self) -> &mut dyn OidcRepository {
        self
    }

    fn policy(&mut self) -> &mut dyn PolicyRepository {
        self
    }

    fn service_accounts(&mut self) -> &mut dyn ServiceAccountRepository {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditRepository {
        self
    }

    async fn commit(mut self: Box<Self>, bump: Bump) -> Result<Revision, Error> {
        let (counted, revision) = match (self.access, bump) {
            (Access::Write, Bump::Yes) => self.count(1).await?,
            (Access::Write, Bump::No) => self.count(0).await?,
            (Access::Read, Bump::No) => return self.end().await,
            (Access::Read, Bump::Yes) => {
                return Err(Error::Failed(anyhow::anyhow!(
                    "a reading transaction changes nothing"
                )));
            }
        };
        let changed = (bump == Bump::Yes).then_some(revision);
        self.connection.commit(Some(counted), changed).await?;
        Ok(revision)
    }
}

impl<C: Connection> Unit<C> {
    async fn count(&mut self, revisions: i64) -> Result<(Commits, Revision), Error> {
        let sql = "UPDATE cluster SET revision = revision + $1, commits = commits + 1 \
                   WHERE id = 1 RETURNING commits, revision";
        let rows = self.connection.fetch(sql, vec![revisions.into()]).await?;
        let mut row = rows
            .into_iter()
            .next()
            .ok_or_else(no_cluster)?
            .reader("cluster");
        Ok((
            Commits(row.unsigned("commits")?),
            Revision(row.unsigned("revision")?),
        ))
    }

    async fn end(mut self: Box<Self>) -> Result<Revision, Error> {
        let (_, revision) = self.cluster().await?;
        self.connection.commit(None, None).await?;
        Ok(revision)
    }
}

fn no_cluster() -> Error {
    Error::Corrupt {
        table: "cluster",
        column: "id",
        row: "1".to_owned(),
        source: anyhow::anyhow!("the row is missing"),
    }
}

/// Writes the rows that a new database starts with; leaves those of an existing one.
pub(super) async fn initialise<C: Connection>(
    connection: &mut C,
    sealer: &Sealer,
    now: Timestamp,
) -> Result<(), Error> {
    let cluster = "INSERT INTO cluster (id, cluster_id, revision, commits, created_at) \
                   VALUES (1, $1, 0, 0, $2) ON CONFLICT (id) DO NOTHING";
    connection
        .execute(cluster, vec![Value::Text(random_id()?), now.into()])
        .await?;
    let canary = "INSERT INTO canary (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
    let bytes = sealer
        .seal(CANARY_PLACE, CANARY)
        .map_err(|error| Error::Failed(error.into()))?;
    connection
        .execute(canary, vec![Value::Bytes(bytes)])
        .await?;
    Ok(())
}

/// Migrations by their place in the list, from 1; a place that was released never changes.
pub(super) fn numbered<const N: usize>(texts: [(&'static str, &'static str); N]) -> Vec<Migration> {
    (1..)
        .zip(texts)
        .map(|(number, (name, sql))| {
            let sql = sql.into_sql_str();
            Migration::new(number, name.into(), MigrationType::Simple, sql, false)
        })
        .collect()
}

/// 32 hexadecimal digits that nobody else has.
pub(super) fn random_id() -> Result<String, Error> {
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Error::Failed(anyhow::anyhow!("the system gave no random bytes")))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

impl<C: Connection> Unit<C> {
    async fn found(&mut self) -> Result<Found, Error> {
        let sql = "SELECT cluster_id, commits FROM cluster WHERE id = 1";
        let rows = self.connection.fetch(sql, vec![]).await?;
        let mut row = rows
            .into_iter()
            .next()
            .ok_or_else(no_cluster)?
            .reader("cluster");
        Ok(Found {
            cluster: ClusterId(row.text("cluster_id")?.into()),
            commits: Commits(row.unsigned("commits")?),
        })
    }

    /// Finds at start what would otherwise fail, or lie, later: another key, rows that cannot be
    /// read back.
    pub(super) async fn verify(&mut self) -> Result<Verdict, Error> {
        let found = self.found().await?;
        let rows = self
            .connection
            .fetch("SELECT id, sealed FROM canary", vec![])
            .await?;
        let Some(row) = rows.into_iter().next() else {
            return Err(Error::Corrupt {
                table: "canary",
                column: "id",
                row: "1".to_owned(),
                source: anyhow::anyhow!("the row is missing"),
            });
        };
        let mut row = row.reader("canary");
        row.int("id")?;
        match self.sealer.open(CANARY_PLACE, &row.bytes("sealed")?) {
            Ok(_) => {}
            Err(error @ SealError::OtherKey { .. }) => return Ok(Verdict::OtherKey(error)),
            Err(error) => return Err(row.corrupt("sealed", error.into())),
        }
        ServerRepository::list(self).await?;
        UserRepository::list(self).await?;
        PolicyRepository::find(self).await?;
        ServiceAccountRepository::list(self).await?;
        self.verify_keys().await?;
        Ok(Verdict::Sound(found))
    }
}

/// What [`Unit::verify`] found.
#[derive(Debug)]
pub(super) enum Verdict {
    /// All can be read.
    Sound(Found),
    /// Sealed with another key.
    OtherKey(SealError),
}

/// Which database it is, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) cluster: ClusterId,
    pub(super) commits: Commits,
}

const CANARY: &[u8] = b"canary";
const CANARY_PLACE: Place<'static> = Place {
    column: "canary.sealed",
    row: "1",
};
