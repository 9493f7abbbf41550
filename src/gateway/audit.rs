//! Telling the registry who used what.
//!
//! Promises: a request waits for nobody and shares no lock with other workers: it leaves a small
//! record in its worker's queue, and what does not fit is counted. Callers without a credential
//! cannot push out the records of others: they have a queue of their own, and their refusals are
//! counted per minute. While the registry is away, batches lie on disk, up to a limit. Never holds a
//! credential; arguments only where the operator asked for them.
//!
//! Start with [`Recorder`] (the workers' side), then [`collect`] (from records to batches) and
//! [`ship`] (from batches to the registry, by way of [`spool`]).

pub mod collect;
pub mod ship;
pub mod spool;
pub mod uplink;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::account::{AccessLine, RequestId};
use super::control;
use super::reason::Reason;
use super::table::CompiledRoute;
use crate::config::{AccessAudit, AuditConfig};
use crate::protocol::envelope::Message;

/// Where workers leave records; one per gateway.
#[derive(Debug)]
pub struct Audit {
    denied_only: bool,
    arguments: bool,
    /// One per worker; locked by the collector, and when a worker starts.
    inboxes: Mutex<Vec<Inbox>>,
}

/// What one worker has left.
#[derive(Debug)]
struct Inbox {
    known: Receiver<Seen>,
    strangers: Receiver<Seen>,
}

impl Audit {
    /// As the operator wants it; `None` when it is off.
    pub fn new(config: &AuditConfig) -> Option<Arc<Self>> {
        let denied_only = match config.access {
            AccessAudit::Off => return None,
            AccessAudit::Denied => true,
            AccessAudit::All => false,
        };
        metrics::describe_counter!(
            DROPPED,
            "records and events for the audit log that were lost, by reason"
        );
        metrics::describe_gauge!(
            SPOOLED,
            "bytes of the audit log that wait on disk for the registry"
        );
        Some(Arc::new(Self {
            denied_only,
            arguments: config.arguments,
            inboxes: Mutex::default(),
        }))
    }

    /// For a worker that starts.
    pub fn recorder(&self) -> Arc<Recorder> {
        let (known, known_inbox) = mpsc::channel(QUEUE);
        let (strangers, strangers_inbox) = mpsc::channel(QUEUE);
        let mut inboxes = self.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.push(Inbox {
            known: known_inbox,
            strangers: strangers_inbox,
        });
        Arc::new(Recorder {
            known,
            strangers,
            denied_only: self.denied_only,
            arguments: self.arguments,
        })
    }
}

/// The workers' side: takes records and never waits.
#[derive(Debug)]
pub struct Recorder {
    known: Sender<Seen>,
    strangers: Sender<Seen>,
    denied_only: bool,
    arguments: bool,
}

/// One request, as its worker saw it.
#[derive(Debug)]
pub struct Seen {
    /// Its id.
    pub id: RequestId,
    /// When its head was complete.
    pub started: Instant,
    /// How long it took.
    pub duration: Duration,
    /// The server it went to.
    pub route: Option<Arc<CompiledRoute>>,
    /// Answer.
    pub status: StatusCode,
    /// Why the gateway itself answered.
    pub reason: Option<Reason>,
    /// Who, and what.
    pub line: Box<AccessLine>,
}

impl Seen {
    /// Whether nobody with a credential was refused.
    fn is_stranger(&self) -> bool {
        self.line.caller.is_none() && self.reason.is_some()
    }

    /// Whether it was about a server: pages and the registry's API write their own log.
    fn is_about_a_server(&self) -> bool {
        self.route.is_some() || (self.reason.is_some() && !control::is_reserved(&self.line.path))
    }
}

impl Recorder {
    /// Leaves a record, where it is wanted and fits.
    pub fn record(&self, seen: Seen) {
        if (self.denied_only && seen.reason.is_none()) || !seen.is_about_a_server() {
            return;
        }
        let queue = if seen.is_stranger() {
            &self.strangers
        } else {
            &self.known
        };
        if queue.try_send(seen).is_err() {
            dropped("queue", 1);
        }
    }
}

/// What a message asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The JSON-RPC method.
    pub method: String,
    /// Tool, prompt or resource.
    pub target: Option<String>,
}

impl Asked {
    fn of(message: &Message<'_>) -> Self {
        Self {
            method: message.method.to_string(),
            target: message.target.as_ref().map(ToString::to_string),
        }
    }
}

impl AccessLine {
    /// Notes what the messages ask for; all of them for the audit log.
    pub fn read(&mut self, messages: &[Message<'_>], body: &Bytes) {
        let mut messages = messages.iter();
        if let Some(first) = messages.next() {
            self.asked = Some(Asked::of(first));
        }
        if let Some(recorder) = &self.recorder {
            self.more = messages.map(Asked::of).collect();
            self.message = (recorder.arguments && body.len() <= MOST_BODY).then(|| body.clone());
        }
    }

    /// Of several messages this one was refused, and with it all.
    pub fn refuse(&mut self, message: &Message<'_>) {
        if !self.more.is_empty() {
            self.asked = Some(Asked::of(message));
            self.more = Vec::new();
            self.message = None;
        }
    }
}

/// Counts what is lost.
fn dropped(reason: &'static str, count: u64) {
    metrics::counter!(DROPPED, "reason" => reason).increment(count);
}

const DROPPED: &str = "mcp_gateway_audit_dropped_total";
const SPOOLED: &str = "mcp_gateway_audit_spool_bytes";
/// Records of one worker that wait to be collected.
const QUEUE: usize = 8_192;
/// Arguments of larger bodies are not told.
const MOST_BODY: usize = 64 * 1024;
