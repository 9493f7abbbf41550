//! Calls of the REST API, and its errors in words.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use url::Url;

use super::print::safe;
use crate::app::Failure;
use crate::config::NetworkConfig;
use crate::domain::secret::Secret;
use crate::net::outbound;

/// A registry and a credential for it.
pub(super) struct Api {
    http: reqwest::Client,
    base: Url,
    token: Option<Secret<String>>,
}

/// What came back.
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

/// Why a call did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// No answer.
    #[error("cannot reach {url}")]
    Unreachable {
        /// What was called.
        url: Url,
        /// Why.
        source: reqwest::Error,
    },
    /// Somebody else answers there.
    #[error("{url} answers {status}, but not as a registry does; check the URL")]
    Stranger {
        /// What was called.
        url: Url,
        /// The status.
        status: StatusCode,
    },
    /// It is somewhere else.
    #[error("{url} leads to {to}; use that as the registry's URL")]
    Elsewhere {
        /// What was called.
        url: Url,
        /// Where to.
        to: String,
    },
    /// The registry says no.
    #[error("{0}")]
    Refused(String),
}

/// The registry's base address.
pub(super) fn base(text: &str) -> Result<Url, Failure> {
    let wrong = || {
        let shown = safe(text);
        Failure::Usage(format!(
            "{shown:?} is no registry's URL: write it as http://HOST:PORT or https://HOST"
        ))
    };
    let mut url = Url::parse(text).map_err(|_| wrong())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none();
    if !plain {
        return Err(wrong());
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{path}/"));
    Ok(url)
}

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, SEGMENT).to_string()
}

impl Api {
    pub(super) fn new(
        base: Url,
        ca_file: Option<PathBuf>,
        token: Option<Secret<String>>,
    ) -> Result<Self, Failure> {
        // Installed once per process; another command may have done it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let network = NetworkConfig {
            registry_ca_file: ca_file,
            extra_ca_file: None,
            strict: false,
            allowed_ranges: Vec::new(),
            blocked_ports: Vec::new(),
        };
        let http = outbound::registry_client(&network).map_err(anyhow::Error::from)?;
        Ok(Self { http, base, token })
    }

    pub(super) const fn base(&self) -> &Url {
        &self.base
    }

    pub(super) async fn get(&self, target: &str) -> Result<Value, Failure> {
        let answer = self.call(Method::GET, target, None, &[]).await?;
        Ok(answer.body)
    }

    pub(super) async fn send(
        &self,
        method: Method,
        target: &str,
        body: &Value,
    ) -> Result<Value, Failure> {
        let answer = self.call(method, target, Some(body), &[]).await?;
        Ok(answer.body)
    }

    pub(super) async fn delete(&self, target: &str) -> Result<(), Failure> {
        self.call(Method::DELETE, target, None, &[]).await.map(drop)
    }

    /// One call; `target` begins without a slash.
    pub(super) async fn call(
        &self,
        method: Method,
        target: &str,
        body: Option<&Value>,
        headers: &[(&str, &Secret<String>)],
    ) -> Result<Answer, Failure> {
        let url = self.base.join(target).map_err(anyhow::Error::from)?;
        let mut request = self
            .http
            .request(method, url.clone())
            .timeout(CALL_LIMIT)
            .header(header::ACCEPT, "application/json");
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose());
        }
        for (name, value) in headers {
            request = request.header(*name, value.expose());
        }
        if let Some(body) = body {
            request = request
                .header(header::CONTENT_TYPE, "application/json")
                .body(body.to_string());
        }
        let answer = read(&url, request).await.map_err(anyhow::Error::from)?;
        Ok(answer)
    }
}

async fn read(url: &Url, request: reqwest::RequestBuilder) -> Result<Answer, Error> {
    let unreachable = |source: reqwest::Error| Error::Unreachable {
        url: url.clone(),
        source: source.without_url(),
    };
    let mut response = request.send().await.map_err(unreachable)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_ANSWER {
            break;
        }
    }
    let stranger = || Error::Stranger {
        url: url.clone(),
        status,
    };
    if status.is_redirection() {
        let to = headers.get(header::LOCATION).ok_or_else(stranger)?;
        return Err(Error::Elsewhere {
            url: url.clone(),
            to: safe(&String::from_utf8_lossy(to.as_bytes())),
        });
    }
    if status == StatusCode::NO_CONTENT {
        let body = Value::Null;
        return Ok(Answer { headers, body });
    }
    let body: Value = serde_json::from_slice(&bytes).map_err(|_| stranger())?;
    if status.is_success() {
        return Ok(Answer { headers, body });
    }
    Err(refusal(status, &body).unwrap_or_else(stranger))
}

/// A problem document in words: what is wrong, each mistake, and the request's name in the logs.
fn refusal(status: StatusCode, problem: &Value) -> Option<Error> {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).map(safe);
    let title = text("title")?;
    let mut said = text("detail").unwrap_or(title);
    let errors = problem.get("errors").and_then(Value::as_array);
    for error in errors.into_iter().flatten() {
        append(&mut said, error);
    }
    if status == StatusCode::UNAUTHORIZED {
        said.push_str("; log in with `mcp login`");
    }
    if let Some(id) = text("instance") {
        // Writing to a string cannot fail.
        let _ = write!(said, " (request {id})");
    }
    Some(Error::Refused(said))
}

fn append(said: &mut String, error: &Value) {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(safe);
    if let (Some(field), Some(rule)) = (text("field"), text("rule")) {
        let _ = write!(said, "\n  {field}: {rule}");
    }
}

const CALL_LIMIT: Duration = Duration::from_mins(1);
/// Ten thousand servers with all their tools are less.
const MAX_ANSWER: usize = 64 << 20;
/// What stands for itself in a segment.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@');

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_base_ends_with_one_slash_and_holds_no_credential() {
        for (text, url) in [
            ("http://127.0.0.1:7860", "http://127.0.0.1:7860/"),
            ("https://mcp.example/base", "https://mcp.example/base/"),
            (
                "https://mcp.example/base/?a=b#c",
                "https://mcp.example/base/",
            ),
        ] {
            assert_eq!(base(text).unwrap().as_str(), url);
        }
        for wrong in [
            "mcp.example",
            "ftp://mcp.example",
            "http://",
            "http://ann:secret@mcp.example",
            "file:///etc/passwd",
        ] {
            assert!(base(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_names_each_mistake_and_the_request() {
        let problem = json!({
            "title": "Validation failed", "detail": "the body has mistakes", "instance": "r-1",
            "errors": [{"field": "/username", "rule": "must be a name", "value": "\u{1b}[2J"}],
        });
        let Some(Error::Refused(said)) = refusal(StatusCode::UNPROCESSABLE_ENTITY, &problem) else {
            panic!("not a refusal")
        };
        assert_eq!(
            said,
            "the body has mistakes\n  /username: must be a name (request r-1)"
        );
        let hostile = json!({"title": "x", "detail": "\u{1b}[2J\u{202e}"});
        let Some(Error::Refused(said)) = refusal(StatusCode::UNAUTHORIZED, &hostile) else {
            panic!("not a refusal")
        };
        assert_eq!(said, "\\u{1b}[2J\\u{202e}; log in with `mcp login`");
        assert!(refusal(StatusCode::BAD_GATEWAY, &json!([])).is_none());
    }
}
