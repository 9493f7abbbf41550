//! Keys that sign JWTs with ES256: P-256, private half as PKCS#8.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    ParsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::domain::secret::Secret;
use crate::domain::trust::TokenKey;

/// A key with which this process signs.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    public: TokenKey,
}

/// Signing was not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not sign a token: the signing key is unusable")]
pub struct Failed;

impl SigningKey {
    /// A new private key, PKCS#8.
    ///
    /// # Errors
    /// [`Failed`] without randomness.
    pub fn generate() -> Result<Secret<Vec<u8>>, Failed> {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
                .map_err(|_| Failed)?;
        Ok(Secret::new(document.as_ref().to_vec()))
    }

    /// A key made by [`SigningKey::generate`].
    ///
    /// # Errors
    /// [`Failed`] when it is not such a key.
    pub fn parse(key: &Secret<Vec<u8>>) -> Result<Self, Failed> {
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.expose())
            .map_err(|_| Failed)?;
        let point = pair.public_key().as_ref();
        let (x, y) = point.get(1..33).zip(point.get(33..65)).ok_or(Failed)?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let kid = thumbprint(&x, &y);
        Ok(Self {
            pair,
            random: SystemRandom::new(),
            public: TokenKey { kid, x, y },
        })
    }

    /// The public half; its name is its thumbprint.
    pub const fn public(&self) -> &TokenKey {
        &self.public
    }

    /// A JWT of this type.
    ///
    /// # Errors
    /// [`Failed`] when signing does.
    pub fn sign(&self, kind: &str, claims: &impl Serialize) -> Result<String, Failed> {
        let header = serde_json::to_vec(&Header {
            alg: "ES256",
            typ: kind,
            kid: &self.public.kid,
        });
        let claims = serde_json::to_vec(claims).map_err(|_| Failed)?;
        let mut token = URL_SAFE_NO_PAD.encode(header.map_err(|_| Failed)?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self
            .pair
            .sign(&self.random, token.as_bytes())
            .map_err(|_| Failed)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SigningKey")
            .field("kid", &self.public.kid)
            .finish_non_exhaustive()
    }
}

/// The name of a P-256 key after what it is (RFC 7638).
pub fn thumbprint(x: &str, y: &str) -> String {
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()))
}

/// Whether a key is a point of P-256 under the name that belongs to it, each part in its one
/// spelling.
pub fn is_sound(key: &TokenKey) -> bool {
    let coordinate = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|x| x.len() == 32);
    let Some((x, y)) = coordinate(&key.x).zip(coordinate(&key.y)) else {
        return false;
    };
    let point = [&[UNCOMPRESSED], &*x, &*y].concat();
    key.kid == thumbprint(&key.x, &key.y)
        && ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).is_ok()
}

const UNCOMPRESSED: u8 = 4;

#[derive(Serialize)]
struct Header<'a> {
    alg: &'a str,
    typ: &'a str,
    kid: &'a str,
}
