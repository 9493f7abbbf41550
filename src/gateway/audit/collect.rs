//! From records to batches: looks into the workers' queues a few times a second, so that no worker
//! ever has to wake somebody.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TryRecvError;
use tokio_util::sync::CancellationToken;

use super::{Asked, Audit, Seen, dropped};
use crate::domain::audit::{AccessEvent, Decision};
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::time::{Clock, Timestamp};

/// Turns records into batches.
#[derive(Debug)]
pub struct Collector {
    audit: Arc<Audit>,
    clock: Clock,
    pending: Pending,
    refusals: Refusals,
}

/// Events as they are sent, separated by commas.
#[derive(Debug, Default)]
struct Pending {
    text: Vec<u8>,
    events: u64,
    since: Option<Instant>,
}

/// Events of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Events {
    /// As JSON, separated by commas.
    pub text: Vec<u8>,
    /// How many.
    pub count: u64,
}

/// Refusals of strangers within the minute, by reason and server.
#[derive(Debug, Default)]
struct Refusals {
    minute: i64,
    kinds: HashMap<(&'static str, String), AccessEvent>,
}

impl Collector {
    /// Of these records.
    pub fn new(audit: Arc<Audit>, clock: Clock) -> Self {
        Self {
            audit,
            clock,
            pending: Pending::default(),
            refusals: Refusals::default(),
        }
    }

    /// Collects until all workers have ended or `stop`; nothing that they left is missed.
    pub async fn run(mut self, batches: Sender<Events>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            let stopped = stop.run_until_cancelled(ticks.tick()).await.is_none();
            let ended = self.look(&batches) || stopped;
            if ended {
                self.close_minute(&batches);
            }
            if ended || self.pending.is_due() {
                self.send(&batches);
            }
            if ended {
                return;
            }
        }
    }

    /// Takes what there is; whether nothing can come any more.
    fn look(&mut self, batches: &Sender<Events>) -> bool {
        let audit = Arc::clone(&self.audit);
        let mut inboxes = audit.inboxes.lock().unwrap_or_else(PoisonError::into_inner);
        if self.clock.now().unix().div_euclid(60) != self.refusals.minute {
            self.close_minute(batches);
        }
        let had_some = !inboxes.is_empty();
        inboxes.retain_mut(|inbox| {
            let mut open = false;
            for queue in [&mut inbox.known, &mut inbox.strangers] {
                loop {
                    match queue.try_recv() {
                        Ok(seen) => self.take(&seen, batches),
                        Err(TryRecvError::Disconnected) => break,
                        Err(TryRecvError::Empty) => {
                            open = true;
                            break;
                        }
                    }
                }
            }
            open
        });
        had_some && inboxes.is_empty()
    }

    fn take(&mut self, seen: &Seen, batches: &Sender<Events>) {
        let at = self.moment(seen.started);
        if seen.is_stranger() {
            self.refusals.count(event(seen, at), seen.reason);
            return;
        }
        for event in events(seen, at) {
            self.pending.push(&event);
            if self.pending.is_full() {
                self.send(batches);
            }
        }
    }

    /// The wall-clock time of a moment that has just been.
    fn moment(&self, started: Instant) -> Timestamp {
        let ago = i64::try_from(started.elapsed().as_secs()).unwrap_or_default();
        self.clock.now().plus_seconds(-ago)
    }

    fn close_minute(&mut self, batches: &Sender<Events>) {
        self.refusals.minute = self.clock.now().unix().div_euclid(60);
        for event in std::mem::take(&mut self.refusals.kinds).into_values() {
            self.pending.push(&event);
            if self.pending.is_full() {
                self.send(batches);
            }
        }
    }

    fn send(&mut self, batches: &Sender<Events>) {
        let Pending { text, events, .. } = std::mem::take(&mut self.pending);
        if events == 0 {
            return;
        }
        let count = events;
        if batches.try_send(Events { text, count }).is_err() {
            dropped("slow", count);
        }
    }
}

