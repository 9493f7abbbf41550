//! Who changed what.

use async_trait::async_trait;

use super::Unit;
use crate::store::sql::{Connection, Row, Value};
use crate::store::{AuditEntry, AuditRepository, Error};

#[async_trait]
impl<C: Connection> AuditRepository for Unit<C> {
    async fn append(&mut self, entry: &AuditEntry) -> Result<(), Error> {
        let sql = "INSERT INTO audit (at, actor, action, subject, request_id) \
                   VALUES ($1, $2, $3, $4, $5)";
        let values = vec![
            entry.at.into(),
            entry.actor.as_str().into(),
            entry.action.as_str().into(),
            entry.subject.as_str().into(),
            entry.request_id.as_str().into(),
        ];
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn list(&mut self, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let sql = "SELECT id, at, actor, action, subject, request_id FROM audit \
                   ORDER BY id DESC LIMIT $1";
        let rows = self
            .connection
            .fetch(sql, vec![Value::Int(limit.into())])
            .await?;
        rows.into_iter().map(read).collect()
    }
}

fn read(row: Row) -> Result<AuditEntry, Error> {
    let mut row = row.reader("audit");
    row.int("id")?;
    Ok(AuditEntry {
        at: row.moment("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        request_id: row.text("request_id")?,
    })
}
