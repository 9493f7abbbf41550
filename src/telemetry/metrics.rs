//! Metrics: the names that dashboards and alerts rely on, and their text form.

mod histogram;

use std::sync::Arc;

use ::metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

use self::histogram::Histograms;
use super::Error;

/// Polls and watch heartbeats, by `result`.
pub const POLL_TOTAL: &str = "mcp_gateway_poll_total";
/// Revision of the snapshot in force.
pub const SNAPSHOT_REVISION: &str = "mcp_gateway_snapshot_revision";
/// Seconds since the registry last confirmed the snapshot in force.
pub const SNAPSHOT_AGE_SECONDS: &str = "mcp_gateway_snapshot_age_seconds";
/// Snapshots taken into force.
pub const SNAPSHOT_APPLIED_TOTAL: &str = "mcp_gateway_snapshot_applied_total";
/// Snapshots refused, by `reason`.
pub const SNAPSHOT_REJECTED_TOTAL: &str = "mcp_gateway_snapshot_rejected_total";
/// How long requests to the registry take, as the gateway sees it.
pub const REGISTRY_REQUEST_DURATION_SECONDS: &str = "mcp_registry_request_duration_seconds";
/// When the certificate in use ends, Unix time.
pub const TLS_CERTIFICATE_EXPIRY_SECONDS: &str = "mcp_tls_certificate_expiry_seconds";
/// When this process started, Unix time.
pub const PROCESS_START_TIME_SECONDS: &str = "process_start_time_seconds";
/// Background tasks started again after they failed, by `task`.
pub const TASK_RESTARTS_TOTAL: &str = "mcp_task_restarts_total";
/// Log lines that were not written because the output was too slow.
pub const LOG_LINES_DROPPED_TOTAL: &str = "mcp_log_lines_dropped_total";

/// What `/metrics` shows.
#[derive(Clone, Debug)]
pub struct Metrics {
    others: PrometheusHandle,
    histograms: Arc<Histograms>,
}

impl Metrics {
    /// Becomes the recorder of the whole process; `started_unix` is now, in seconds.
    ///
    /// # Errors
    /// There is one already.
    pub fn install(started_unix: i64) -> Result<Self, Error> {
        let (recorder, metrics) = Self::local();
        ::metrics::set_global_recorder(recorder).map_err(|_| Error::MetricsTaken)?;
        describe();
        // A double holds whole seconds exactly until far beyond any date.
        #[expect(clippy::cast_precision_loss, reason = "exact below 2^53 seconds")]
        ::metrics::gauge!(PROCESS_START_TIME_SECONDS).set(started_unix as f64);
        Ok(metrics)
    }

    /// A recorder of one's own, for tests: use it with `metrics::with_local_recorder`.
    pub fn local() -> (Recorder, Self) {
        let others = PrometheusBuilder::new().build_recorder();
        let histograms = Arc::default();
        let metrics = Self {
            others: others.handle(),
            histograms: Arc::clone(&histograms),
        };
        (Recorder { others, histograms }, metrics)
    }

    /// Everything, in Prometheus' text form.
    pub fn render(&self) -> String {
        let mut text = self.others.render();
        self.histograms.render(&mut text);
        text
    }
}

/// Takes what is counted and measured in this process: histograms itself, the rest by the exporter.
pub struct Recorder {
    others: PrometheusRecorder,
    histograms: Arc<Histograms>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl ::metrics::Recorder for Recorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.others.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.others.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, _: Option<Unit>, description: SharedString) {
        self.histograms.describe(&key, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.others.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.others.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.histograms.of(key))
    }
}

/// Describes the names above.
pub fn describe() {
    use ::metrics::{describe_counter, describe_gauge, describe_histogram};
    describe_counter!(
        POLL_TOTAL,
        "Polls of the registry and heartbeats of its watch, by result"
    );
    describe_gauge!(SNAPSHOT_REVISION, "Revision of the snapshot in force");
    describe_gauge!(
        SNAPSHOT_AGE_SECONDS,
        "Seconds since the registry last confirmed the snapshot in force"
    );
    describe_counter!(SNAPSHOT_APPLIED_TOTAL, "Snapshots taken into force");
    describe_counter!(SNAPSHOT_REJECTED_TOTAL, "Snapshots refused, by reason");
    describe_histogram!(
        REGISTRY_REQUEST_DURATION_SECONDS,
        "Seconds that requests to the registry take"
    );
    describe_gauge!(
        TLS_CERTIFICATE_EXPIRY_SECONDS,
        "Seconds until the certificate in use ends; negative once it has"
    );
    describe_gauge!(
        PROCESS_START_TIME_SECONDS,
        "Unix time at which the process started"
    );
    describe_counter!(
        TASK_RESTARTS_TOTAL,
        "Background tasks started again after a failure, by task"
    );
    describe_counter!(
        LOG_LINES_DROPPED_TOTAL,
        "Log lines dropped because the output was too slow"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_names_descriptions_and_buckets() {
        let (recorder, metrics) = Metrics::local();
        ::metrics::with_local_recorder(&recorder, || {
            describe();
            ::metrics::counter!(POLL_TOTAL, "result" => "unchanged").increment(2);
            ::metrics::gauge!(SNAPSHOT_REVISION).set(7.0);
            ::metrics::histogram!(REGISTRY_REQUEST_DURATION_SECONDS).record(0.003);
        });
        let text = metrics.render();
        for part in [
            "# HELP mcp_gateway_poll_total Polls of the registry",
            "# TYPE mcp_gateway_poll_total counter",
            "mcp_gateway_poll_total{result=\"unchanged\"} 2",
            "mcp_gateway_snapshot_revision 7",
            "mcp_registry_request_duration_seconds_bucket{le=\"0.005\"} 1",
            "mcp_registry_request_duration_seconds_count 1",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }
}
