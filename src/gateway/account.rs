//! The last phase: counting and logging what happened to one request.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};

use super::audit::{Asked, Recorder, Seen};
use super::reason::Reason;
use super::table::CompiledRoute;
use super::usage::GatewayUsage;
use crate::domain::principal::Principal;
use crate::http::connection::Busy;

/// Names one request in logs, error bodies and towards the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId {
    run: u32,
    number: u64,
}

impl RequestId {
    /// The value of `X-Request-ID`.
    pub fn header(self) -> HeaderValue {
        HeaderValue::try_from(self.text().as_str()).unwrap_or(HeaderValue::from_static("-"))
    }

    /// Its spelling, without a buffer from the heap or the machinery of `format!`: it is made for
    /// each request.
    pub fn text(self) -> RequestIdText {
        let mut text = RequestIdText {
            bytes: [0; RequestIdText::MOST],
            length: 0,
        };
        text.hex(u64::from(self.run), 8);
        text.push(b'-');
        let digits = 16 - self.number.leading_zeros().min(60) / 4;
        text.hex(self.number, digits);
        text
    }
}

/// A request id as it is written: eight hexadecimal digits, a dash, and as many as it takes.
#[derive(Clone, Copy, Debug)]
pub struct RequestIdText {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl RequestIdText {
    const MOST: usize = 25;

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The same, as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn hex(&mut self, value: u64, digits: u32) {
        for digit in (0..digits).rev() {
            let nibble = usize::from((value >> (digit * 4)).to_le_bytes()[0] & 0xf);
            self.push(b"0123456789abcdef".get(nibble).copied().unwrap_or(b'0'));
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text().as_str())
    }
}

/// Gives out request ids: unique within a process, and most likely between processes.
#[derive(Debug)]
pub struct RequestIds {
    run: u32,
    next: AtomicU64,
}

impl RequestIds {
    /// `run` tells processes apart.
    pub const fn new(run: u32) -> Self {
        Self {
            run,
            next: AtomicU64::new(1),
        }
    }

    /// The next one.
    pub fn next(&self) -> RequestId {
        RequestId {
            run: self.run,
            number: self.next.fetch_add(1, Ordering::Relaxed),
        }
    }
}

/// What is known of one request; counted and logged when it is dropped, which is when the last byte
/// of the answer was handed over, or the client went away.
#[derive(Debug)]
pub struct Record {
    /// Its id.
    pub id: RequestId,
    /// When its head was complete.
    pub started: Instant,
    /// Where the counters are.
    pub usage: Arc<GatewayUsage>,
    /// The server it went to.
    pub route: Option<Arc<CompiledRoute>>,
    /// Answer.
    pub status: StatusCode,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
    /// The whole answer was handed over.
    pub complete: bool,
    /// The upstream broke off.
    pub broken: bool,
    /// Why the gateway itself answered.
    pub reason: Option<Reason>,
    /// Keeps the connection from being taken for an idle one.
    pub busy: Busy,
    /// For the access log and the audit log; `None` when both are off.
    pub line: Option<Box<AccessLine>>,
}

/// What only the access log and the audit log need.
#[derive(Debug)]
pub struct AccessLine {
    /// Client address.
    pub client: IpAddr,
    /// Method.
    pub method: Method,
    /// Path, without query: a query may hold secrets.
    pub path: String,
    /// Who called.
    pub caller: Option<Arc<Principal>>,
    /// What the first message asks for.
    pub asked: Option<Asked>,
    /// What the others do, for the audit log.
    pub more: Vec<Asked>,
    /// The message, where the audit log wants arguments.
    pub message: Option<Bytes>,
    /// It is written to the access log.
    pub is_logged: bool,
    /// It is told to the audit log.
    pub recorder: Option<Arc<Recorder>>,
}

impl Drop for Record {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        self.usage.observe(duration);
        if let Some(route) = &self.route {
            route.usage.count(self.status);
        }
        if let Some(reason) = self.reason {
            metrics::counter!("mcp_gateway_refused_total", "reason" => reason.label()).increment(1);
        }
        if let Some(mut line) = self.line.take() {
            if line.is_logged {
                self.log(&line, duration);
            }
            if let Some(recorder) = line.recorder.take() {
                recorder.record(Seen {
                    id: self.id,
                    started: self.started,
                    duration,
                    route: self.route.take(),
                    status: self.status,
                    reason: self.reason,
                    line,
                });
            }
        }
    }
}

impl Record {
    fn log(&self, line: &AccessLine, duration: std::time::Duration) {
        let end = match (self.complete, self.broken) {
            (true, _) => "complete",
            (false, true) => "upstream_aborted",
            (false, false) => "client_gone",
        };
        tracing::info!(
            target: "access",
            {
            request.id = %self.id,
            client.address = %line.client,
            user.name = line.caller.as_ref().map(|caller| &*caller.username),
            server.path = self.route.as_ref().map(|route| route.path().as_str()),
            http.method = line.method.as_str(),
            http.path = line.path,
            http.status = self.status.as_u16(),
            mcp.method = line.asked.as_ref().map(|asked| &*asked.method),
            mcp.name = line.asked.as_ref().and_then(|asked| asked.target.as_deref()),
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            bytes_out = self.bytes_out,
            reason = self.reason.map(Reason::label),
            end,
            },
            "request"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_hexadecimal_numbers() {
        for (run, number) in [
            (0, 0),
            (7, 1),
            (0xdead_beef, 0xf),
            (1, 0x10),
            (u32::MAX, u64::MAX),
        ] {
            let id = RequestId { run, number };
            assert_eq!(id.to_string(), format!("{run:08x}-{number:x}"));
        }
    }
}