impl Pending {
    fn push(&mut self, event: &AccessEvent) {
        let before = self.text.len();
        if before > 0 {
            self.text.push(b',');
        }
        let told = Told {
            kind: "access",
            event,
        };
        if serde_json::to_writer(&mut self.text, &told).is_err() {
            self.text.truncate(before);
            dropped("unwritable", 1);
            return;
        }
        self.events += 1;
        self.since.get_or_insert_with(Instant::now);
    }

    const fn is_full(&self) -> bool {
        self.events >= MOST_EVENTS || self.text.len() >= MOST_BYTES
    }

    fn is_due(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() >= PATIENCE)
    }
}

impl Refusals {
    fn count(&mut self, event: AccessEvent, reason: Option<super::Reason>) {
        let label = reason.map_or("", super::Reason::label);
        match self.kinds.get_mut(&(label, event.server.clone())) {
            Some(known) => {
                known.count += 1;
                if known.client != event.client {
                    known.client = String::new();
                }
            }
            None => {
                let key = (label, event.server.clone());
                self.kinds.insert(key, event);
            }
        }
    }
}

#[derive(Serialize)]
struct Told<'e> {
    kind: &'static str,
    #[serde(flatten)]
    event: &'e AccessEvent,
}

/// One event per message.
fn events(seen: &Seen, at: Timestamp) -> Vec<AccessEvent> {
    let mut events = vec![event(seen, at)];
    for asked in &seen.line.more {
        let mut next = event(seen, at);
        next.tell(asked);
        events.push(next);
    }
    if let Some(message) = &seen.line.message
        && let Ok(body) = serde_json::from_slice::<Value>(message)
    {
        let messages = match body {
            Value::Array(messages) => messages,
            one => vec![one],
        };
        for (event, mut message) in events.iter_mut().zip(messages) {
            if event.method == "tools/call" {
                event.arguments = message.pointer_mut("/params/arguments").map(Value::take);
            }
        }
    }
    events
}

impl AccessEvent {
    fn tell(&mut self, asked: &Asked) {
        if !asked.method.is_empty() {
            self.method.clone_from(&asked.method);
        }
        self.tool = shortened(asked.target.as_deref().unwrap_or_default());
    }
}

/// What is known of all messages of a request, and the first one's own.
fn event(seen: &Seen, at: Timestamp) -> AccessEvent {
    let line = &seen.line;
    let caller = line.caller.as_deref();
    let route = seen.route.as_ref();
    let decision = match seen.reason {
        None => Decision::Allow,
        Some(reason) if reason.status().is_client_error() => Decision::Deny,
        Some(_) => Decision::Error,
    };
    let mut event = AccessEvent {
        at,
        request_id: seen.id.to_string(),
        user: shortened(caller.map_or("", |caller| &caller.username)),
        auth_method: caller
            .map_or("", |caller| caller.method.as_str())
            .to_owned(),
        key: caller.map_or_else(String::new, key_of),
        client: line.client.to_string(),
        server: route.map_or("", |route| route.path().as_str()).to_owned(),
        method: line.method.as_str().to_owned(),
        tool: String::new(),
        decision,
        reason: seen.reason.map_or("", super::Reason::label).to_owned(),
        status: seen.status.as_u16(),
        duration_us: u64::try_from(seen.duration.as_micros()).unwrap_or(u64::MAX),
        count: 1,
        arguments: None,
    };
    // Strangers say what they like.
    if let Some(asked) = line.asked.as_ref().filter(|_| !seen.is_stranger()) {
        event.tell(asked);
    }
    event
}

/// The id of the key that a caller has shown.
fn key_of(caller: &Principal) -> String {
    match (caller.method, &caller.token_id) {
        (AuthMethod::ApiKey, Some(id)) => id.to_string(),
        _ => String::new(),
    }
}

fn shortened(text: &str) -> String {
    let end = text.floor_char_boundary(MOST_TEXT);
    text.get(..end).unwrap_or_default().to_owned()
}

/// Between two looks into the queues.
const LOOK: Duration = Duration::from_millis(200);
/// An event waits for company for so long.
const PATIENCE: Duration = Duration::from_millis(800);
const MOST_EVENTS: u64 = 500;
/// A batch has to pass the registry's own limit of bodies.
const MOST_BYTES: usize = 256 * 1024;
/// Longer names are cut off.
const MOST_TEXT: usize = 1_024;
