//! `[network]`: outgoing connections.

use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

/// Settings of outgoing connections.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// PEM roots trusted for the registry (`REGISTRY_CA_FILE`).
    pub registry_ca_file: Option<PathBuf>,
    /// PEM roots trusted for everything (`EXTRA_CA_FILE`).
    pub extra_ca_file: Option<PathBuf>,
    /// Dial only `allowed_ranges`; off: anything but link-local and metadata addresses.
    pub strict: bool,
    /// What may be dialled when `strict`.
    pub allowed_ranges: Vec<IpNet>,
    /// Ports that are never dialled.
    pub blocked_ports: Vec<u16>,
}
