//! Settings: one section per part, in layers.
//!
//! Lowest first: `defaults.toml` (compiled in, the manual of every key), the file named by
//! `--config`, the environment, flags. [`Config`] as a whole is seen only by `app`; each part takes
//! its own section.
//!
//! Start reading at [`load()`]; `schema` knows the keys, `layers` reads the sources, `checks` holds
//! what may not be combined.

#![expect(
    clippy::disallowed_types,
    reason = "the whole is put together and checked here"
)]

pub mod audit;
pub mod auth;
pub mod catalog;
mod checks;
mod draft;
pub mod gateway;
pub mod http;
mod layers;
pub mod load;
pub mod log;
pub mod metrics;
pub mod mistake;
pub mod names;
pub mod network;
pub mod oidc;
pub mod ops;
pub mod origin;
pub mod parts;
pub mod registry;
mod schema;
mod show;
pub mod store;
mod suggest;
pub mod tls;
pub mod types;

pub use audit::{AccessAudit, AuditConfig};
pub use auth::AuthConfig;
pub use catalog::CatalogConfig;
pub use gateway::GatewayConfig;
pub use http::HttpConfig;
pub use load::{Flag, Loaded, Sources, load};
pub use log::LogConfig;
pub use metrics::MetricsConfig;
pub use mistake::{Errors, Mistake};
pub use network::NetworkConfig;
pub use oidc::OidcConfig;
pub use ops::OpsConfig;
pub use origin::Origin;
pub use parts::{Part, Parts};
pub use registry::RegistryConfig;
pub use schema::DEFAULTS;
pub use show::check;
pub use store::StoreConfig;
pub use tls::{TlsConfig, TlsMode, TlsSource};

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
    /// Who used what.
    pub audit: AuditConfig,
    /// An external identity provider.
    pub oidc: OidcConfig,
    /// The separate metrics service.
    pub metrics: MetricsConfig,
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
