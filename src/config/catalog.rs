//! `[catalog]`: following a registry.

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
    /// Largest snapshot that is read.
    pub snapshot_bytes: ByteSize,
    /// Heartbeat of the watch.
    pub heartbeat: Period,
    /// Changes within this time become one delta.
    pub coalesce: Period,
}
