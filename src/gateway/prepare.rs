//! The request as the upstream gets it: written from the parsed form, ours set exactly once.

use std::borrow::Cow;

use bytes::Bytes;
use http::HeaderValue;
use http::header::{self, HeaderMap, HeaderName};
use http::uri::PathAndQuery;

use super::account::RequestId;
use super::fields::{FieldList, Name, connection_tokens, put_line, visible};
use super::head::RequestHead;
use super::identity::Identity;
use super::table::CompiledRoute;
use super::upstream::Outgoing;
use crate::domain::principal::header_text;
use crate::http::connection::Connection;
use crate::protocol::version;

/// Where `X-Forwarded-*` start from.
#[derive(Clone, Debug)]
pub struct Forwarded<'a> {
    /// `X-Forwarded-For`: the chain as far as it is believed, this peer last.
    pub chain: Cow<'a, [u8]>,
    /// `X-Real-IP`: the client as far as it is believed.
    pub client: &'a [u8],
    /// `X-Forwarded-Proto`.
    pub proto: &'a [u8],
    /// `X-Forwarded-Host`.
    pub host: &'a [u8],
}

impl<'a> Forwarded<'a> {
    /// Believes what the peer says only when `trusted`.
    pub fn new(
        head: &'a RequestHead,
        connection: &'a Connection,
        host: &'a HeaderValue,
        trusted: bool,
    ) -> Self {
        let peer = connection.peer_value().as_bytes();
        let told = |name| {
            let believed = trusted && !head.fields().repeats(name);
            head.field(name).filter(|_| believed)
        };
        let before = told(Name::XForwardedFor).and_then(visible);
        Self {
            chain: match before {
                Some(before) => Cow::Owned([before.as_bytes(), b", ", peer].concat()),
                None => Cow::Borrowed(peer),
            },
            client: told(Name::XRealIp).unwrap_or(peer),
            proto: told(Name::XForwardedProto).unwrap_or_else(|| connection.scheme().as_bytes()),
            host: told(Name::XForwardedHost).unwrap_or(host.as_bytes()),
        }
    }

    fn write(&self, fields: &mut impl Fields) {
        fields.put("x-forwarded-for", &self.chain);
        fields.put("x-real-ip", self.client);
        fields.put("x-forwarded-proto", self.proto);
        fields.put("x-forwarded-host", self.host);
    }
}

/// What is written into a request to a server.
#[derive(Debug)]
pub struct ServerRequest<'a> {
    /// The server.
    pub route: &'a CompiledRoute,
    /// `Host`.
    pub host: &'a HeaderValue,
    /// Who calls; `None` at a public server, where no identity is set.
    pub identity: Option<&'a Identity>,
    /// `X-Tool-Name`: the tool of a `tools/call`, else the JSON-RPC method.
    pub tool: Option<&'a str>,
    /// The caller's `Authorization` goes on: the server asks for it and our own token came elsewhere.
    pub keep_authorization: bool,
    /// `X-Request-ID`.
    pub request_id: RequestId,
    /// Where it comes from.
    pub forwarded: Forwarded<'a>,
    /// A WebSocket handshake: its connection fields go on.
    pub websocket: bool,
    /// The body goes on as it comes, with the length that the client gave it.
    pub streams: bool,
}

/// Where the fields of a request are written to. What is given was a field's value before, or is made
/// of nothing else than visible ASCII.
pub trait Fields {
    /// Adds a field.
    fn put(&mut self, name: &str, value: &[u8]);

    /// Adds a field of which the value is a secret.
    fn put_secret(&mut self, name: &str, value: &[u8]) {
        self.put(name, value);
    }

    /// Adds those of the client's fields that are wanted.
    fn put_all(&mut self, fields: &FieldList, wanted: impl FnMut(Name, &[u8]) -> bool);
}

impl Fields for HeaderMap {
    fn put(&mut self, name: &str, value: &[u8]) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value))
        {
            self.append(name, value);
        }
    }

    fn put_secret(&mut self, name: &str, value: &[u8]) {
        if let (Ok(name), Ok(mut value)) =
            (HeaderName::try_from(name), HeaderValue::from_bytes(value))
        {
            value.set_sensitive(true);
            self.append(name, value);
        }
    }

    fn put_all(&mut self, fields: &FieldList, mut wanted: impl FnMut(Name, &[u8]) -> bool) {
        for (name, spelling, value) in fields.iter() {
            if let Ok(spelt) = std::str::from_utf8(spelling)
                && wanted(name, spelling)
            {
                self.put(spelt, value);
            }
        }
    }
}

/// As they stand in an HTTP/1.1 head.
impl Fields for Vec<u8> {
    #[inline]
    fn put(&mut self, name: &str, value: &[u8]) {
        put_line(self, name.as_bytes(), value);
    }

