//! The head of a request as the phases see it.
//!
//! # Why
//! The phases decide on this type, so that whoever reads requests feeds the same pipeline: hyper for
//! HTTP/2, [`http1`](super::http1) for HTTP/1.1.

use std::borrow::Borrow;

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version};

use super::fields::FieldList;

/// Method, target and headers of one request.
#[derive(Debug)]
pub struct RequestHead {
    method: Method,
    version: Version,
    uri: Uri,
    fields: FieldList,
}

impl RequestHead {
    /// What stood on the wire.
    pub const fn new(method: Method, version: Version, uri: Uri, fields: FieldList) -> Self {
        Self {
            method,
            version,
            uri,
            fields,
        }
    }

    /// Takes over what hyper parsed; extensions are dropped.
    pub fn from_parts(parts: Parts) -> Self {
        let fields = FieldList::from(parts.headers);
        Self::new(parts.method, parts.version, parts.uri, fields)
    }

    /// What is left when a phase has taken the head for good.
    pub fn empty() -> Self {
        Self {
            method: Method::GET,
            version: Version::HTTP_11,
            uri: Uri::default(),
            fields: FieldList::default(),
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
    pub fn header(&self, name: impl Borrow<HeaderName>) -> Option<&HeaderValue> {
        self.fields.get(name)
    }

    /// The first field of a name, when it is visible ASCII.
    pub fn header_str(&self, name: impl Borrow<HeaderName>) -> Option<&str> {
        self.header(name).and_then(|value| value.to_str().ok())
    }

    /// All fields of a name.
    pub fn header_all<'h>(
        &'h self,
        name: impl Borrow<HeaderName> + 'h,
    ) -> impl Iterator<Item = &'h HeaderValue> + 'h {
        self.fields.all(name)
    }

    /// Whether there is more than one field of a name.
    pub fn has_duplicate(&self, name: impl Borrow<HeaderName>) -> bool {
        self.fields.all(name).nth(1).is_some()
    }

    /// All fields.
    pub const fn headers(&self) -> &FieldList {
        &self.fields
    }

    /// Removes all fields of a name.
    pub fn remove(&mut self, name: impl Borrow<HeaderName>) {
        self.fields.remove(name);
    }

    /// Sets a field, replacing all of its name.
    pub fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.fields.set(name, value);
    }

    /// Removes the fields of which the name is not wanted.
    pub fn remove_where(&mut self, mut unwanted: impl FnMut(&HeaderName) -> bool) {
        self.fields.keep(|name| !unwanted(name));
    }

    /// The fields, to go on with.
    pub fn into_headers(self) -> (Method, HeaderMap) {
        (self.method, self.fields.into())
    }
}
