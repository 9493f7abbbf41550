//! An identity provider whose access tokens count: what a gateway needs to check one by itself.
//!
//! Made by the registry from the settings and what the provider publishes; never from a token.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::ids::TokenId;
use super::principal::AuthMethod;

/// A public key of a provider, as it publishes it (RFC 7517), reduced to what is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerKey {
    /// Key id; a provider with one key may leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    /// The only algorithm it is for, where the provider says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alg: Option<String>,
    /// The key itself.
    #[serde(flatten)]
    pub material: KeyMaterial,
}

/// The kinds of public key that count; base64url without padding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty")]
pub enum KeyMaterial {
    /// RSA, 2048 to 8192 bits.
    #[serde(rename = "RSA")]
    Rsa {
        /// Modulus.
        n: String,
        /// Exponent.
        e: String,
    },
    /// A point on P-256, P-384 or P-521.
    #[serde(rename = "EC")]
    Ec {
        /// The curve.
        crv: String,
        /// Coordinate.
        x: String,
        /// Coordinate.
        y: String,
    },
    /// Ed25519.
    #[serde(rename = "OKP")]
    Okp {
        /// The curve.
        crv: String,
        /// The key.
        x: String,
    },
}

/// A provider, its keys, and which of its tokens are meant for us.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedIssuer {
    /// The only accepted `iss`, letter for letter.
    pub issuer: String,
    /// Name of the provider in addresses and in `X-Auth-Method`: `keycloak`, `oidc`.
    pub provider: String,
    /// A token must be meant for one of these.
    pub audiences: BTreeSet<String>,
    /// Our own clients there: a token that names only the provider's account service as its
    /// audience counts when it was issued to one of these.
    #[serde(default)]
    pub clients: BTreeSet<String>,
    /// The claim that lists groups; dots lead into objects.
    pub groups_claim: String,
    /// Longer-living tokens are refused, in seconds.
    pub max_life: i64,
    /// Where the keys are published, as we reach it; none where they come from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys_url: Option<String>,
    /// Keys in use; more than one during rotation.
    #[serde(default)]
    pub keys: Vec<IssuerKey>,
    /// Scopes that it grants to clients that ask, by its own word (`scopes_supported`).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub scopes: BTreeSet<String>,
}

/// Whether a name can stand in a request for scopes (RFC 6749 §3.3) and is no longer than names are.
pub fn is_scope(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (1..=MAX_SCOPE_BYTES).contains(&name.len()) && name.bytes().all(plain)
}

/// How many scopes of a provider are known, at most.
pub const MAX_SCOPES: usize = 200;
const MAX_SCOPE_BYTES: usize = 200;

impl TrustedIssuer {
    /// How its users' credentials are named.
    pub fn method(&self) -> AuthMethod {
        if self.provider == "keycloak" {
            AuthMethod::Keycloak
        } else {
            AuthMethod::Oidc
        }
    }

    /// Under which its log-outs of a user are kept in
    /// [`Trust::logouts`](super::trust::Trust::logouts).
    pub fn logout_of(&self, subject: &str, kind: LogoutKind) -> String {
        let kind = match kind {
            LogoutKind::All => "all",
            LogoutKind::WithoutSession => "no-session",
        };
        format!("{kind} {} {subject}", self.issuer)
    }

    /// The id that tokens of one session at the provider share, and under which the session's
    /// log-out is kept beside those of users. Never one that the registry gives to a token of its
    /// own.
    pub fn session_id(&self, sid: &str) -> TokenId {
        let mut id = format!("sid {} ", self.issuer);
        for byte in sid.bytes() {
            // Writing to a String does not fail.
            let _ = write!(id, "{byte:02x}");
        }
        TokenId(Arc::from(id))
    }
}

/// Which tokens of a user a log-out at the provider ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutKind {
    /// Every one.
    All,
    /// Those that do not say to which session they belong.
    WithoutSession,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_as_providers_publish_them() {
        let text = r#"{"kid":"a","kty":"RSA","n":"AQ","e":"AQAB"}"#;
        let key: IssuerKey = serde_json::from_str(text).unwrap();
        assert_eq!(key.kid.as_deref(), Some("a"));
        let again = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<IssuerKey>(&again).unwrap(), key);
    }

    #[test]
    fn scopes_are_words_of_the_standard() {
        for name in ["openid", "mcp-servers-restricted/read", "a:b+c~"] {
            assert!(is_scope(name), "{name}");
        }
        for name in ["", "a b", "a\"b", "a\\b", "é", "a\n", &"a".repeat(201)] {
            assert!(!is_scope(name), "{name}");
        }
    }

    #[test]
    fn session_ids_are_told_apart_and_never_look_like_tokens_of_ours() {
        let issuer = TrustedIssuer {
            issuer: "https://idp".into(),
            ..TrustedIssuer::default()
        };
        assert_ne!(issuer.session_id("a"), issuer.session_id("b"));
        assert!(issuer.session_id("a").0.contains(' '));
    }
}
