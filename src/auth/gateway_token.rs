//! What a gateway shows to the registry, and the registry to a gateway.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

/// The accepted gateway tokens; more than one while they are rotated. Only their hashes are kept.
#[derive(Default)]
pub struct GatewayTokens(Vec<[u8; 32]>);

impl GatewayTokens {
    /// From a comma list.
    ///
    /// # Errors
    /// [`TooShort`] where one could be guessed.
    pub fn parse(list: &str) -> Result<Self, TooShort> {
        let tokens: Vec<&str> = list
            .split(',')
            .map(str::trim)
            .filter(|token| !token.is_empty())
            .collect();
        if tokens.is_empty() || tokens.iter().any(|token| token.len() < MIN_LENGTH) {
            return Err(TooShort);
        }
        Ok(Self(tokens.into_iter().map(hash).collect()))
    }

    /// Whether this is one of them, in constant time.
    pub fn contains(&self, token: &str) -> bool {
        let shown = hash(token);
        self.0.iter().fold(false, |found, known| {
            verify_slices_are_equal(known, &shown).is_ok() | found
        })
    }
}

impl fmt::Debug for GatewayTokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} gateway tokens", self.0.len())
    }
}

/// A gateway token that could be guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "REGISTRY_API_TOKEN has an entry shorter than 22 characters (128 bit); make one with `openssl rand -hex 32`"
)]
pub struct TooShort;

fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
    hash
}

const MIN_LENGTH: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_each_of_a_list_and_nothing_else() {
        let (old, new) = ("a".repeat(32), "b".repeat(32));
        let tokens = GatewayTokens::parse(&format!("{old}, {new}")).unwrap();
        assert!(tokens.contains(&old) && tokens.contains(&new));
        assert!(
            !tokens.contains(&"c".repeat(32))
                && !tokens.contains("")
                && !tokens.contains(&format!("{old},{new}"))
        );
        assert!(!GatewayTokens::default().contains(""));
    }

    #[test]
    fn refuses_what_could_be_guessed() {
        for list in ["", "short", ",", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa,short"] {
            assert_eq!(GatewayTokens::parse(list).unwrap_err(), TooShort, "{list}");
        }
    }
}
