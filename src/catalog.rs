//! The seam between control plane and data plane: one immutable [`Snapshot`], one revision.
//!
//! The registry publishes ([`publish`]), in process or over `GET /api/gateway/watch` ([`wire`]); a
//! gateway follows (`follow`) and keeps the last good snapshot on disk ([`disk`]). Nothing here
//! may import the store or an HTTP framework's routes.
//!
//! # Why
//! A gateway must never need the registry alive, and must never see half a change. So all that it
//! needs is one value, replaced as a whole, with a number that only grows.

pub mod asks;
pub mod diff;
pub mod disk;
#[cfg(any(feature = "registry", feature = "gateway"))]
pub mod follow;
pub mod publish;
#[cfg(test)]
pub(crate) mod samples;
pub mod snapshot;
pub mod wire;

pub use disk::Disk;
#[cfg(any(feature = "registry", feature = "gateway"))]
pub use follow::Follower;
pub use publish::{Publisher, SnapshotSink};
pub use snapshot::{Access, SessionKey, Snapshot};
