//! Who answers when a server asks: takes every default, agrees to everything, remembers what was said.

use std::sync::{Mutex, PoisonError};

use rmcp::handler::client::ClientHandler;
use rmcp::model::{
    ClientCapabilities, ClientConfig, CreateMessageRequestParams, CreateMessageResult,
    ElicitRequestParams, ElicitResult, ElicitationAction, Implementation, ListRootsResult,
    LoggingMessageNotificationParam, ProgressNotificationParam, Root, SamplingMessage,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{ErrorData, RoleClient};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;

/// The person at the client, and their model.
#[derive(Debug, Default)]
pub(crate) struct Person {
    progress: Mutex<Vec<Value>>,
    logs: Mutex<Vec<Value>>,
    complete: Notify,
}

impl Person {
    /// Waits for progress that is its total.
    pub(crate) async fn complete(&self) {
        self.complete.notified().await;
    }

    /// Progress and log lines, in the order of arrival.
    pub(crate) fn so_far(&self) -> (Vec<Value>, Vec<Value>) {
        let copy =
            |list: &Mutex<Vec<Value>>| list.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (copy(&self.progress), copy(&self.logs))
    }
}

fn note(list: &Mutex<Vec<Value>>, value: Value) {
    list.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(value);
}

impl ClientHandler for Person {
    fn get_info(&self) -> ClientConfig {
        let capabilities = ClientCapabilities::builder()
            .enable_elicitation()
            .enable_roots()
            .enable_sampling()
            .build();
        ClientConfig::new(
            capabilities,
            Implementation::new("mcp-peer-client", env!("CARGO_PKG_VERSION")),
        )
    }

    async fn create_message(
        &self,
        params: CreateMessageRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<CreateMessageResult, ErrorData> {
        let asked = params
            .messages
            .first()
            .and_then(|message| message.content.first());
        let asked = asked.and_then(|block| block.as_text());
        let answer = format!(
            "An answer to: {}",
            asked.map_or("", |text| text.text.as_str())
        );
        let message = SamplingMessage::assistant_text(answer);
        Ok(CreateMessageResult::new(message, "peer-model".to_owned()).with_stop_reason("endTurn"))
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        let accepted = ElicitResult::new(ElicitationAction::Accept);
        Ok(match request {
            ElicitRequestParams::FormElicitationParams {
                requested_schema, ..
            } => {
                let schema = serde_json::to_value(requested_schema).unwrap_or_default();
                accepted.with_content(Value::Object(filled(&schema)))
            }
            _ => accepted,
        })
    }

    async fn on_progress(
        &self,
        step: ProgressNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        note(
            &self.progress,
            json!([step.progress, step.total, step.message]),
        );
        if step.total == Some(step.progress) {
            self.complete.notify_one();
        }
    }

    async fn on_logging_message(
        &self,
        line: LoggingMessageNotificationParam,
        _: NotificationContext<RoleClient>,
    ) {
        note(&self.logs, json!([line.level, line.data]));
    }

    async fn list_roots(
        &self,
        _: RequestContext<RoleClient>,
    ) -> Result<ListRootsResult, ErrorData> {
        Ok(ListRootsResult::new(vec![
            Root::new("file:///peer").with_name("peer"),
        ]))
    }
}

/// A value for every property of an object's schema: its default, else something of its type.
pub(crate) fn filled(schema: &Value) -> Map<String, Value> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), value_for(schema)))
        .collect()
}

fn value_for(schema: &Value) -> Value {
    if let Some(default) = schema.get("default") {
        return default.clone();
    }
    let first = |list: &str| Some(schema.get(list)?.as_array()?.first()?.clone());
    if let Some(choice) = first("enum") {
        return choice;
    }
    if let Some(choice) = first("oneOf").and_then(|choice| choice.get("const").cloned()) {
        return choice;
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("boolean") => json!(true),
        Some("integer" | "number") => json!(1),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("peer"),
    }
}
