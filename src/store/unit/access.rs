//! Who used what: the statements, on whatever transaction they are given.

use super::audit::bounds;
use crate::domain::audit::AccessEvent;
use crate::domain::time::Timestamp;
use crate::store::sql::{Connection, Reader, Row, Value};
use crate::store::{AccessBatch, AuditFilter, Error, Mark, Place, StoredAccess};

/// Keeps a batch once; whether it is new.
pub(in crate::store) async fn keep<C: Connection>(
    connection: &mut C,
    batch: &AccessBatch,
    now: Timestamp,
) -> Result<bool, Error> {
    if let Some(mark) = &batch.mark
        && !is_first(connection, &batch.gateway, mark, now).await?
    {
        return Ok(false);
    }
    let mut bytes = 0;
    for event in &batch.events {
        bytes += insert(connection, &batch.gateway, event).await?;
    }
    grow(connection, bytes).await?;
    Ok(true)
}

/// Notes how far a run has told; whether this is new.
async fn is_first<C: Connection>(
    connection: &mut C,
    gateway: &str,
    mark: &Mark,
    now: Timestamp,
) -> Result<bool, Error> {
    let noted = "INSERT INTO access_runs (gateway, run, sequence, seen_at) \
                 VALUES ($1, $2, $3, $4) ON CONFLICT (gateway, run) DO UPDATE \
                 SET sequence = excluded.sequence, seen_at = excluded.seen_at \
                 WHERE access_runs.sequence < excluded.sequence";
    let values = vec![
        clean(gateway),
        clean(&mark.run),
        Value::unsigned(mark.sequence)?,
        now.into(),
    ];
    Ok(connection.execute(noted, values).await? > 0)
}

async fn insert<C: Connection>(
    connection: &mut C,
    gateway: &str,
    event: &AccessEvent,
) -> Result<i64, Error> {
    let sql = "INSERT INTO access_events (at, gateway, request_id, user_name, auth_method, client, \
               server, method, tool, decision, reason, status, duration_us, count, arguments, bytes) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let arguments = match &event.arguments {
        Some(arguments) => arguments.to_string(),
        None => String::new(),
    };
    let texts = [
        gateway,
        &event.request_id,
        &event.user,
        &event.auth_method,
        &event.client,
        &event.server,
        &event.method,
        &event.tool,
        event.decision.as_str(),
        &event.reason,
    ];
    let length: usize = texts.iter().map(|text| text.len().min(MOST_TEXT)).sum();
    let bytes = i64::try_from(length + arguments.len()).unwrap_or(i64::MAX / 2) + PER_ROW;
    let mut values = vec![event.at.into()];
    values.extend(texts.into_iter().map(clean));
    values.extend([
        Value::Int(event.status.into()),
        Value::Int(i64::try_from(event.duration_us).unwrap_or(i64::MAX)),
        Value::Int(i64::try_from(event.count).unwrap_or(i64::MAX)),
        Value::Text(arguments),
        Value::Int(bytes),
    ]);
    connection.execute(sql, values).await?;
    Ok(bytes)
}

/// What callers write has no bounds, and PostgreSQL takes no NUL.
fn clean(text: &str) -> Value {
    let mut text = text.replace('\0', "\u{fffd}");
    text.truncate(text.floor_char_boundary(MOST_TEXT));
    Value::Text(text)
}

async fn grow<C: Connection>(connection: &mut C, bytes: i64) -> Result<u64, Error> {
    let sql = "UPDATE access_size SET bytes = bytes + $1 WHERE id = 1 RETURNING id, bytes";
    let rows = connection.fetch(sql, vec![Value::Int(bytes)]).await?;
    let Some(row) = rows.into_iter().next() else {
        return Err(Error::Corrupt {
            table: "access_size",
            column: "id",
            row: "1".to_owned(),
            source: anyhow::anyhow!("the row is missing"),
        });
    };
    let mut row = row.reader("access_size");
    row.int("id")?;
    Ok(u64::try_from(row.int("bytes")?).unwrap_or_default())
}

