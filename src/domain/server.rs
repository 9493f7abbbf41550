//! A server's definition, as stored and as routed.
//!
//! [`ServerDefinition`] is what people write, validated (see [`super::validate`] for the way in).
//! [`Route`] is the part of it that a gateway needs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::endpoint::{Endpoints, UpstreamUrl};
use super::path::ServerPath;
use super::secret::Secret;

/// How a server can be spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// Streamable HTTP, every revision since 2025-03-26.
    StreamableHttp,
    /// HTTP+SSE of 2024-11-05.
    Sse,
    /// A process on somebody's machine; listed, never routed.
    Stdio,
}

/// A header that is sent to the server on each call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamHeader {
    /// A valid header name, as it was written.
    pub name: String,
    /// Its value: sealed at rest, shown as `"***"`.
    pub value: Secret<String>,
}

/// How the server's certificate is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamTls {
    /// PEM of a private CA, trusted for this server in addition to the usual roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Accept any certificate. Shown in the UI and in the audit log.
    #[serde(default)]
    pub insecure: bool,
}

/// A tool as found at the server or written in an imported file.
pub type ToolEntry = serde_json::Value;

/// Everything people say of one server; validated.
///
/// `headers` are left out of the serialised form: whoever stores or sends them seals them first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerDefinition {
    /// The identity.
    pub path: ServerPath,
    /// Display name.
    pub server_name: String,
    /// For people and for search.
    pub description: String,
    /// Where the server is. Absent only where `supported_transports` is just `stdio`.
    pub proxy_pass_url: Option<UpstreamUrl>,
    /// At least one.
    pub supported_transports: Vec<Transport>,
    /// `auto` or one of the transports; kept for existing clients.
    pub transport: String,
    /// Overrides where Streamable HTTP is.
    pub mcp_endpoint: Option<UpstreamUrl>,
    /// Overrides where HTTP+SSE is.
    pub sse_endpoint: Option<UpstreamUrl>,
    /// What the server itself wants: `none`, `oauth`, `api_key`, `bearer`.
    pub auth_type: String,
    /// Who gives its credentials.
    pub auth_provider: Option<String>,
    /// Sent on each call.
    #[serde(skip)]
    pub headers: Vec<UpstreamHeader>,
    /// For filters.
    pub tags: Vec<String>,
    /// The server's licence.
    pub license: String,
    /// Stars, as existing files carry them.
    pub num_stars: f64,
    /// As existing files carry it.
    pub is_python: bool,
    /// Tools as imported or found.
    pub tool_list: Vec<ToolEntry>,
    /// Routed only when true.
    pub enabled: bool,
    /// Everybody may use everything of it, without a token.
    pub public: bool,
    /// Sub-paths are forwarded too.
    pub passthrough: bool,
    /// The caller's `Authorization` goes on to the server.
    pub forward_authorization: bool,
    /// Total time of one call in seconds; absent: the gateway's default.
    pub timeout: Option<u32>,
    /// How its certificate is judged.
    pub tls: Option<UpstreamTls>,
    /// Free data of the owner.
    pub metadata: BTreeMap<String, serde_json::Value>,
}

impl ServerDefinition {
    /// What a gateway needs of it; `None` when there is nothing to route to.
    pub fn route(&self) -> Option<Route> {
        if !self.enabled {
            return None;
        }
        let base = self
            .proxy_pass_url
            .as_ref()
            .or(self.mcp_endpoint.as_ref())?;
        Some(Route {
            path: self.path.clone(),
            endpoints: Endpoints::derive(
                base,
                self.mcp_endpoint.as_ref(),
                self.sse_endpoint.as_ref(),
            ),
            public: self.public,
            passthrough: self.passthrough,
            forward_authorization: self.forward_authorization,
            timeout: self
                .timeout
                .map(|seconds| Duration::from_secs(seconds.into())),
            tls: self.tls.clone().unwrap_or_default(),
            headers: self.headers.clone(),
        })
    }
}

/// One routed server: what the gateway's table is made of.
///
/// `headers` are left out of the serialised form: they travel sealed, beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The prefix.
    pub path: ServerPath,
    /// Where it goes.
    pub endpoints: Endpoints,
    /// No credential is evaluated.
    #[serde(default)]
    pub public: bool,
    /// Sub-paths are forwarded too.
    #[serde(default)]
    pub passthrough: bool,
    /// The caller's `Authorization` goes on to the server.
    #[serde(default)]
    pub forward_authorization: bool,
    /// Total time of one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// How its certificate is judged.
    #[serde(default)]
    pub tls: UpstreamTls,
    /// Sent on each call.
    #[serde(skip)]
    pub headers: Vec<UpstreamHeader>,
}
