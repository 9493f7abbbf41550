//! The data plane on real sockets: what a client saw and what a recording server received.
//!
//! `upstream` and `client` are the two ends; each other module holds one family of claims.

mod admission;
mod client;
mod identity;
mod routing;
mod targets;
mod upstream;
mod wire;
