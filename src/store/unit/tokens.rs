//! Tokens that the registry issued.

use async_trait::async_trait;

use super::Unit;
use crate::domain::ids::TokenId;
use crate::domain::time::Timestamp;
use crate::store::sql::{Connection, Row, Value};
use crate::store::{Error, StoredToken, TokenRepository};

#[async_trait]
impl<C: Connection> TokenRepository for Unit<C> {
    async fn insert(&mut self, token: &StoredToken) -> Result<(), Error> {
        let sql = "INSERT INTO tokens (id, username, description, scopes, created_at, expires_at, \
                   revoked_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING";
        let values = vec![
            (&*token.id.0).into(),
            token.username.as_str().into(),
            token.description.as_str().into(),
            Value::json(&token.scopes)?,
            token.created_at.into(),
            token.expires_at.into(),
            token.revoked_at.map_or(Value::NoInt, Value::from),
        ];
        match self.connection.execute(sql, values).await? {
            0 => Err(Error::Exists),
            _ => Ok(()),
        }
    }

    async fn find(&mut self, id: &TokenId) -> Result<Option<StoredToken>, Error> {
        let sql = "SELECT id, username, description, scopes, created_at, expires_at, revoked_at \
                   FROM tokens WHERE id = $1";
        let rows = self.connection.fetch(sql, vec![(&*id.0).into()]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn list(&mut self, username: Option<&str>) -> Result<Vec<StoredToken>, Error> {
        let rows = if let Some(username) = username {
            let sql = "SELECT id, username, description, scopes, created_at, expires_at, \
                       revoked_at FROM tokens WHERE username = $1 ORDER BY created_at DESC, id";
            self.connection.fetch(sql, vec![username.into()]).await?
        } else {
            let sql = "SELECT id, username, description, scopes, created_at, expires_at, \
                       revoked_at FROM tokens ORDER BY created_at DESC, id";
            self.connection.fetch(sql, vec![]).await?
        };
        rows.into_iter().map(read).collect()
    }

    async fn count_since(&mut self, username: &str, since: Timestamp) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM tokens WHERE username = $1 AND created_at >= $2";
        let rows = self
            .connection
            .fetch(sql, vec![username.into(), since.into()])
            .await?;
        rows.into_iter()
            .next()
            .map_or(Ok(0), |row| row.reader("tokens").unsigned("count"))
    }

    async fn revoke(&mut self, id: &TokenId, at: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
        let changed = self
            .connection
            .execute(sql, vec![(&*id.0).into(), at.into()])
            .await?;
        Ok(changed > 0)
    }

    async fn revoked(&mut self, now: Timestamp) -> Result<Vec<(TokenId, Timestamp)>, Error> {
        let sql = "SELECT id, expires_at FROM tokens \
                   WHERE revoked_at IS NOT NULL AND expires_at > $1 ORDER BY id";
        let rows = self.connection.fetch(sql, vec![now.into()]).await?;
        rows.into_iter()
            .map(|row| {
                let mut row = row.reader("tokens");
                Ok((TokenId(row.text("id")?.into()), row.moment("expires_at")?))
            })
            .collect()
    }

    async fn purge(&mut self, before: Timestamp) -> Result<u64, Error> {
        let sql = "DELETE FROM tokens WHERE expires_at < $1";
        self.connection.execute(sql, vec![before.into()]).await
    }
}

fn read(row: Row) -> Result<StoredToken, Error> {
    let mut row = row.reader("tokens");
    Ok(StoredToken {
        id: TokenId(row.text("id")?.into()),
        username: row.text("username")?,
        description: row.text("description")?,
        scopes: row.json("scopes")?,
        created_at: row.moment("created_at")?,
        expires_at: row.moment("expires_at")?,
        revoked_at: row.maybe_int("revoked_at")?.map(Timestamp::from_unix),
    })
}
