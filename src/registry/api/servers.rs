//! `/api/servers`.

pub(super) mod create;
mod filter;
pub(super) mod list;
pub(super) mod patch;
pub(super) mod read;
pub(super) mod remove;
pub(super) mod replace;

pub(super) use filter::sees;
