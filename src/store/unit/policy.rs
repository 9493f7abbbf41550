//! The policy, as one row.

use async_trait::async_trait;

use super::Unit;
use crate::store::sql::{Connection, Row, Value, with_checksum};
use crate::store::{Error, PolicyRepository, StoredPolicy};

#[async_trait]
impl<C: Connection> PolicyRepository for Unit<C> {
    async fn find(&mut self) -> Result<Option<StoredPolicy>, Error> {
        let sql = "SELECT id, rules, version, updated_at, updated_by, checksum FROM policy \
                   WHERE id = 1";
        let rows = self.connection.fetch(sql, vec![]).await?;
        rows.into_iter().next().map(read).transpose()
    }

    async fn keep(&mut self, policy: &StoredPolicy) -> Result<(), Error> {
        let mut values = with_checksum(columns(policy)?);
        let sql = if policy.version == 1 {
            "INSERT INTO policy (id, rules, version, updated_at, updated_by, checksum) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING"
        } else {
            values.push(Value::unsigned(policy.version.saturating_sub(1))?);
            "UPDATE policy SET rules = $2, version = $3, updated_at = $4, updated_by = $5, \
             checksum = $6 WHERE id = $1 AND version = $7"
        };
        match self.connection.execute(sql, values).await? {
            0 => Err(Error::Stale),
            _ => Ok(()),
        }
    }
}

fn columns(policy: &StoredPolicy) -> Result<Vec<Value>, Error> {
    Ok(vec![
        Value::Int(1),
        Value::json(policy.policy.rules())?,
        Value::unsigned(policy.version)?,
        policy.updated_at.into(),
        policy.updated_by.as_str().into(),
    ])
}

fn read(row: Row) -> Result<StoredPolicy, Error> {
    let mut row = row.checked("policy")?;
    row.int("id")?;
    Ok(StoredPolicy {
        policy: row.json("rules")?,
        version: row.unsigned("version")?,
        updated_at: row.moment("updated_at")?,
        updated_by: row.text("updated_by")?,
    })
}
