//! Events of session streams, kept so that a client can resume.
//!
//! A replay stays open until the stream's answer was written, so a client that comes back early
//! gets it as soon as it exists. Ids count up over all streams. The oldest events go first when
//! there are too many; nothing here outlives the process.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::stream;
use rmcp::model::JsonRpcMessage;
use rmcp::transport::streamable_http_server::session::{
    EventStore, EventStoreError, EventStream, ServerSseMessage,
};
use tokio::sync::watch;

/// Every event of every stream, newest last.
#[derive(Debug)]
pub(crate) struct EventLog {
    events: Arc<Mutex<Events>>,
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Events {
    last: u64,
    kept: VecDeque<Event>,
}

#[derive(Debug, Clone)]
struct Event {
    id: u64,
    stream: String,
    message: ServerSseMessage,
}

impl Default for EventLog {
    fn default() -> Self {
        Self {
            events: Arc::default(),
            written: watch::Sender::new(0),
        }
    }
}

#[async_trait]
impl EventStore for EventLog {
    async fn store_event(
        &self,
        stream: &str,
        event: &ServerSseMessage,
    ) -> Result<String, EventStoreError> {
        let id = {
            let mut events = lock(&self.events);
            events.last += 1;
            let id = events.last;
            let mut message = event.clone();
            message.event_id = Some(id.to_string());
            if events.kept.len() == MOST_EVENTS {
                events.kept.pop_front();
            }
            events.kept.push_back(Event {
                id,
                stream: stream.to_owned(),
                message,
            });
            id
        };
        self.written.send_replace(id);
        Ok(id.to_string())
    }

    async fn replay_events_after(&self, last: &str) -> Result<EventStream, EventStoreError> {
        let last: u64 = last.parse()?;
        let stream = lock(&self.events)
            .kept
            .iter()
            .find(|event| event.id == last)
            .map(|event| event.stream.clone())
            .ok_or("no event has that id")?;
        let replay = Replay {
            events: Arc::clone(&self.events),
            written: self.written.subscribe(),
            stream,
            last,
            answered: false,
        };
        Ok(Box::pin(stream::unfold(replay, Replay::next)))
    }
}

/// One client's way through the rest of one stream.
struct Replay {
    events: Arc<Mutex<Events>>,
    written: watch::Receiver<u64>,
    stream: String,
    last: u64,
    answered: bool,
}

impl Replay {
    async fn next(mut self) -> Option<(ServerSseMessage, Self)> {
        loop {
            if self.answered {
                return None;
            }
            self.written.borrow_and_update();
            if let Some(event) = self.following() {
                self.last = event.id;
                self.answered = matches!(
                    event.message.message.as_deref(),
                    Some(JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_))
                );
                return Some((event.message, self));
            }
            self.written.changed().await.ok()?;
        }
    }

    fn following(&self) -> Option<Event> {
        lock(&self.events)
            .kept
            .iter()
            .find(|event| event.id > self.last && event.stream == self.stream)
            .cloned()
    }
}

fn lock(events: &Mutex<Events>) -> MutexGuard<'_, Events> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}

const MOST_EVENTS: usize = 10_000;
