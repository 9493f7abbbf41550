//! What things are: servers, paths, rights, identities.
//!
//! Pure values and rules: no I/O, no async, no framework types. Everything here is parsed once, at
//! the edge, and trusted afterwards. Start with [`server`] (what a definition is), [`path`] (how a
//! server is named) and [`policy`] (who may do what).

pub mod api_key;
pub mod audit;
pub mod endpoint;
pub mod gateway_key;
pub mod hex;
pub mod ids;
pub mod issuer;
pub mod path;
pub mod policy;
pub mod principal;
pub mod secret;
pub mod server;
pub mod target;
pub mod time;
pub mod trust;
pub mod validate;
