//! Tokens and API keys that the registry issued.

use async_trait::async_trait;

use super::Unit;
use crate::domain::api_key::KeyHash;
use crate::domain::ids::TokenId;
use crate::domain::time::Timestamp;
use crate::store::sql::{Connection, Row, Value};
use crate::store::{
    Ends, Error, Owner, SERVICE_ACCOUNT, StoredToken, TokenRepository, USE_NOTED_EVERY,
};

/// A statement that reads tokens.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, provider, subject, username, key_hash, description, scopes, group_names, inherits, ",
            "created_at, expires_at, last_used_at, revoked_at FROM tokens ",
            $rest
        )
    };
}

#[async_trait]
impl<C: Connection> TokenRepository for Unit<C> {
    async fn insert(&mut self, token: &StoredToken) -> Result<(), Error> {
        let sql = "INSERT INTO tokens (id, provider, subject, username, key_hash, description, \
                   scopes, group_names, inherits, created_at, expires_at, revoked_at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
                   ON CONFLICT (id) DO NOTHING";
        let values = vec![
            (&*token.id.0).into(),
            token.owner.provider.as_str().into(),
            token.owner.subject.as_str().into(),
            token.username.as_str().into(),
            Value::bytes(token.key_hash.map(|hash| hash.0.to_vec())),
            token.description.as_str().into(),
            Value::json(&token.scopes)?,
            Value::json(&token.groups)?,
            token.inherits.into(),
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
        let sql = select!("WHERE id = $1");
        let rows = self.connection.fetch(sql, vec![(&*id.0).into()]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn list(&mut self, owner: Option<&Owner>) -> Result<Vec<StoredToken>, Error> {
        let rows = if let Some(owner) = owner {
            let sql = select!("WHERE provider = $1 AND subject = $2 ORDER BY created_at DESC, id");
            self.connection.fetch(sql, values_of(owner)).await?
        } else {
            let sql = select!("ORDER BY created_at DESC, id");
            self.connection.fetch(sql, vec![]).await?
        };
        rows.into_iter().map(read).collect()
    }

    async fn count_since(&mut self, owner: &Owner, since: Timestamp) -> Result<u64, Error> {
        let sql = "SELECT count(*) FROM tokens \
                   WHERE provider = $1 AND subject = $2 AND created_at >= $3";
        let mut values = values_of(owner);
        values.push(since.into());
        let rows = self.connection.fetch(sql, values).await?;
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

    async fn revoke_of(&mut self, owner: &Owner, ends: Ends, at: Timestamp) -> Result<u64, Error> {
        let sql = match ends {
            Ends::All => {
                "UPDATE tokens SET revoked_at = $3 WHERE provider = $1 AND subject = $2 \
                 AND revoked_at IS NULL AND expires_at > $3"
            }
            Ends::Fixed => {
                "UPDATE tokens SET revoked_at = $3 WHERE provider = $1 AND subject = $2 \
                 AND revoked_at IS NULL AND expires_at > $3 \
                 AND (key_hash IS NULL OR inherits = 0)"
            }
        };
        let mut values = values_of(owner);
        values.push(at.into());
        self.connection.execute(sql, values).await
    }

    async fn follow(
        &mut self,
        owner: &Owner,
        groups: &[String],
        now: Timestamp,
    ) -> Result<u64, Error> {
        let sql = "UPDATE tokens SET group_names = $4 WHERE provider = $1 AND subject = $2 \
                   AND revoked_at IS NULL AND expires_at > $3 AND key_hash IS NOT NULL \
                   AND inherits = 1 AND group_names <> $4";
        let mut values = values_of(owner);
        values.extend([now.into(), Value::json(&groups)?]);
        self.connection.execute(sql, values).await
    }

    async fn owners_called(&mut self, name: &str) -> Result<Vec<Owner>, Error> {
        let sql = "SELECT DISTINCT provider, subject FROM tokens \
                   WHERE (username = $1 OR subject = $1) AND provider <> $2 \
                   ORDER BY provider, subject";
        let values = vec![name.into(), SERVICE_ACCOUNT.into()];
        let rows = self.connection.fetch(sql, values).await?;
        rows.into_iter()
            .map(|row| {
                let mut row = row.reader("tokens");
                Ok(Owner {
                    provider: row.text("provider")?,
                    subject: row.text("subject")?,
                })
            })
            .collect()
    }

    async fn revoked(&mut self, now: Timestamp) -> Result<Vec<(TokenId, Timestamp)>, Error> {
        let sql = "SELECT id, expires_at FROM tokens \
                   WHERE revoked_at IS NOT NULL AND expires_at > $1 AND key_hash IS NULL \
                   ORDER BY id";
        let rows = self.connection.fetch(sql, vec![now.into()]).await?;
        rows.into_iter()
            .map(|row| {
                let mut row = row.reader("tokens");
                Ok((TokenId(row.text("id")?.into()), row.moment("expires_at")?))
            })
            .collect()
    }

    async fn used(&mut self, id: &TokenId, at: Timestamp) -> Result<bool, Error> {
        let sql = "UPDATE tokens SET last_used_at = $2 WHERE id = $1 AND key_hash IS NOT NULL \
                   AND (last_used_at IS NULL OR last_used_at <= $3)";
        let before = at.plus_seconds(-USE_NOTED_EVERY);
        let values = vec![(&*id.0).into(), at.into(), before.into()];
        self.connection
            .execute(sql, values)
            .await
            .map(|rows| rows > 0)
    }

    async fn api_keys(&mut self, now: Timestamp) -> Result<Vec<StoredToken>, Error> {
        let sql = select!(
            "WHERE key_hash IS NOT NULL AND revoked_at IS NULL AND expires_at > $1 ORDER BY id"
        );
        let rows = self.connection.fetch(sql, vec![now.into()]).await?;
        rows.into_iter().map(read).collect()
    }

    async fn purge(&mut self, before: Timestamp) -> Result<u64, Error> {
        let sql = "DELETE FROM tokens WHERE expires_at < $1";
        self.connection.execute(sql, vec![before.into()]).await
    }
}

fn values_of(owner: &Owner) -> Vec<Value> {
    vec![
        owner.provider.as_str().into(),
        owner.subject.as_str().into(),
    ]
}

fn read(row: Row) -> Result<StoredToken, Error> {
    let mut row = row.reader("tokens");
    Ok(StoredToken {
        id: TokenId(row.text("id")?.into()),
        owner: Owner {
            provider: row.text("provider")?,
            subject: row.text("subject")?,
        },
        username: row.text("username")?,
        key_hash: row.maybe_hash("key_hash")?.map(KeyHash),
        description: row.text("description")?,
        scopes: row.json("scopes")?,
        groups: row.json("group_names")?,
        inherits: row.flag("inherits")?,
        created_at: row.moment("created_at")?,
        expires_at: row.moment("expires_at")?,
        last_used_at: row.maybe_int("last_used_at")?.map(Timestamp::from_unix),
        revoked_at: row.maybe_int("revoked_at")?.map(Timestamp::from_unix),
    })
}
