//! The request as the upstream gets it: written from the parsed form, ours set exactly once.

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, Method};

use super::head::RequestHead;
use super::table::CompiledRoute;
use crate::domain::principal::Principal;
use crate::http::connection::Connection;
use crate::protocol::{headers, version};

/// Where `X-Forwarded-*` start from.
#[derive(Clone, Debug)]
pub struct Forwarded {
    /// `X-Forwarded-For`: the chain as far as it is believed, this peer last.
    pub chain: HeaderValue,
    /// `X-Real-IP`: the client as far as it is believed.
    pub client: HeaderValue,
    /// `X-Forwarded-Proto`.
    pub proto: HeaderValue,
    /// `X-Forwarded-Host`.
    pub host: HeaderValue,
}

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const GATEWAY_AUTHORIZATION: HeaderName = HeaderName::from_static("x-gateway-authorization");
const USER: HeaderName = HeaderName::from_static("x-user");
const USERNAME: HeaderName = HeaderName::from_static("x-username");
const SCOPES: HeaderName = HeaderName::from_static("x-scopes");
const AUTH_METHOD: HeaderName = HeaderName::from_static("x-auth-method");
const CLIENT_ID: HeaderName = HeaderName::from_static("x-client-id");
const SERVER_NAME: HeaderName = HeaderName::from_static("x-server-name");
const TOOL_NAME: HeaderName = HeaderName::from_static("x-tool-name");

impl Forwarded {
    /// Believes what the peer says only when `trusted`.
    pub fn new(head: &RequestHead, connection: &Connection, host: &str, trusted: bool) -> Self {
        let peer = connection.peer_value();
        let told = |name: HeaderName| {
            Some(head)
                .filter(|head| trusted && !head.has_duplicate(&name))
                .and_then(|head| head.header(name))
        };
        let chain = told(FORWARDED_FOR).and_then(|before| {
            HeaderValue::try_from(format!(
                "{}, {}",
                before.to_str().ok()?,
                peer.to_str().ok()?
            ))
            .ok()
        });
        Self {
            chain: chain.unwrap_or_else(|| peer.clone()),
            client: told(REAL_IP).unwrap_or(peer).clone(),
            proto: told(FORWARDED_PROTO)
                .cloned()
                .unwrap_or_else(|| connection.scheme_value()),
            host: told(FORWARDED_HOST)
                .cloned()
                .or_else(|| HeaderValue::try_from(host).ok())
                .unwrap_or_else(|| HeaderValue::from_static("")),
        }
    }

    fn write(self, headers: &mut HeaderMap) {
        headers.insert(FORWARDED_FOR, self.chain);
        headers.insert(REAL_IP, self.client);
        headers.insert(FORWARDED_PROTO, self.proto);
        headers.insert(FORWARDED_HOST, self.host);
    }
}

/// What is written into a request to a server.
#[derive(Debug)]
pub struct ServerRequest<'a> {
    /// The server.
    pub route: &'a CompiledRoute,
    /// `Host`.
    pub host: &'a HeaderValue,
    /// The caller; `None` at a public server, where no identity is set.
    pub caller: Option<&'a Principal>,
    /// `X-Tool-Name`: the tool of a `tools/call`, else the JSON-RPC method.
    pub tool: Option<&'a str>,
    /// The caller's `Authorization` goes on: the server asks for it and our own token came elsewhere.
    pub keep_authorization: bool,
    /// `X-Request-ID`.
    pub request_id: HeaderValue,
    /// Where it comes from.
    pub forwarded: Forwarded,
    /// A WebSocket handshake: its connection fields go on.
    pub websocket: bool,
}

