//! The canonical target: the one spelling that is routed, authorised and forwarded, by our gateway and
//! by those of others that ask us.

use std::borrow::Cow;

/// Why a path has no canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Not starting with `/`.
    NotAbsolute,
    /// `.` or `..` as a segment, in any spelling.
    DotSegment,
    /// `//`.
    EmptySegment,
    /// A raw byte that a path cannot hold.
    Byte,
    /// `%` without two hex digits, or an escape of a slash, backslash, control byte, another
    /// escape, or of bytes that are not UTF-8.
    Escape,
}

/// The canonical form of a path, or why it has none.
///
/// Escapes of unreserved characters are resolved (RFC 3986 §6.2.2.2), the others get upper-case
/// digits. An escaped slash is kept, as `%2F`, only where `slash_escapes` says so (the registry's
/// ids); elsewhere it is refused. Nothing else changes, so that the answer can be forwarded.
pub fn canonical_path(path: &str, slash_escapes: bool) -> Result<Cow<'_, str>, Malformed> {
    if is_plain(path.as_bytes()) {
        return Ok(Cow::Borrowed(path));
    }
    if !path.starts_with('/') {
        return Err(Malformed::NotAbsolute);
    }
    let resolved = resolve_escapes(path, slash_escapes)?;
    check_segments(&resolved)?;
    Ok(Cow::Owned(resolved))
}

/// Whether a path is canonical as it is: the common case, nothing to resolve and nothing to refuse.
pub fn is_plain(path: &[u8]) -> bool {
    let mut previous = 0;
    path.first() == Some(&b'/')
        && path.iter().all(|&byte| {
            let follows_slash = std::mem::replace(&mut previous, byte) == b'/';
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => true,
                b'/' | b'.' => !follows_slash,
                _ => false,
            }
        })
}

fn resolve_escapes(path: &str, slash_escapes: bool) -> Result<String, Malformed> {
    let mut resolved = String::with_capacity(path.len());
    let mut text = EscapedText::default();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            if !is_path_byte(byte) {
                return Err(Malformed::Byte);
            }
            text.end()?;
            resolved.push(char::from(byte));
            continue;
        }
        let digits = (bytes.next().and_then(hex), bytes.next().and_then(hex));
        let (Some(high), Some(low)) = digits else {
            return Err(Malformed::Escape);
        };
        let value = high << 4 | low;
        match value {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' | b'.' => {
                text.end()?;
                resolved.push(char::from(value));
                continue;
            }
            b'/' if slash_escapes => text.end()?,
            // An escaped '%' may hide a second layer of escapes from whoever resolves one more.
            b'/' | b'\\' | b'%' | 0..0x20 | 0x7f => return Err(Malformed::Escape),
            0x80.. => text.push(value)?,
            _ => text.end()?,
        }
        resolved.push('%');
        resolved.push(char::from(
            UPPER_HEX
                .as_bytes()
                .get(usize::from(high))
                .copied()
                .unwrap_or(b'0'),
        ));
        resolved.push(char::from(
            UPPER_HEX
                .as_bytes()
                .get(usize::from(low))
                .copied()
                .unwrap_or(b'0'),
        ));
    }
    text.end()?;
    Ok(resolved)
}

/// Escaped bytes beyond ASCII, which must be UTF-8 together.
#[derive(Default)]
struct EscapedText {
    bytes: Vec<u8>,
}

impl EscapedText {
    fn push(&mut self, byte: u8) -> Result<(), Malformed> {
        self.bytes.push(byte);
        match std::str::from_utf8(&self.bytes) {
            Ok(_) => self.bytes.clear(),
            Err(error) if error.error_len().is_some() => return Err(Malformed::Escape),
            Err(_) => {}
        }
        Ok(())
    }

    fn end(&self) -> Result<(), Malformed> {
        if self.bytes.is_empty() {
            Ok(())
        } else {
            Err(Malformed::Escape)
        }
    }
}

