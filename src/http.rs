//! The shared web edge: problems, limits, request ids, hosts and origins.
//!
//! Promises: whatever happens behind [`edge::guard`], the client gets a well-formed answer with a
//! request id, and an error is a problem document (RFC 9457) that never tells why we failed. Must
//! not know a use case. Start with [`edge`] (what every request goes through), then [`problem`];
//! [`serve`] is how a client's connection is served, by registry and gateway alike.

pub mod body;
pub mod connection;
pub mod cookie;
pub mod edge;
pub mod etag;
pub mod host;
pub mod json;
pub mod leftover;
pub mod problem;
pub mod query;
pub mod serve;
mod turns;
pub mod unwind;
pub mod woken;

pub use edge::{Edge, Guard, Peer};
pub use problem::Problem;
