//! Who hears of changed lists and resources: open `subscriptions/listen` requests, and sessions of
//! the older revisions.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::RoleServer;
use rmcp::model::ResourceUpdatedNotificationParam;
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::broadcast;

/// Something that clients may want to read again.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    Tools,
    Prompts,
    Resource(String),
}

/// Announces changes to all who asked.
#[derive(Debug, Clone)]
pub(crate) struct Changes {
    listeners: broadcast::Sender<Change>,
    older: Arc<Mutex<Vec<Older>>>,
}

/// A session of an older revision that subscribed to a resource.
#[derive(Debug, Clone)]
struct Older {
    uri: String,
    peer: Peer<RoleServer>,
}

impl Changes {
    pub(crate) fn new() -> Self {
        Self {
            listeners: broadcast::Sender::new(MOST_WAITING),
            older: Arc::default(),
        }
    }

    /// Tells everybody.
    pub(crate) async fn announce(&self, change: Change) {
        let _ = self.listeners.send(change.clone());
        let Change::Resource(changed) = change else {
            return;
        };
        let older = self.older().clone();
        for session in older.into_iter().filter(|session| session.uri == changed) {
            let update = ResourceUpdatedNotificationParam::new(changed.clone());
            let _ = session.peer.notify_resource_updated(update).await;
        }
    }

    /// Serves one listening request until its client goes.
    pub(crate) async fn listen(&self, context: SubscriptionContext) {
        let mut changes = self.listeners.subscribe();
        loop {
            let change = tokio::select! {
                () = context.cancelled() => return,
                change = changes.recv() => change,
            };
            let sink = context.sink();
            let wanted = context.accepted();
            // What was not asked for is not an error of the one who asks.
            let _ = match change {
                Ok(Change::Tools) if wanted.tools_list_changed == Some(true) => {
                    sink.notify_tool_list_changed().await
                }
                Ok(Change::Prompts) if wanted.prompts_list_changed == Some(true) => {
                    sink.notify_prompt_list_changed().await
                }
                Ok(Change::Resource(uri))
                    if wanted
                        .resource_subscriptions
                        .iter()
                        .flatten()
                        .any(|one| *one == uri) =>
                {
                    sink.notify_resource_updated(uri).await
                }
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => Ok(()),
                Err(broadcast::error::RecvError::Closed) => return,
            };
        }
    }

    /// Remembers a session's wish.
    pub(crate) fn subscribe(&self, uri: String, peer: Peer<RoleServer>) {
        self.older().push(Older { uri, peer });
    }

    /// Forgets every wish for that resource.
    pub(crate) fn unsubscribe(&self, uri: &str) {
        self.older().retain(|session| session.uri != uri);
    }

    fn older(&self) -> MutexGuard<'_, Vec<Older>> {
        self.older.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MOST_WAITING: usize = 64;
