//! `[registry]`: the control plane.

use std::path::PathBuf;

use serde::Deserialize;

use super::types::{Bind, ByteSize, Period};

/// Settings of the registry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// Listener (`REGISTRY_BIND`).
    pub bind: Bind,
    /// Definitions imported at start (`SERVERS_DIR`); absent: `servers` in the data directory.
    pub servers_dir: Option<PathBuf>,
    /// Largest request body of the API.
    pub body_bytes: ByteSize,
    /// Silence inside a request body.
    pub body_idle: Period,
    /// Longest `wait` of a held request.
    pub wait_max: Period,
    /// Held requests and watches at once.
    pub held_requests: usize,
}
