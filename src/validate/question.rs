//! What a gateway asks: about which server, which method, with which body.

use std::borrow::Cow;

use axum::http::header::{HeaderMap, HeaderValue};
use axum::http::{Method, Uri};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::answer::Refusal;
use crate::domain::target::canonical_path;
use crate::http::host::host_name;

/// A client's request, as its gateway tells it.
#[derive(Debug)]
pub(super) struct Question {
    /// The canonical path that the client asked for.
    pub(super) path: String,
    /// Its method.
    pub(super) method: Method,
}

impl Question {
    /// Reads what is asked. Every source that is there must say the same.
    pub(super) fn read(uri: &Uri, method: &Method, headers: &HeaderMap) -> Result<Self, Refusal> {
        let suffix = suffix(uri);
        let url = single(headers, ORIGINAL_URL)?
            .map(path_of_url)
            .transpose()?;
        let forwarded = single(headers, FORWARDED_URI)?;
        let mut sources = [suffix, url, forwarded].into_iter().flatten();
        let first = sources.next().ok_or(Refusal::NoTarget)?;
        let path = canonical(first)?;
        for other in sources {
            if canonical(other)? != path {
                return Err(Refusal::Targets);
            }
        }
        Ok(Self {
            path: path.into_owned(),
            method: told_method(headers, method, suffix.is_some())?,
        })
    }
}

/// Whether a request tells of another one, which only a gateway may.
pub(super) fn tells_of_a_request(uri: &Uri, headers: &HeaderMap) -> bool {
    suffix(uri).is_some()
        || headers.keys().any(|name| {
            let name = name.as_str();
            name.starts_with("x-original-")
                || matches!(
                    name,
                    FORWARDED_URI | FORWARDED_METHOD | "x-forwarded-prefix"
                )
        })
}

/// The body of the client's request, where this gateway sends it; it may be written in base64, as
/// values of MCP's own headers may.
pub(super) fn body(headers: &HeaderMap) -> Result<Option<Cow<'_, [u8]>>, Refusal> {
    let mut values = headers.get_all(BODY).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value.as_bytes(),
        (Some(_), Some(_)) => return Err(Refusal::Repeated),
    };
    let encoded = value
        .strip_prefix(b"=?base64?")
        .and_then(|rest| rest.strip_suffix(b"?="));
    let body = match encoded {
        Some(text) => Cow::Owned(STANDARD.decode(text).map_err(|_| Refusal::Message)?),
        None => Cow::Borrowed(value),
    };
    if body.len() > MAX_BODY {
        return Err(Refusal::TooLarge);
    }
    Ok(Some(body))
}

/// What follows `/auth/validate`.
fn suffix(uri: &Uri) -> Option<&str> {
    let rest = uri.path().strip_prefix("/auth/validate")?;
    rest.starts_with('/').then_some(rest)
}

/// The method of the client's request. A gateway that sends its questions with that method itself
/// need not name it; one that names another than its own has been talked into it.
fn told_method(headers: &HeaderMap, own: &Method, by_path: bool) -> Result<Method, Refusal> {
    let parse = |text: &str| Method::from_bytes(text.as_bytes()).map_err(|_| Refusal::NoMethod);
    let original = single(headers, ORIGINAL_METHOD)?.map(parse).transpose()?;
    let forwarded = single(headers, FORWARDED_METHOD)?.map(parse).transpose()?;
    let told = match (original, forwarded) {
        (Some(one), Some(other)) if one != other => return Err(Refusal::Methods),
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) if by_path => return Ok(own.clone()),
        (None, None) => return Err(Refusal::NoMethod),
    };
    if *own != Method::GET && *own != told {
        return Err(Refusal::Methods);
    }
    Ok(told)
}

/// The path in `scheme://host/path?query`, or in what begins with it.
fn path_of_url(url: &str) -> Result<&str, Refusal> {
    let Some((scheme, rest)) = url.split_once("://").filter(|_| !url.starts_with('/')) else {
        return Ok(url);
    };
    let (authority, _) = rest.split_once('/').ok_or(Refusal::Path)?;
    if !matches!(scheme, "http" | "https") || host_name(authority).is_none() {
        return Err(Refusal::Path);
    }
    rest.get(authority.len()..).ok_or(Refusal::Path)
}

/// As our own gateway would route it.
fn canonical(target: &str) -> Result<Cow<'_, str>, Refusal> {
    let path = target.split('?').next().unwrap_or(target);
    canonical_path(path, false).map_err(|_| Refusal::Path)
}

/// The value of a header that may stand in a question once.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => text(value).map(Some),
        (Some(_), Some(_)) => Err(Refusal::Repeated),
    }
}

fn text(value: &HeaderValue) -> Result<&str, Refusal> {
    value.to_str().map_err(|_| Refusal::Path)
}

/// Longest body that may come along.
pub(super) const MAX_BODY: usize = 32 * 1024;

const ORIGINAL_URL: &str = "x-original-url";
const ORIGINAL_METHOD: &str = "x-original-method";
const FORWARDED_URI: &str = "x-forwarded-uri";
const FORWARDED_METHOD: &str = "x-forwarded-method";
const BODY: &str = "x-body";
