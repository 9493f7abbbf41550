//! `[ops]`: health, readiness and metrics, on a listener of their own.

use serde::Deserialize;

use super::types::Bind;

/// Settings of the operator's listener.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpsConfig {
    /// Listener (`OPS_BIND`); absent: 9464 on loopback, 9466 for a gateway alone.
    pub bind: Option<Bind>,
}
