//! Headers sent to the server on each call: names, values, and `"***"` for a value that is kept.

use serde_json::Value;

use super::super::endpoint::UpstreamUrl;
use super::super::secret::Secret;
use super::super::server::{ServerDefinition, UpstreamHeader};
use super::endpoints::Urls;
use super::fields::Fields;

/// What is shown instead of a value, and written to keep it.
pub const KEPT: &str = "***";

/// Reads `headers`: a list of objects, or one object.
pub(super) fn read(
    fields: &mut Fields<'_>,
    urls: &Urls,
    existing: Option<&ServerDefinition>,
) -> Vec<UpstreamHeader> {
    let written: Vec<(String, &str, &Value)> =
        match fields.raw("headers") {
            None => return Vec::new(),
            Some(Value::Object(map)) => map
                .iter()
                .map(|(name, value)| (pointer(None, name), name.as_str(), value))
                .collect(),
            Some(Value::Array(items)) => {
                let mut written = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    match item {
                        Value::Object(map) => written.extend(map.iter().map(|(name, value)| {
                            (pointer(Some(index), name), name.as_str(), value)
                        })),
                        _ => fields.wrong_at(format!("/headers/{index}"), &hidden(), SHAPE),
                    }
                }
                written
            }
            Some(_) => {
                fields.wrong_at("/headers".to_owned(), &hidden(), SHAPE);
                return Vec::new();
            }
        };
    if written.len() > MAX_HEADERS {
        fields.wrong_at(
            "/headers".to_owned(),
            &hidden(),
            format!("must hold at most {MAX_HEADERS} headers"),
        );
    }
    let mut headers: Vec<UpstreamHeader> = Vec::with_capacity(written.len());
    for (pointer, name, value) in written {
        let doubled = headers
            .iter()
            .any(|one| one.name.eq_ignore_ascii_case(name));
        let checked = name_rule(name)
            .or_else(|| doubled.then_some("must be given once"))
            .map_or_else(
                || value_of(name, value, urls, existing),
                |rule| Err(rule.to_owned()),
            );
        match checked {
            Ok(value) => headers.push(UpstreamHeader {
                name: name.to_owned(),
                value,
            }),
            Err(rule) => fields.wrong_at(pointer, &hidden(), rule),
        }
    }
    headers
}

fn value_of(
    name: &str,
    value: &Value,
    urls: &Urls,
    existing: Option<&ServerDefinition>,
) -> Result<Secret<String>, String> {
    let Value::String(text) = value else {
        return Err("must be a text".to_owned());
    };
    if text == KEPT {
        return kept(name, urls, existing);
    }
    if text.is_empty() {
        return Err("must not be empty".to_owned());
    }
    if text.len() > MAX_VALUE {
        return Err(format!("must be at most {MAX_VALUE} characters long"));
    }
    if text.trim() != text
        || !text
            .bytes()
            .all(|b| b == b'\t' || (0x20..0x7f).contains(&b))
    {
        return Err("must be printable ASCII without line breaks or surrounding blanks".to_owned());
    }
    Ok(Secret::new(text.clone()))
}

/// A stored value goes only where it has always gone.
fn kept(
    name: &str,
    urls: &Urls,
    existing: Option<&ServerDefinition>,
) -> Result<Secret<String>, String> {
    let Some(existing) = existing else {
        return Err(
            "must be the value itself: *** keeps a stored one, and there is none".to_owned(),
        );
    };
    let stored = existing
        .headers
        .iter()
        .find(|one| one.name.eq_ignore_ascii_case(name));
    let Some(stored) = stored else {
        return Err(
            "must be the value itself: *** keeps a stored one, and there is none".to_owned(),
        );
    };
    let before: Vec<&UpstreamUrl> = [
        &existing.proxy_pass_url,
        &existing.mcp_endpoint,
        &existing.sse_endpoint,
    ]
    .into_iter()
    .flatten()
    .collect();
    if urls
        .all()
        .any(|url| !before.iter().any(|old| old.same_origin(url)))
    {
        return Err(
            "must be written again: the URL now points to another origin, where a stored value is not sent".to_owned()
        );
    }
    Ok(stored.value.clone())
}

fn name_rule(name: &str) -> Option<&'static str> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 100 || !name.bytes().all(token) {
        return Some("the name must be a header name of at most 100 letters, digits and '-'");
    }
    let name = name.to_ascii_lowercase().replace('_', "-");
    if HOP_BY_HOP.contains(&name.as_str()) || name.starts_with("proxy-") {
        return Some("the name belongs to the connection; the gateway sets it");
    }
    if IDENTITY.contains(&name.as_str()) || name.starts_with("x-forwarded-") {
        return Some("the name tells who is calling; only the gateway sets it");
    }
    if PROTOCOL.contains(&name.as_str()) || name.starts_with("mcp-") {
        return Some("the name belongs to the protocol; client and gateway set it");
    }
    None
}

fn pointer(index: Option<usize>, name: &str) -> String {
    let name: String = name
        .replace('~', "~0")
        .replace('/', "~1")
        .chars()
        .take(120)
        .collect();
    index.map_or_else(
        || format!("/headers/{name}"),
        |index| format!("/headers/{index}/{name}"),
    )
}

fn hidden() -> Value {
    Value::String(KEPT.to_owned())
}

const SHAPE: &str = "must be an object, or a list of objects, of header names and values";
const MAX_HEADERS: usize = 50;
const MAX_VALUE: usize = 8_192;

const HOP_BY_HOP: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

const IDENTITY: &[&str] = &[
    "forwarded",
    "via",
    "x-auth-method",
    "x-authorization",
    "x-client-id",
    "x-gateway-authorization",
    "x-groups",
    "x-mcp-identity",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-real-ip",
    "x-scopes",
    "x-server-name",
    "x-tool-name",
    "x-user",
    "x-username",
];

const PROTOCOL: &[&str] = &[
    "accept",
    "accept-encoding",
    "content-encoding",
    "content-type",
    "last-event-id",
    "range",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
];
