//! The text of the credentials of other people's gateways: as that of API keys, but it begins with
//! `mcpg_`, so that neither can be taken for the other, by scanners or by us.

use super::api_key::{self, NewKey};
use crate::domain::api_key::KeyHash;

/// What every credential begins with.
pub const PREFIX: &str = "mcpg_";

/// A credential from random bytes.
pub fn new(id: [u8; 8], secret: [u8; 32]) -> NewKey {
    NewKey::beginning_with(PREFIX, id, secret)
}

/// The hash of a credential's text; `None` for what cannot be one.
pub fn hash_of(text: &str) -> Option<KeyHash> {
    api_key::hash_of_one_beginning_with(PREFIX, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_no_api_key_and_an_api_key_no_credential() {
        let (credential, key) = (new([1; 8], [2; 32]), NewKey::new([1; 8], [2; 32]));
        assert!(
            credential
                .text
                .expose()
                .starts_with("mcpg_0101010101010101_0202")
        );
        assert_eq!(hash_of(credential.text.expose()), Some(credential.hash));
        assert_eq!(hash_of(key.text.expose()), None);
        assert_eq!(api_key::hash_of(credential.text.expose()), None);
        assert_eq!(hash_of(&key.text.expose().replace("mcpk_", "mcpg_")), None);
    }
}
