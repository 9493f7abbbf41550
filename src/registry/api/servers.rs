//! `/api/servers`.

pub(super) mod create;
mod filter;
pub(super) mod list;
pub(super) mod patch;
pub(super) mod read;
pub(super) mod remove;
pub(super) mod replace;

pub(super) use filter::sees;

use crate::domain::path::ServerPath;
use crate::http::Problem;

/// The server that an id in a URL means; what cannot be one is not there.
fn path_of(id: &str) -> Result<ServerPath, Problem> {
    ServerPath::parse(id).map_err(|_| Problem::not_found("there is no server with this id"))
}
