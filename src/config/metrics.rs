//! `[metrics]`: the separate metrics service.
//!
//! Read and checked so that settings files stay valid; this version keeps its counts in process and
//! says so in a warning when any of it is set.

use serde::Deserialize;

use super::types::Bind;
use crate::domain::secret::Secret;

/// Settings of the metrics service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Its listener (`METRICS_BIND`).
    pub bind: Bind,
    /// Where usage goes (`METRICS_SERVICE_URL`).
    pub service_url: Option<url::Url>,
    /// Its database (`METRICS_DATABASE_URL`).
    pub database_url: Option<Secret<String>>,
}
