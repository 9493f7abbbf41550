//! The head of a request as the phases see it.
//!
//! # Why
//! The phases decide on this type, not on hyper's, so that another producer of requests (a raw
//! HTTP/1.1 relay) can feed the same pipeline. Today it wraps the parts that hyper parsed.

use http::header::{AsHeaderName, GetAll};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};

/// Method, target and headers of one request.
#[derive(Debug)]
pub struct RequestHead {
    method: Method,
    version: Version,
    uri: http::Uri,
    headers: HeaderMap,
}

impl RequestHead {
    /// Takes over what hyper parsed; extensions are dropped.
    pub fn from_parts(parts: Parts) -> Self {
        Self {
            method: parts.method,
            version: parts.version,
            uri: parts.uri,
            headers: parts.headers,
        }
    }

    /// What is left when a phase has taken the head for good.
    pub fn empty() -> Self {
        Self {
            method: Method::GET,
            version: Version::HTTP_11,
            uri: http::Uri::default(),
            headers: HeaderMap::new(),
        }
    }

    /// The method.
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Whether it came as HTTP/2.
    pub fn is_h2(&self) -> bool {
        self.version == Version::HTTP_2
    }

    /// The path as sent, not canonical yet.
    pub fn raw_path(&self) -> &str {
        self.uri.path()
    }

    /// The query as sent, without `?`.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// Host and port of the target itself: `:authority`, or an absolute-form target.
    pub fn authority(&self) -> Option<&str> {
        self.uri.authority().map(http::uri::Authority::as_str)
    }

    /// The first field of a name.
    pub fn header(&self, name: impl AsHeaderName) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    /// The first field of a name, when it is visible ASCII.
    pub fn header_str(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// All fields of a name.
    pub fn header_all(&self, name: impl AsHeaderName) -> GetAll<'_, HeaderValue> {
        self.headers.get_all(name)
    }

    /// Whether there is more than one field of a name.
    pub fn has_duplicate(&self, name: impl AsHeaderName) -> bool {
        self.headers.get_all(name).iter().nth(1).is_some()
    }

    /// All fields.
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Removes all fields of a name.
    pub fn remove(&mut self, name: impl AsHeaderName) {
        self.headers.remove(name);
    }

    /// Sets a field, replacing all of its name.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    /// Removes the fields of which the name is not wanted.
    pub fn remove_where(&mut self, mut unwanted: impl FnMut(&HeaderName) -> bool) {
        let names: Vec<HeaderName> = self
            .headers
            .keys()
            .filter(|name| unwanted(name))
            .cloned()
            .collect();
        for name in names {
            self.headers.remove(name);
        }
    }

    /// The fields, to go on with.
    pub fn into_headers(self) -> (Method, HeaderMap) {
        (self.method, self.headers)
    }
}
