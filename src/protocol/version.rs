//! The protocol's revisions and the two eras that they fall into.
//!
//! Promises: a pure answer for every string. Must not: treat an unknown value as a known one; anything that is not
//! shaped like a date is legacy, so that nothing is trusted on the strength of a word.

/// The revision of HTTP+SSE with two URLs.
pub const V2024_11_05: &str = "2024-11-05";
/// The first revision of Streamable HTTP, the only one with batches.
pub const V2025_03_26: &str = "2025-03-26";
/// The revision that brought the version header.
pub const V2025_06_18: &str = "2025-06-18";
/// The last revision with a handshake and sessions.
pub const V2025_11_25: &str = "2025-11-25";
/// The first revision without sessions: every request carries its own metadata.
pub const V2026_07_28: &str = "2026-07-28";

/// Every revision that this build knows, oldest first.
pub const KNOWN: [&str; 5] = [
    V2024_11_05,
    V2025_03_26,
    V2025_06_18,
    V2025_11_25,
    V2026_07_28,
];

/// The newest revision that this build knows.
pub const LATEST: &str = V2026_07_28;

/// The revision that a request without a version header speaks, by the specification's rule.
pub const ASSUMED: &str = V2025_03_26;

/// Whether this build knows the revision.
pub fn is_known(version: &str) -> bool {
    KNOWN.contains(&version)
}

/// Whether the revision is of the era without sessions, in which headers mirror the body.
///
/// Later revisions than the newest known one are of it too.
pub fn is_modern(version: &str) -> bool {
    is_dated(version) && version >= V2026_07_28
}

fn is_dated(version: &str) -> bool {
    version.len() == 10
        && version.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_revisions_fall_into_their_eras() {
        for version in [V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25] {
            assert!(is_known(version) && !is_modern(version), "{version}");
        }
        assert!(is_known(LATEST) && is_modern(LATEST));
    }

    #[test]
    fn later_dates_are_modern_and_unknown() {
        for version in ["2026-07-29", "2027-01-01", "9999-12-31"] {
            assert!(is_modern(version) && !is_known(version), "{version}");
        }
    }

    #[test]
    fn words_are_never_modern() {
        for version in [
            "",
            "draft",
            "DRAFT-2026-v1",
            "3026-7-28",
            "2026-07-28 ",
            "2026_07_28",
            "zzzz-zz-zz",
        ] {
            assert!(!is_modern(version), "{version:?}");
        }
    }
}
