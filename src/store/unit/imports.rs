//! What was imported from files.

use async_trait::async_trait;

use super::Unit;
use crate::store::sql::{Connection, Row};
use crate::store::{Error, ImportRepository, ImportedFile};

#[async_trait]
impl<C: Connection> ImportRepository for Unit<C> {
    async fn list(&mut self) -> Result<Vec<ImportedFile>, Error> {
        let sql = "SELECT file, hash, path FROM imports ORDER BY file";
        let rows = self.connection.fetch(sql, vec![]).await?;
        rows.into_iter().map(read).collect()
    }

    async fn keep(&mut self, file: &ImportedFile) -> Result<(), Error> {
        let sql = "INSERT INTO imports (file, hash, path) VALUES ($1, $2, $3) \
                   ON CONFLICT (file) DO UPDATE SET hash = excluded.hash, path = excluded.path";
        let values = vec![
            file.file.as_str().into(),
            (&file.hash).into(),
            file.path.as_str().into(),
        ];
        self.connection.execute(sql, values).await.map(drop)
    }
}

fn read(row: Row) -> Result<ImportedFile, Error> {
    let mut row = row.reader("imports");
    Ok(ImportedFile {
        file: row.text("file")?,
        hash: row.hash("hash")?,
        path: row.parse("path")?,
    })
}
