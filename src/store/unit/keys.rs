//! Generated keys, sealed.

use async_trait::async_trait;

use super::Unit;
use crate::domain::secret::Secret;
use crate::store::seal::{Place, Sealer};
use crate::store::sql::{Connection, Row, Value};
use crate::store::{Error, KeyRepository};

#[async_trait]
impl<C: Connection> KeyRepository for Unit<C> {
    async fn find(&mut self, name: &str) -> Result<Option<Secret<Vec<u8>>>, Error> {
        let sql = "SELECT name, sealed FROM keys WHERE name = $1 ORDER BY version DESC LIMIT 1";
        let rows = self.connection.fetch(sql, vec![name.into()]).await?;
        rows.into_iter()
            .next()
            .map(|row| read(row, &self.sealer))
            .transpose()
    }

    async fn keep(&mut self, name: &str, key: Secret<Vec<u8>>) -> Result<Secret<Vec<u8>>, Error> {
        let sql = "INSERT INTO keys (name, version, sealed) VALUES ($1, 1, $2) \
                   ON CONFLICT (name, version) DO NOTHING";
        let sealed = self
            .sealer
            .seal(place(name), key.expose())
            .map_err(|error| Error::Failed(error.into()))?;
        self.connection
            .execute(sql, vec![name.into(), Value::Bytes(sealed)])
            .await?;
        Ok(KeyRepository::find(self, name).await?.unwrap_or(key))
    }
}

impl<C: Connection> Unit<C> {
    /// Opens every key once.
    pub(super) async fn verify_keys(&mut self) -> Result<(), Error> {
        let rows = self
            .connection
            .fetch("SELECT name, sealed FROM keys", vec![])
            .await?;
        rows.into_iter()
            .try_for_each(|row| read(row, &self.sealer).map(drop))
    }
}

fn read(row: Row, sealer: &Sealer) -> Result<Secret<Vec<u8>>, Error> {
    let mut row = row.reader("keys");
    let name = row.text("name")?;
    let bytes = row.bytes("sealed")?;
    sealer
        .open(place(&name), &bytes)
        .map(Secret::new)
        .map_err(|error| row.corrupt("sealed", error.into()))
}

fn place(name: &str) -> Place<'_> {
    Place {
        column: "keys.sealed",
        row: name,
    }
}
