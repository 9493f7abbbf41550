//! Facts about this registry; open to all.

pub(super) mod config;
pub(super) mod description;
pub(super) mod health;