/// The fields of a request to a server.
pub fn for_server(mut head: RequestHead, request: ServerRequest<'_>) -> (Method, HeaderMap) {
    drop_connection_fields(&mut head);
    let keep_authorization = request.keep_authorization;
    let modern = head
        .header_str(headers::MCP_PROTOCOL_VERSION)
        .is_some_and(version::is_modern);
    head.remove_where(|name| {
        is_ours(name.as_str())
            || *name == header::COOKIE
            || *name == header::ORIGIN
            || (*name == header::AUTHORIZATION && !keep_authorization)
            || is_dropped(name)
            // That era has neither; a server must not take a stray one for its own.
            || (modern && (*name == headers::MCP_SESSION_ID || *name == headers::LAST_EVENT_ID))
    });
    let (method, mut headers) = head.into_headers();
    headers.insert(header::HOST, request.host.clone());
    // What passes is read (events, lists), so it must not be compressed.
    headers.insert(
        header::ACCEPT_ENCODING,
        HeaderValue::from_static("identity"),
    );
    request.forwarded.write(&mut headers);
    headers.insert(FORWARDED_PREFIX, request.route.prefix.clone());
    headers.insert(REQUEST_ID, request.request_id);
    if let Some(caller) = request.caller {
        write_identity(&mut headers, caller, request.route, request.tool);
    }
    for (name, value) in &request.route.headers {
        headers.insert(name.clone(), value.clone());
    }
    if request.websocket {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    (method, headers)
}

/// The fields of a request to the registry: everything goes on but what only we may say.
pub fn for_registry(
    mut head: RequestHead,
    host: &str,
    forwarded: Forwarded,
    request_id: HeaderValue,
    gateway_token: Option<&HeaderValue>,
    websocket: bool,
) -> (Method, HeaderMap) {
    drop_connection_fields(&mut head);
    head.remove_where(|name| is_ours(name.as_str()) || is_dropped(name));
    let (method, mut headers) = head.into_headers();
    join_cookies(&mut headers);
    headers.insert(
        header::HOST,
        HeaderValue::try_from(host).unwrap_or_else(|_| HeaderValue::from_static("localhost")),
    );
    forwarded.write(&mut headers);
    headers.insert(REQUEST_ID, request_id);
    if let Some(token) = gateway_token {
        headers.insert(GATEWAY_AUTHORIZATION, token.clone());
    }
    if websocket {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    (method, headers)
}

/// HTTP/2 may split a cookie field in crumbs, HTTP/1.1 knows one (RFC 9113 §8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let crumbs = headers.get_all(header::COOKIE);
    if crumbs.iter().nth(1).is_none() {
        return;
    }
    let crumbs: Vec<&[u8]> = crumbs.iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}

fn write_identity(
    headers: &mut HeaderMap,
    caller: &Principal,
    route: &CompiledRoute,
    tool: Option<&str>,
) {
    let user = encode(&caller.username);
    headers.insert(USER, user.clone());
    headers.insert(USERNAME, user);
    let scopes = caller
        .scopes
        .iter()
        .map(|scope| &**scope)
        .collect::<Vec<_>>()
        .join(" ");
    if let Ok(scopes) = HeaderValue::try_from(scopes) {
        headers.insert(SCOPES, scopes);
    }
    headers.insert(
        AUTH_METHOD,
        HeaderValue::from_static(caller.method.as_str()),
    );
    if let Some(client) = &caller.client_id {
        headers.insert(CLIENT_ID, encode(client));
    }
    headers.insert(SERVER_NAME, route.name.clone());
    if let Some(tool) = tool {
        headers.insert(TOOL_NAME, encode(tool));
    }
}

/// Percent-encodes what a header value cannot hold unambiguously.
fn encode(text: &str) -> HeaderValue {
    const KEPT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~')
        .remove(b'@')
        .remove(b'/')
        .remove(b':')
        .remove(b'+');
    let encoded = percent_encoding::utf8_percent_encode(text, KEPT).to_string();
    HeaderValue::try_from(encoded).unwrap_or_else(|_| HeaderValue::from_static(""))
}

/// Drops what `Connection` names and the fields of one hop (RFC 9110 §7.6.1), before ours are set.
fn drop_connection_fields(head: &mut RequestHead) {
    let named: Vec<HeaderName> = head
        .header_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    for name in named {
        head.remove(name);
    }
}

/// Fields of one hop, and those that this hop answers itself.
fn is_dropped(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authorization"
            | "proxy-authenticate"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
            | "host"
            | "http2-settings"
            | "x-authorization"
    )
}

/// Fields that only a gateway may set: identity, forwarding, what `/auth/validate` decides on.
/// Names with `_` never get here.
pub fn is_ours(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("x-") else {
        return matches!(name, "forwarded" | "remote-user" | "via");
    };
    [
        "user",
        "auth-",
        "forwarded",
        "original-",
        "gateway-",
        "internal-token",
        "remote-",
        "groups",
    ]
    .iter()
    .any(|family| rest.starts_with(family))
        || matches!(
            rest,
            "scopes"
                | "client-id"
                | "client-id-auth"
                | "server-name"
                | "tool-name"
                | "mcp-identity"
                | "real-ip"
                | "body"
                | "region"
                | "request-id"
                | "http-method-override"
                | "http-method"
                | "method-override"
                | "rewrite-url"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_and_forwarding_families_are_ours() {
        for name in [
            "x-user",
            "x-username",
            "x-user-pool-id",
            "x-scopes",
            "x-auth-method",
            "x-auth-request-user",
            "x-client-id",
            "x-server-name",
            "x-tool-name",
            "x-mcp-identity",
            "x-forwarded-for",
            "x-forwarded-anything",
            "forwarded",
            "x-real-ip",
            "x-original-url",
            "x-body",
            "x-gateway-authorization",
            "x-internal-token-registry",
            "x-http-method-override",
        ] {
            assert!(is_ours(name), "{name}");
        }
        for name in [
            "authorization",
            "x-api-key",
            "mcp-session-id",
            "mcp-param-region",
            "accept",
            "x-csrf-token",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn names_are_encoded_without_ambiguity() {
        assert_eq!(encode("ann@example.org"), "ann@example.org");
        assert_eq!(encode("a b,c\u{20ac}"), "a%20b%2Cc%E2%82%AC");
    }
}
