//! What several tests stand on.

#[cfg(feature = "gateway")]
pub(crate) mod front;
