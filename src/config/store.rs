//! `[store]`: databases.

use serde::Deserialize;

use crate::domain::secret::Secret;

/// Settings of the registry's database.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `postgres://…`, or absent for SQLite in the data directory (`DATABASE_URL`).
    pub database_url: Option<Secret<String>>,
    /// Connections to PostgreSQL.
    pub connections: u32,
}
