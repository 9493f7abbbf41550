//! One simple call and what came of it, in the words that all client scripts use.

use anyhow::Context as _;
use rmcp::model::{CallToolRequestParams, CallToolResult, JsonObject, Tool};
use rmcp::service::ServiceError;
use serde_json::{Value, json};

use crate::connect::Client;
use crate::person::filled;

/// Lists the tools and calls one: the current time if the server tells it, else the first that
/// needs no arguments, else the first.
pub(crate) async fn report(client: &Client) -> anyhow::Result<Value> {
    let version = client.peer_info().map(|info| info.protocol_version.clone());
    let tools = client.list_all_tools().await.context("listing the tools")?;
    let (params, wrong) = choose(&tools).context("the server has no tools")?;
    let result = client.call_tool(params).await.context("calling a tool")?;
    let wrong = refused(client.call_tool(wrong).await)?;
    let names: Vec<_> = tools.iter().map(|tool| tool.name.as_ref()).collect();
    Ok(json!({
        "version": version,
        "tools": names,
        "failed": result.is_error == Some(true),
        "texts": texts(&result),
        "wrong_is_error": wrong,
    }))
}

/// A call that must work and one that must not.
fn choose(tools: &[Tool]) -> Option<(CallToolRequestParams, CallToolRequestParams)> {
    if tools.iter().any(|tool| tool.name == TIME) {
        return Some((time_in("Asia/Tokyo"), time_in("Nowhere/Land")));
    }
    let needs_nothing = |tool: &&Tool| {
        let required = tool.input_schema.get("required").and_then(Value::as_array);
        required.is_none_or(Vec::is_empty)
    };
    let tool = tools.iter().find(needs_nothing).or_else(|| tools.first())?;
    let arguments = filled(&Value::Object(tool.input_schema.as_ref().clone()));
    let right = CallToolRequestParams::new(tool.name.clone()).with_arguments(arguments);
    Some((right, CallToolRequestParams::new("no_such_tool")))
}

fn time_in(zone: &str) -> CallToolRequestParams {
    let arguments = JsonObject::from_iter([("tz_name".to_owned(), json!(zone))]);
    CallToolRequestParams::new(TIME).with_arguments(arguments)
}

/// Whether a call ended as a tool error or a protocol error, rather than a result.
fn refused(outcome: Result<CallToolResult, ServiceError>) -> anyhow::Result<bool> {
    match outcome {
        Ok(result) => Ok(result.is_error == Some(true)),
        Err(ServiceError::McpError(_)) => Ok(true),
        Err(error) => Err(error).context("making a call that must fail"),
    }
}

fn texts(result: &CallToolResult) -> Vec<&str> {
    let blocks = result.content.iter();
    blocks
        .filter_map(|block| Some(block.as_text()?.text.as_str()))
        .collect()
}

const TIME: &str = "current_time_by_timezone";
