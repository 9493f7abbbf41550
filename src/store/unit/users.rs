//! Local users.

use async_trait::async_trait;

use super::Unit;
use crate::domain::secret::Secret;
use crate::store::sql::{Connection, Row, Value, with_checksum};
use crate::store::{Error, StoredUser, UserRepository};

#[async_trait]
impl<C: Connection> UserRepository for Unit<C> {
    async fn find(&mut self, username: &str) -> Result<Option<StoredUser>, Error> {
        let sql = "SELECT username, password_hash, group_names, disabled, updated_at, checksum \
                   FROM users WHERE username = $1";
        let rows = self.connection.fetch(sql, vec![username.into()]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn list(&mut self) -> Result<Vec<StoredUser>, Error> {
        let sql = "SELECT username, password_hash, group_names, disabled, updated_at, checksum \
                   FROM users ORDER BY username";
        let rows = self.connection.fetch(sql, vec![]).await?;
        rows.into_iter().map(read).collect()
    }

    async fn upsert(&mut self, user: &StoredUser) -> Result<(), Error> {
        let sql = "INSERT INTO users (username, password_hash, group_names, disabled, \
                   updated_at, checksum) VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (username) DO UPDATE SET password_hash = excluded.password_hash, \
                   group_names = excluded.group_names, disabled = excluded.disabled, \
                   updated_at = excluded.updated_at, checksum = excluded.checksum";
        let values = with_checksum(vec![
            user.username.as_str().into(),
            user.password_hash.expose().as_str().into(),
            Value::json(&user.groups)?,
            user.disabled.into(),
            user.updated_at.into(),
        ]);
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn remove(&mut self, username: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM users WHERE username = $1";
        let removed = self.connection.execute(sql, vec![username.into()]).await?;
        Ok(removed > 0)
    }
}

fn read(row: Row) -> Result<StoredUser, Error> {
    let mut row = row.checked("users")?;
    Ok(StoredUser {
        username: row.text("username")?,
        password_hash: Secret::new(row.text("password_hash")?),
        groups: row.json("group_names")?,
        disabled: row.flag("disabled")?,
        updated_at: row.moment("updated_at")?,
    })
}
