//! `[gateway]`: the data plane.

use serde::Deserialize;

use super::types::{Bind, ByteSize, Period};

/// Settings of the gateway.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Plain listener (`GATEWAY_HTTP_BIND`).
    pub http_bind: Bind,
    /// TLS listener, used when TLS is on (`GATEWAY_HTTPS_BIND`).
    pub https_bind: Bind,
    /// Worker threads; 0 = one per core.
    pub workers: usize,
    /// One log line per request.
    pub access_log: bool,
    /// Host of polled definitions that name only a port.
    pub default_host: String,
    /// Limits towards clients.
    pub limits: LimitsConfig,
    /// Separate, named timeouts.
    pub timeouts: TimeoutsConfig,
}

/// Limits towards clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Connections in all.
    pub connections: usize,
    /// Connections per client address; loopback and trusted proxies are exempt.
    pub connections_per_address: usize,
    /// Requests per connection; 0 = unlimited.
    pub requests_per_connection: u64,
    /// Header fields of a request.
    pub header_fields: usize,
    /// Bytes of a request's header block.
    pub header_bytes: ByteSize,
    /// Bytes of a request target.
    pub target_bytes: ByteSize,
    /// Bytes of an MCP message that is held and parsed.
    pub message_bytes: ByteSize,
    /// Concurrent HTTP/2 streams of a connection.
    pub h2_streams: u32,
    /// Calls a minute of one caller at one server; 0 = unlimited.
    pub calls_per_minute: u32,
    /// Calls at once within that; 0 = a minute's worth.
    pub calls_burst: u32,
    /// Open streams of one caller; 0 = unlimited.
    pub streams_per_caller: usize,
}

/// Separate, named timeouts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeoutsConfig {
    /// Accept to first byte.
    pub first_byte: Period,
    /// TLS handshake.
    pub tls_handshake: Period,
    /// A request's header block complete.
    pub header: Period,
    /// Silence inside a request body.
    pub body_idle: Period,
    /// A connection without a request.
    pub keep_alive: Period,
    /// A client that takes no bytes of an answer.
    pub write_stall: Period,
    /// HTTP/2 ping interval, and how long its answer may take.
    pub h2_ping: Period,
    /// Upstream connect, TLS included.
    pub upstream_connect: Period,
    /// Request sent to first byte of the answer's head; streams are exempt.
    pub upstream_first_byte: Period,
    /// Silence of an upstream inside an answer that is not a stream.
    pub upstream_body_idle: Period,
    /// Silence of an upstream event stream.
    pub upstream_stream_idle: Period,
    /// Idle upstream connections are closed after.
    pub upstream_keep_alive: Period,
    /// One MCP call in all; a definition's `timeout` goes before it.
    pub call_total: Period,
    /// Stop: requests may finish for so long.
    pub drain: Period,
}
