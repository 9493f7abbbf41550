//! The registry through its router.

mod auth;
mod bodies;
mod edge;
mod gateway;
mod import;
mod servers;
