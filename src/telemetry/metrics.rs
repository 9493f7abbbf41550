//! Metrics: the names that dashboards and alerts rely on, and their text form.

use std::time::Duration;

use metrics_exporter_prometheus::{
    Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tokio_util::sync::CancellationToken;

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
pub struct Metrics(PrometheusHandle);

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
    pub fn local() -> (PrometheusRecorder, Self) {
        let builder = PrometheusBuilder::new();
        // Fails only without buckets.
        let builder = builder
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = builder.build_recorder();
        let metrics = Self(recorder.handle());
        (recorder, metrics)
    }

    /// Everything, in Prometheus' text form.
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Folds samples into their histograms every few seconds until told to stop. Without it they
    /// pile up until somebody reads the metrics.
    pub async fn fold(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(FOLD_EVERY);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            self.0.run_upkeep();
        }
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

/// Upper bounds of histograms that count seconds.
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];

const FOLD_EVERY: Duration = Duration::from_secs(5);

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

    #[tokio::test(start_paused = true)]
    async fn folding_ends_when_told() {
        let (_, metrics) = Metrics::local();
        let stop = CancellationToken::new();
        stop.cancel();
        metrics.fold(stop).await;
        assert_eq!(metrics.render(), "");
    }
}
