//! Browser sessions, by the hash of their id.

use async_trait::async_trait;

use super::Unit;
use crate::domain::time::Timestamp;
use crate::store::sql::{Connection, Row};
use crate::store::{Error, SessionRepository, StoredSession};

#[async_trait]
impl<C: Connection> SessionRepository for Unit<C> {
    async fn insert(&mut self, session: &StoredSession) -> Result<(), Error> {
        let sql = "INSERT INTO sessions (id_hash, username, provider, created_at, seen_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id_hash) DO NOTHING";
        let values = vec![
            (&session.id_hash).into(),
            session.username.as_str().into(),
            session.provider.as_str().into(),
            session.created_at.into(),
            session.seen_at.into(),
        ];
        match self.connection.execute(sql, values).await? {
            0 => Err(Error::Exists),
            _ => Ok(()),
        }
    }

    async fn find(&mut self, id_hash: &[u8; 32]) -> Result<Option<StoredSession>, Error> {
        let sql = "SELECT id_hash, username, provider, created_at, seen_at FROM sessions \
                   WHERE id_hash = $1";
        let rows = self.connection.fetch(sql, vec![id_hash.into()]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn touch(&mut self, id_hash: &[u8; 32], at: Timestamp) -> Result<(), Error> {
        // Requests that finish out of order must not turn the time back.
        let sql = "UPDATE sessions SET seen_at = $2 WHERE id_hash = $1 AND seen_at < $2";
        self.connection
            .execute(sql, vec![id_hash.into(), at.into()])
            .await
            .map(drop)
    }

    async fn remove(&mut self, id_hash: &[u8; 32]) -> Result<bool, Error> {
        let sql = "DELETE FROM sessions WHERE id_hash = $1";
        let removed = self.connection.execute(sql, vec![id_hash.into()]).await?;
        Ok(removed > 0)
    }

    async fn remove_of(
        &mut self,
        username: &str,
        provider: &str,
        keep: Option<&[u8; 32]>,
    ) -> Result<u64, Error> {
        let mut values = vec![username.into(), provider.into()];
        let sql = match keep {
            None => "DELETE FROM sessions WHERE username = $1 AND provider = $2",
            Some(id_hash) => {
                values.push(id_hash.into());
                "DELETE FROM sessions WHERE username = $1 AND provider = $2 AND id_hash <> $3"
            }
        };
        self.connection.execute(sql, values).await
    }

    async fn purge(
        &mut self,
        idle_before: Timestamp,
        made_before: Timestamp,
    ) -> Result<u64, Error> {
        let sql = "DELETE FROM sessions WHERE seen_at < $1 OR created_at < $2";
        self.connection
            .execute(sql, vec![idle_before.into(), made_before.into()])
            .await
    }
}

fn read(row: Row) -> Result<StoredSession, Error> {
    let mut row = row.reader("sessions");
    Ok(StoredSession {
        id_hash: row.hash("id_hash")?,
        username: row.text("username")?,
        provider: row.text("provider")?,
        created_at: row.moment("created_at")?,
        seen_at: row.moment("seen_at")?,
    })
}
