//! Making tokens: ES256 JWTs of type `at+jwt` (RFC 9068), checked by
//! [`verify`](super::verify) in the registry and in every gateway.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

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
    key: EncodingKey,
    public: TokenKey,
    name: String,
}

impl Issuer {
    /// A new private key, PKCS#8.
    ///
    /// # Errors
    /// [`Failed`] without randomness.
    pub fn new_key() -> Result<Secret<Vec<u8>>, Failed> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| Failed)?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    /// With a key made by [`Issuer::new_key`]; `issuer` is the `iss` of every token.
    ///
    /// # Errors
    /// [`Failed`] when it is not such a key.
    pub fn new(key: &Secret<Vec<u8>>, issuer: &str) -> Result<Self, Failed> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.expose())
            .map_err(|_| Failed)?;
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..33).zip(point.get(33..65)).ok_or(Failed)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        // RFC 7638.
        let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let kid = URL_SAFE_NO_PAD.encode(digest(&SHA256, thumbprint.as_bytes()));
        Ok(Self {
            key: EncodingKey::from_ec_der(key.expose()),
            public: TokenKey { kid, x, y },
            name: issuer.to_owned(),
        })
    }

    /// The public half, for those who check.
    pub const fn public_key(&self) -> &TokenKey {
        &self.public
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
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.public.kid.clone());
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
        jsonwebtoken::encode(&header, &claims, &self.key)
            .map(Secret::new)
            .map_err(|_| Failed)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Issuer")
            .field("kid", &self.public.kid)
            .finish_non_exhaustive()
    }
}

/// Signing was not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not sign a token: the signing key is unusable")]
pub struct Failed;

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
