//! The data plane on real sockets: what a client saw and what a recording server received.
//!
//! `upstream` and `client` are the two ends; each other module holds one family of claims.

mod admission;
mod bodies;
mod client;
mod drain;
mod frames;
mod identity;
mod legacy;
mod limits;
mod listing;
mod rights;
mod routing;
mod secure;
mod sessions;
mod slowness;
mod spoofing;
mod streams;
mod targets;
mod trouble;
mod upstream;
mod websocket;
mod wire;