/// Those that match, older than a place; the newest first.
pub(in crate::store) async fn search<C: Connection>(
    connection: &mut C,
    filter: &AuditFilter,
    before: Place,
    limit: u32,
) -> Result<Vec<StoredAccess>, Error> {
    // The use of a server is no change.
    if !filter.action.is_empty() {
        return Ok(Vec::new());
    }
    let decision = filter.decision.map_or("", |decision| decision.as_str());
    let mut values = bounds(filter, before)?;
    values.extend([
        filter.user.as_str().into(),
        filter.server.as_str().into(),
        filter.tool.as_str().into(),
        decision.into(),
        Value::Int(limit.into()),
    ]);
    let sql = if filter.request_id.is_empty() {
        "SELECT id, at, gateway, request_id, user_name, auth_method, client, server, method, tool, \
         decision, reason, status, duration_us, count, arguments FROM access_events \
         WHERE (at < $1 OR (at = $1 AND id < $2)) AND at >= $3 AND at < $4 \
         AND ($5 = '' OR user_name = $5) AND ($6 = '' OR server = $6) \
         AND ($7 = '' OR tool = $7) AND ($8 = '' OR decision = $8) \
         ORDER BY at DESC, id DESC LIMIT $9"
    } else {
        values.push(filter.request_id.as_str().into());
        "SELECT id, at, gateway, request_id, user_name, auth_method, client, server, method, tool, \
         decision, reason, status, duration_us, count, arguments FROM access_events \
         WHERE (at < $1 OR (at = $1 AND id < $2)) AND at >= $3 AND at < $4 \
         AND ($5 = '' OR user_name = $5) AND ($6 = '' OR server = $6) \
         AND ($7 = '' OR tool = $7) AND ($8 = '' OR decision = $8) AND request_id = $10 \
         ORDER BY at DESC, id DESC LIMIT $9"
    };
    let rows = connection.fetch(sql, values).await?;
    rows.into_iter().map(read).collect()
}

fn read(row: Row) -> Result<StoredAccess, Error> {
    let mut row = row.reader("access_events");
    let id = row.unsigned("id")?;
    let at = row.moment("at")?;
    let gateway = row.text("gateway")?;
    let event = read_event(row, at)?;
    Ok(StoredAccess { id, gateway, event })
}

fn read_event(mut row: Reader, at: Timestamp) -> Result<AccessEvent, Error> {
    let mut event = AccessEvent {
        at,
        request_id: row.text("request_id")?,
        user: row.text("user_name")?,
        auth_method: row.text("auth_method")?,
        key: String::new(),
        client: row.text("client")?,
        server: row.text("server")?,
        method: row.text("method")?,
        tool: row.text("tool")?,
        decision: row.parse("decision")?,
        reason: row.text("reason")?,
        status: u16::try_from(row.int("status")?).unwrap_or_default(),
        duration_us: row.unsigned("duration_us")?,
        count: row.unsigned("count")?,
        arguments: None,
    };
    let arguments = row.text("arguments")?;
    if !arguments.is_empty() {
        let value = serde_json::from_str(&arguments);
        event.arguments = Some(value.map_err(|error| row.corrupt("arguments", error.into()))?);
    }
    Ok(event)
}

/// Forgets some of what is older than a moment, or where nothing is, some of the oldest while the
/// rest takes too many bytes; how many. Nothing: there is nothing more to forget.
pub(in crate::store) async fn purge<C: Connection>(
    connection: &mut C,
    before: Timestamp,
    most_bytes: u64,
) -> Result<u64, Error> {
    let old = "DELETE FROM access_events WHERE id IN (SELECT id FROM access_events WHERE at < $1 \
               ORDER BY at, id LIMIT $2) RETURNING id, bytes";
    let oldest = "DELETE FROM access_events WHERE id IN (SELECT id FROM access_events \
                  ORDER BY at, id LIMIT $1) RETURNING id, bytes";
    let runs = "DELETE FROM access_runs WHERE seen_at < $1";
    connection.execute(runs, vec![before.into()]).await?;
    let mut gone = connection
        .fetch(old, vec![before.into(), Value::Int(AT_ONCE)])
        .await?;
    if gone.is_empty() && grow(connection, 0).await? > most_bytes {
        gone = connection.fetch(oldest, vec![Value::Int(AT_ONCE)]).await?;
    }
    let count = gone.len();
    let mut bytes = 0;
    for row in gone {
        let mut row = row.reader("access_events");
        row.int("id")?;
        bytes += row.int("bytes")?;
    }
    grow(connection, -bytes).await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Longer texts are cut off.
const MOST_TEXT: usize = 1_024;
/// What a row takes beside its texts, with its part of the indexes.
const PER_ROW: i64 = 200;
/// Rows that are forgotten within one transaction.
const AT_ONCE: i64 = 2_000;
