//! The way to a server: HTTP client, credentials, lifecycle.

use anyhow::Context as _;
use reqwest::Certificate;
use rmcp::model::ProtocolVersion;
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _};

use crate::Era;
use crate::listening::Listening;
use crate::person::Person;

/// A connection to a server.
pub(crate) type Client = RunningService<RoleClient, Person>;

/// Connects and negotiates a revision; `with_token` sends the token of the environment, if it has one.
pub(crate) async fn connect(url: &str, era: Era, with_token: bool) -> anyhow::Result<Client> {
    let mut config = StreamableHttpClientTransportConfig::with_uri(url);
    if let Ok(token) = std::env::var("MCP_TEST_TOKEN")
        && with_token
    {
        config = config.auth_header(token);
    }
    let http = Listening::new(http_client()?);
    let transport = StreamableHttpClientTransport::with_client(http.clone(), config);
    let lifecycle = match era {
        Era::Legacy => ClientLifecycleMode::Initialize,
        Era::Auto => ClientLifecycleMode::Auto {
            preferred_versions: vec![ProtocolVersion::V_2026_07_28],
            legacy_version: Some(ProtocolVersion::V_2025_11_25),
        },
    };
    let client = Person::default()
        .serve_with_lifecycle(transport, lifecycle)
        .await
        .with_context(|| format!("connecting to {url}"))?;
    http.settled().await;
    Ok(client)
}

#[expect(
    clippy::disallowed_methods,
    reason = "other people's programs do not use the product's outbound client"
)]
fn http_client() -> anyhow::Result<reqwest::Client> {
    // Another part of the process may have been first; either way one is there.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut client = reqwest::Client::builder().no_proxy();
    let authorities = match std::env::var("MCP_TEST_CA") {
        Ok(path) => {
            let pem = std::fs::read(&path).with_context(|| format!("reading {path}"))?;
            Certificate::from_pem_bundle(&pem).with_context(|| format!("parsing {path}"))?
        }
        Err(_) => Vec::new(),
    };
    client = client.tls_certs_only(authorities);
    client.build().context("building the HTTP client")
}
