//! Making tokens: ES256 JWTs of type `at+jwt` (RFC 9068), checked by
//! [`verify`](super::verify) in the registry and in every gateway.

use std::fmt;

use serde::Serialize;

pub use super::signing::Failed;
use super::signing::SigningKey;
use crate::domain::ids::TokenId;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::domain::trust::TokenKey;

/// The `aud` of every token: all gateways and the registry itself.
pub const AUDIENCE: &str = "mcp-gateway";

/// What a token says.
#[derive(Clone, Debug)]
pub struct Grant<'a> {
    /// Whose it is: `sub`.
    pub subject: &'a str,
    /// The owner's name: `preferred_username`.
    pub username: &'a str,
    /// What it allows.
    pub scopes: &'a [String],
    /// Groups of the user.
    pub groups: &'a [String],
    /// Its id.
    pub id: &'a TokenId,
    /// When it is made.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Signs tokens with a private key that only registries have.
pub struct Issuer {
    key: SigningKey,
    name: String,
}

impl Issuer {
    /// A new private key, PKCS#8.
    ///
    /// # Errors
    /// [`Failed`] without randomness.
    pub fn new_key() -> Result<Secret<Vec<u8>>, Failed> {
        SigningKey::generate()
    }

    /// With a key made by [`Issuer::new_key`]; `issuer` is the `iss` of every token.
    ///
    /// # Errors
    /// [`Failed`] when it is not such a key.
    pub fn new(key: &Secret<Vec<u8>>, issuer: &str) -> Result<Self, Failed> {
        Ok(Self {
            key: SigningKey::parse(key)?,
            name: issuer.to_owned(),
        })
    }

    /// The public half, for those who check.
    pub const fn public_key(&self) -> &TokenKey {
        self.key.public()
    }

    /// The `iss` of every token.
    pub fn issuer(&self) -> &str {
        &self.name
    }

    /// Makes a token.
    ///
    /// # Errors
    /// [`Failed`] when signing does.
    pub fn issue(&self, grant: &Grant<'_>) -> Result<Secret<String>, Failed> {
        let claims = Claims {
            iss: &self.name,
            aud: AUDIENCE,
            sub: grant.subject,
            preferred_username: grant.username,
            scope: grant.scopes.join(" "),
            groups: grant.groups,
            iat: grant.issued_at.unix(),
            exp: grant.expires_at.unix(),
            jti: &grant.id.0,
            client_id: "user-generated",
        };
        self.key.sign("at+jwt", &claims).map(Secret::new)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Issuer")
            .field("kid", &self.public_key().kid)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    preferred_username: &'a str,
    scope: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    groups: &'a [String],
    iat: i64,
    exp: i64,
    jti: &'a str,
    client_id: &'a str,
}
