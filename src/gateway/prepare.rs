//! The request as the upstream gets it: written from the parsed form, ours set exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{self, HeaderMap, HeaderName};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method};

use super::account::RequestId;
use super::head::RequestHead;
use super::table::CompiledRoute;
use super::upstream::Outgoing;
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
/// `X-Forwarded-Proto`.
pub const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
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
    pub fn new(
        head: &RequestHead,
        connection: &Connection,
        host: &HeaderValue,
        trusted: bool,
    ) -> Self {
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
            host: told(FORWARDED_HOST).unwrap_or(host).clone(),
        }
    }

    fn write(&self, fields: &mut impl Fields) {
        fields.put(&FORWARDED_FOR, &self.chain);
        fields.put(&REAL_IP, &self.client);
        fields.put(&FORWARDED_PROTO, &self.proto);
        fields.put(&FORWARDED_HOST, &self.host);
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
    /// Its scopes with those of its groups; its own where that is all.
    pub scopes: Option<&'a BTreeSet<Arc<str>>>,
    /// `X-Tool-Name`: the tool of a `tools/call`, else the JSON-RPC method.
    pub tool: Option<&'a str>,
    /// The caller's `Authorization` goes on: the server asks for it and our own token came elsewhere.
    pub keep_authorization: bool,
    /// `X-Request-ID`.
    pub request_id: RequestId,
    /// Where it comes from.
    pub forwarded: Forwarded,
    /// A WebSocket handshake: its connection fields go on.
    pub websocket: bool,
    /// The body goes on as it comes, with the length that the client gave it.
    pub streams: bool,
}

/// Where the fields of a request are written to.
pub trait Fields {
    /// Adds a field.
    fn put(&mut self, name: &HeaderName, value: &HeaderValue);

    /// Adds a field of which the value is at hand as bytes only; one that is no field value is left
    /// out.
    fn put_bytes(&mut self, name: &HeaderName, value: &[u8]);
}

impl Fields for HeaderMap {
    fn put(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.append(name.clone(), value.clone());
    }

    fn put_bytes(&mut self, name: &HeaderName, value: &[u8]) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            self.append(name.clone(), value);
        }
    }
}

/// As they stand in an HTTP/1.1 head.
impl Fields for BytesMut {
    fn put(&mut self, name: &HeaderName, value: &HeaderValue) {
        let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
        self.reserve(name.len() + value.len() + 4);
        self.extend_from_slice(name);
        self.extend_from_slice(b": ");
        self.extend_from_slice(value);
        self.extend_from_slice(b"\r\n");
    }

    fn put_bytes(&mut self, name: &HeaderName, value: &[u8]) {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            self.put(name, &value);
        }
    }
}

impl ServerRequest<'_> {
    /// The whole request, as HTTP/1.1 writes it.
    pub fn outgoing(
        &self,
        head: &RequestHead,
        path: &PathAndQuery,
        body: Option<Bytes>,
    ) -> Outgoing {
        let mut text = BytesMut::with_capacity(HEAD_BYTES);
        text.extend_from_slice(head.method().as_str().as_bytes());
        text.extend_from_slice(b" ");
        text.extend_from_slice(path.as_str().as_bytes());
        text.extend_from_slice(b" HTTP/1.1\r\n");
        self.write(head, &mut text);
        if let Some(body) = &body {
            text.put_bytes(&header::CONTENT_LENGTH, Decimal::of(body.len()).as_bytes());
        }
        text.extend_from_slice(b"\r\n");
        Outgoing {
            method: head.method().clone(),
            head: text,
            body: body.unwrap_or_default(),
        }
    }

    /// Writes the fields of a request to a server: the client's that go on, then ours, each once.
    pub fn write(&self, head: &RequestHead, fields: &mut impl Fields) {
        let of_this_hop = connection_fields(head);
        let modern = head
            .header_str(headers::MCP_PROTOCOL_VERSION)
            .is_some_and(version::is_modern);
        fields.put(&header::HOST, self.host);
        for (name, value) in head.headers().iter() {
            let text = name.as_str();
            if self.goes_on(text, modern)
                && !of_this_hop.contains(name)
                && !self.route.headers.iter().any(|(ours, _)| ours == name)
            {
                fields.put(name, value);
            }
        }
        if let Some(via) = via(head) {
            fields.put(&header::VIA, &via);
        }
        // What passes is read (events, lists), so it must not be compressed.
        fields.put_bytes(&header::ACCEPT_ENCODING, b"identity");
        self.forwarded.write(fields);
        fields.put(&FORWARDED_PREFIX, &self.route.prefix);
        fields.put_bytes(&REQUEST_ID, self.request_id.text().as_bytes());
        if let Some(caller) = self.caller {
            let scopes = self.scopes.unwrap_or(&caller.scopes);
            write_identity(fields, caller, scopes, self.route, self.tool);
        }
        for (name, value) in &self.route.headers {
            fields.put(name, value);
        }
        if self.websocket {
            fields.put_bytes(&header::CONNECTION, b"upgrade");
            fields.put_bytes(&header::UPGRADE, b"websocket");
        }
    }

    /// Whether a client's field reaches a server.
    fn goes_on(&self, name: &str, modern: bool) -> bool {
        match name {
            // That era has neither; a server must not take a stray one for its own.
            "mcp-session-id" | "last-event-id" => !modern,
            "cookie" | "origin" | "accept-encoding" => false,
            "authorization" => self.keep_authorization,
            // Held bodies have their length from their bytes; empty ones need none.
            "content-length" => self.streams,
            name => !is_ours(name) && !is_dropped(name),
        }
    }
}

