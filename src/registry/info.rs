//! A server as the API shows it.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::health::Health;
use crate::domain::server::{self, Transport};
use crate::domain::validate::patch::KEPT;
use crate::store::StoredServer;

/// A definition with what the registry knows of the server. Header values are never shown.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields' names are a contract with clients"
)]
pub struct ServerInfo {
    /// The path without leading slash.
    #[schema(read_only)]
    id: String,
    /// The prefix under which the gateway serves it.
    path: String,
    /// Display name.
    server_name: String,
    /// For people and for search.
    description: String,
    /// Where the server is.
    #[schema(required = true)]
    proxy_pass_url: Option<String>,
    /// How it can be spoken to.
    #[schema(value_type = Vec<TransportName>)]
    supported_transports: Vec<Transport>,
    /// `auto` or one of the transports.
    transport: String,
    /// Overrides where Streamable HTTP is.
    #[schema(required = true)]
    mcp_endpoint: Option<String>,
    /// Overrides where HTTP+SSE is.
    #[schema(required = true)]
    sse_endpoint: Option<String>,
    /// What the server itself wants: `none`, `oauth`, `api_key`, `bearer`.
    auth_type: String,
    /// Who gives its credentials.
    #[schema(required = true)]
    auth_provider: Option<String>,
    /// Sent on each call; values are shown as `***`.
    headers: Vec<BTreeMap<String, &'static str>>,
    /// For filters.
    tags: Vec<String>,
    /// The server's licence.
    license: String,
    /// Stars.
    #[schema(value_type = f64)]
    num_stars: Value,
    /// Whether it is written in Python.
    is_python: bool,
    /// Number of known tools.
    #[schema(read_only)]
    num_tools: usize,
    /// Known tools.
    #[schema(read_only, value_type = Vec<Tool>)]
    tool_list: Vec<Value>,
    /// Routed only when true.
    enabled: bool,
    /// Everybody may use everything of it, without a token.
    public: bool,
    /// Sub-paths are forwarded too.
    passthrough: bool,
    /// The caller's `Authorization` goes on to the server.
    forward_authorization: bool,
    /// Total time of one call in seconds.
    #[schema(required = true)]
    timeout: Option<u32>,
    /// How its certificate is judged.
    #[schema(required = true, value_type = Option<UpstreamTls>)]
    tls: Option<server::UpstreamTls>,
    /// Free data of the owner.
    #[schema(value_type = Object)]
    metadata: Map<String, Value>,
    /// When it was added.
    #[schema(read_only, format = DateTime)]
    created_at: String,
    /// When it was last changed.
    #[schema(read_only, format = DateTime)]
    updated_at: String,
    /// Who added it.
    #[schema(read_only)]
    created_by: String,
    /// Who changed it last.
    #[schema(read_only)]
    updated_by: String,
    /// How it is.
    #[schema(read_only)]
    health: ServerHealth,
}

/// How a server's certificate is judged.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct UpstreamTls {
    /// PEM of a private CA, trusted for this server in addition to the usual roots.
    ca: Option<String>,
    /// Accept any certificate.
    #[schema(required = false)]
    insecure: bool,
}

/// How a server can be spoken to.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TransportName {
    /// Streamable HTTP.
    StreamableHttp,
    /// HTTP+SSE of 2024-11-05.
    Sse,
    /// A process on somebody's machine; listed, never routed.
    Stdio,
}

/// The words for how a server is.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Not checked yet.
    Unknown,
    /// The last check was good.
    Healthy,
    /// The last check failed.
    Unhealthy,
    /// Not routed, not checked.
    Disabled,
}

/// One tool that a server offers.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Tool {
    /// Its name.
    name: String,
    /// What it does.
    #[schema(required = false)]
    description: String,
    /// JSON Schema of its input.
    #[schema(required = false, value_type = Object)]
    schema: Value,
    /// The description in parts, as existing files carry it.
    #[schema(required = false, value_type = Object)]
    parsed_description: Value,
}

/// How a server is.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ServerHealth {
    /// `healthy`, `unhealthy`, `unknown` or `disabled`.
    #[schema(value_type = HealthStatus)]
    status: &'static str,
    /// When that was found.
    #[schema(required = true, format = DateTime)]
    checked_at: Option<String>,
    /// More about it.
    #[schema(required = true)]
    detail: Option<String>,
}

impl ServerHealth {
    /// The word for it.
    pub(super) const fn status(&self) -> &'static str {
        self.status
    }

    /// When it was found.
    pub(super) fn checked_at(&self) -> Option<&str> {
        self.checked_at.as_deref()
    }

    /// Of a server.
    pub(super) fn new(health: &Health, enabled: bool) -> Self {
        Self {
            status: health.status_of(enabled),
            checked_at: health
                .checked_at
                .map(crate::domain::time::Timestamp::to_rfc3339),
            detail: health.detail.clone(),
        }
    }
}

impl ServerInfo {
    /// From what is stored and how the server is.
    pub(super) fn new(server: &StoredServer, health: &Health) -> Self {
        let definition = &server.definition;
        let url = |url: &Option<crate::domain::endpoint::UpstreamUrl>| {
            url.as_ref().map(ToString::to_string)
        };
        Self {
            id: definition.path.id().to_owned(),
            path: definition.path.to_string(),
            server_name: definition.server_name.clone(),
            description: definition.description.clone(),
            proxy_pass_url: url(&definition.proxy_pass_url),
            supported_transports: definition.supported_transports.clone(),
            transport: definition.transport.clone(),
            mcp_endpoint: url(&definition.mcp_endpoint),
            sse_endpoint: url(&definition.sse_endpoint),
            auth_type: definition.auth_type.clone(),
            auth_provider: definition.auth_provider.clone(),
            headers: definition
                .headers
                .iter()
                .map(|header| BTreeMap::from([(header.name.clone(), KEPT)]))
                .collect(),
            tags: definition.tags.clone(),
            license: definition.license.clone(),
            num_stars: number(definition.num_stars),
            is_python: definition.is_python,
            num_tools: definition.tool_list.len(),
            tool_list: definition.tool_list.clone(),
            enabled: definition.enabled,
            public: definition.public,
            passthrough: definition.passthrough,
            forward_authorization: definition.forward_authorization,
            timeout: definition.timeout,
            tls: definition.tls.clone(),
            metadata: definition.metadata.clone().into_iter().collect(),
            created_at: server.created_at.to_rfc3339(),
            updated_at: server.updated_at.to_rfc3339(),
            created_by: server.created_by.clone(),
            updated_by: server.updated_by.clone(),
            health: ServerHealth::new(health, definition.enabled),
        }
    }
}

/// Whole numbers without a fraction.
#[expect(
    clippy::cast_possible_truncation,
    reason = "validation bounds it to 0..=1e9, and the fraction is zero"
)]
pub(super) fn number(value: f64) -> Value {
    if value.fract() == 0.0 {
        Value::from(value as i64)
    } else {
        Value::from(value)
    }
}
