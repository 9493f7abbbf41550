//! The text of API keys: `mcpk_`, an id, a secret, a checksum.
//!
//! `mcpk_<16 hex digits>_<64 hex digits>_<8 hex digits>`: the prefix and the fixed form let scanners
//! find a key in a repository, the checksum lets them (and us) tell it from something that only
//! looks like one. [`hash_of`] is all that a gateway does with a key before it looks it up.
//!
//! # Why
//! At rest and in snapshots a key is its SHA-256. Slow, salted hashes are for secrets that people
//! choose: they make each guess dear. This secret has 256 random bits, there is nothing to guess,
//! so a fast hash loses nothing and lets every request be checked in well under a microsecond. The
//! look-up by hash needs no comparison in constant time: what its timing could tell is a part of
//! the hash, of which no key can be made.

use aws_lc_rs::digest::{SHA256, digest};

use crate::domain::api_key::KeyHash;
use crate::domain::hex::hex;
use crate::domain::ids::TokenId;
use crate::domain::secret::Secret;

/// What every key begins with.
pub const PREFIX: &str = "mcpk_";

/// A key just made.
#[derive(Debug)]
pub struct NewKey {
    /// Its id; the second part of the text.
    pub id: TokenId,
    /// What its holder gets, once.
    pub text: Secret<String>,
    /// What everybody else knows it by.
    pub hash: KeyHash,
}

impl NewKey {
    /// From random bytes.
    pub fn new(id: [u8; 8], secret: [u8; 32]) -> Self {
        Self::beginning_with(PREFIX, id, secret)
    }

    /// The same form for something else than an API key.
    pub(super) fn beginning_with(prefix: &str, id: [u8; 8], secret: [u8; 32]) -> Self {
        let id = hex(&id);
        let mut text = format!("{prefix}{id}_{}", hex(&secret));
        let checksum = checksum(&text);
        text.push('_');
        text.push_str(&checksum);
        Self {
            id: TokenId(id.into()),
            hash: sha256(&text),
            text: Secret::new(text),
        }
    }
}

/// The hash of a key's text; `None` for what cannot be one, by its form or its checksum.
pub fn hash_of(text: &str) -> Option<KeyHash> {
    hash_of_one_beginning_with(PREFIX, text)
}

/// The same for what begins with something else.
pub(super) fn hash_of_one_beginning_with(prefix: &str, text: &str) -> Option<KeyHash> {
    let parts = text.strip_prefix(prefix)?;
    let (parts, shown) = parts.rsplit_once('_')?;
    let (id, secret) = parts.split_once('_')?;
    let is_hex = |part: &str, length: usize| {
        part.len() == length
            && part
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if !(is_hex(id, 16) && is_hex(secret, 64) && is_hex(shown, CHECKSUM_DIGITS)) {
        return None;
    }
    let signed = text.get(..text.len().checked_sub(CHECKSUM_DIGITS + 1)?)?;
    (checksum(signed) == shown).then(|| sha256(text))
}

fn checksum(text: &str) -> String {
    let KeyHash(hash) = sha256(text);
    hex(hash.get(..CHECKSUM_DIGITS / 2).unwrap_or_default())
}

fn sha256(text: &str) -> KeyHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    KeyHash(hash)
}

const CHECKSUM_DIGITS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_hash() {
        let key = NewKey::new([1; 8], [2; 32]);
        let text = key.text.expose();
        assert!(text.starts_with("mcpk_0101010101010101_0202"), "{text}");
        assert_eq!(text.len(), 95);
        assert_eq!(hash_of(text), Some(key.hash));
        assert_eq!(&*key.id.0, "0101010101010101");
        assert!(!format!("{key:?}").contains("0202"), "never in a log");
    }

    #[test]
    fn what_only_looks_like_a_key_has_no_hash() {
        let key = NewKey::new([0xab; 8], [0xcd; 32]);
        let text = key.text.expose();
        let with = |from: &str, to: &str| text.replacen(from, to, 1);
        for wrong in [
            String::new(),
            PREFIX.to_owned(),
            text.to_uppercase(),
            with("ab", "ac"),
            with("cd", "dc"),
            format!("{text}0"),
            format!("{text} "),
            format!(" {text}"),
            text.chars().take(94).collect(),
            with("_", "-"),
            with("mcpk", "mcpx"),
            format!("mcpk__{}", "0".repeat(89)),
            "mcpk_é".repeat(20),
        ] {
            assert_eq!(hash_of(&wrong), None, "{wrong}");
        }
    }
}
