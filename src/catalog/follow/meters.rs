//! The follower's metrics; their names are fixed.

use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use tokio::time::{MissedTickBehavior, interval};

use super::Follower;

/// What came of asking the registry once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Poll {
    /// Something newer.
    Applied,
    /// Nothing newer.
    Unchanged,
    /// A sign of life on the watch.
    Heartbeat,
    /// Trouble.
    Failed,
}

impl Poll {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Heartbeat => "heartbeat",
            Self::Failed => "failed",
        }
    }
}

/// Which request to the registry.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request {
    Watch,
    Poll,
    /// A poll that the registry may hold.
    HeldPoll,
    Report,
}

impl Request {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Poll => "poll",
            Self::HeldPoll => "held_poll",
            Self::Report => "report",
        }
    }
}

pub(super) fn polled(result: Poll) {
    counter!(POLLS, "result" => result.as_str()).increment(1);
}

pub(super) fn rejected(reason: &'static str) {
    counter!(REJECTED, "reason" => reason).increment(1);
}

pub(super) fn answered(request: Request, after: Duration) {
    histogram!(DURATION, "request" => request.as_str()).record(after.as_secs_f64());
}

/// Keeps the age's gauge, forever.
pub(super) async fn age(follower: &Follower) {
    let mut ticks = interval(AGE_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Some(confirmed_at) = follower.confirmed_at() {
            let seconds = follower
                .clock
                .now()
                .unix()
                .saturating_sub(confirmed_at.unix())
                .max(0);
            let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
            gauge!(AGE).set(seconds);
        }
    }
}

pub(super) fn describe() {
    describe_counter!(
        POLLS,
        "Polls of the registry and heartbeats of the watch, by result"
    );
    describe_counter!(
        "mcp_gateway_snapshot_applied_total",
        "Snapshots that were taken into use"
    );
    describe_gauge!(
        "mcp_gateway_snapshot_revision",
        "Revision of the snapshot in use"
    );
    describe_counter!(REJECTED, "Snapshots that were refused, by reason");
    describe_gauge!(
        AGE,
        metrics::Unit::Seconds,
        "Since the registry confirmed the snapshot in use"
    );
    describe_histogram!(
        DURATION,
        metrics::Unit::Seconds,
        "Requests to the registry, to the head of the answer"
    );
}

const POLLS: &str = "mcp_gateway_poll_total";
const REJECTED: &str = "mcp_gateway_snapshot_rejected_total";
const AGE: &str = "mcp_gateway_snapshot_age_seconds";
const DURATION: &str = "mcp_registry_request_duration_seconds";
const AGE_EVERY: Duration = Duration::from_secs(1);
