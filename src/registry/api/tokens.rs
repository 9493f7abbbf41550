//! `/api/tokens`.

pub(super) mod generate;
pub(super) mod list;
pub(super) mod revoke;
