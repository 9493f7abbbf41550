//! `fininfo`: stock aggregates from the Polygon API.

mod polygon;
mod query;
mod table;

use anyhow::Context;
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{CallToolResult, ContentBlock, Implementation, ServerCapabilities, ServerConfig};
use rmcp::{ServerHandler, tool, tool_handler, tool_router};

pub use polygon::{ApiKey, PolygonOptions};

use super::arguments::{Checked, Reply};
use polygon::Polygon;
use query::Aggregates;

/// The server; it shares one HTTP client among requests.
#[derive(Debug)]
pub(super) struct FinInfo {
    tools: ToolRouter<Self>,
    polygon: Polygon,
}

#[tool_router]
impl FinInfo {
    /// Fetches aggregates and passes them on as they are.
    #[tool(
        name = "get_stock_aggregates",
        description = "Get aggregate bars (open, high, low, close, volume) of a stock over a range of dates from Polygon, \
                       as JSON.",
        annotations(
            title = "Stock aggregates",
            read_only_hint = true,
            open_world_hint = true
        )
    )]
    async fn get_stock_aggregates(
        &self,
        Parameters(arguments): Parameters<Checked<Aggregates>>,
    ) -> Reply {
        let query = arguments.0?.checked()?;
        Ok(CallToolResult::structured(
            self.polygon.aggregates(&query).await?,
        ))
    }

    /// Fetches aggregates and prints them as a table.
    #[tool(
        name = "print_stock_data",
        description = "Get aggregate bars of a stock over a range of dates from Polygon, as a table to read.",
        annotations(title = "Stock table", read_only_hint = true, open_world_hint = true)
    )]
    async fn print_stock_data(
        &self,
        Parameters(arguments): Parameters<Checked<Aggregates>>,
    ) -> Reply {
        let query = arguments.0?.checked()?;
        let data = self.polygon.aggregates(&query).await?;
        Ok(CallToolResult::success(vec![ContentBlock::text(
            table::print(&query, &data),
        )]))
    }
}

impl FinInfo {
    pub(super) fn new(options: PolygonOptions) -> anyhow::Result<Self> {
        let polygon = Polygon::new(options).context("preparing the client for Polygon")?;
        Ok(Self {
            tools: Self::tool_router(),
            polygon,
        })
    }
}

#[tool_handler(router = self.tools)]
impl ServerHandler for FinInfo {
    fn get_info(&self) -> ServerConfig {
        let instructions = if self.polygon.has_key() {
            "Stock aggregates from Polygon: get_stock_aggregates for JSON, print_stock_data for a table."
        } else {
            "No POLYGON_API_KEY is set at this server, so its tools can only explain themselves."
        };
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(
                Implementation::new("fininfo", env!("CARGO_PKG_VERSION"))
                    .with_title("Financial Info"),
            )
            .with_instructions(instructions)
    }
}
