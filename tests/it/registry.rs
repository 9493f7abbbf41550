//! The registry through its router.

mod audit;
mod auth;
mod bodies;
mod edge;
mod failures;
mod feed;
mod gateway;
mod import;
mod oidc;
mod policy;
mod servers;
