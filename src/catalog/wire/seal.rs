//! Keys of one line: its MAC, and the seal of its secrets.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Prk, Salt};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde::Serialize;

use super::message::Kind;
use super::{Error, FORMAT};
use crate::domain::secret::Secret;

/// Made from the gateway token and the line's own salt.
pub(super) struct LineKeys {
    salt: String,
    mac: hmac::Key,
    seal: RandomizedNonceKey,
}

impl LineKeys {
    /// For a new line.
    pub(super) fn fresh(token: &Secret<String>) -> Result<Self, Error> {
        let mut salt = [0; SALT_BYTES];
        rand::fill(&mut salt).map_err(|_| Error::Write)?;
        Self::of(token, &URL_SAFE_NO_PAD.encode(salt)).map_err(|_| Error::Write)
    }

    /// For a line with that salt.
    pub(super) fn of(token: &Secret<String>, salt: &str) -> Result<Self, Error> {
        let raw = URL_SAFE_NO_PAD.decode(salt).map_err(|_| Error::Mac)?;
        if raw.len() != SALT_BYTES {
            return Err(Error::Mac);
        }
        let prk = Salt::new(HKDF_SHA256, &raw).extract(token.expose().as_bytes());
        let mac = expand(&prk, b"mcp snapshot line mac")?;
        let seal = expand(&prk, b"mcp snapshot line seal")?;
        Ok(Self {
            salt: salt.to_owned(),
            mac: hmac::Key::new(HMAC_SHA256, &mac),
            seal: RandomizedNonceKey::new(&AES_256_GCM, &seal).map_err(|_| Error::Sealed)?,
        })
    }

    /// Writes a line: `{"mac":"…",` and what it covers.
    pub(super) fn line(&self, kind: Kind, body: &impl Serialize) -> Result<Bytes, Error> {
        let body = serde_json::to_string(body).map_err(|_| Error::Write)?;
        let members = body.strip_prefix('{').ok_or(Error::Write)?;
        let rest = format!(
            r#""salt":"{}","format":{FORMAT},"kind":"{}",{members}"#,
            self.salt,
            kind.as_str()
        );
        Ok(self.signed(&rest))
    }

    fn signed(&self, rest: &str) -> Bytes {
        let mac = URL_SAFE_NO_PAD.encode(hmac::sign(&self.mac, rest.as_bytes()));
        Bytes::from(format!("{MAC_MEMBER}{mac}\",{rest}\n"))
    }

    /// A line with members of the test's choice.
    #[cfg(test)]
    pub(super) fn sign(&self, line: &serde_json::Value) -> Option<Bytes> {
        Some(self.signed(line.to_string().strip_prefix('{')?))
    }

    /// Whether the MAC fits, in constant time.
    pub(super) fn check(&self, mac: &[u8], rest: &[u8]) -> Result<(), Error> {
        let mac = URL_SAFE_NO_PAD.decode(mac).map_err(|_| Error::Mac)?;
        hmac::verify(&self.mac, rest, &mac).map_err(|_| Error::Mac)
    }

    /// Seals a value to its place.
    pub(super) fn seal(&self, place: &[&str], value: &[u8]) -> Result<String, Error> {
        let mut sealed = value.to_vec();
        let nonce = self
            .seal
            .seal_in_place_append_tag(Aad::from(aad(place)), &mut sealed)
            .map_err(|_| Error::Write)?;
        let nonce: &[u8; NONCE_LEN] = nonce.as_ref();
        Ok(URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what was sealed to that place.
    pub(super) fn open(&self, place: &[&str], sealed: &str) -> Result<Secret<Vec<u8>>, Error> {
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map_err(|_| Error::Sealed)?;
        let (nonce, sealed) = sealed
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(Error::Sealed)?;
        let mut value = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self
            .seal
            .open_in_place(nonce, Aad::from(aad(place)), &mut value)
            .map_err(|_| Error::Sealed)?
            .len();
        value.truncate(length);
        Ok(Secret::new(value))
    }
}

/// The MAC of a line, and the part that it covers.
pub(super) fn mac_and_rest(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let line = line.strip_prefix(MAC_MEMBER.as_bytes())?;
    let (mac, rest) = line.split_at_checked(MAC_CHARACTERS)?;
    Some((mac, rest.strip_prefix(b"\",")?))
}

fn expand(prk: &Prk, purpose: &[u8]) -> Result<[u8; KEY_BYTES], Error> {
    let mut key = [0; KEY_BYTES];
    prk.expand(&[purpose], &AES_256_GCM)
        .and_then(|okm| okm.fill(&mut key))
        .map_err(|_| Error::Write)?;
    Ok(key)
}

/// Each part with its length, so that no two places look the same.
fn aad(place: &[&str]) -> Vec<u8> {
    let mut aad = Vec::new();
    for part in place {
        aad.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        aad.extend_from_slice(part.as_bytes());
    }
    aad
}

const MAC_MEMBER: &str = r#"{"mac":""#;
/// HMAC-SHA256 in base64url.
const MAC_CHARACTERS: usize = 43;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
