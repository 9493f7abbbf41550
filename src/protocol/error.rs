//! JSON-RPC error bodies that the gateway makes itself.
//!
//! Promises: a valid JSON-RPC error, with the id of the request where it is known. Must not: use a code that the
//! JSON-RPC or MCP specification reserves for a case that it does not define: such a code would make a client believe
//! that its server spoke. Here are only the codes that a specification defines; those of the gateway's own cases are its
//! reasons'.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::envelope::is_id;

/// The body is not JSON (JSON-RPC; HTTP 400).
pub const PARSE_ERROR: i32 = -32_700;
/// The body is JSON, but no request that can be decided on (JSON-RPC; HTTP 400).
pub const INVALID_REQUEST: i32 = -32_600;
/// Headers and body disagree, or a header stands there twice (MCP; HTTP 400).
pub const HEADER_MISMATCH: i32 = -32_020;

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
            let body = ErrorBody::new(4040, "no such server")
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
            let body = printed(&ErrorBody::new(5000, "x").id(Some(id)));
            assert_eq!(body["id"], Value::Null, "{id}");
        }
    }

    #[test]
    fn escapes_message_and_carries_data() {
        let body = ErrorBody::new(-32_022, "say \"2026-07-28\"\n")
            .data("supported", vec!["2026-07-28"])
            .request_id("r-1");
        let expected = json!({"jsonrpc": "2.0", "id": null, "error": {
            "code": -32022, "message": "say \"2026-07-28\"\n",
            "data": {"supported": ["2026-07-28"], "request_id": "r-1"},
        }});
        assert_eq!(printed(&body), expected);
    }
}
