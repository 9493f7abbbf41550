//! `currenttime`: one tool, one prompt, one resource.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rmcp::handler::server::router::prompt::PromptRouter;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    ContentBlock, Implementation, ListResourcesResult, PaginatedRequestParams, PromptMessage,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceContents, Role, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{
    ErrorData, RoleServer, ServerHandler, prompt, prompt_handler, prompt_router, tool,
    tool_handler, tool_router,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::arguments::{Checked, Reply};

/// The server; cheap to share, it keeps nothing between requests.
#[derive(Debug)]
pub(super) struct CurrentTime {
    tools: ToolRouter<Self>,
    prompts: PromptRouter<Self>,
    now: fn() -> Timestamp,
}

/// Arguments of `current_time_by_timezone`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TimeZoneArguments {
    /// Name of the time zone in the IANA database, for example "America/New_York", "Europe/Berlin" or "UTC".
    #[serde(default = "new_york")]
    tz_name: String,
}

/// Arguments of `system_prompt_for_agent`.
#[derive(Debug, Deserialize, JsonSchema)]
struct PromptArguments {
    /// The place whose time the agent will be asked for, for example "Boston, MA".
    location: String,
}

#[tool_router]
impl CurrentTime {
    /// Tells the current time in a time zone.
    #[tool(
        name = "current_time_by_timezone",
        description = "Get the current time in a time zone, by its IANA name. Answers like 2026-03-29 14:05:09 EDT-0400.",
        annotations(title = "Current time", read_only_hint = true, open_world_hint = false)
    )]
    fn current_time_by_timezone(
        &self,
        Parameters(arguments): Parameters<Checked<TimeZoneArguments>>,
    ) -> Reply {
        let TimeZoneArguments { tz_name } = arguments.0?;
        let zone = TimeZone::get(&tz_name).map_err(|_| unknown_zone(&tz_name))?;
        let time = (self.now)().to_zoned(zone);
        let text = time.strftime("%Y-%m-%d %H:%M:%S %Z%z").to_string();
        Ok(rmcp::model::CallToolResult::success(vec![
            ContentBlock::text(text),
        ]))
    }
}

#[prompt_router]
impl CurrentTime {
    /// Explains to an agent how to find the time at a place.
    #[prompt(
        name = "system_prompt_for_agent",
        description = "System prompt for an agent that tells the current time at a place with this server's tool."
    )]
    async fn system_prompt_for_agent(
        &self,
        Parameters(PromptArguments { location }): Parameters<PromptArguments>,
    ) -> Vec<PromptMessage> {
        let text = format!(
            "You tell people the current time. Find the IANA time zone of this place: {location}. Then call the tool \
             current_time_by_timezone with it as tz_name, and answer with the time and the zone that you used. If the \
             place lies in several zones, ask which one is meant."
        );
        vec![PromptMessage::new_text(Role::User, text)]
    }
}

impl CurrentTime {
    pub(super) fn new() -> Self {
        Self {
            tools: Self::tool_router(),
            prompts: Self::prompt_router(),
            now: Timestamp::now,
        }
    }
}

#[tool_handler(router = self.tools)]
#[prompt_handler(router = self.prompts)]
impl ServerHandler for CurrentTime {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(
                Implementation::new("currenttime", env!("CARGO_PKG_VERSION"))
                    .with_title("Current Time"),
            )
            .with_instructions("Call current_time_by_timezone with the IANA name of a time zone.")
    }

    async fn list_resources(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let config = Resource::new(CONFIG_URI, "config")
            .with_description("The settings of this server")
            .with_mime_type("application/json");
        Ok(ListResourcesResult::with_all_items(vec![config]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        if request.uri != CONFIG_URI {
            let message = format!("no resource `{}`; there is {CONFIG_URI}", request.uri);
            return Err(ErrorData::resource_not_found(message, None));
        }
        let config = serde_json::json!({
            "server": "currenttime",
            "version": env!("CARGO_PKG_VERSION"),
            "default_time_zone": new_york(),
            "time_zones": jiff::tz::db().available().count(),
        });
        let text = ResourceContents::text(config.to_string(), CONFIG_URI);
        Ok(ReadResourceResult::new(vec![text.with_mime_type("application/json")]).into())
    }
}

fn new_york() -> String {
    "America/New_York".to_owned()
}

/// Says what is wrong with a name, and which names come close.
fn unknown_zone(name: &str) -> String {
    let wanted = name.to_lowercase().replace([' ', '-'], "_");
    let close: Vec<_> = jiff::tz::db()
        .available()
        .map(|zone| zone.as_str().to_owned())
        .filter(|zone| wanted.len() > 2 && zone.to_lowercase().contains(&wanted))
        .take(5)
        .collect();
    if close.is_empty() {
        format!(
            "wrong argument `tz_name`: no time zone is called `{name}`; use an IANA name such as America/New_York, \
             Europe/London or Asia/Tokyo"
        )
    } else {
        format!(
            "wrong argument `tz_name`: no time zone is called `{name}`; did you mean {}?",
            close.join(", ")
        )
    }
}

const CONFIG_URI: &str = "config://app";

#[cfg(test)]
mod tests {
    use super::*;

    fn call(arguments: &str) -> Reply {
        let now = || "2026-03-29T18:05:09Z".parse().unwrap();
        let server = CurrentTime {
            now,
            ..CurrentTime::new()
        };
        server.current_time_by_timezone(Parameters(serde_json::from_str(arguments).unwrap()))
    }

    fn told(arguments: &str) -> String {
        call(arguments).unwrap().content[0]
            .as_text()
            .unwrap()
            .text
            .clone()
    }

    #[test]
    fn tells_the_time_of_a_zone_with_its_offset() {
        assert_eq!(
            told(r#"{"tz_name": "Asia/Tokyo"}"#),
            "2026-03-30 03:05:09 JST+0900"
        );
        assert_eq!(
            told(r#"{"tz_name": "UTC"}"#),
            "2026-03-29 18:05:09 UTC+0000"
        );
    }

    #[test]
    fn tells_the_time_of_new_york_where_no_zone_is_named() {
        assert_eq!(told("{}"), "2026-03-29 14:05:09 EDT-0400");
    }

    #[test]
    fn unknown_zones_are_refused_with_names_that_come_close() {
        let refused = call(r#"{"tz_name": "new york"}"#).unwrap_err();
        assert!(
            refused.contains("`new york`") && refused.contains("America/New_York"),
            "{refused}"
        );
        let refused = call(r#"{"tz_name": "Mars/Olympus"}"#).unwrap_err();
        assert!(refused.contains("IANA"), "{refused}");
        assert!(call(r#"{"tz_name": "../../etc/passwd"}"#).is_err());
    }
}
