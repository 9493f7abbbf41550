//! The registry over HTTP: one operation per file, the route list in [`routes`].
//!
//! Promises: every operation says in its signature who may call it ([`caller`]), every answer goes
//! through [`crate::http::edge`]. Must not hold business rules: those are the use cases above.

mod audit;
mod auth;
mod caller;
mod explain;
mod gateway;
mod openapi;
mod policy;
mod reply;
mod routes;
mod servers;
mod service_accounts;
mod system;
mod tokens;
mod users;
mod written;

pub use openapi::{openapi, openapi_json};
pub use routes::router;
