//! Public keys of gateways.

use async_trait::async_trait;

use super::Unit;
use crate::domain::time::Timestamp;
use crate::domain::trust::TokenKey;
use crate::store::sql::Connection;
use crate::store::{Error, IdentityKeyRepository, StoredIdentityKey};

#[async_trait]
impl<C: Connection> IdentityKeyRepository for Unit<C> {
    async fn list(&mut self) -> Result<Vec<StoredIdentityKey>, Error> {
        let sql = "SELECT kid, x, y, gateway, seen_at FROM identity_keys ORDER BY kid";
        let rows = self.connection.fetch(sql, vec![]).await?;
        rows.into_iter()
            .map(|row| {
                let mut row = row.reader("identity_keys");
                let key = TokenKey {
                    kid: row.text("kid")?,
                    x: row.text("x")?,
                    y: row.text("y")?,
                };
                Ok(StoredIdentityKey {
                    key,
                    gateway: row.text("gateway")?,
                    seen_at: row.moment("seen_at")?,
                })
            })
            .collect()
    }

    async fn see(&mut self, key: &StoredIdentityKey) -> Result<(), Error> {
        let sql = "INSERT INTO identity_keys (kid, x, y, gateway, seen_at) \
                   VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kid) DO UPDATE SET \
                   gateway = excluded.gateway, seen_at = excluded.seen_at";
        let values = vec![
            key.key.kid.as_str().into(),
            key.key.x.as_str().into(),
            key.key.y.as_str().into(),
            key.gateway.as_str().into(),
            key.seen_at.into(),
        ];
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn remove(&mut self, kid: &str) -> Result<bool, Error> {
        let sql = "DELETE FROM identity_keys WHERE kid = $1";
        let removed = self.connection.execute(sql, vec![kid.into()]).await?;
        Ok(removed > 0)
    }

    async fn purge(&mut self, since: Timestamp) -> Result<u64, Error> {
        let sql = "DELETE FROM identity_keys WHERE seen_at < $1";
        self.connection.execute(sql, vec![since.into()]).await
    }
}
