//! The API's description, from the handlers.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::openapi::path::Paths;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, SecurityRequirement};
use utoipa::{OpenApi as _, ToSchema};

use super::routes;
pub(super) use crate::registry::info::ServerInfo;

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

/// A definition as it is written. Read-only fields of a server may be there too and are ignored.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a body that validation reads field by field"
)]
pub(super) struct ServerWrite {
    /// The prefix; required when adding, else the id's.
    path: Option<String>,
    /// Display name; required, or `name`.
    server_name: Option<String>,
    /// Short spelling of `server_name`, and of `path` where that is left out.
    name: Option<String>,
    /// For people and for search.
    #[schema(max_length = 4000)]
    description: Option<String>,
    /// Where the server is; required, or `port`.
    #[schema(format = "uri")]
    proxy_pass_url: Option<String>,
    /// Short form of `proxy_pass_url`.
    #[schema(minimum = 1, maximum = 65535)]
    port: Option<u16>,
    /// With `port`; default: this machine.
    host: Option<String>,
    /// With `port`: `http` (default) or `https`.
    protocol: Option<String>,
    /// Of `streamable-http` (default), `sse`, `stdio`.
    supported_transports: Option<Vec<String>>,
    /// `auto` (default) or one of the transports.
    transport: Option<String>,
    /// Overrides where Streamable HTTP is.
    mcp_endpoint: Option<String>,
    /// Overrides where HTTP+SSE is.
    sse_endpoint: Option<String>,
    /// `none` (default), `oauth`, `api_key`, `bearer`.
    auth_type: Option<String>,
    /// Who gives the server's credentials.
    auth_provider: Option<String>,
    /// Sent on each call: an object, or a list of objects. `***` keeps a stored value.
    #[schema(value_type = Option<Vec<Object>>)]
    headers: Option<Value>,
    /// For filters.
    #[schema(max_items = 50)]
    tags: Option<Vec<String>>,
    /// The server's licence.
    license: Option<String>,
    /// Stars.
    num_stars: Option<f64>,
    /// Whether it is written in Python.
    is_python: Option<bool>,
    /// Routed only when true (default).
    enabled: Option<bool>,
    /// Everybody may use everything of it, without a token.
    public: Option<bool>,
    /// Sub-paths are forwarded too.
    passthrough: Option<bool>,
    /// The caller's `Authorization` goes on to the server.
    forward_authorization: Option<bool>,
    /// Total time of one call in seconds.
    #[schema(minimum = 1, maximum = 86400)]
    timeout: Option<u32>,
    /// How the server's certificate is judged.
    tls: Option<TlsWrite>,
    /// Free data, up to 64 KiB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Value>,
}

/// How a server's certificate is judged.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a body that validation reads field by field"
)]
pub(super) struct TlsWrite {
    /// PEM of a private CA, trusted for this server in addition to the usual roots.
    ca: Option<String>,
    /// Accept any certificate.
    insecure: Option<bool>,
}

/// The fields to change; null takes a field back to its default.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a body that validation reads field by field"
)]
pub(super) struct ServerPatch(ServerWrite);
