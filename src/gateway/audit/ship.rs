//! From batches to the registry: in order, each until it is taken, by way of the disk when there
//! are too many.
//!
//! Each batch has a number within this run of the process, so that one that was sent twice counts
//! once. What an earlier run left on disk goes first, under its own name.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;
use tokio::time::{Instant, sleep_until};

use super::collect::Events;
use super::dropped;
use super::spool::Spool;
use super::uplink::{Sent, Uplink};
use crate::gateway::shared::Gateway;

/// Sends batches.
#[derive(Debug)]
pub struct Shipper {
    gateway: Arc<Gateway>,
    uplink: Uplink,
    name: Name,
    spool: Spool,
    waiting: VecDeque<Batch>,
    /// Of the newest batch.
    number: u64,
    /// Not before this.
    next: Instant,
    failures: u32,
}

/// Who tells.
#[derive(Clone, Debug)]
pub struct Name {
    /// The gateway's name for itself.
    pub id: String,
    /// This run of it; later ones sort after earlier ones.
    pub run: String,
}

/// What is on its way.
enum First {
    File(String),
    Batch(u64),
}

#[derive(Debug)]
struct Batch {
    number: u64,
    events: u64,
    body: Bytes,
}

impl Shipper {
    /// With what waits on disk.
    pub fn new(gateway: Arc<Gateway>, uplink: Uplink, name: Name, spool: Spool) -> Self {
        Self {
            gateway,
            uplink,
            name,
            spool,
            waiting: VecDeque::new(),
            number: 0,
            next: Instant::now(),
            failures: 0,
        }
    }

    /// Sends until there is nothing more to come; what is not taken at the end stays on disk.
    pub async fn run(mut self, mut batches: Receiver<Events>) {
        loop {
            tokio::select! {
                biased;
                () = sleep_until(self.next), if self.has_some() => {
                    self.send_first(Some(&mut batches), LIMIT).await;
                }
                arrived = batches.recv() => {
                    let Some(events) = arrived else { break };
                    self.accept(events).await;
                }
            }
        }
        let end = Instant::now() + LAST_LIMIT;
        while self.failures == 0 && Instant::now() < end && self.has_some() {
            self.send_first(None, LAST_LIMIT).await;
        }
        self.put_aside().await;
    }

    fn has_some(&self) -> bool {
        !self.waiting.is_empty() || !self.spool.is_empty()
    }

    fn batch(&self, number: u64, events: &Events) -> Batch {
        let head = serde_json::json!({
            "id": self.name.id,
            "run": self.name.run,
            "sequence": number,
        });
        let mut body = head.to_string().into_bytes();
        body.pop();
        body.extend_from_slice(b",\"events\":[");
        body.extend_from_slice(&events.text);
        body.extend_from_slice(b"]}");
        Batch {
            number,
            events: events.count,
            body: body.into(),
        }
    }

    /// Newer ones never pass older ones: once some lie on disk, all go there.
    async fn accept(&mut self, events: Events) {
        self.number += 1;
        let batch = self.batch(self.number, &events);
        self.waiting.push_back(batch);
        if !self.spool.is_empty() || self.failures > 0 || self.waiting.len() > IN_MEMORY {
            self.put_aside().await;
        }
    }

    async fn put_aside(&mut self) {
        while let Some(batch) = self.waiting.pop_front() {
            let name = format!("{}-{:016x}", self.name.run, batch.number);
            self.spool.push(&name, &batch.body, batch.events).await;
        }
    }

    /// Sends the oldest; takes in what arrives meanwhile.
    async fn send_first(&mut self, arriving: Option<&mut Receiver<Events>>, limit: Duration) {
        let first = match self.spool.first().await {
            Some((name, body)) => Some((First::File(name), body.into())),
            None => {
                let batch = self.waiting.front();
                batch.map(|batch| (First::Batch(batch.number), batch.body.clone()))
            }
        };
        let Some((first, body)) = first else { return };
        let Some(token) = self.gateway.control_token() else {
            return self.wait();
        };
        let uplink = self.uplink.clone();
        let mut sending = pin!(uplink.send(&token, body, limit));
        let sent = match arriving {
            None => sending.await,
            Some(batches) => loop {
                tokio::select! {
                    biased;
                    sent = &mut sending => break sent,
                    Some(events) = batches.recv() => self.accept(events).await,
                    else => break sending.await,
                }
            },
        };
        if sent == Sent::Later {
            return self.wait();
        }
        let events = self.done(&first).await;
        if let Sent::Refused(status) = sent {
            tracing::warn!(
                http.status = status.as_u16(),
                events,
                "the registry refused audit events; they are lost"
            );
            dropped("refused", events);
        }
        if self.failures > 0 {
            tracing::info!("the registry takes audit events again");
        }
        self.failures = 0;
        self.next = Instant::now();
    }

    /// It may have gone to the disk meanwhile, or had to make room there; then it is sent again, and
    /// counts once, or not.
    async fn done(&mut self, first: &First) -> u64 {
        match first {
            First::File(name) => self.spool.remove(name).await,
            First::Batch(number) => {
                let is_first = |batch: &mut Batch| batch.number == *number;
                let done = self.waiting.pop_front_if(is_first);
                done.map_or(0, |batch| batch.events)
            }
        }
    }

    fn wait(&mut self) {
        if self.failures == 0 {
            tracing::warn!(
                "the registry does not take audit events; they wait on disk and are sent later"
            );
        }
        let pause = FIRST_PAUSE * 2_u32.pow(self.failures.min(6));
        self.failures = self.failures.saturating_add(1);
        self.next = Instant::now() + pause.min(LONGEST_PAUSE);
    }
}

/// Batches that wait in memory for the one on its way.
const IN_MEMORY: usize = 8;
const LIMIT: Duration = Duration::from_secs(10);
/// For all that is left at the end.
const LAST_LIMIT: Duration = Duration::from_secs(2);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
