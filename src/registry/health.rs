//! How servers are, as far as it was checked; kept in memory.

use crate::domain::time::Timestamp;

/// How one server is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    /// What the last check found; `None` before the first.
    pub(super) healthy: Option<bool>,
    /// When.
    pub(super) checked_at: Option<Timestamp>,
    /// More about it.
    pub(super) detail: Option<String>,
}

impl Health {
    /// The word for it.
    pub(super) const fn status_of(&self, enabled: bool) -> &'static str {
        match (enabled, self.healthy) {
            (false, _) => "disabled",
            (true, None) => "unknown",
            (true, Some(true)) => "healthy",
            (true, Some(false)) => "unhealthy",
        }
    }
}
