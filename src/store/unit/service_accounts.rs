//! Accounts of programs.

use async_trait::async_trait;

use super::Unit;
use crate::store::sql::{Connection, Row, Value, with_checksum};
use crate::store::{Error, ServiceAccountRepository, StoredServiceAccount};

#[async_trait]
impl<C: Connection> ServiceAccountRepository for Unit<C> {
    async fn find(&mut self, name: &str) -> Result<Option<StoredServiceAccount>, Error> {
        let sql = "SELECT name, description, group_names, scopes, disabled, created_at, \
                   updated_at, checksum FROM service_accounts WHERE name = $1";
        let rows = self.connection.fetch(sql, vec![name.into()]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn list(&mut self) -> Result<Vec<StoredServiceAccount>, Error> {
        let sql = "SELECT name, description, group_names, scopes, disabled, created_at, \
                   updated_at, checksum FROM service_accounts ORDER BY name";
        let rows = self.connection.fetch(sql, vec![]).await?;
        rows.into_iter().map(read).collect()
    }

    async fn upsert(&mut self, account: &StoredServiceAccount) -> Result<(), Error> {
        let sql = "INSERT INTO service_accounts (name, description, group_names, scopes, \
                   disabled, created_at, updated_at, checksum) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                   ON CONFLICT (name) DO UPDATE SET description = excluded.description, \
                   group_names = excluded.group_names, scopes = excluded.scopes, \
                   disabled = excluded.disabled, created_at = excluded.created_at, \
                   updated_at = excluded.updated_at, checksum = excluded.checksum";
        let values = with_checksum(vec![
            account.name.as_str().into(),
            account.description.as_str().into(),
            Value::json(&account.groups)?,
            Value::json(&account.scopes)?,
            account.disabled.into(),
            account.created_at.into(),
            account.updated_at.into(),
        ]);
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn remove(&mut self, name: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM service_accounts WHERE name = $1";
        let removed = self.connection.execute(sql, vec![name.into()]).await?;
        Ok(removed > 0)
    }
}

fn read(row: Row) -> Result<StoredServiceAccount, Error> {
    let mut row = row.checked("service_accounts")?;
    Ok(StoredServiceAccount {
        name: row.text("name")?,
        description: row.text("description")?,
        groups: row.json("group_names")?,
        scopes: row.json("scopes")?,
        disabled: row.flag("disabled")?,
        created_at: row.moment("created_at")?,
        updated_at: row.moment("updated_at")?,
    })
}
