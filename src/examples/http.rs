//! What the example servers share at the web's edge.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Json;
use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use rmcp::ServerHandler;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::ExampleName;

/// The routes of a server: MCP at `/mcp`, `/mcp/` and `/`, and `/health`.
pub(super) fn router<S>(
    name: ExampleName,
    server: S,
    allowed_hosts: &[String],
    stop: &CancellationToken,
) -> Router
where
    S: ServerHandler + Send + Sync + 'static,
{
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts(allowed_hosts))
        .with_allowed_origins(origins(allowed_hosts))
        .enforce_origin_validation()
        .with_cancellation_token(stop.clone());
    let server = Arc::new(server);
    let sessions = Arc::new(LocalSessionManager::default());
    let mcp = StreamableHttpService::new(move || Ok(Arc::clone(&server)), sessions, config);
    let health = serde_json::json!({"status": "healthy", "server": name.as_str()});
    Router::new()
        .route("/health", get(async move || Json(health.clone())))
        .route_service("/", mcp.clone())
        .route_service("/mcp", mcp.clone())
        .route_service("/mcp/", mcp)
}

/// Serves until `stop`, then for as long as open requests need, at most [`GRACE`].
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let limit = after(stop.clone(), GRACE);
    // An event and the end of its stream are two small writes: the second must not wait until the
    // client has acknowledged the first.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    let serving = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned());
    tokio::select! {
        served = serving => served.context("serving MCP requests"),
        () = limit => Ok(()),
    }
}

async fn after(stop: CancellationToken, time: Duration) {
    stop.cancelled_owned().await;
    tokio::time::sleep(time).await;
}

fn hosts(allowed: &[String]) -> impl Iterator<Item = &str> {
    LOOPBACK
        .into_iter()
        .chain(allowed.iter().map(String::as_str))
}

/// The origins of pages that these hosts serve, on any port unless one is named.
fn origins(allowed: &[String]) -> impl Iterator<Item = String> {
    hosts(allowed).flat_map(|host| {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let authority = match bare.rsplit_once(':') {
            Some((name, _)) if name.contains(':') && bare == host => format!("[{host}]:*"),
            Some(_) => host.to_owned(),
            None => format!("{host}:*"),
        };
        ["http", "https"].map(|scheme| format!("{scheme}://{authority}"))
    })
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_follow_from_hosts() {
        let allowed = [
            "mcp.example.com".to_owned(),
            "mcp.example.com:8443".to_owned(),
        ];
        let origins: Vec<_> = origins(&allowed).collect();
        for origin in [
            "http://localhost:*",
            "https://127.0.0.1:*",
            "http://[::1]:*",
            "https://mcp.example.com:*",
            "https://mcp.example.com:8443",
        ] {
            assert!(
                origins.iter().any(|found| found == origin),
                "{origin} in {origins:?}"
            );
        }
    }
}
