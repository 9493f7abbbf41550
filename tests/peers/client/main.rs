//! `mcp-peer-client URL [auto|legacy]`: connects with rmcp, uses what the server offers, and prints
//! one line of JSON about it. `mcp-peer-client jobs` does what standard input says instead ([`jobs`]).
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
mod jobs;
mod listening;
mod person;
mod report;

use std::io::Write as _;

use anyhow::Context as _;
use clap::{Parser, ValueEnum};

/// An MCP client for tests.
#[derive(Debug, Parser)]
struct Arguments {
    /// The server's MCP endpoint, or `jobs`.
    url: String,
    /// What to try: the newest revision with a way back, or `initialize` alone.
    #[arg(value_enum, default_value_t = Era::Auto)]
    era: Era,
}

/// How a session begins.
#[derive(Debug, Clone, Copy, ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Era {
    Auto,
    Legacy,
}

/// One thread: the library handles each notification in a task of its own, and only so do they keep their order.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let Arguments { url, era } = Arguments::parse();
    if let Some(scenario) = everything::Scenario::from_environment() {
        return scenario.play(&url).await;
    }
    if url == "jobs" {
        return jobs::work().await;
    }
    let client = connect::connect(&url, era, true).await?;
    let report = report::report(&client).await?;
    client.cancel().await.context("closing the connection")?;
    writeln!(std::io::stdout(), "{report}").context("printing the report")
}
