//! Counters of the data plane, with handles made once per route.

use std::sync::OnceLock;
use std::time::Duration;

use http::StatusCode;
use metrics::{Counter, Gauge, Histogram};

use crate::domain::path::ServerPath;

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// Requests of one server by class of status; a handle is made at its first use, so that ten
/// thousand idle servers cost no series.
#[derive(Debug)]
pub struct RouteUsage {
    server: String,
    classes: [OnceLock<Counter>; 5],
}

impl RouteUsage {
    /// For one server.
    pub fn new(path: &ServerPath) -> Self {
        Self {
            server: path.id().to_owned(),
            classes: Default::default(),
        }
    }

    /// Counts one answer.
    pub fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        let (Some(slot), Some(label)) = (self.classes.get(class), CLASSES.get(class)) else {
            return;
        };
        slot.get_or_init(|| {
            metrics::counter!("mcp_gateway_requests_total", "server" => self.server.clone(), "class" => *label)
        })
        .increment(1);
    }
}

/// Handles that do not depend on the route.
#[derive(Clone, Debug)]
pub struct GatewayUsage {
    /// From the request's head to the end of the answer.
    pub duration: Histogram,
    /// Open client connections.
    pub connections: Gauge,
    /// Open event streams and tunnels.
    pub streams: Gauge,
}

impl GatewayUsage {
    /// Registers the metrics of the gateway.
    pub fn new() -> Self {
        metrics::describe_counter!(
            "mcp_gateway_requests_total",
            "requests by server and class of status"
        );
        metrics::describe_counter!(
            "mcp_gateway_refused_total",
            "answers that the gateway itself gave, by reason"
        );
        metrics::describe_histogram!(
            "mcp_gateway_request_duration_seconds",
            "from a request's head to the end of its answer"
        );
        metrics::describe_gauge!("mcp_gateway_connections", "open client connections");
        metrics::describe_gauge!("mcp_gateway_streams", "open event streams and tunnels");
        Self {
            duration: metrics::histogram!("mcp_gateway_request_duration_seconds"),
            connections: metrics::gauge!("mcp_gateway_connections"),
            streams: metrics::gauge!("mcp_gateway_streams"),
        }
    }

    /// Notes how long one request took.
    pub fn observe(&self, duration: Duration) {
        self.duration.record(duration.as_secs_f64());
    }
}

impl Default for GatewayUsage {
    fn default() -> Self {
        Self::new()
    }
}
