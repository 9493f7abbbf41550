//! `GET /ws/health_status`, `GET /api/health/ws/health_status`: how servers are, live.
//!
//! Over a WebSocket first all, then what changed; without the upgrade all at once. A caller that is
//! logged out, or whose token ends, is cut off within seconds. The edge has refused foreign origins.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use tokio::time::{interval, sleep, timeout};

use super::super::super::Registry;
use super::super::super::info::ServerHealth;
use super::super::super::view::View;
use super::super::caller::User;
use super::super::reply;
use super::super::servers::sees;
use crate::http::Problem;

/// How one server is, as existing clients know it.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Status {
    #[serde(rename = "status")]
    word: &'static str,
    last_checked_iso: Option<String>,
    num_tools: usize,
}

/// Path to status; null where a server is gone.
type Statuses = BTreeMap<String, Option<Status>>;

/// Answers the feed.
pub(in super::super) async fn feed(
    State(registry): State<Registry>,
    user: User,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let Ok(upgrade) = upgrade else {
        return Ok(reply::json(
            StatusCode::OK,
            &statuses(&registry.view(), &user),
        ));
    };
    let permit = Arc::clone(&registry.0.feeds)
        .try_acquire_owned()
        .map_err(|_| {
            Problem::later(
                StatusCode::SERVICE_UNAVAILABLE,
                5,
                "too many pages follow the servers' health",
            )
        })?;
    // A client has nothing to say here.
    let upgrade = upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(async move |socket| {
        serve(socket, &registry, &user).await;
        drop(permit);
    }))
}

async fn serve(mut socket: WebSocket, registry: &Registry, user: &User) {
    let mut views = registry.0.view.subscribe();
    let mut sent: Option<Statuses> = None;
    let mut check = interval(CHECK);
    let opened_at = registry.0.clock.now();
    loop {
        let now = statuses(&views.borrow_and_update().clone(), user);
        let news = sent
            .as_ref()
            .map_or_else(|| now.clone(), |sent| changes(sent, &now));
        if (sent.is_none() || !news.is_empty()) && !say(&mut socket, &news).await {
            return;
        }
        sent = Some(now);
        let goodbye = tokio::select! {
            changed = views.changed() => match changed {
                // Bursts become one message.
                Ok(()) => { sleep(COALESCE).await; None }
                Err(_) => Some("the registry stops"),
            },
            () = registry.0.stop.cancelled() => Some("the registry stops"),
            message = socket.recv() => match message {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                // A client has nothing to say; one that talks all the time is slowed down.
                Some(Ok(_)) => { sleep(COALESCE).await; None }
            },
            _ = check.tick() => (!registry.still_counts(user.session.as_ref(), &user.principal, opened_at).await)
                .then_some("log in again"),
        };
        if let Some(reason) = goodbye {
            let frame = CloseFrame {
                code: close_code::POLICY,
                reason: Utf8Bytes::from_static(reason),
            };
            // Whoever is gone already needs no goodbye.
            let _ = timeout(SEND, socket.send(Message::Close(Some(frame)))).await;
            return;
        }
    }
}

async fn say(socket: &mut WebSocket, news: &Statuses) -> bool {
    let Ok(text) = serde_json::to_string(news) else {
        return false;
    };
    matches!(
        timeout(SEND, socket.send(Message::Text(text.into()))).await,
        Ok(Ok(()))
    )
}

fn statuses(view: &View, user: &User) -> Statuses {
    let visible = view
        .servers
        .iter()
        .filter(|(path, _)| sees(view, user, path));
    visible
        .map(|(path, entry)| {
            let definition = &entry.stored.definition;
            let health = ServerHealth::new(&entry.health, definition.enabled);
            let status = Status {
                word: health.status(),
                last_checked_iso: health.checked_at().map(str::to_owned),
                num_tools: definition.tool_list.len(),
            };
            (path.to_string(), Some(status))
        })
        .collect()
}

fn changes(before: &Statuses, now: &Statuses) -> Statuses {
    let gone = before
        .keys()
        .filter(|path| !now.contains_key(*path))
        .map(|path| (path.clone(), None));
    let new = now
        .iter()
        .filter(|(path, status)| before.get(*path) != Some(*status));
    new.map(|(path, status)| (path.clone(), status.clone()))
        .chain(gone)
        .collect()
}

/// Whether the caller still counts is looked at this often.
const CHECK: Duration = Duration::from_secs(1);
const COALESCE: Duration = Duration::from_millis(20);
const SEND: Duration = Duration::from_secs(2);
const MAX_MESSAGE: usize = 4 << 10;
