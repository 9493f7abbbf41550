//! The data plane on real sockets: what a client saw and what a recording server received.
//!
//! `upstream` and `client` are the two ends; each other module holds one family of claims.

mod admission;
mod anonymous;
pub(crate) mod attempts;
mod backpressure;
mod bodies;
mod cancel;
#[cfg(feature = "registry")]
mod challenges;
pub(crate) mod client;
mod crossing;
mod drain;
mod external;
mod frames;
mod h2_streams;
mod h2_upstream;
mod identity;
mod idle;
mod large;
mod legacy;
mod limits;
mod listing;
mod origins;
mod passing;
mod resume;
mod rights;
mod routing;
mod secure;
mod sessions;
mod signed;
mod slowness;
mod smuggling;
mod spoofing;
mod streams;
mod taken_back;
mod targets;
mod trouble;
pub(crate) mod upstream;
mod versions;
mod websocket;
pub(crate) mod wire;
