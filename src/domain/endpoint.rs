//! Where a server's endpoints lie, derived from its definition.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::Url;

/// An absolute `http` or `https` URL without user name, password or fragment.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UpstreamUrl(Arc<Url>);

impl UpstreamUrl {
    /// Parses a URL that we may dial.
    ///
    /// # Errors
    /// Says which rule is broken; the text is fit for the API's `rule` field.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text
            .bytes()
            .any(|byte| byte.is_ascii_control() || byte == b' ' || byte == b'\\')
        {
            return Err(UrlError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| UrlError::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(UrlError::Scheme);
        }
        if url.host_str().is_none_or(str::is_empty) || url.cannot_be_a_base() {
            return Err(UrlError::Host);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::UserInfo);
        }
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        Ok(Self(Arc::new(url)))
    }

    /// The parsed URL.
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The text of the URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Whether the scheme is `https`.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether both lie on the same scheme, host and port.
    pub fn same_origin(&self, other: &Self) -> bool {
        self.0.origin() == other.0.origin()
    }

    /// The path without trailing slashes; empty for the root.
    pub fn trimmed_path(&self) -> &str {
        self.0.path().trim_end_matches('/')
    }

    /// This origin with another path, without query.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        let mut url = (*self.0).clone();
        url.set_path(path);
        url.set_query(None);
        Self(Arc::new(url))
    }
}

impl fmt::Display for UpstreamUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0.as_str())
    }
}

impl fmt::Debug for UpstreamUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0.as_str(), formatter)
    }
}

impl Serialize for UpstreamUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

impl<'de> Deserialize<'de> for UpstreamUrl {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Why a text is not a URL that we may dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL.
    #[error("must be an absolute URL such as http://localhost:8001/")]
    Malformed,
    /// Another scheme.
    #[error("must be an http or https URL")]
    Scheme,
    /// No host.
    #[error("must name a host")]
    Host,
    /// A user name or password inside.
    #[error("must not hold a user name or password; use headers for credentials")]
    UserInfo,
    /// A fragment inside.
    #[error("must not hold a fragment")]
    Fragment,
}

/// The endpoints of one server that the gateway sends to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// What `proxy_pass_url` says: the base that a `passthrough` server's sub-paths are appended to.
    pub base: UpstreamUrl,
    /// Streamable HTTP.
    pub mcp: UpstreamUrl,
    /// Legacy HTTP+SSE stream.
    pub sse: UpstreamUrl,
}

impl Endpoints {
    /// Applies the rules: explicit endpoint, else the base's own path, else the root and `/mcp` or `/sse`.
    pub fn derive(
        base: &UpstreamUrl,
        mcp: Option<&UpstreamUrl>,
        sse: Option<&UpstreamUrl>,
    ) -> Self {
        let path = base.trimmed_path();
        let is_sse = path.ends_with("/sse");
        Self {
            base: base.clone(),
            mcp: mcp.cloned().unwrap_or_else(|| {
                if path.is_empty() {
                    base.with_path("/mcp")
                } else {
                    base.clone()
                }
            }),
            sse: sse.cloned().unwrap_or_else(|| {
                if is_sse {
                    base.clone()
                } else {
                    base.with_path("/sse")
                }
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(base: &str) -> (String, String) {
        let endpoints = Endpoints::derive(&UpstreamUrl::parse(base).unwrap(), None, None);
        (endpoints.mcp.to_string(), endpoints.sse.to_string())
    }

    #[test]
    fn root_urls_get_the_usual_endpoints() {
        assert_eq!(
            derived("http://h:1/"),
            ("http://h:1/mcp".into(), "http://h:1/sse".into())
        );
        assert_eq!(
            derived("http://h:1"),
            ("http://h:1/mcp".into(), "http://h:1/sse".into())
        );
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        assert_eq!(derived("http://h:1/x/mcp/").0, "http://h:1/x/mcp/");
        assert_eq!(derived("http://h:1/sse").1, "http://h:1/sse");
    }

    #[test]
    fn refuses_what_we_would_not_dial() {
        for (text, rule) in [
            ("ftp://h/", UrlError::Scheme),
            ("javascript:alert(1)", UrlError::Scheme),
            ("http://u:p@h/", UrlError::UserInfo),
            ("http://h/#x", UrlError::Fragment),
            ("h/x", UrlError::Malformed),
            ("http://h/\r\nX: 1", UrlError::Malformed),
        ] {
            assert_eq!(UpstreamUrl::parse(text), Err(rule), "{text}");
        }
    }
}
