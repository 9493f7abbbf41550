//! What the conformance suite's client scenarios want to see: a client that uses all that a server
//! offers.
//!
//! The suite starts a server that watches, names the scenario and the revision in the environment,
//! and judges by what arrives there. Answers are therefore not looked at here.

use anyhow::Context as _;
use rmcp::model::{
    CallToolRequestParams, GetPromptRequestParams, JsonObject, ReadResourceRequestParams, Tool,
};
use serde::Deserialize;
use serde_json::Value;

use crate::Era;
use crate::connect::{Client, connect};
use crate::person::filled;

/// What the harness says of a scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    era: Era,
    calls: Vec<Wanted>,
}

/// A call that a scenario wants as it is.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) arguments: JsonObject,
}

#[derive(Debug, Default, Deserialize)]
struct Context {
    #[serde(default, rename = "toolCalls")]
    calls: Vec<Wanted>,
}

impl Scenario {
    /// The scenario that the environment names, if it does.
    pub(crate) fn from_environment() -> Option<Self> {
        std::env::var("MCP_CONFORMANCE_SCENARIO").ok()?;
        let revision = std::env::var("MCP_CONFORMANCE_PROTOCOL_VERSION").unwrap_or_default();
        let context = std::env::var("MCP_CONFORMANCE_CONTEXT").unwrap_or_default();
        let context: Context = serde_json::from_str(&context).unwrap_or_default();
        Some(Self {
            era: if revision.as_str() < "2026-07-28" {
                Era::Legacy
            } else {
                Era::Auto
            },
            calls: context.calls,
        })
    }

    /// Uses everything, each once.
    pub(crate) async fn play(self, url: &str) -> anyhow::Result<()> {
        let client = connect(url, self.era, true).await?;
        let tools = client.list_all_tools().await.context("listing the tools")?;
        let calls = if self.calls.is_empty() {
            calls_of(&tools)
        } else {
            self.calls
        };
        for Wanted { name, arguments } in calls {
            let params = CallToolRequestParams::new(name).with_arguments(arguments);
            let _ = client.call_tool(params).await;
        }
        use_resources(&client).await;
        use_prompts(&client).await;
        client.cancel().await.context("closing the connection")?;
        Ok(())
    }
}

/// One call of each tool. What takes a schema gets the first tool's own, to see it come back whole.
fn calls_of(tools: &[Tool]) -> Vec<Wanted> {
    let first = tools
        .first()
        .map(|tool| Value::Object(tool.input_schema.as_ref().clone()));
    let call = |tool: &Tool| {
        let mut arguments = filled(&Value::Object(tool.input_schema.as_ref().clone()));
        if let (Some(schema), Some(first)) = (arguments.get_mut("schema"), &first) {
            *schema = first.clone();
        }
        Wanted {
            name: tool.name.to_string(),
            arguments,
        }
    };
    tools.iter().map(call).collect()
}

async fn use_resources(client: &Client) {
    let Ok(resources) = client.list_all_resources().await else {
        return;
    };
    for resource in resources {
        let params = ReadResourceRequestParams::new(resource.uri);
        let _ = client.read_resource(params).await;
    }
}

async fn use_prompts(client: &Client) {
    let Ok(prompts) = client.list_all_prompts().await else {
        return;
    };
    for prompt in prompts {
        let _ = client
            .get_prompt(GetPromptRequestParams::new(prompt.name))
            .await;
    }
}