    fn put_all(&mut self, fields: &FieldList, wanted: impl FnMut(Name, &[u8]) -> bool) {
        fields.write(self, wanted);
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
        let room = head.fields().bytes() + body.as_ref().map_or(0, Bytes::len) + OUR_BYTES;
        let mut text = Vec::with_capacity(room);
        text.extend_from_slice(head.method().as_str().as_bytes());
        text.extend_from_slice(b" ");
        text.extend_from_slice(path.as_str().as_bytes());
        text.extend_from_slice(b" HTTP/1.1\r\n");
        self.write(head, &mut text);
        if let Some(body) = &body {
            text.put("content-length", Decimal::of(body.len()).as_bytes());
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
        let of_this_hop: Vec<&[u8]> = connection_tokens(head.fields()).collect();
        let modern = head
            .field_str(Name::McpProtocolVersion)
            .is_some_and(version::is_modern);
        fields.put("host", self.host.as_bytes());
        let stays = !of_this_hop.is_empty() || !self.route.headers.is_empty();
        fields.put_all(head.fields(), |name, spelling| {
            let same = |named: &&[u8]| named.eq_ignore_ascii_case(spelling);
            self.goes_on(name, modern)
                && !(stays && (of_this_hop.iter().any(same) || self.route.sets(spelling)))
        });
        if let Some(via) = via(head) {
            fields.put("via", via.as_bytes());
        }
        // What passes is read (events, lists), so it must not be compressed.
        fields.put("accept-encoding", b"identity");
        self.forwarded.write(fields);
        fields.put("x-forwarded-prefix", self.route.prefix.as_bytes());
        fields.put("x-request-id", self.request_id.text().as_bytes());
        if let Some(identity) = self.identity {
            write_identity(fields, identity, self.route, self.tool);
        }
        for (name, value) in &self.route.headers {
            fields.put_secret(name.as_str(), value.as_bytes());
        }
        if self.websocket {
            fields.put("connection", b"upgrade");
            fields.put("upgrade", b"websocket");
        }
    }

    /// Whether a client's field reaches a server.
    const fn goes_on(&self, name: Name, modern: bool) -> bool {
        match name {
            // That era has neither; a server must not take a stray one for its own.
            Name::McpSessionId | Name::LastEventId => !modern,
            Name::Cookie | Name::Origin | Name::AcceptEncoding => false,
            Name::Authorization => self.keep_authorization,
            // Held bodies have their length from their bytes; empty ones need none.
            Name::ContentLength => self.streams,
            name => !name.is_ours() && !is_dropped(name),
        }
    }
}

/// `Via` of what is sent on (RFC 9110 §7.6.3): one entry for each time that a gateway passed it on;
/// `None` where that was too often, which is a loop. What others say there ends here.
pub fn via(head: &RequestHead) -> Option<&'static str> {
    let passed = head
        .fields()
        .all(Name::Via)
        .filter_map(visible)
        .flat_map(|value| value.split(','))
        .filter(|entry| entry.split_ascii_whitespace().nth(1) == Some(PSEUDONYM))
        .count();
    VIA.get(passed).copied()
}

/// The fields of a request to the registry: everything goes on but what only we may say.
pub fn for_registry(
    head: &RequestHead,
    host: &HeaderValue,
    forwarded: &Forwarded<'_>,
    request_id: HeaderValue,
    gateway_token: Option<&HeaderValue>,
    websocket: bool,
) -> HeaderMap {
    let mut fields = head.fields().clone();
    fields.remove_named_by_connection();
    fields.keep(|name, _| !name.is_ours() && !is_dropped(name));
    let mut headers = HeaderMap::from(&fields);
    join_cookies(&mut headers);
    headers.insert(header::HOST, host.clone());
    forwarded.write(&mut headers);
    headers.insert(REQUEST_ID, request_id);
    if let Some(via) = via(head) {
        headers.insert(header::VIA, HeaderValue::from_static(via));
    }
    if let Some(token) = gateway_token {
        headers.insert(GATEWAY_AUTHORIZATION, token.clone());
    }
    if websocket {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    headers
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
    identity: &Identity,
    route: &CompiledRoute,
    tool: Option<&str>,
) {
    fields.put("x-user", identity.user.as_bytes());
    fields.put("x-username", identity.user.as_bytes());
    fields.put("x-scopes", identity.scopes.as_bytes());
    fields.put("x-auth-method", identity.method.as_bytes());
    if let Some(client) = &identity.client {
        fields.put("x-client-id", client.as_bytes());
    }
    if let Some(token) = &identity.token {
        fields.put_secret("x-mcp-identity", token.as_bytes());
    }
    fields.put("x-server-name", route.name.as_bytes());
    if let Some(tool) = tool {
        fields.put("x-tool-name", header_text(tool).as_bytes());
    }
}

/// Fields of one hop, and those that this hop answers itself.
const fn is_dropped(name: Name) -> bool {
    matches!(
        name,
        Name::Connection
            | Name::Hop
            | Name::ProxyAuthorization
            | Name::TransferEncoding
            | Name::Upgrade
            | Name::Expect
            | Name::Host
            | Name::XAuthorization
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

/// Room for what a request gets from us; it grows where that is not enough.
const OUR_BYTES: usize = 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const GATEWAY_AUTHORIZATION: HeaderName = HeaderName::from_static("x-gateway-authorization");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_full() {
        for number in [0, 7, 10, 409, 4_194_304, usize::MAX] {
            assert_eq!(
                Decimal::of(number).as_bytes(),
                number.to_string().as_bytes()
            );
        }
    }
}
