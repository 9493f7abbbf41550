//! `mcp-peer-client URL [auto|legacy]`: connects with rmcp, uses what the server offers, and prints
//! one line of JSON about it.
//!
//! It stands in for other people's clients in the interop and conformance tests, is written with
//! rmcp as a user would, and must not use anything of the product. The token comes by environment
//! (`MCP_TEST_TOKEN`), and the only certificate authority it trusts too (`MCP_TEST_CA`, a PEM file).
//! Under the conformance suite's harness, which names a scenario in the environment, it uses
//! everything and prints nothing. Start reading at [`main`].
#![expect(
    deprecated,
    reason = "older servers still ask what newer revisions dropped"
)]

mod connect;
mod everything;
mod person;
mod report;

use std::io::Write as _;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

/// An MCP client for tests.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server's MCP endpoint.
    url: String,
    /// What to try: the newest revision with a way back, or `initialize` alone.
    #[arg(value_enum, default_value_t = Era::Auto)]
    era: Era,
}

/// How a session begins.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Era {
    Auto,
    Legacy,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { url, era } = Arguments::parse();
    if let Some(scenario) = everything::Scenario::from_environment() {
        return scenario.play(&url).await;
    }
    let client = connect::connect(&url, era).await?;
    let report = report::report(&client).await?;
    client.cancel().await.context("closing the connection")?;
    writeln!(std::io::stdout(), "{report}").context("printing the report")
}
