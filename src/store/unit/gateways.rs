//! Credentials of other people's gateways.

use async_trait::async_trait;

use super::Unit;
use crate::domain::api_key::KeyHash;
use crate::store::sql::{Connection, Row, with_checksum};
use crate::store::{Error, GatewayRepository, StoredGateway};

#[async_trait]
impl<C: Connection> GatewayRepository for Unit<C> {
    async fn list(&mut self) -> Result<Vec<StoredGateway>, Error> {
        let sql = "SELECT name, id, key_hash, sends_body, created_at, created_by, checksum \
                   FROM gateways ORDER BY name";
        let rows = self.connection.fetch(sql, vec![]).await?;
        rows.into_iter().map(read).collect()
    }

    async fn insert(&mut self, gateway: &StoredGateway) -> Result<(), Error> {
        let sql = "INSERT INTO gateways (name, id, key_hash, sends_body, created_at, created_by, \
                   checksum) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (name) DO NOTHING";
        let values = with_checksum(vec![
            gateway.name.as_str().into(),
            gateway.id.as_str().into(),
            (&gateway.key_hash.0).into(),
            gateway.sends_body.into(),
            gateway.created_at.into(),
            gateway.created_by.as_str().into(),
        ]);
        match self.connection.execute(sql, values).await? {
            0 => Err(Error::Exists),
            _ => Ok(()),
        }
    }

    async fn remove(&mut self, name: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM gateways WHERE name = $1";
        let removed = self.connection.execute(sql, vec![name.into()]).await?;
        Ok(removed > 0)
    }
}

fn read(row: Row) -> Result<StoredGateway, Error> {
    let mut row = row.checked("gateways")?;
    Ok(StoredGateway {
        name: row.text("name")?,
        id: row.text("id")?,
        key_hash: KeyHash(row.hash("key_hash")?),
        sends_body: row.flag("sends_body")?,
        created_at: row.moment("created_at")?,
        created_by: row.text("created_by")?,
    })
}