fn check_segments(path: &str) -> Result<(), Malformed> {
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        // Some servers cut a segment at ';' before they look at dots.
        let name = segment.split(';').next().unwrap_or(segment);
        if matches!(name, "." | "..") || (name.is_empty() && !segment.is_empty()) {
            return Err(Malformed::DotSegment);
        }
        if segment.split("%2F").any(|part| matches!(part, "." | "..")) {
            return Err(Malformed::DotSegment);
        }
        if segment.is_empty() && segments.peek().is_some() {
            return Err(Malformed::EmptySegment);
        }
    }
    Ok(())
}

const fn is_path_byte(byte: u8) -> bool {
    // pchar of RFC 3986 §3.3, and '/'.
    matches!(byte,
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'
        | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/')
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

const UPPER_HEX: &str = "0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn canonical(path: &str) -> Result<String, Malformed> {
        canonical_path(path, false).map(Cow::into_owned)
    }

    #[test]
    fn plain_paths_are_borrowed() {
        for path in [
            "/",
            "/fininfo",
            "/fininfo/",
            "/a/b.c/_~-9/mcp",
            "/.well-known",
        ] {
            assert_eq!(canonical(path).as_deref(), Ok(path));
        }
        assert!(matches!(
            canonical_path("/fininfo/mcp", false),
            Ok(Cow::Borrowed(_))
        ));
    }

    #[test]
    fn rejects_dot_segments_in_every_spelling() {
        for path in [
            "/a/../b",
            "/a/..",
            "/..",
            "/./a",
            "/a/.",
            "/%2e%2e/a",
            "/a/%2E./b",
            "/a/.%2e",
            "/a/..;/b",
            "/a/.;x=1/b",
            "/a/;/b",
        ] {
            assert_eq!(canonical(path), Err(Malformed::DotSegment), "{path}");
        }
    }

    #[test]
    fn rejects_hidden_slashes_bytes_and_layers() {
        for path in [
            "/a%2fb",
            "/a%2Fb",
            "/a%5cb",
            "/a%00",
            "/a%0d%0aX",
            "/a%252e",
            "/a%",
            "/a%2",
            "/a%zz",
            "/%c0%ae",
            "/%ff",
            "/%e2%82",
            "/%e2a",
        ] {
            assert_eq!(canonical(path), Err(Malformed::Escape), "{path}");
        }
        for path in ["/a\\b", "/é", "/a b", "/a\"b", "/a|b", "/a^b"] {
            assert_eq!(canonical(path), Err(Malformed::Byte), "{path}");
        }
        assert_eq!(canonical("//a"), Err(Malformed::EmptySegment));
        assert_eq!(canonical("/a//b"), Err(Malformed::EmptySegment));
        assert_eq!(canonical("/a//"), Err(Malformed::EmptySegment));
        assert_eq!(canonical("a"), Err(Malformed::NotAbsolute));
        assert_eq!(canonical("*"), Err(Malformed::NotAbsolute));
    }

    #[test]
    fn resolves_unreserved_escapes_and_keeps_the_others() {
        assert_eq!(canonical("/%66ininfo").as_deref(), Ok("/fininfo"));
        assert_eq!(canonical("/a%20b").as_deref(), Ok("/a%20b"));
        assert_eq!(canonical("/%e2%82%ac").as_deref(), Ok("/%E2%82%AC"));
        assert_eq!(
            canonical_path("/api/servers/a%2fb", true).as_deref(),
            Ok("/api/servers/a%2Fb")
        );
        assert_eq!(
            canonical_path("/api/a%2f..%2fb", true),
            Err(Malformed::DotSegment)
        );
    }

    proptest! {
        #[test]
        fn canonical_is_stable_and_safe(path in "/[a-zA-Z0-9%./;~_é\\\\-]{0,40}") {
            if let Ok(once) = canonical(&path) {
                let again = canonical(&once);
                prop_assert_eq!(again.as_deref(), Ok(once.as_str()));
                prop_assert!(!once.contains("//") && !once.contains('\\'));
                prop_assert!(once.split('/').all(|segment| segment != ".." && segment != "."));
            }
        }
    }
}
