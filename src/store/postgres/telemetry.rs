//! Who used what, beside the registry's own tables. Its transactions do not take the cluster's row:
//! no change waits for them.

use async_trait::async_trait;

use super::PostgresStore;
use super::connection::Work;
use crate::domain::time::Timestamp;
use crate::store::sql::Connection as _;
use crate::store::unit::access;
use crate::store::{AccessBatch, AccessLog, AuditFilter, Error, Place, StoredAccess};

#[async_trait]
impl AccessLog for PostgresStore {
    async fn keep(&self, batch: &AccessBatch, now: Timestamp) -> Result<bool, Error> {
        let mut work = Work::begin_first(&self.pool, &self.channel).await?;
        let new = access::keep(&mut work, batch, now).await?;
        work.commit(None, None).await?;
        Ok(new)
    }

    async fn search(
        &self,
        filter: &AuditFilter,
        before: Place,
        limit: u32,
    ) -> Result<Vec<StoredAccess>, Error> {
        let mut work = Work::begin_first(&self.pool, &self.channel).await?;
        let found = access::search(&mut work, filter, before, limit).await?;
        work.commit(None, None).await?;
        Ok(found)
    }

    async fn purge(&self, before: Timestamp, most_bytes: u64) -> Result<u64, Error> {
        let mut gone = 0;
        loop {
            let mut work = Work::begin_first(&self.pool, &self.channel).await?;
            let some = access::purge(&mut work, before, most_bytes).await?;
            work.commit(None, None).await?;
            if some == 0 {
                return Ok(gone);
            }
            gone += some;
        }
    }
}
