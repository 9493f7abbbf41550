//! Tools that say something while they run: log lines, progress, changes, a closed stream.

use std::time::Duration;

use axum::http::request::Parts;
use rmcp::ErrorData;
use rmcp::model::{
    CallToolResult, JsonObject, LoggingLevel, LoggingMessageNotificationParam,
    ProgressNotificationParam, ProtocolVersion,
};
use serde_json::{Value, json};

use crate::changes::Change;
use crate::content::success;
use crate::handler::{Call, PeerServer};

/// The result of the tool of that name, if it is one of these.
pub(crate) async fn call(
    server: &PeerServer,
    name: &str,
    arguments: &JsonObject,
    context: &Call,
) -> Option<Result<CallToolResult, ErrorData>> {
    match name {
        "test_tool_with_logging" | "test_logging_tool" => log(context).await,
        "test_tool_with_progress" => progress(context).await,
        "test_reconnection" => close_own_stream(server, context).await,
        "test_trigger_tool_change" => server.changes.announce(Change::Tools).await,
        "test_trigger_prompt_change" => server.changes.announce(Change::Prompts).await,
        "test_trigger_resource_update" => {
            let uri = arguments
                .get("uri")
                .and_then(Value::as_str)
                .unwrap_or_default();
            server
                .changes
                .announce(Change::Resource(uri.to_owned()))
                .await;
        }
        _ => return None,
    }
    Some(Ok(success(format!("{name} completed"))))
}

/// Newer revisions log only for requests that name a level.
async fn log(context: &Call) {
    if modern(context) && context.meta.log_level().is_none() {
        return;
    }
    for line in [
        "Tool execution started",
        "Tool processing data",
        "Tool execution completed",
    ] {
        let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(line));
        let _ = context.peer.notify_logging_message(message).await;
        tokio::time::sleep(STEP).await;
    }
}

async fn progress(context: &Call) {
    let token = context.meta.get_progress_token();
    for (done, said) in [(0.0, "Starting"), (50.0, "Halfway"), (100.0, "Complete")] {
        if let Some(token) = &token {
            let step = ProgressNotificationParam::new(token.clone(), done);
            let step = step.with_total(100.0).with_message(said);
            let _ = context.peer.notify_progress(step).await;
        }
        tokio::time::sleep(STEP).await;
    }
}

/// Closes the stream that this call's answer would take; the client has to come back for it.
///
/// The library numbers a session's streams and does not say which one a call has: the newest that
/// is open is this call's, as long as a client makes such calls one after the other.
async fn close_own_stream(server: &PeerServer, context: &Call) {
    let session = context
        .extensions
        .get::<Parts>()
        .and_then(|parts| parts.headers.get("mcp-session-id"))
        .and_then(|id| id.to_str().ok());
    let Some(session) = session else { return };
    let handle = server.sessions.sessions.read().await.get(session).cloned();
    let Some(handle) = handle else { return };
    for stream in (0..MOST_STREAMS).rev() {
        if handle.close_sse_stream(stream, None).await.is_ok() {
            break;
        }
    }
    tokio::time::sleep(STEP * 2).await;
}

fn modern(context: &Call) -> bool {
    context
        .protocol_version()
        .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

const STEP: Duration = Duration::from_millis(50);
const MOST_STREAMS: u64 = 200;
