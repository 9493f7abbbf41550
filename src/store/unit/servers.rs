//! Server definitions: JSON, with the upstream headers sealed beside it.

use async_trait::async_trait;

use super::Unit;
use crate::domain::path::ServerPath;
use crate::domain::secret::Secret;
use crate::domain::server::{ServerDefinition, UpstreamHeader};
use crate::store::seal::{Place, Sealer};
use crate::store::sql::{Connection, Reader, Row, Value, with_checksum};
use crate::store::{Error, ServerRepository, StoredServer};

#[async_trait]
impl<C: Connection> ServerRepository for Unit<C> {
    async fn find(&mut self, path: &ServerPath) -> Result<Option<StoredServer>, Error> {
        let sql = "SELECT path, definition, headers, version, created_at, created_by, updated_at, \
                   updated_by, checksum FROM servers WHERE path = $1";
        let rows = self
            .connection
            .fetch(sql, vec![path.as_str().into()])
            .await?;
        rows.into_iter()
            .next()
            .map(|row| read(row, &self.sealer))
            .transpose()
    }

    async fn list(&mut self) -> Result<Vec<StoredServer>, Error> {
        let sql = "SELECT path, definition, headers, version, created_at, created_by, updated_at, \
                   updated_by, checksum FROM servers ORDER BY path";
        let rows = self.connection.fetch(sql, vec![]).await?;
        rows.into_iter()
            .map(|row| read(row, &self.sealer))
            .collect()
    }

    async fn insert(&mut self, server: &StoredServer) -> Result<(), Error> {
        let sql = "INSERT INTO servers (path, definition, headers, version, created_at, \
                   created_by, updated_at, updated_by, checksum) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (path) DO NOTHING";
        let values = with_checksum(columns(server, &self.sealer)?);
        match self.connection.execute(sql, values).await? {
            0 => Err(Error::Exists),
            _ => Ok(()),
        }
    }

    async fn update(&mut self, server: &StoredServer) -> Result<(), Error> {
        let Some(before) = server.version.checked_sub(1) else {
            return Err(Error::Stale);
        };
        let sql = "UPDATE servers SET definition = $2, headers = $3, version = $4, \
                   created_at = $5, created_by = $6, updated_at = $7, updated_by = $8, \
                   checksum = $9 WHERE path = $1 AND version = $10";
        let mut values = with_checksum(columns(server, &self.sealer)?);
        values.push(Value::unsigned(before)?);
        match self.connection.execute(sql, values).await? {
            0 => Err(Error::Stale),
            _ => Ok(()),
        }
    }

    async fn remove(&mut self, path: &ServerPath) -> Result<bool, Error> {
        let sql = "DELETE FROM servers WHERE path = $1";
        let removed = self
            .connection
            .execute(sql, vec![path.as_str().into()])
            .await?;
        Ok(removed > 0)
    }
}

fn columns(server: &StoredServer, sealer: &Sealer) -> Result<Vec<Value>, Error> {
    let definition = &server.definition;
    Ok(vec![
        definition.path.as_str().into(),
        Value::json(definition)?,
        Value::bytes(seal_headers(definition, sealer)?),
        Value::unsigned(server.version)?,
        server.created_at.into(),
        server.created_by.as_str().into(),
        server.updated_at.into(),
        server.updated_by.as_str().into(),
    ])
}

fn read(row: Row, sealer: &Sealer) -> Result<StoredServer, Error> {
    let mut row = row.checked("servers")?;
    let path: ServerPath = row.parse("path")?;
    let mut definition: ServerDefinition = row.json("definition")?;
    if definition.path != path {
        let cause = anyhow::anyhow!("the definition is that of another path");
        return Err(row.corrupt("definition", cause));
    }
    definition.headers = open_headers(&mut row, &path, sealer)?;
    Ok(StoredServer {
        definition,
        version: row.unsigned("version")?,
        created_at: row.moment("created_at")?,
        created_by: row.text("created_by")?,
        updated_at: row.moment("updated_at")?,
        updated_by: row.text("updated_by")?,
    })
}

fn seal_headers(definition: &ServerDefinition, sealer: &Sealer) -> Result<Option<Vec<u8>>, Error> {
    if definition.headers.is_empty() {
        return Ok(None);
    }
    let pairs: Vec<(&str, &str)> = definition
        .headers
        .iter()
        .map(|header| (header.name.as_str(), header.value.expose().as_str()))
        .collect();
    let failed = |error: anyhow::Error| Error::Failed(error);
    let plain = serde_json::to_vec(&pairs).map_err(|error| failed(error.into()))?;
    sealer
        .seal(place(&definition.path), &plain)
        .map(Some)
        .map_err(|error| failed(error.into()))
}

fn open_headers(
    row: &mut Reader,
    path: &ServerPath,
    sealer: &Sealer,
) -> Result<Vec<UpstreamHeader>, Error> {
    let Some(bytes) = row.maybe_bytes("headers")? else {
        return Ok(Vec::new());
    };
    let plain = sealer
        .open(place(path), &bytes)
        .map_err(|error| row.corrupt("headers", error.into()))?;
    // The parser's own message could quote a value.
    let pairs: Vec<(String, String)> = serde_json::from_slice(&plain)
        .map_err(|_| row.corrupt("headers", anyhow::anyhow!("not a list of headers")))?;
    Ok(pairs
        .into_iter()
        .map(|(name, value)| UpstreamHeader {
            name,
            value: Secret::new(value),
        })
        .collect())
}

fn place(path: &ServerPath) -> Place<'_> {
    Place {
        column: "servers.headers",
        row: path.as_str(),
    }
}