/// `Via` of what is sent on (RFC 9110 §7.6.3): one entry for each time that a gateway passed it on;
/// `None` where that was too often, which is a loop. What others say there ends here.
pub fn via(head: &RequestHead) -> Option<HeaderValue> {
    let passed = head
        .header_all(header::VIA)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter(|entry| entry.split_ascii_whitespace().nth(1) == Some(PSEUDONYM))
        .count();
    VIA.get(passed).map(|text| HeaderValue::from_static(text))
}

/// The fields of a request to the registry: everything goes on but what only we may say.
pub fn for_registry(
    mut head: RequestHead,
    host: &HeaderValue,
    forwarded: &Forwarded,
    request_id: HeaderValue,
    gateway_token: Option<&HeaderValue>,
    websocket: bool,
) -> (Method, HeaderMap) {
    let via = via(&head);
    for name in connection_fields(&head) {
        head.remove(name);
    }
    head.remove_where(|name| is_ours(name.as_str()) || is_dropped(name.as_str()));
    let (method, mut headers) = head.into_headers();
    join_cookies(&mut headers);
    headers.insert(header::HOST, host.clone());
    forwarded.write(&mut headers);
    headers.insert(REQUEST_ID, request_id);
    if let Some(via) = via {
        headers.insert(header::VIA, via);
    }
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
    fields: &mut impl Fields,
    caller: &Principal,
    scopes: &BTreeSet<Arc<str>>,
    route: &CompiledRoute,
    tool: Option<&str>,
) {
    let user = encode(&caller.username);
    fields.put(&USER, &user);
    fields.put(&USERNAME, &user);
    let mut named = String::new();
    for scope in scopes {
        if !named.is_empty() {
            named.push(' ');
        }
        named.push_str(scope);
    }
    fields.put_bytes(&SCOPES, named.as_bytes());
    fields.put_bytes(&AUTH_METHOD, caller.method.as_str().as_bytes());
    if let Some(client) = &caller.client_id {
        fields.put(&CLIENT_ID, &encode(client));
    }
    fields.put(&SERVER_NAME, &route.name);
    if let Some(tool) = tool {
        fields.put(&TOOL_NAME, &encode(tool));
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

/// What `Connection` names beside itself: fields of this hop (RFC 9110 §7.6.1).
fn connection_fields(head: &RequestHead) -> Vec<HeaderName> {
    head.header_all(header::CONNECTION)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|name| !name.eq_ignore_ascii_case("keep-alive"))
        .filter_map(|name| HeaderName::try_from(name).ok())
        .collect()
}

/// Fields of one hop, and those that this hop answers itself.
fn is_dropped(name: &str) -> bool {
    matches!(
        name,
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

/// A number in decimal digits, without a buffer from the heap.
struct Decimal {
    digits: [u8; 20],
    start: usize,
}

impl Decimal {
    fn of(mut number: usize) -> Self {
        let (mut digits, mut start) = ([0; 20], 20);
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b"0123456789".get(number % 10).copied().unwrap_or(b'0');
            start = at;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        Self { digits, start }
    }

    fn as_bytes(&self) -> &[u8] {
        self.digits.get(self.start..).unwrap_or_default()
    }
}

/// How a gateway is called in `Via`.
const PSEUDONYM: &str = "mcp-gateway";
/// By how often it was passed on before.
const VIA: [&str; 4] = [
    "1.1 mcp-gateway",
    "1.1 mcp-gateway, 1.1 mcp-gateway",
    "1.1 mcp-gateway, 1.1 mcp-gateway, 1.1 mcp-gateway",
    "1.1 mcp-gateway, 1.1 mcp-gateway, 1.1 mcp-gateway, 1.1 mcp-gateway",
];

/// Room for a request's head; it grows where that is not enough.
const HEAD_BYTES: usize = 2 * 1024;

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
    fn numbers_are_written_in_full() {
        for number in [0, 7, 10, 409, 4_194_304, usize::MAX] {
            assert_eq!(
                Decimal::of(number).as_bytes(),
                number.to_string().as_bytes()
            );
        }
    }

    #[test]
    fn names_are_encoded_without_ambiguity() {
        assert_eq!(encode("ann@example.org"), "ann@example.org");
        assert_eq!(encode("a b,c\u{20ac}"), "a%20b%2Cc%E2%82%AC");
    }
}
