//! The API's description, from the handlers.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::path::Paths;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, SecurityRequirement};
use utoipa::{OpenApi as _, ToSchema};

use super::routes;
pub(super) use crate::registry::info::{ServerInfo, TransportName, UpstreamTls};

/// The OpenAPI description of the registry's API.
pub fn openapi() -> OpenApi {
    let mut description = routes::operations().into_openapi();
    description.paths = plain_paths(description.paths);
    description.security = Some(vec![
        SecurityRequirement::new("bearer", Vec::<String>::new()),
        SecurityRequirement::new("session", Vec::<String>::new()),
    ]);
    if let Some(components) = &mut description.components {
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new("mcp_gateway_session"));
        components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    }
    description
}

/// The description as pretty JSON, as `web/openapi.json` holds it.
///
/// # Errors
/// None that a description of this program can cause.
pub fn openapi_json() -> Result<String, serde_json::Error> {
    openapi().to_pretty_json()
}

/// What the routes' descriptions are added to.
pub(super) fn base() -> OpenApi {
    Base::openapi()
}

/// The router's wildcard is the description's plain parameter.
fn plain_paths(paths: Paths) -> Paths {
    let mut plain = Paths::new();
    plain.extensions = paths.extensions;
    plain.paths = paths
        .paths
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    plain
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "MCP registry",
        description = "Definitions of MCP servers, tokens for using them, and what gateways follow. \
            Errors are problem documents (RFC 9457). Every answer has an X-Request-Id.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    tags(
        (name = "servers", description = "definitions of MCP servers"),
        (name = "auth", description = "sessions of browsers"),
        (name = "tokens", description = "tokens for programs"),
        (name = "policy", description = "who may do what"),
        (name = "users", description = "local users, who log in with a password"),
        (name = "service accounts", description = "accounts of programs"),
        (name = "audit", description = "who changed what, and who used what"),
        (name = "gateways", description = "what gateways follow and report"),
        (name = "system", description = "health and facts about this registry"),
    ),
)]
struct Base;

/// Path to server.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a body that is put together from serialised parts"
)]
pub(super) struct ServerMap(BTreeMap<String, ServerInfo>);

/// A definition as it is written: in full, or the short form.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[expect(
    dead_code,
    reason = "describes a body that validation reads field by field"
)]
pub(super) enum ServerWritten {
    /// In full.
    Full(Box<ServerDefinition>),
    /// Short.
    Short(ShortDefinition),
}

/// What somebody writes to register an MCP server. Read-only fields of a server may be there too and
/// are ignored.
#[derive(Serialize, ToSchema)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the fields' names are a contract with clients"
)]
pub(super) struct ServerDefinition {
    /// The prefix under which the gateway serves it; the server's identity.
    #[schema(example = "/currenttime")]
    path: String,
    /// Display name.
    #[schema(max_length = 200)]
    server_name: String,
    /// For people and for search.
    #[schema(required = false, max_length = 4000)]
    description: String,
    /// Where the server is; may be absent only where `supported_transports` is just `stdio`.
    #[schema(required = true, format = "uri", example = "http://127.0.0.1:8000/")]
    proxy_pass_url: Option<String>,
    /// How it can be spoken to; `streamable-http` where absent.
    #[schema(required = false)]
    supported_transports: Vec<TransportName>,
    /// `auto` or one of the transports.
    #[schema(required = false)]
    transport: String,
    /// Overrides where Streamable HTTP is.
    mcp_endpoint: Option<String>,
    /// Overrides where HTTP+SSE is.
    sse_endpoint: Option<String>,
    /// `none`, `oauth`, `api_key` or `bearer`.
    #[schema(required = false)]
    auth_type: String,
    /// Who gives the server's credentials.
    auth_provider: Option<String>,
    /// Sent on each call, as a list of objects; one object is accepted too. `***` keeps a stored
    /// value.
    #[schema(required = false)]
    headers: Vec<BTreeMap<String, String>>,
    /// For filters.
    #[schema(required = false, max_items = 50)]
    tags: Vec<String>,
    /// The server's licence.
    #[schema(required = false)]
    license: String,
    /// Stars.
    #[schema(required = false)]
    num_stars: f64,
    /// Whether it is written in Python.
    #[schema(required = false)]
    is_python: bool,
    /// Routed only when true, which is the default.
    #[schema(required = false)]
    enabled: bool,
    /// Everybody may use everything of it, without a token.
    #[schema(required = false)]
    public: bool,
    /// Sub-paths are forwarded too.
    #[schema(required = false)]
    passthrough: bool,
    /// The caller's `Authorization` goes on to the server.
    #[schema(required = false)]
    forward_authorization: bool,
    /// Total time of one call in seconds.
    #[schema(minimum = 1, maximum = 86400)]
    timeout: Option<u32>,
    /// How the server's certificate is judged.
    tls: Option<UpstreamTls>,
    /// Free data, up to 64 KiB.
    #[schema(required = false, value_type = Object)]
    metadata: Value,
}

/// The least that defines a server: `/name` at this host's port.
#[derive(Serialize, ToSchema)]
pub(super) struct ShortDefinition {
    /// Display name, and path where none is given.
    name: String,
    /// Where it listens.
    #[schema(minimum = 1, maximum = 65535)]
    port: u16,
    /// On which host; this machine where absent.
    #[schema(required = false)]
    host: String,
    /// `http` (where absent) or `https`.
    #[schema(required = false)]
    protocol: String,
    /// Routed only when true, which is the default.
    #[schema(required = false)]
    enabled: bool,
}
