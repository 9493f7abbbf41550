//! A server as the API shows it.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::health::Health;
use crate::domain::server::{Transport, UpstreamTls};
use crate::domain::validate::patch::KEPT;
use crate::store::StoredServer;

/// A definition with what the registry knows of the server. Header values are never shown.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
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
    proxy_pass_url: Option<String>,
    /// How it can be spoken to.
    #[schema(value_type = Vec<String>)]
    supported_transports: Vec<Transport>,
    /// `auto` or one of the transports.
    transport: String,
    /// Overrides where Streamable HTTP is.
    mcp_endpoint: Option<String>,
    /// Overrides where HTTP+SSE is.
    sse_endpoint: Option<String>,
    /// What the server itself wants: `none`, `oauth`, `api_key`, `bearer`.
    auth_type: String,
    /// Who gives its credentials.
    auth_provider: Option<String>,
    /// Sent on each call; values are shown as `***`.
    #[schema(value_type = Vec<Object>)]
    headers: Vec<Value>,
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
    #[schema(read_only, value_type = Vec<Object>)]
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
    timeout: Option<u32>,
    /// How its certificate is judged.
    #[schema(value_type = Option<TlsInfo>)]
    tls: Option<UpstreamTls>,
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
    health: HealthInfo,
}

/// How a server's certificate is judged.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct TlsInfo {
    /// PEM of a private CA.
    ca: Option<String>,
    /// Accept any certificate.
    insecure: bool,
}

/// How a server is.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct HealthInfo {
    /// `healthy`, `unhealthy`, `unknown` or `disabled`.
    status: &'static str,
    /// When that was found.
    #[schema(format = DateTime)]
    checked_at: Option<String>,
    /// More about it.
    detail: Option<String>,
}

impl HealthInfo {
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
                .map(|header| json!({ header.name.clone(): KEPT }))
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
            health: HealthInfo::new(health, definition.enabled),
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
