//! Facts about this registry, open to all; and how its servers are, for users.

pub(super) mod config;
pub(super) mod description;
pub(super) mod feed;
pub(super) mod health;
pub(super) mod jwks;
