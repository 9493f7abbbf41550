//! What the made-up tools take.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Arguments of `quantum_flux_analyzer`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Flux {
    /// Energy level of the analysis.
    #[serde(default = "energy_level")]
    #[schemars(range(min = 1, max = 10))]
    pub(super) energy_level: u32,
    /// How firmly the flux is held.
    #[serde(default = "stabilization_factor")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) stabilization_factor: f64,
    /// Whether the temporal shift is measured too.
    #[serde(default)]
    pub(super) enable_temporal_shift: bool,
}

/// Arguments of `neural_pattern_synthesizer`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Synthesis {
    /// The patterns to synthesize.
    #[schemars(length(min = 1, max = 100))]
    pub(super) input_patterns: Vec<String>,
    /// From where on a pattern counts as coherent.
    #[serde(default = "coherence_threshold")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub(super) coherence_threshold: f64,
    /// Dimensions of the synthesis.
    #[serde(default = "dimensions")]
    #[schemars(range(min = 1, max = 10))]
    pub(super) dimensions: u32,
}

/// A place on Earth.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Coordinates {
    /// Degrees north.
    #[schemars(range(min = -90.0, max = 90.0))]
    pub(super) latitude: f64,
    /// Degrees east.
    #[schemars(range(min = -180.0, max = 180.0))]
    pub(super) longitude: f64,
    /// Metres above the sea.
    #[serde(default)]
    pub(super) altitude: Option<f64>,
}

/// Arguments of `hyper_dimensional_mapper`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HyperMap {
    /// The place to map.
    pub(super) coordinates: Coordinates,
    /// Dimensions of the target space.
    #[serde(default = "dimension_count")]
    #[schemars(range(min = 4, max = 11))]
    pub(super) dimension_count: u32,
    /// How firmly the result is tied to reality.
    #[serde(default = "reality_anchoring")]
    #[schemars(range(min = 0.1, max = 1.0))]
    pub(super) reality_anchoring: f64,
}

/// A stretch of time.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Timeframe {
    /// When it starts: a day as YYYY-MM-DD, or a time as in RFC 3339.
    pub(super) start: String,
    /// When it ends, likewise.
    pub(super) end: String,
}

/// Arguments of `temporal_anomaly_detector`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeSearch {
    /// Where to search.
    pub(super) timeframe: Timeframe,
    /// How small an anomaly may be.
    #[serde(default = "sensitivity")]
    #[schemars(range(min = 1, max = 10))]
    pub(super) sensitivity: u32,
    /// Which anomalies to search for.
    #[serde(default = "anomaly_types")]
    #[schemars(length(min = 1, max = 20))]
    pub(super) anomaly_types: Vec<String>,
}

/// Somebody.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Profile {
    /// The name to log in with.
    #[schemars(length(min = 1, max = 64))]
    pub(super) username: String,
    /// The address for mail.
    #[serde(default)]
    pub(super) email: Option<String>,
    /// Age in years.
    #[serde(default)]
    pub(super) age: Option<u8>,
    /// What they like.
    #[serde(default)]
    pub(super) interests: Vec<String>,
}

/// How to analyze a profile.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProfilingOptions {
    /// How deep to look.
    #[serde(default = "depth")]
    #[schemars(range(min = 1, max = 10))]
    pub(super) depth: u32,
    /// Whether metrics are wanted too.
    #[serde(default = "include_metrics")]
    pub(super) include_metrics: bool,
}

/// Arguments of `user_profile_analyzer`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Profiling {
    /// Whom to analyze.
    pub(super) profile: Profile,
    /// How to analyze.
    #[serde(default)]
    pub(super) analysis_options: ProfilingOptions,
}

/// Arguments of `synthetic_data_generator`.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DataRequest {
    /// The kind of each field.
    pub(super) schema: BTreeMap<String, FieldKind>,
    /// How many records to make.
    #[serde(default = "record_count")]
    #[schemars(range(min = 1, max = 1_000))]
    pub(super) record_count: u32,
    /// Two calls with the same seed and schema make the same records.
    #[serde(default)]
    pub(super) seed: Option<u64>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FieldKind {
    String,
    Integer,
    Number,
    Boolean,
    Date,
    Email,
    Name,
    Uuid,
}

impl Default for ProfilingOptions {
    fn default() -> Self {
        Self {
            depth: depth(),
            include_metrics: include_metrics(),
        }
    }
}

impl Timeframe {
    /// Its start, and its length in seconds.
    pub(super) fn checked(&self) -> Result<(Timestamp, i64), String> {
        let start = moment("timeframe.start", &self.start)?;
        let end = moment("timeframe.end", &self.end)?;
        if end < start {
            return Err(format!(
                "wrong argument `timeframe.end`: {end} lies before the start, {start}"
            ));
        }
        Ok((start, end.as_second() - start.as_second()))
    }
}

fn moment(name: &str, text: &str) -> Result<Timestamp, String> {
    let day = || {
        Date::strptime("%Y-%m-%d", text)
            .ok()?
            .to_zoned(TimeZone::UTC)
            .ok()
            .map(|day| day.timestamp())
    };
    text.parse().ok().or_else(day).ok_or_else(|| {
        format!(
            "wrong argument `{name}`: `{text}` is no time; write 2026-03-29 or 2026-03-29T14:05:09Z"
        )
    })
}

const fn energy_level() -> u32 {
    5
}

const fn stabilization_factor() -> f64 {
    0.75
}

const fn coherence_threshold() -> f64 {
    0.7
}

const fn dimensions() -> u32 {
    3
}

const fn dimension_count() -> u32 {
    4
}

const fn reality_anchoring() -> f64 {
    0.8
}

const fn sensitivity() -> u32 {
    7
}

fn anomaly_types() -> Vec<String> {
    ["dilation", "compression", "loop"]
        .map(String::from)
        .to_vec()
}

const fn depth() -> u32 {
    3
}

const fn include_metrics() -> bool {
    true
}

const fn record_count() -> u32 {
    10
}
