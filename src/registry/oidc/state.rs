//! What a browser carries from the start of a login to its end: sealed, short-lived, single-use.
//!
//! The browser that comes back must be the one that left (the cookie), with the answer to the question
//! that we asked (state, nonce, PKCE verifier inside it).

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::registry::Error;
use crate::registry::keys::random;

/// One login under way.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) state: String,
    pub(super) nonce: String,
    /// PKCE (RFC 7636).
    pub(super) verifier: String,
    /// Where the provider sends the browser to, exactly.
    pub(super) redirect: String,
    /// Where the browser goes in the end, on our own pages.
    pub(super) back: String,
    pub(super) provider: String,
    at: i64,
}

impl fmt::Debug for Pending {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pending")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

impl Pending {
    pub(super) fn new(
        provider: &str,
        redirect: String,
        back: String,
        now: Timestamp,
    ) -> Result<Self, Error> {
        Ok(Self {
            state: secret()?,
            nonce: secret()?,
            verifier: secret()?,
            redirect,
            back,
            provider: provider.to_owned(),
            at: now.unix(),
        })
    }

    /// For the cookie.
    pub(super) fn seal(&self, key: &Secret<Vec<u8>>) -> Result<String, Error> {
        let failed = Error::Internal("cannot seal a login's state");
        let mut text = serde_json::to_vec(self).map_err(|_| Error::Internal("no JSON"))?;
        let sealer = sealer(key).ok_or(failed)?;
        let nonce = sealer
            .seal_in_place_append_tag(Aad::from(PURPOSE), &mut text)
            .map_err(|_| Error::Internal("cannot seal a login's state"))?;
        let mut cookie = nonce.as_ref().to_vec();
        cookie.extend_from_slice(&text);
        Ok(URL_SAFE_NO_PAD.encode(cookie))
    }

    /// From the cookie, while it counts.
    pub(super) fn open(cookie: &str, key: &Secret<Vec<u8>>, now: Timestamp) -> Option<Self> {
        if cookie.len() > MAX_COOKIE {
            return None;
        }
        let sealed = URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let (nonce, text) = sealed.split_first_chunk::<12>()?;
        let mut text = text.to_vec();
        let opened = sealer(key)?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(PURPOSE),
                &mut text,
            )
            .ok()?;
        let pending: Self = serde_json::from_slice(opened).ok()?;
        let at = Timestamp::from_unix(pending.at);
        (at <= now && now < at.plus_seconds(LIFE_SECONDS)).then_some(pending)
    }

    /// When it no longer counts.
    pub(super) const fn ends_at(&self) -> Timestamp {
        Timestamp::from_unix(self.at).plus_seconds(LIFE_SECONDS)
    }
}

fn sealer(key: &Secret<Vec<u8>>) -> Option<RandomizedNonceKey> {
    RandomizedNonceKey::new(&AES_256_GCM, key.expose()).ok()
}

/// 256 random bits, fit for URLs.
fn secret() -> Result<String, Error> {
    random::<32>()
        .map(|bytes| URL_SAFE_NO_PAD.encode(bytes))
        .map_err(|_| Error::Internal("no randomness"))
}

/// A login takes no longer.
pub(super) const LIFE_SECONDS: i64 = 600;
const PURPOSE: &[u8] = b"login state";
const MAX_COOKIE: usize = 3_000;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

    fn key(byte: u8) -> Secret<Vec<u8>> {
        Secret::new(vec![byte; 32])
    }

    #[test]
    fn counts_for_ten_minutes_under_its_own_key_and_unchanged() {
        let pending = Pending::new("oidc", "https://gw/cb".into(), "/".into(), NOW).unwrap();
        let cookie = pending.seal(&key(1)).unwrap();
        let opened = Pending::open(&cookie, &key(1), NOW).unwrap();
        assert_eq!(opened.state, pending.state);
        assert!(Pending::open(&cookie, &key(1), NOW.plus_seconds(599)).is_some());
        assert!(Pending::open(&cookie, &key(1), NOW.plus_seconds(600)).is_none());
        assert!(Pending::open(&cookie, &key(1), NOW.plus_seconds(-1)).is_none());
        assert!(Pending::open(&cookie, &key(2), NOW).is_none());
        for at in (0..cookie.len()).step_by(3) {
            let mut bytes = cookie.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Pending::open(&changed, &key(1), NOW).is_none());
        }
        for other in ["", "AAAA", "not base64!", &"A".repeat(10_000)] {
            assert!(Pending::open(other, &key(1), NOW).is_none());
        }
        assert!(cookie.len() < 1_000, "{}", cookie.len());
        assert!(!format!("{pending:?}").contains(&pending.verifier));
    }
}
