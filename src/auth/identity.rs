//! Who a caller is, told to servers: `X-MCP-Identity`, a JWT that a gateway signs with a key of its
//! own, and the key set by which servers check it.
//!
//! Promises: such a token is for one server, lives no longer than [`LIFE`] and the credential that
//! it stands for, and its type is none that anybody could call us with. A private key never leaves
//! its gateway; the registry only passes public halves on. Start with [`keys`] for where keys come
//! from and go, with [`token`] for what is said.

#[cfg(feature = "gateway")]
pub mod keys;
#[cfg(feature = "gateway")]
pub mod token;

use std::time::Duration;

use serde::Serialize;

use crate::domain::trust::TokenKey;

/// The set of these keys as `/.well-known/jwks.json` shows it (RFC 7517), each once.
pub fn key_set<'k>(keys: impl IntoIterator<Item = &'k TokenKey>) -> String {
    let mut listed: Vec<&TokenKey> = keys.into_iter().collect();
    listed.sort_by(|one, other| one.kid.cmp(&other.kid));
    listed.dedup_by(|one, other| one.kid == other.kid);
    let keys = listed.into_iter().map(|key| Jwk {
        kty: "EC",
        crv: "P-256",
        alg: "ES256",
        usage: "sig",
        kid: &key.kid,
        x: &key.x,
        y: &key.y,
    });
    // Texts only: this cannot fail.
    serde_json::to_string(&KeySet {
        keys: keys.collect(),
    })
    .unwrap_or_default()
}

#[derive(Serialize)]
struct KeySet<'k> {
    keys: Vec<Jwk<'k>>,
}

#[derive(Serialize)]
struct Jwk<'k> {
    kty: &'k str,
    crv: &'k str,
    alg: &'k str,
    #[serde(rename = "use")]
    usage: &'k str,
    kid: &'k str,
    x: &'k str,
    y: &'k str,
}

/// Where the key set is, in every mode.
pub const KEY_SET_PATH: &str = "/.well-known/jwks.json";
/// How long a key set may be kept (`Cache-Control` of it).
pub const KEY_SET_CACHING: &str = "public, max-age=300";
/// How long a token lives, at most.
pub const LIFE: Duration = Duration::from_mins(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_set_names_each_key_once_in_one_order() {
        let key = |kid: &str| TokenKey {
            kid: kid.into(),
            x: "X".into(),
            y: "Y".into(),
        };
        let (a, b) = (key("a"), key("b"));
        let one =
            r#"{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"a","x":"X","y":"Y"}"#;
        assert_eq!(key_set([&a, &a]), format!(r#"{{"keys":[{one}]}}"#));
        assert_eq!(key_set([&a, &b]), key_set([&b, &a, &b]));
        assert_eq!(key_set([]), r#"{"keys":[]}"#);
    }
}
