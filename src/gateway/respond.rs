//! The answer as the client gets it.

use http::header::{self, HeaderMap, HeaderName};
use http::{HeaderValue, StatusCode};

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

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
pub fn filter(headers: &mut HeaderMap, from: From) {
    // RFC 9110 §7.6.1: what `Connection` names is of one hop.
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .collect();
    let unwanted: Vec<HeaderName> = headers
        .keys()
        .filter(|name| {
            is_hop(name.as_str()) || (from == From::Server && is_browser_policy(name.as_str()))
        })
        .cloned()
        .collect();
    for name in named.into_iter().chain(unwanted) {
        headers.remove(name);
    }
    if is_event_stream(headers) {
        // Proxies in front of us buffer unless they are told not to.
        headers
            .entry(ACCEL_BUFFERING)
            .or_insert(HeaderValue::from_static("no"));
        headers
            .entry(header::CACHE_CONTROL)
            .or_insert(HeaderValue::from_static("no-cache, no-transform"));
    }
}

/// Whether the answer is an event stream.
pub fn is_event_stream(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|value| {
        value
            .as_bytes()
            .get(..17)
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/event-stream"))
    })
}

/// Lets a page of an allowed origin read the answer.
pub fn allow_origin(headers: &mut HeaderMap, origin: &HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    headers.insert(
        header::ACCESS_CONTROL_EXPOSE_HEADERS,
        HeaderValue::from_static(
            "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, X-Request-ID",
        ),
    );
}

/// The answer to a browser that asks before it calls (Fetch, "CORS-preflight").
///
/// The names it asks for are echoed, since `Mcp-Param-*` are open-ended and `*` does not cover
/// `Authorization`; those that only we may set are left out.
pub fn preflight(asked: Option<&HeaderValue>, origin: &HeaderValue) -> (StatusCode, HeaderMap) {
    let mut headers = HeaderMap::new();
    allow_origin(&mut headers, origin);
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, POST, DELETE, OPTIONS"),
    );
    headers.insert(
        header::ACCESS_CONTROL_MAX_AGE,
        HeaderValue::from_static("600"),
    );
    let names = asked
        .and_then(|names| names.to_str().ok())
        .unwrap_or_default();
    let names: Vec<&str> = names
        .split(',')
        .map(str::trim)
        .filter(|name| HeaderName::try_from(*name).is_ok())
        .filter(|name| !super::prepare::is_ours(&name.to_ascii_lowercase()))
        .collect();
    if let Ok(names) = HeaderValue::try_from(names.join(", "))
        && !names.is_empty()
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
    }
    (StatusCode::NO_CONTENT, headers)
}

fn is_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

fn is_browser_policy(name: &str) -> bool {
    matches!(
        name,
        "set-cookie"
            | "strict-transport-security"
            | "clear-site-data"
            | "service-worker-allowed"
            | "alt-svc"
            | "public-key-pins"
            | "nel"
            | "report-to"
            | "reporting-endpoints"
    ) || name.starts_with("access-control-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn a_server_cannot_speak_to_browsers_in_our_name() {
        let fields = [
            ("set-cookie", "a=b"),
            ("strict-transport-security", "max-age=0"),
            ("clear-site-data", "*"),
            ("access-control-allow-origin", "*"),
            ("service-worker-allowed", "/"),
            ("connection", "x"),
            ("mcp-session-id", "s"),
            ("content-type", "application/json"),
        ];
        let mut server = headers(&fields);
        filter(&mut server, From::Server);
        assert_eq!(server.len(), 2);
        let mut registry = headers(&fields);
        filter(&mut registry, From::Registry);
        assert!(registry.contains_key("set-cookie") && !registry.contains_key("connection"));
    }

    #[test]
    fn event_streams_are_marked_for_proxies_unless_they_say_otherwise() {
        let mut stream = headers(&[
            ("content-type", "text/event-stream; charset=utf-8"),
            ("cache-control", "no-store"),
        ]);
        filter(&mut stream, From::Server);
        assert_eq!(stream.get("x-accel-buffering").unwrap(), "no");
        assert_eq!(stream.get("cache-control").unwrap(), "no-store");
    }

    #[test]
    fn a_preflight_never_allows_identity_fields() {
        let asked =
            HeaderValue::from_static("content-type, Mcp-Param-Region, X-User, authorization");
        let (_, headers) = preflight(Some(&asked), &HeaderValue::from_static("https://a"));
        assert_eq!(
            headers.get("access-control-allow-headers").unwrap(),
            "content-type, Mcp-Param-Region, authorization"
        );
    }
}
