//! The heads of requests and answers as the phases see them.
//!
//! # Why
//! The phases decide on these types, so that whoever reads requests and writes answers feeds the same
//! pipeline: hyper for HTTP/2, [`http1`](super::http1) for HTTP/1.1.

use http::request::Parts;
use http::uri::{Authority, Uri};
use http::{HeaderMap, Method, Response, StatusCode, Version};

use super::fields::{FieldList, Name};

/// Method, target and fields of one request.
#[derive(Debug)]
pub struct RequestHead {
    method: Method,
    version: Version,
    target: Target,
    fields: FieldList,
}

/// What a request is for.
#[derive(Clone, Debug)]
pub enum Target {
    /// A path and nothing else; its spelling is the canonical one.
    Plain(String),
    /// Anything that a URI may be.
    Any(Uri),
}

impl RequestHead {
    /// What stood on the wire.
    pub const fn new(method: Method, version: Version, target: Target, fields: FieldList) -> Self {
        Self {
            method,
            version,
            target,
            fields,
        }
    }

    /// Takes over what hyper parsed; extensions are dropped.
    pub fn from_parts(parts: Parts) -> Self {
        let fields = FieldList::from(&parts.headers);
        Self::new(parts.method, parts.version, Target::Any(parts.uri), fields)
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

    /// Whether the path is known to be canonical as it came.
    pub const fn is_plain(&self) -> bool {
        matches!(self.target, Target::Plain(_))
    }

    /// The path as sent, not canonical yet.
    pub fn raw_path(&self) -> &str {
        match &self.target {
            Target::Plain(path) => path,
            Target::Any(uri) => uri.path(),
        }
    }

    /// The query as sent, without `?`.
    pub fn query(&self) -> Option<&str> {
        match &self.target {
            Target::Plain(_) => None,
            Target::Any(uri) => uri.query(),
        }
    }

    /// Host and port of the target itself: `:authority`, or an absolute-form target.
    pub fn authority(&self) -> Option<&str> {
        match &self.target {
            Target::Plain(_) => None,
            Target::Any(uri) => uri.authority().map(Authority::as_str),
        }
    }

    /// The first field of a name.
    pub fn field(&self, name: Name) -> Option<&[u8]> {
        self.fields.get(name)
    }

    /// The first field of a name, when it is visible ASCII.
    pub fn field_str(&self, name: Name) -> Option<&str> {
        self.fields.get_str(name)
    }

    /// Whether there is a field of this name.
    pub const fn has(&self, name: Name) -> bool {
        self.fields.has(name)
    }

    /// All fields.
    pub const fn fields(&self) -> &FieldList {
        &self.fields
    }

    /// All fields, to change them.
    pub const fn fields_mut(&mut self) -> &mut FieldList {
        &mut self.fields
    }
}

/// An answer on its way to a client.
#[derive(Debug)]
pub struct Reply<B> {
    /// Status.
    pub status: StatusCode,
    /// Fields; those of the connection and of the framing are whoever writes it to set.
    pub fields: FieldList,
    /// What follows.
    pub body: B,
}

impl<B> Reply<B> {
    /// An answer without fields yet.
    pub fn new(status: StatusCode, body: B) -> Self {
        Self {
            status,
            fields: FieldList::default(),
            body,
        }
    }

    /// The same with another field.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.fields.set(name, value.as_ref());
        self
    }
}

impl<B> From<Reply<B>> for Response<B> {
    fn from(reply: Reply<B>) -> Self {
        let mut response = Self::new(reply.body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = HeaderMap::from(&reply.fields);
        response
    }
}
