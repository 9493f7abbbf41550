//! http
pub mod connection;
pub mod serve;
