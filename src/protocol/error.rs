//! JSON-RPC error bodies that the gateway makes itself.
//!
//! Promises: a valid JSON-RPC error, with the id of the request where it is known. Must not: use a code that the
//! JSON-RPC or MCP specification reserves for a case that it does not define: such a code would make a client believe
//! that its server spoke. Own codes are the HTTP status times a hundred plus a number, far from the reserved range.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::envelope::is_id;

/// The body is not JSON (JSON-RPC; HTTP 400).
pub const PARSE_ERROR: i32 = -32_700;
/// The body is JSON, but no request that can be decided on (JSON-RPC; HTTP 400).
pub const INVALID_REQUEST: i32 = -32_600;
/// Headers and body disagree, or a header stands there twice (MCP; HTTP 400).
pub const HEADER_MISMATCH: i32 = -32_020;
/// The revision asked for is not spoken here (MCP; HTTP 400; data `supported`, `requested`).
pub const UNSUPPORTED_VERSION: i32 = -32_022;
/// The request's target or headers are refused for another reason (HTTP 400).
pub const BAD_REQUEST: i32 = 40_000;
/// No credential, or one that does not hold (HTTP 401).
pub const UNAUTHENTICATED: i32 = 40_100;
/// Policy refuses (HTTP 403).
pub const FORBIDDEN: i32 = 40_300;
/// Host or Origin is not ours (HTTP 403).
pub const FOREIGN_ORIGIN: i32 = 40_301;
/// No such server, or it is disabled (HTTP 404).
pub const UNKNOWN_SERVER: i32 = 40_400;
/// The session is not the caller's, or it is over (HTTP 404).
pub const UNKNOWN_SESSION: i32 = 40_401;
/// The path below a server leads nowhere (HTTP 404).
pub const UNKNOWN_PATH: i32 = 40_402;
/// This HTTP method has no meaning here (HTTP 405).
pub const METHOD_NOT_ALLOWED: i32 = 40_500;
/// The body took too long to arrive (HTTP 408).
pub const REQUEST_TIMEOUT: i32 = 40_800;
/// The body is too large to be held (HTTP 413).
pub const BODY_TOO_LARGE: i32 = 41_300;
/// The body's type or encoding is not one that can be decided on (HTTP 415).
pub const UNSUPPORTED_MEDIA: i32 = 41_500;
/// The connection's certificate name and the Host differ (HTTP 421).
pub const MISDIRECTED: i32 = 42_100;
/// Too many calls (HTTP 429, with Retry-After).
pub const RATE_LIMITED: i32 = 42_900;
/// The header block is too large (HTTP 431).
pub const HEADERS_TOO_LARGE: i32 = 43_100;
/// Something of ours broke (HTTP 500).
pub const INTERNAL: i32 = 50_000;
/// The upstream refused the connection or broke it before an answer (HTTP 502).
pub const UPSTREAM_FAILED: i32 = 50_200;
/// The upstream's answer breaks HTTP (HTTP 502).
pub const UPSTREAM_INVALID: i32 = 50_201;
/// Nothing to decide or route with yet (HTTP 503).
pub const NOT_READY: i32 = 50_300;
/// No room for another request (HTTP 503, with Retry-After).
pub const OVERLOADED: i32 = 50_301;
/// The upstream did not answer in time (HTTP 504).
pub const UPSTREAM_TIMEOUT: i32 = 50_400;
/// The request came through here already (HTTP 508).
pub const LOOP: i32 = 50_800;

/// A JSON-RPC error under construction.
#[derive(Clone, Debug)]
pub struct ErrorBody<'a> {
    code: i32,
    message: &'a str,
    id: Option<&'a str>,
    data: Map<String, Value>,
}

impl<'a> ErrorBody<'a> {
    /// The media type of the printed body.
    pub const CONTENT_TYPE: &'static str = "application/json";

    /// An error without id and data.
    pub fn new(code: i32, message: &'a str) -> Self {
        Self {
            code,
            message,
            id: None,
            data: Map::new(),
        }
    }

    /// Answers the request with this id, written as [`super::Envelope::id`] gives it; anything else prints as `null`.
    #[must_use]
    pub fn id(mut self, raw: Option<&'a str>) -> Self {
        self.id = raw.filter(|raw| is_id(raw));
        self
    }

    /// Adds a field to `data`.
    #[must_use]
    pub fn data(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.data.insert(field.to_owned(), value.into());
        self
    }

    /// Names the request as logs and traces name it.
    #[must_use]
    pub fn request_id(self, id: &str) -> Self {
        self.data("request_id", id)
    }

    /// Prints the body.
    pub fn to_bytes(&self) -> Bytes {
        let mut body = String::with_capacity(160 + self.message.len());
        body.push_str(r#"{"jsonrpc":"2.0","id":"#);
        body.push_str(self.id.unwrap_or("null"));
        body.push_str(r#","error":{"code":"#);
        body.push_str(&Value::from(self.code).to_string());
        body.push_str(r#","message":"#);
        body.push_str(&Value::from(self.message).to_string());
        if !self.data.is_empty() {
            body.push_str(r#","data":"#);
            body.push_str(&Value::from(self.data.clone()).to_string());
        }
        body.push_str("}}");
        Bytes::from(body)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(body: &ErrorBody<'_>) -> Value {
        serde_json::from_slice(&body.to_bytes()).unwrap()
    }

    #[test]
    fn echoes_id_as_it_was_written() {
        for id in ["7", "-1.5e3", r#""a\"b\u00e9""#, "null"] {
            let body = ErrorBody::new(UNKNOWN_SERVER, "no such server")
                .id(Some(id))
                .to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert!(
                body.starts_with(&format!(r#"{{"jsonrpc":"2.0","id":{id},"error""#)),
                "{body}"
            );
        }
    }

    #[test]
    fn ids_that_are_no_ids_become_null() {
        for id in ["", "{}", "1,2", "1}", r#""open"#, "true", " 1"] {
            let body = printed(&ErrorBody::new(INTERNAL, "x").id(Some(id)));
            assert_eq!(body["id"], Value::Null, "{id}");
        }
    }

    #[test]
    fn escapes_message_and_carries_data() {
        let body = ErrorBody::new(UNSUPPORTED_VERSION, "say \"2026-07-28\"\n")
            .data("supported", vec!["2026-07-28"])
            .request_id("r-1");
        let expected = json!({"jsonrpc": "2.0", "id": null, "error": {
            "code": -32022, "message": "say \"2026-07-28\"\n",
            "data": {"supported": ["2026-07-28"], "request_id": "r-1"},
        }});
        assert_eq!(printed(&body), expected);
    }

    #[test]
    fn own_codes_lie_outside_the_reserved_range() {
        let own = [
            BAD_REQUEST,
            UNAUTHENTICATED,
            FORBIDDEN,
            FOREIGN_ORIGIN,
            UNKNOWN_SERVER,
            UNKNOWN_SESSION,
            UNKNOWN_PATH,
            METHOD_NOT_ALLOWED,
            REQUEST_TIMEOUT,
            BODY_TOO_LARGE,
            UNSUPPORTED_MEDIA,
            MISDIRECTED,
            RATE_LIMITED,
            HEADERS_TOO_LARGE,
            INTERNAL,
            UPSTREAM_FAILED,
            UPSTREAM_INVALID,
            NOT_READY,
            OVERLOADED,
            UPSTREAM_TIMEOUT,
            LOOP,
        ];
        let mut sorted = own.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), own.len(), "each case has its own code");
        assert!(own.iter().all(|code| !(-32_768..=-32_000).contains(code)));
    }
}
