//! `mcp-peer-server`: an MCP server with everything that the public conformance suite asks of one.
//!
//! It promises both eras at one URL (`initialize` with resumable sessions, and 2026-07-28), on
//! loopback only, and prints `listening on http://127.0.0.1:PORT/mcp` once it accepts. It stands in
//! for other people's servers in the interop and conformance tests, is written with rmcp as a user
//! would, and must not use anything of the product. Start reading at [`handler`].
#![expect(
    deprecated,
    reason = "older clients still need what newer revisions dropped"
)]

mod ask;
mod changes;
mod content;
mod events;
mod form;
mod handler;
mod input;
mod jobs;
mod live;
mod prompts;
mod resources;
mod tools;

use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::serve::ListenerExt as _;
use clap::Parser;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use events::EventLog;
use handler::PeerServer;

/// A conformance server for tests.
#[derive(Debug, Parser)]
struct Arguments {
    /// The port on 127.0.0.1; 0 lets the kernel choose.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { port } = Arguments::parse();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("listening on 127.0.0.1:{port}"))?;
    let address = listener.local_addr().context("asking for the bound port")?;
    let mut out = std::io::stdout();
    writeln!(out, "listening on http://{address}/mcp").context("saying the address")?;
    out.flush().context("saying the address")?;
    // An event and the end of its stream are two small writes: the second must not wait until the
    // client has acknowledged the first.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router())
        .await
        .context("serving MCP requests")
}

fn router() -> Router {
    let mut sessions = LocalSessionManager::default();
    sessions.session_config.sse_retry = Some(RETRY);
    let sessions = Arc::new(sessions.with_event_store(Arc::new(EventLog::default())));
    let server = PeerServer::new(Arc::clone(&sessions));
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(LOOPBACK_ORIGINS)
        .enforce_origin_validation()
        .with_sse_retry(Some(RETRY));
    let mcp = StreamableHttpService::new(move || Ok(server.clone()), sessions, config);
    Router::new()
        .route_service("/mcp", mcp.clone())
        .route_service("/mcp/", mcp)
}

/// What clients are told to wait before they come back for a stream that was closed.
const RETRY: Duration = Duration::from_millis(500);
const LOOPBACK_ORIGINS: [&str; 6] = [
    "http://localhost:*",
    "http://127.0.0.1:*",
    "http://[::1]:*",
    "https://localhost:*",
    "https://127.0.0.1:*",
    "https://[::1]:*",
];
