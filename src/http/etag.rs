//! Entity tags: `If-None-Match` (weak comparison) and `If-Match` (strong), RFC 9110 §13.

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, IF_MATCH, IF_NONE_MATCH};

/// Whether the client already has this representation.
pub fn none_match_hits(headers: &HeaderMap, etag: &str) -> bool {
    any(headers, &IF_NONE_MATCH, |tag| tag == "*" || weak(tag) == weak(etag))
}

/// Whether the request may go on: `If-Match` is absent or names this representation.
pub fn if_match_passes(headers: &HeaderMap, etag: &str) -> bool {
    !headers.contains_key(IF_MATCH) || any(headers, &IF_MATCH, |tag| tag == "*" || tag == etag)
}

fn any(headers: &HeaderMap, name: &HeaderName, test: impl Fn(&str) -> bool) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        // Our tags hold no comma.
        .flat_map(|list| list.split(','))
        .any(|tag| test(tag.trim()))
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
            assert!(none_match_hits(&headers(IF_NONE_MATCH, value), "\"a\""), "{value}");
        }
        assert!(!none_match_hits(&headers(IF_NONE_MATCH, "\"b\""), "\"a\""));
        assert!(!none_match_hits(&HeaderMap::new(), "\"a\""));
        assert!(if_match_passes(&HeaderMap::new(), "\"a\""));
        assert!(if_match_passes(&headers(IF_MATCH, "\"a\""), "\"a\""));
        assert!(!if_match_passes(&headers(IF_MATCH, "W/\"a\""), "\"a\""));
        assert!(!if_match_passes(&headers(IF_MATCH, "\"b\""), "\"a\""));
    }
}
