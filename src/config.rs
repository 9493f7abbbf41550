//! Settings: one section per part, in layers.
//!
//! Lowest first: `defaults.toml` (compiled in, the manual of every key), the file named by
//! `--config`, the environment, flags. [`Config`] as a whole is seen only by `app`; each part takes
//! its own section.

pub mod auth;
pub mod catalog;
pub mod gateway;
pub mod http;
pub mod log;
pub mod network;
pub mod ops;
pub mod registry;
pub mod store;
pub mod tls;
pub mod types;

pub use auth::AuthConfig;
pub use catalog::CatalogConfig;
pub use gateway::GatewayConfig;
pub use http::HttpConfig;
pub use log::LogConfig;
pub use network::NetworkConfig;
pub use ops::OpsConfig;
pub use registry::RegistryConfig;
pub use store::StoreConfig;
pub use tls::TlsConfig;

use std::path::PathBuf;

use serde::Deserialize;

/// Everything, as one value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where state lives: databases, generated secrets, the last snapshot.
    pub data_dir: PathBuf,
    /// The registry's part.
    pub registry: RegistryConfig,
    /// The gateway's part.
    pub gateway: GatewayConfig,
    /// Following a registry.
    pub catalog: CatalogConfig,
    /// Databases.
    pub store: StoreConfig,
    /// Identity.
    pub auth: AuthConfig,
    /// Certificates of the front listener.
    pub tls: TlsConfig,
    /// What both web edges share: hosts, origins, public URLs, trusted proxies.
    pub http: HttpConfig,
    /// Outgoing connections.
    pub network: NetworkConfig,
    /// Health, readiness and metrics listener.
    pub ops: OpsConfig,
    /// Logs.
    pub log: LogConfig,
}
