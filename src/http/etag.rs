//! Entity tags: `If-None-Match` (weak comparison) and `If-Match` (strong), RFC 9110 §13.

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

/// Whether the client already has this representation.
pub fn none_match_hits(headers: &HeaderMap, etag: &str) -> bool {
    any(headers, &IF_NONE_MATCH, |tag| {
        tag == "*" || weak(tag) == weak(etag)
    })
}

/// The `If-Match` of a request.
#[derive(Clone, Debug, Default)]
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// As sent; absent lets everything pass.
    pub fn of(headers: &HeaderMap) -> Self {
        let given = headers.contains_key(IF_MATCH);
        Self(given.then(|| tags(headers, &IF_MATCH).map(str::to_owned).collect()))
    }

    /// Whether the client asked for it at all.
    pub const fn is_given(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the request may go on: absent, or names this representation.
    pub fn passes(&self, etag: &str) -> bool {
        self.0
            .as_ref()
            .is_none_or(|tags| tags.iter().any(|tag| tag == "*" || tag == etag))
    }
}

fn any(headers: &HeaderMap, name: &HeaderName, test: impl Fn(&str) -> bool) -> bool {
    tags(headers, name).any(test)
}

fn tags<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        // Our tags hold no comma.
        .flat_map(|list| list.split(','))
        .map(str::trim)
}

fn weak(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn compares_weakly_for_reading_and_strongly_for_writing() {
        for value in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(
                none_match_hits(&headers(IF_NONE_MATCH, value), "\"a\""),
                "{value}"
            );
        }
        assert!(!none_match_hits(&headers(IF_NONE_MATCH, "\"b\""), "\"a\""));
        assert!(!none_match_hits(&HeaderMap::new(), "\"a\""));
        assert!(IfMatch::of(&HeaderMap::new()).passes("\"a\""));
        assert!(IfMatch::of(&headers(IF_MATCH, "\"a\"")).passes("\"a\""));
        assert!(!IfMatch::of(&headers(IF_MATCH, "W/\"a\"")).passes("\"a\""));
        assert!(!IfMatch::of(&headers(IF_MATCH, "\"b\"")).passes("\"a\""));
    }
}
