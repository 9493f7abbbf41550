//! Who changed what.

use async_trait::async_trait;

use super::Unit;
use crate::domain::audit::Decision;
use crate::domain::time::Timestamp;
use crate::store::sql::{Connection, Row, Value};
use crate::store::{AuditEntry, AuditFilter, AuditRepository, Error, Place, StoredAudit};

#[async_trait]
impl<C: Connection> AuditRepository for Unit<C> {
    async fn append(&mut self, entry: &AuditEntry) -> Result<(), Error> {
        let sql = "INSERT INTO audit (at, actor, action, subject, request_id, server, source, \
                   auth_method, changed, before_digest, after_digest) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        let values = vec![
            entry.at.into(),
            entry.actor.as_str().into(),
            entry.action.as_str().into(),
            entry.subject.as_str().into(),
            entry.request_id.as_str().into(),
            entry.server.as_str().into(),
            entry.source.as_str().into(),
            entry.auth_method.as_str().into(),
            Value::json(&entry.changed)?,
            entry.before.as_str().into(),
            entry.after.as_str().into(),
        ];
        self.connection.execute(sql, values).await.map(drop)
    }

    async fn list(&mut self, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        let sql = "SELECT id, at, actor, action, subject, request_id, server, source, \
                   auth_method, changed, before_digest, after_digest FROM audit \
                   ORDER BY id DESC LIMIT $1";
        let rows = self
            .connection
            .fetch(sql, vec![Value::Int(limit.into())])
            .await?;
        rows.into_iter()
            .map(|row| read(row).map(|stored| stored.entry))
            .collect()
    }

    async fn search(
        &mut self,
        filter: &AuditFilter,
        before: Place,
        limit: u32,
    ) -> Result<Vec<StoredAudit>, Error> {
        // A change has no tool, and what was refused did not change anything.
        let refused = filter.decision.is_some_and(|one| one != Decision::Allow);
        if refused || !filter.tool.is_empty() {
            return Ok(Vec::new());
        }
        let mut values = bounds(filter, before)?;
        values.extend([
            filter.user.as_str().into(),
            filter.server.as_str().into(),
            filter.action.as_str().into(),
            Value::Int(limit.into()),
        ]);
        let sql = if filter.request_id.is_empty() {
            "SELECT id, at, actor, action, subject, request_id, server, source, \
             auth_method, changed, before_digest, after_digest FROM audit \
             WHERE (at < $1 OR (at = $1 AND id < $2)) AND at >= $3 AND at < $4 \
             AND ($5 = '' OR actor = $5) AND ($6 = '' OR server = $6) \
             AND ($7 = '' OR action = $7) ORDER BY at DESC, id DESC LIMIT $8"
        } else {
            values.push(filter.request_id.as_str().into());
            "SELECT id, at, actor, action, subject, request_id, server, source, \
             auth_method, changed, before_digest, after_digest FROM audit \
             WHERE (at < $1 OR (at = $1 AND id < $2)) AND at >= $3 AND at < $4 \
             AND ($5 = '' OR actor = $5) AND ($6 = '' OR server = $6) \
             AND ($7 = '' OR action = $7) AND request_id = $9 \
             ORDER BY at DESC, id DESC LIMIT $8"
        };
        let rows = self.connection.fetch(sql, values).await?;
        rows.into_iter().map(read).collect()
    }
}

/// The first four values of a search: the place, since, until.
pub(super) fn bounds(filter: &AuditFilter, before: Place) -> Result<Vec<Value>, Error> {
    Ok(vec![
        before.at.into(),
        Value::unsigned(before.id)?,
        Value::Int(filter.since.map_or(i64::MIN, Timestamp::unix)),
        Value::Int(filter.until.map_or(i64::MAX, Timestamp::unix)),
    ])
}

fn read(row: Row) -> Result<StoredAudit, Error> {
    let mut row = row.reader("audit");
    Ok(StoredAudit {
        id: row.unsigned("id")?,
        entry: AuditEntry {
            at: row.moment("at")?,
            actor: row.text("actor")?,
            action: row.text("action")?,
            subject: row.text("subject")?,
            request_id: row.text("request_id")?,
            server: row.text("server")?,
            source: row.text("source")?,
            auth_method: row.text("auth_method")?,
            changed: row.json("changed")?,
            before: row.text("before_digest")?,
            after: row.text("after_digest")?,
        },
    })
}
