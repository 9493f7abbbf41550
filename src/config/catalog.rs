//! `[catalog]`: following a registry.

use std::path::PathBuf;

use serde::Deserialize;

use super::types::{ByteSize, Period};
use crate::domain::secret::Secret;

/// Settings of the snapshot's way from registry to gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogConfig {
    /// The registry's list of servers (`REGISTRY_API_URL`).
    pub registry_api_url: String,
    /// Poll when nothing better is offered; upper bound between attempts (`POLL_INTERVAL`).
    pub poll_interval: Period,
    /// What a follower shows, and what the registry accepts: a comma list, for rotation
    /// (`REGISTRY_API_TOKEN`). Registry without one: generated.
    pub token: Option<Secret<String>>,
    /// File that the token came from or will come from (`REGISTRY_API_TOKEN_FILE`). A gateway starts
    /// without it and reads it once it is there.
    pub token_file: Option<PathBuf>,
    /// Largest snapshot that is read.
    pub snapshot_bytes: ByteSize,
    /// Heartbeat of the watch.
    pub heartbeat: Period,
    /// Changes within this time become one delta.
    pub coalesce: Period,
}

impl CatalogConfig {
    /// The tokens, in the order given: the first is the one a follower shows.
    pub fn tokens(&self) -> Vec<Secret<String>> {
        let Some(list) = &self.token else {
            return Vec::new();
        };
        list.expose()
            .split(',')
            .map(str::trim)
            .filter(|token| !token.is_empty())
            .map(|token| Secret::new(token.to_owned()))
            .collect()
    }
}
