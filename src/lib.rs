//! One executable for MCP servers: a registry, a gateway, or both.
//!
//! # Map
//! | rank | module | what it is | may import |
//! |---|---|---|---|
//! | 0 | [`domain`], [`protocol`] | what things are; MCP on the wire | nothing of ours |
//! | 1 | [`config`] | settings, one section per part | domain |
//! | 2 | [`telemetry`] | log and metric set-up | config |
//! | 3 | [`net`] | listeners, TLS, outgoing connections | config, domain, telemetry |
//! | 4 | [`store`] | the registry's database | domain, config, telemetry |
//! | 4 | [`catalog`] | the seam: snapshots from registry to gateway | domain, protocol, config, telemetry, net |
//! | 4 | [`auth`] | who is calling and may they | domain, config, telemetry, net |
//! | 5 | [`http`] | the shared web edge: connections, problems, limits, request ids | domain, config, telemetry, net, auth |
//! | 6 | [`registry`] | control plane | all above |
//! | 6 | [`gateway`] | data plane | all above but store |
//! | 6 | [`examples`] | example MCP servers | protocol, config, telemetry, net |
//! | 6 | `validate` | `/auth/validate` for other people's gateways, `mcp auth-server` | domain, protocol, config, telemetry, net, auth, catalog, http |
//! | 6 | [`ui`] | the embedded web application | config, http |
//! | 7 | [`app`], [`cli`] | composition | everything |
//!
//! Modules of rank 6 never import each other. A test reads the `crate::` paths and holds this table.

pub mod app;
pub mod auth;
pub mod catalog;
pub mod cli;
pub mod config;
pub mod domain;
#[cfg(feature = "examples")]
pub mod examples;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod http;
pub mod net;
pub mod protocol;
#[cfg(feature = "registry")]
pub mod registry;
#[cfg(feature = "registry")]
pub mod store;
pub mod telemetry;
pub mod ui;
#[cfg(feature = "registry")]
pub mod validate;
