//! The answer as the client gets it.

use http::StatusCode;

use super::fields::{FieldList, Name, visible};

/// Whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// A server that somebody registered: not to be believed.
    Server,
    /// The registry: its cookies and policies are its own.
    Registry,
}

/// Takes out of an answer's head what is of one hop, and what a server must not say to a browser in
/// our name; completes the head of an event stream.
pub fn filter(fields: &mut FieldList, from: From) {
    fields.remove_named_by_connection();
    for name in [
        Name::Connection,
        Name::Hop,
        Name::TransferEncoding,
        Name::Upgrade,
    ] {
        fields.remove(name);
    }
    if from == From::Server {
        fields.remove(Name::BrowserPolicy);
    }
    if is_event_stream(fields) {
        // Proxies in front of us buffer unless they are told not to.
        if !fields.has(Name::XAccelBuffering) {
            fields.push(b"x-accel-buffering", b"no");
        }
        if !fields.has(Name::CacheControl) {
            fields.push(b"cache-control", b"no-cache, no-transform");
        }
    }
}

/// Whether the answer is an event stream.
pub fn is_event_stream(fields: &FieldList) -> bool {
    fields.get(Name::ContentType).is_some_and(|value| {
        value
            .get(..17)
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
    })
}

/// Lets a page of an allowed origin read the answer.
pub fn allow_origin(fields: &mut FieldList, origin: &[u8]) {
    fields.push(b"access-control-allow-origin", origin);
    fields.push(b"vary", b"Origin");
    fields.push(
        b"access-control-expose-headers",
        b"Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, X-Request-ID",
    );
}

/// The answer to a browser that asks before it calls (Fetch, "CORS-preflight").
///
/// The names it asks for are echoed, since `Mcp-Param-*` are open-ended and `*` does not cover
/// `Authorization`; those that only we may set are left out.
pub fn preflight(asked: Option<&[u8]>, origin: &[u8]) -> (StatusCode, FieldList) {
    let mut fields = FieldList::default();
    allow_origin(&mut fields, origin);
    fields.push(
        b"access-control-allow-methods",
        b"GET, POST, DELETE, OPTIONS",
    );
    fields.push(b"access-control-max-age", b"600");
    let names = asked.and_then(visible).unwrap_or_default();
    let names: Vec<&str> = names
        .split(',')
        .map(str::trim)
        .filter(|name| http::HeaderName::try_from(*name).is_ok())
        .filter(|name| !Name::of(name.as_bytes()).is_ours())
        .collect();
    if !names.is_empty() {
        let names = names.join(", ");
        fields.push(b"access-control-allow-headers", names.as_bytes());
    }
    (StatusCode::NO_CONTENT, fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(written: &[(&str, &str)]) -> FieldList {
        written.iter().copied().collect()
    }

    #[test]
    fn a_server_cannot_speak_to_browsers_in_our_name() {
        let written = [
            ("set-cookie", "a=b"),
            ("strict-transport-security", "max-age=0"),
            ("clear-site-data", "*"),
            ("access-control-allow-origin", "*"),
            ("service-worker-allowed", "/"),
            ("connection", "x"),
            ("x", "of one hop"),
            ("mcp-session-id", "s"),
            ("content-type", "application/json"),
        ];
        let mut server = fields(&written);
        filter(&mut server, From::Server);
        assert_eq!(server.len(), 2);
        let mut registry = fields(&written);
        filter(&mut registry, From::Registry);
        assert!(registry.has(Name::BrowserPolicy) && !registry.has(Name::Connection));
        assert_eq!(registry.spelt("set-cookie").next(), Some(&b"a=b"[..]));
    }

    #[test]
    fn event_streams_are_marked_for_proxies_unless_they_say_otherwise() {
        let mut stream = fields(&[
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-store"),
        ]);
        filter(&mut stream, From::Server);
        assert_eq!(stream.get_str(Name::XAccelBuffering), Some("no"));
        assert_eq!(stream.get_str(Name::CacheControl), Some("no-store"));
    }

    #[test]
    fn a_preflight_never_allows_identity_fields() {
        let asked = b"content-type, Mcp-Param-Region, X-User, authorization";
        let (_, fields) = preflight(Some(asked), b"https://a");
        let allowed = fields.spelt("access-control-allow-headers").next();
        assert_eq!(
            allowed,
            Some(&b"content-type, Mcp-Param-Region, authorization"[..])
        );
    }
}
