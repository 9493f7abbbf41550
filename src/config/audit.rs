//! `[audit]`: who used what.

use serde::Deserialize;

use super::types::{ByteSize, Period};

/// Settings of the log of who used what.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    /// Which calls a gateway tells.
    pub access: AccessAudit,
    /// Arguments of tools too.
    pub arguments: bool,
    /// Most that a gateway keeps on disk while its registry is away.
    pub spool_bytes: ByteSize,
    /// The registry forgets calls after this.
    pub keep: Period,
    /// The registry forgets the oldest calls when all take more.
    pub keep_bytes: ByteSize,
}

/// Which calls are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessAudit {
    /// All.
    All,
    /// Those that were refused or failed.
    Denied,
    /// None.
    Off,
}
