//! `realserverfaketools`: six tools that make things up.
//!
//! Promises: the same arguments give the same answer, so that a test of a client can compare; nested schemas, defaults,
//! ranges and optional fields are all there. Must not: be believed.

mod arguments;
mod fortune;
mod records;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};
use serde_json::json;

use super::arguments::{Checked, Reply, within};
use arguments::{DataRequest, Flux, HyperMap, Profiling, Synthesis, TimeSearch};
use fortune::Fortune;

/// The server; cheap to share, it keeps nothing between requests.
#[derive(Debug)]
pub(super) struct FakeTools {
    tools: ToolRouter<Self>,
}

#[tool_router]
impl FakeTools {
    /// Makes up flux readings.
    #[tool(
        name = "quantum_flux_analyzer",
        description = "Analyzes quantum flux patterns at an energy level and stabilization factor. (Made up.)",
        annotations(
            title = "Quantum flux analyzer",
            read_only_hint = true,
            open_world_hint = false
        )
    )]
    fn quantum_flux_analyzer(Parameters(arguments): Parameters<Checked<Flux>>) -> Reply {
        let flux = arguments.0?;
        within("energy_level", flux.energy_level, 1..=10)?;
        within("stabilization_factor", flux.stabilization_factor, 0.0..=1.0)?;
        let mut fortune = Fortune::of("quantum_flux_analyzer", &flux);
        let readings: Vec<_> = (0..flux.energy_level)
            .map(|at| json!({"sequence": at + 1, "amplitude": fortune.between(0.0, 10.0), "phase": fortune.between(0.0, 360.0)}))
            .collect();
        let stable = flux.stabilization_factor * 10.0
            >= f64::from(flux.energy_level) - fortune.between(0.0, 2.0);
        let shift = flux
            .enable_temporal_shift
            .then(|| fortune.between(-1.0, 1.0));
        done(json!({
            "analysis_id": fortune.id("QFA"),
            "energy_level": flux.energy_level,
            "stabilization_factor": flux.stabilization_factor,
            "flux_readings": readings,
            "temporal_shift_seconds": shift,
            "assessment": if stable { "stable" } else { "oscillating" },
        }))
    }

    /// Makes up a synthesis of patterns.
    #[tool(
        name = "neural_pattern_synthesizer",
        description = "Synthesizes neural patterns into coherent structures. (Made up.)",
        annotations(
            title = "Neural pattern synthesizer",
            read_only_hint = true,
            open_world_hint = false
        )
    )]
    fn neural_pattern_synthesizer(Parameters(arguments): Parameters<Checked<Synthesis>>) -> Reply {
        let patterns = arguments.0?;
        within("input_patterns", patterns.input_patterns.len(), 1..=100)?;
        within(
            "coherence_threshold",
            patterns.coherence_threshold,
            0.0..=1.0,
        )?;
        within("dimensions", patterns.dimensions, 1..=10)?;
        let mut fortune = Fortune::of("neural_pattern_synthesizer", &patterns);
        let synthesized: Vec<_> = patterns
            .input_patterns
            .iter()
            .map(|pattern| {
                let coherence = fortune.between(0.3, 1.0);
                let vector: Vec<_> = (0..patterns.dimensions)
                    .map(|_| fortune.between(-1.0, 1.0))
                    .collect();
                json!({
                    "pattern": pattern, "coherence": coherence, "vector": vector,
                    "coherent": coherence >= patterns.coherence_threshold,
                })
            })
            .collect();
        done(json!({
            "synthesis_id": fortune.id("NPS"),
            "dimensions": patterns.dimensions,
            "coherence_threshold": patterns.coherence_threshold,
            "synthesized_patterns": synthesized,
        }))
    }

    /// Makes up a projection of coordinates.
    #[tool(
        name = "hyper_dimensional_mapper",
        description = "Maps geographical coordinates to hyper-dimensional space. (Made up.)",
        annotations(
            title = "Hyper-dimensional mapper",
            read_only_hint = true,
            open_world_hint = false
        )
    )]
    fn hyper_dimensional_mapper(Parameters(arguments): Parameters<Checked<HyperMap>>) -> Reply {
        let map = arguments.0?;
        within(
            "coordinates.latitude",
            map.coordinates.latitude,
            -90.0..=90.0,
        )?;
        within(
            "coordinates.longitude",
            map.coordinates.longitude,
            -180.0..=180.0,
        )?;
        within("dimension_count", map.dimension_count, 4..=11)?;
        within("reality_anchoring", map.reality_anchoring, 0.1..=1.0)?;
        let mut fortune = Fortune::of("hyper_dimensional_mapper", &map);
        let hyper: Vec<_> = (3..map.dimension_count)
            .map(|at| json!({"dimension": at + 1, "value": fortune.between(-1.0, 1.0)}))
            .collect();
        done(json!({
            "mapping_id": fortune.id("HDM"),
            "coordinates": map.coordinates,
            "hyper_coordinates": hyper,
            "anchor_quality": map.reality_anchoring * fortune.between(0.8, 1.0),
            "stable": map.reality_anchoring >= 0.5,
        }))
    }

    /// Makes up anomalies.
    #[tool(
        name = "temporal_anomaly_detector",
        description = "Detects temporal anomalies within a timeframe. (Made up.)",
        annotations(
            title = "Temporal anomaly detector",
            read_only_hint = true,
            open_world_hint = false
        )
    )]
    fn temporal_anomaly_detector(Parameters(arguments): Parameters<Checked<TimeSearch>>) -> Reply {
        let search = arguments.0?;
        within("sensitivity", search.sensitivity, 1..=10)?;
        within("anomaly_types", search.anomaly_types.len(), 1..=20)?;
        let (start, length) = search.timeframe.checked()?;
        let mut fortune = Fortune::of("temporal_anomaly_detector", &search);
        let anomalies: Vec<_> = (0..fortune.below(u64::from(search.sensitivity) + 1))
            .filter_map(|_| {
                let kind = fortune.choice(&search.anomaly_types)?;
                let offset = fortune.below(length.unsigned_abs().max(1));
                let at = start.checked_add(jiff::SignedDuration::from_secs(i64::try_from(offset).ok()?)).ok()?;
                Some(json!({"type": kind, "at": at.to_string(), "magnitude": fortune.between(0.1, 10.0)}))
            })
            .collect();
        done(json!({
            "scan_id": fortune.id("TAD"),
            "timeframe": search.timeframe,
            "sensitivity": search.sensitivity,
            "anomaly_count": anomalies.len(),
            "anomalies": anomalies,
        }))
    }

    /// Makes up a judgement of a profile.
    #[tool(
        name = "user_profile_analyzer",
        description = "Analyzes a user profile with configurable options. (Made up.)",
        annotations(
            title = "User profile analyzer",
            read_only_hint = true,
            open_world_hint = false
        )
    )]
    fn user_profile_analyzer(Parameters(arguments): Parameters<Checked<Profiling>>) -> Reply {
        let request = arguments.0?;
        let options = &request.analysis_options;
        within(
            "profile.username",
            request.profile.username.chars().count(),
            1..=64,
        )?;
        within("analysis_options.depth", options.depth, 1..=10)?;
        let mut fortune = Fortune::of("user_profile_analyzer", &request);
        let interests: Vec<_> = request
            .profile
            .interests
            .iter()
            .map(|interest| json!({"interest": interest, "affinity": fortune.between(0.0, 1.0)}))
            .collect();
        let metrics = options.include_metrics.then(|| {
            json!({"engagement": fortune.between(0.0, 1.0), "consistency": fortune.between(0.0, 1.0)})
        });
        done(json!({
            "analysis_id": fortune.id("UPA"),
            "username": request.profile.username,
            "depth": options.depth,
            "persona": fortune.choice(&["explorer", "builder", "curator", "critic"].map(String::from)),
            "interests": interests,
            "metrics": metrics,
        }))
    }

    /// Makes up records of a shape.
    #[tool(
        name = "synthetic_data_generator",
        description = "Generates records of a given shape: each field of the schema is one of string, integer, number, \
                       boolean, date, email, name, uuid. The same seed gives the same records. (Made up.)",
        annotations(
            title = "Synthetic data generator",
            read_only_hint = true,
            open_world_hint = false
        )
    )]
    fn synthetic_data_generator(Parameters(arguments): Parameters<Checked<DataRequest>>) -> Reply {
        let request = arguments.0?;
        within("record_count", request.record_count, 1..=1_000)?;
        within("schema", request.schema.len(), 1..=50)?;
        let mut fortune = match request.seed {
            Some(seed) => Fortune::of("synthetic_data_generator", &(seed, &request.schema)),
            None => Fortune::of("synthetic_data_generator", &request),
        };
        let records: Vec<_> = (0..request.record_count)
            .map(|at| records::record(&request.schema, at, &mut fortune))
            .collect();
        done(json!({
            "dataset_id": fortune.id("SDG"),
            "record_count": records.len(),
            "seed": request.seed,
            "records": records,
        }))
    }
}

impl FakeTools {
    pub(super) fn new() -> Self {
        Self {
            tools: Self::tool_router(),
        }
    }
}

#[tool_handler(router = self.tools)]
impl ServerHandler for FakeTools {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(
                Implementation::new("realserverfaketools", env!("CARGO_PKG_VERSION"))
                    .with_title("Real Server Fake Tools"),
            )
            .with_instructions("Tools with rich schemas whose results are made up, the same ones for the same arguments.")
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it ends functions that fail")]
fn done(result: serde_json::Value) -> Reply {
    Ok(CallToolResult::structured(result))
}

#[cfg(test)]
mod tests;
