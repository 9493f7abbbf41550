//! Where the server is: full URLs, or the short form of host and port.

use serde_json::Value;

use super::super::endpoint::{UpstreamUrl, UrlError};
use super::super::server::Transport;
use super::fields::Fields;

/// The URLs of a definition.
#[derive(Default)]
pub(super) struct Urls {
    /// `proxy_pass_url`.
    pub(super) base: Option<UpstreamUrl>,
    /// `mcp_endpoint`.
    pub(super) mcp: Option<UpstreamUrl>,
    /// `sse_endpoint`.
    pub(super) sse: Option<UpstreamUrl>,
}

impl Urls {
    /// Each URL that calls may go to.
    pub(super) fn all(&self) -> impl Iterator<Item = &UpstreamUrl> {
        [&self.base, &self.mcp, &self.sse].into_iter().flatten()
    }
}

/// Reads `proxy_pass_url`, `mcp_endpoint`, `sse_endpoint`, or `protocol`, `host` and `port`.
pub(super) fn read(fields: &mut Fields<'_>, default_host: &str, transports: &[Transport]) -> Urls {
    let written = url(fields, "proxy_pass_url");
    let short = short(fields, default_host);
    let urls = Urls {
        base: written.or(short),
        mcp: url(fields, "mcp_endpoint"),
        sse: url(fields, "sse_endpoint"),
    };
    let stdio_only =
        !transports.is_empty() && transports.iter().all(|one| *one == Transport::Stdio);
    let tried = ["proxy_pass_url", "mcp_endpoint", "port", "host", "protocol"];
    let tried = tried
        .into_iter()
        .any(|name| fields.raw(name).is_some_and(|value| !value.is_null()));
    if !tried && !stdio_only {
        fields.wrong(
            "proxy_pass_url",
            "is required, such as http://localhost:8001/ (or port, with host and protocol)",
        );
    }
    urls
}

fn url(fields: &mut Fields<'_>, name: &'static str) -> Option<UpstreamUrl> {
    let value = fields.raw(name).filter(|value| !value.is_null())?;
    let rule = match value.as_str() {
        Some(text) if text.len() > MAX_LENGTH => "must be at most 2048 characters long".to_owned(),
        Some(text) => match UpstreamUrl::parse(text) {
            Ok(url) => return Some(url),
            Err(UrlError::UserInfo) => {
                let hidden = Value::String("***".to_owned());
                fields.wrong_at(format!("/{name}"), &hidden, UrlError::UserInfo.to_string());
                return None;
            }
            Err(error) => error.to_string(),
        },
        None => UrlError::Malformed.to_string(),
    };
    fields.wrong(name, rule);
    None
}

/// `{"port": 8001, "host": "localhost", "protocol": "http"}`.
fn short(fields: &mut Fields<'_>, default_host: &str) -> Option<UpstreamUrl> {
    let port = fields.optional_integer("port", 1, 65_535);
    let host = fields.raw("host").filter(|value| !value.is_null());
    let protocol = fields.raw("protocol").filter(|value| !value.is_null());
    let has_url = fields
        .raw("proxy_pass_url")
        .is_some_and(|value| !value.is_null());
    let given = ["port", "host", "protocol"].into_iter();
    let given: Vec<_> = given
        .filter(|name| fields.raw(name).is_some_and(|value| !value.is_null()))
        .collect();
    if given.is_empty() {
        return None;
    }
    if has_url {
        for name in given {
            fields.wrong(
                name,
                "cannot stand beside proxy_pass_url; leave one of them out",
            );
        }
        return None;
    }
    if !given.contains(&"port") {
        fields.wrong("port", "is required with host or protocol");
    }
    let protocol = protocol.map_or(Some("http"), Value::as_str);
    let protocol = protocol.filter(|word| matches!(*word, "http" | "https"));
    if protocol.is_none() {
        fields.wrong("protocol", "must be http or https");
    }
    let host = host
        .map_or(Some(default_host), Value::as_str)
        .filter(|host| is_host(host));
    if host.is_none() {
        fields.wrong("host", HOST_RULE);
    }
    let (port, protocol, host) = (port?, protocol?, host?);
    let bare_v6 = host.contains(':') && !host.starts_with('[');
    let host = if bare_v6 {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let url = UpstreamUrl::parse(&format!("{protocol}://{host}:{port}/")).ok();
    if url.is_none() {
        fields.wrong("host", HOST_RULE);
    }
    url
}

fn is_host(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| {
            b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']')
        })
}

const HOST_RULE: &str = "must be a host name or an IP address";
const MAX_LENGTH: usize = 2_048;
