//! The path that names a server: `/fininfo`, `/team/search`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// First segments that belong to the control plane; no server may take one.
///
/// Validation and the gateway's router read the same list.
pub const RESERVED_FIRST_SEGMENTS: &[&str] = &[
    ".well-known",
    "api",
    "assets",
    "auth",
    "edit",
    "health",
    "keycloak",
    "login",
    "logout",
    "metrics",
    "oauth2",
    "ready",
    "realms",
    "register",
    "resources",
    "static",
    "toggle",
    "ui",
    "v0",
    "v0.1",
    "validate",
    "ws",
];

/// Last segments that name an endpoint of a server and so cannot end its path.
pub const ENDPOINT_SEGMENTS: &[&str] = &["mcp", "sse", "message", "messages"];

const MAX_LENGTH: usize = 255;

/// The identity of a server: an absolute path without trailing slash.
///
/// Segments are `[A-Za-z0-9._-]+`, compared case-sensitively. Both spellings, with and without
/// trailing or leading slash, parse to the same value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerPath(Arc<str>);

impl ServerPath {
    /// Parses and normalises a path.
    ///
    /// # Errors
    /// Says which rule is broken; the text is fit for the API's `rule` field.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let trimmed = text.strip_prefix('/').unwrap_or(text);
        let trimmed = trimmed.strip_suffix('/').unwrap_or(trimmed);
        if trimmed.is_empty() {
            return Err(PathError::Empty);
        }
        if trimmed.len() >= MAX_LENGTH {
            return Err(PathError::TooLong);
        }
        let mut last = "";
        for (index, segment) in trimmed.split('/').enumerate() {
            if !is_segment(segment) {
                return Err(PathError::Segment);
            }
            if index == 0
                && RESERVED_FIRST_SEGMENTS.contains(&segment.to_ascii_lowercase().as_str())
            {
                return Err(PathError::Reserved);
            }
            last = segment;
        }
        if ENDPOINT_SEGMENTS.contains(&last.to_ascii_lowercase().as_str()) {
            return Err(PathError::Endpoint);
        }
        Ok(Self(format!("/{trimmed}").into()))
    }

    /// With leading and without trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without leading slash: the `id` in the API and the name in policies.
    pub fn id(&self) -> &str {
        self.0.strip_prefix('/').unwrap_or(&self.0)
    }
}

pub(super) fn is_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..")
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

/// Why a text is not a server's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Nothing but slashes.
    #[error("must name at least one segment, such as /fininfo")]
    Empty,
    /// Longer than 254 characters.
    #[error("must be shorter than 255 characters")]
    TooLong,
    /// A segment is empty, `.`/`..`, or has a character outside the set.
    #[error("each segment must be letters, digits, '.', '_' or '-', and not '.' or '..'")]
    Segment,
    /// The first segment belongs to the control plane.
    #[error("the first segment is reserved for the registry and the gateway; choose another")]
    Reserved,
    /// The last segment names an endpoint.
    #[error("the last segment must not be mcp, sse, message or messages")]
    Endpoint,
}

impl fmt::Display for ServerPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ServerPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, formatter)
    }
}

impl std::borrow::Borrow<str> for ServerPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for ServerPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        Self::parse(text)
    }
}

impl Serialize for ServerPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ServerPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_one_identity() {
        for text in ["/fininfo", "fininfo", "/fininfo/", "fininfo/"] {
            assert_eq!(ServerPath::parse(text).unwrap().as_str(), "/fininfo");
        }
        assert_eq!(
            ServerPath::parse("/team/search/").unwrap().id(),
            "team/search"
        );
    }

    #[test]
    fn refuses_control_plane_and_endpoint_names() {
        for reserved in RESERVED_FIRST_SEGMENTS {
            assert_eq!(
                ServerPath::parse(&format!("/{reserved}/x")),
                Err(PathError::Reserved)
            );
            assert_eq!(
                ServerPath::parse(&reserved.to_uppercase()),
                Err(PathError::Reserved)
            );
        }
        for endpoint in ENDPOINT_SEGMENTS {
            assert_eq!(
                ServerPath::parse(&format!("/x/{endpoint}")),
                Err(PathError::Endpoint)
            );
        }
    }

    #[test]
    fn refuses_dots_escapes_and_look_alikes() {
        for text in [
            "", "/", "//", "/..", "/a/../b", "/a//b", "/%66in", "/a b", "/а", "/a\\b", "/a;x=1",
            "/a?b", "/a#b",
        ] {
            assert!(ServerPath::parse(text).is_err(), "{text}");
        }
    }
}
