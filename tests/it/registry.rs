//! The registry through its router.

mod auth;
mod import;
mod servers;
