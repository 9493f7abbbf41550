//! MCP on the wire: JSON-RPC envelopes, headers, revisions, error bodies and SSE framing.
//!
//! Promises: parses and prints only. No I/O, no clock, nothing asynchronous, nothing of ours imported, no panic on any
//! input. Must not: decide who may do what (that is policy), or build a document of what it merely passes on.
//!
//! Start reading in [`envelope`]: everything that the gateway decides about a body is decided on its result.

pub mod envelope;
pub mod error;
pub mod headers;
pub mod sse;
pub mod version;

pub use envelope::{Envelope, EnvelopeError, listing};
pub use error::ErrorBody;
pub use headers::{HeaderCheck, Mismatch};
