//! The list of tools, and who answers for each.

use std::sync::LazyLock;

use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, CallToolResponse, Tool};

use crate::handler::{Call, PeerServer};
use crate::{ask, content, input, jobs, live};

/// All tools, in the same order every time.
pub(crate) fn list() -> &'static [Tool] {
    &TOOLS
}

/// Calls a tool.
pub(crate) async fn call(
    server: &PeerServer,
    request: CallToolRequestParams,
    context: Call,
) -> Result<CallToolResponse, ErrorData> {
    let arguments = request.arguments.clone().unwrap_or_default();
    if let Some(result) = content::call(&request.name, &arguments) {
        return Ok(result.into());
    }
    if let Some(response) = input::call(server, &request, &context) {
        return response;
    }
    if let Some(response) = jobs::call(server, &request.name, &arguments, &context).await {
        return response;
    }
    if let Some(result) = live::call(server, &request.name, &arguments, &context).await {
        return result.map(Into::into);
    }
    match ask::call(&request.name, &arguments, &context).await {
        Some(result) => result.map(Into::into),
        None => Err(ErrorData::invalid_params(
            format!("unknown tool: {}", request.name),
            None,
        )),
    }
}

static TOOLS: LazyLock<Vec<Tool>> =
    LazyLock::new(|| serde_json::from_str(include_str!("tools.json")).unwrap_or_default());
