//! The gateway's own answers: one function turns a [`Reason`] into a reply.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};

use super::account::RequestId;
use super::body::ResponseBody;
use super::fields::FieldList;
use super::head::Reply;
use super::reason::Reason;
use super::respond;
use crate::protocol::error::ErrorBody;

/// What an answer of ours depends on.
#[derive(Debug, Default)]
pub struct ReplyContext {
    /// On an MCP path: a JSON-RPC error body.
    pub rpc: bool,
    /// The JSON-RPC id as it was written, to be echoed.
    pub rpc_id: Option<Bytes>,
    /// A page of this origin may read the answer.
    pub origin: Option<HeaderValue>,
    /// A token was shown, and refused.
    pub token_shown: bool,
    /// Nothing was shown, where the policy lets such callers in.
    pub anonymous: bool,
    /// Where it is written who gives tokens (RFC 9728).
    pub resource_metadata: Option<String>,
    /// The scopes that a token needs for this, separated by spaces.
    pub scope: Option<String>,
    /// What the auth server asks for (`WWW-Authenticate`).
    pub challenge: Option<HeaderValue>,
    /// `Allow` of a 405.
    pub allow: Option<&'static str>,
    /// `Retry-After` of a 429, in seconds.
    pub retry_after: u64,
}

/// The answer for a reason.
pub fn refuse(reason: Reason, context: &ReplyContext, id: RequestId) -> Reply<ResponseBody> {
    let (kind, body) = if context.rpc {
        ("application/json", rpc_body(reason, context, id))
    } else {
        ("application/problem+json", problem_body(reason, id))
    };
    let mut reply = Reply::new(reason.status(), ResponseBody::full(body))
        .with("content-type", kind)
        .with("x-request-id", id.text().as_bytes())
        .with("cache-control", "no-store");
    add_hints(&mut reply.fields, reason, context);
    reply
}

fn add_hints(fields: &mut FieldList, reason: Reason, context: &ReplyContext) {
    let asked = context.challenge.clone();
    match reason {
        Reason::Unauthenticated => {
            let challenge = asked.unwrap_or_else(|| challenge(context));
            fields.set("www-authenticate", challenge.as_bytes());
        }
        // RFC 6750 §3.1: which scope would do. Where none would, an error of that kind makes clients
        // ask for tokens again and again.
        Reason::Forbidden => {
            if let Some(asked) = asked.or_else(|| insufficient_scope(context)) {
                fields.set("www-authenticate", asked.as_bytes());
            }
        }
        _ => {}
    }
    if reason == Reason::MethodNotAllowed {
        let allow = context
            .allow
            .unwrap_or("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
        fields.set("allow", allow.as_bytes());
    }
    if reason.status() == StatusCode::SERVICE_UNAVAILABLE {
        fields.set("retry-after", b"2");
    }
    if reason.status() == StatusCode::TOO_MANY_REQUESTS {
        let seconds = context.retry_after.max(1).to_string();
        fields.set("retry-after", seconds.as_bytes());
    }
    // Beside the servers are pages and an API that no foreign page may read, refusals included.
    if let Some(origin) = context.origin.as_ref().filter(|_| context.rpc) {
        respond::allow_origin(fields, origin.as_bytes());
    }
}

/// RFC 6750 §3, with where to get a token (RFC 9728 §5.1) and which scope to begin with.
fn challenge(context: &ReplyContext) -> HeaderValue {
    let error = context.token_shown.then_some("invalid_token");
    bearer(error, context).unwrap_or_else(|| HeaderValue::from_static("Bearer"))
}

/// The same for who has a token that is not enough, where another one would be.
fn insufficient_scope(context: &ReplyContext) -> Option<HeaderValue> {
    context.scope.as_ref()?;
    context.resource_metadata.as_ref()?;
    bearer(Some("insufficient_scope"), context)
}

/// `None` where a part cannot stand there.
fn bearer(error: Option<&str>, context: &ReplyContext) -> Option<HeaderValue> {
    let parts = [
        ("error", error),
        ("scope", context.scope.as_deref()),
        ("resource_metadata", context.resource_metadata.as_deref()),
    ];
    let mut text = String::from("Bearer");
    let given = parts
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    for (number, (name, value)) in given.enumerate() {
        // Quotes end the text, and nothing of the path may be read as more than a path.
        let plain = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
        if !value.bytes().all(plain) {
            return None;
        }
        text.push_str(if number == 0 { " " } else { ", " });
        text.push_str(name);
        text.push_str("=\"");
        text.push_str(value);
        text.push('"');
    }
    HeaderValue::try_from(text).ok()
}

fn rpc_body(reason: Reason, context: &ReplyContext, id: RequestId) -> Bytes {
    ErrorBody::new(reason.code(), reason.message())
        .id(context
            .rpc_id
            .as_deref()
            .and_then(|id| std::str::from_utf8(id).ok()))
        .data("reason", reason.label())
        .request_id(&id.to_string())
        .to_bytes()
}

/// RFC 9457.
fn problem_body(reason: Reason, id: RequestId) -> Bytes {
    let status = reason.status();
    format!(
        r#"{{"type":"about:blank","title":"{}","status":{},"detail":"{}","reason":"{}","instance":"{id}"}}"#,
        status.canonical_reason().unwrap_or_default(),
        status.as_u16(),
        reason.message(),
        reason.label(),
    )
    .into()
}

/// A short text of our own.
pub fn text(status: StatusCode, body: &'static str) -> Reply<ResponseBody> {
    let body = ResponseBody::full(Bytes::from_static(body.as_bytes()));
    Reply::new(status, body).with("content-type", "text/plain; charset=utf-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::account::RequestIds;

    #[test]
    fn bodies_are_json_for_every_reason() {
        let id = RequestIds::new(7).next();
        let context = ReplyContext {
            rpc_id: Some(Bytes::from_static(b"\"a\\\"b\"")),
            ..ReplyContext::default()
        };
        for reason in [
            Reason::Unauthenticated,
            Reason::NotFound,
            Reason::Initializing,
            Reason::HostRefused,
        ] {
            let rpc: serde_json::Value =
                serde_json::from_slice(&rpc_body(reason, &context, id)).unwrap();
            assert_eq!(rpc["id"], "a\"b");
            assert_eq!(rpc["error"]["data"]["reason"], reason.label());
            let problem: serde_json::Value =
                serde_json::from_slice(&problem_body(reason, id)).unwrap();
            assert_eq!(problem["status"], reason.status().as_u16());
        }
    }
}
