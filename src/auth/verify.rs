//! Checks tokens that the registry issued: ES256 JWTs of type `at+jwt`, and API keys.
//!
//! [`Verifier::verify`] promises that what it lets pass is byte for byte what a trusted key signed,
//! that it names our issuer and our audience, that it is in force now, and that it is not revoked.
//! It must not fetch anything, must not guess (unknown header members, duplicate names, padded
//! base64 are refused), and must not let a token into a log: a [`Rejection`] holds none of it.
//! Start with [`Verifier::verify`]; the steps lie in `token` (form and signature) and `claims`.
//!
//! # Why
//! One algorithm, chosen by us and not by the token, takes away the whole family of algorithm
//! confusion. A hit of the cache skips the signature and the parsing only: revocation and expiry
//! are judged every time, so that caching never prolongs a token. `exp` is exact, without leeway,
//! because the registry forgets a revoked token when it ends.

mod cache;
mod claims;
mod keys;
mod token;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::digest::{SHA256, digest};

use super::api_key;
use crate::domain::principal::Principal;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::trust::Trust;

use cache::Cache;
use claims::Checked;
use keys::KeySet;

/// Why a token does not count. Clients get one answer for all of them; logs and metrics get
/// [`Rejection::reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Rejection {
    /// Longer than any token of ours.
    #[error("the token is longer than {MAX_TOKEN_BYTES} bytes")]
    TooLarge,
    /// Not three parts of canonical base64url with JSON objects inside.
    #[error("the token is not a well-formed JWT")]
    Malformed,
    /// The header holds something else than `alg`, `typ` and `kid`.
    #[error("the token's header holds members that are not accepted")]
    Header,
    /// Not ES256.
    #[error("the token's algorithm is not ES256")]
    Algorithm,
    /// Not an access token.
    #[error("the token's type is not at+jwt")]
    Type,
    /// Signed with a key that is not, or no longer, trusted.
    #[error("the token's key id is not known")]
    UnknownKey,
    /// The signature does not fit.
    #[error("the token's signature is not valid")]
    Signature,
    /// A claim is missing, twice there or of the wrong type.
    #[error("the token's claims are incomplete or ambiguous")]
    Claims,
    /// From somebody else.
    #[error("the token's issuer is another")]
    Issuer,
    /// For somebody else.
    #[error("the token's audience is another")]
    Audience,
    /// Over.
    #[error("the token has expired")]
    Expired,
    /// Made or valid only in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Made for longer than any token may be.
    #[error("the token is valid for longer than a year")]
    Lifetime,
    /// Revoked by its id.
    #[error("the token was revoked")]
    Revoked,
    /// An API key that is none, or does not count any more.
    #[error("the API key is not known")]
    UnknownApiKey,
    /// Made before all tokens of its user were revoked.
    #[error("the tokens that this user held at that time were revoked")]
    Superseded,
}

impl Rejection {
    /// A stable label for logs and metrics.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Type => "type",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Lifetime => "lifetime",
            Self::Revoked => "revoked",
            Self::UnknownApiKey => "unknown_api_key",
            Self::Superseded => "superseded",
        }
    }
}

/// Checks tokens and remembers those that were good. One per process; shared by all threads.
#[derive(Debug)]
pub struct Verifier {
    clock: Clock,
    ttl: i64,
    keys: ArcSwap<KeySet>,
    generations: AtomicU64,
    cache: Cache,
}

impl Verifier {
    /// Remembers up to `entries` good tokens, each for at most `ttl`.
    pub fn new(clock: Clock, ttl: Duration, entries: usize) -> Self {
        Self {
            clock,
            ttl: i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX),
            keys: ArcSwap::default(),
            generations: AtomicU64::new(0),
            cache: Cache::new(entries),
        }
    }

    /// Who shows this token, as far as `trust` says.
    ///
    /// Blocks only for the time of a signature check (some 100 µs), and not at all for a token that
    /// was seen before.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn verify(&self, trust: &Trust, token: &str) -> Result<Arc<Principal>, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge);
        }
        let now = self.clock.now();
        if token.starts_with(api_key::PREFIX) {
            return find_key(trust, token, now);
        }
        let keys = self.keys_of(trust);
        let hash = fingerprint(token);
        let checked = match self.cache.find(&hash, keys.generation(), now) {
            Some(checked) => checked,
            None => self.check(trust, &keys, token, hash, now)?,
        };
        checked.in_force(trust, now)?;
        Ok(Arc::clone(&checked.principal))
    }

    /// The slow way: form, signature, claims.
    fn check(
        &self,
        trust: &Trust,
        keys: &KeySet,
        token: &str,
        hash: Fingerprint,
        now: Timestamp,
    ) -> Result<Arc<Checked>, Rejection> {
        let payload = token::open(token, keys)?;
        let checked = Arc::new(claims::read(&payload, trust, now)?);
        checked.in_force(trust, now)?;
        let until = now.plus_seconds(self.ttl).min(checked.expires_at);
        self.cache
            .keep(hash, keys.generation(), now, until, Arc::clone(&checked));
        Ok(checked)
    }

    /// The keys of `trust`, parsed; those in use where they are the same, by value. A change of
    /// revocations is none of theirs and costs nothing.
    fn keys_of(&self, trust: &Trust) -> Guard<Arc<KeySet>> {
        let current = self.keys.load();
        if current.is_of(trust) {
            return current;
        }
        let generation = self
            .generations
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        let parsed = Arc::new(KeySet::parse(trust, generation));
        self.keys.store(Arc::clone(&parsed));
        Guard::from_inner(parsed)
    }
}

/// An API key is a look-up by its hash; there is nothing to remember of it.
fn find_key(trust: &Trust, token: &str, now: Timestamp) -> Result<Arc<Principal>, Rejection> {
    let hash = api_key::hash_of(token).ok_or(Rejection::Malformed)?;
    let principal = trust.api_keys.find(&hash).ok_or(Rejection::UnknownApiKey)?;
    if principal.expires_at.is_none_or(|end| end <= now) {
        return Err(Rejection::Expired);
    }
    Ok(Arc::clone(principal))
}

/// SHA-256 of a token: what the cache knows it by.
type Fingerprint = [u8; 32];

fn fingerprint(token: &str) -> Fingerprint {
    let mut hash = [0; 32];
    // The lengths are equal by definition of SHA-256.
    for (to, from) in hash
        .iter_mut()
        .zip(digest(&SHA256, token.as_bytes()).as_ref())
    {
        *to = *from;
    }
    hash
}

/// Longer tokens are refused before anything else is done with them.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

#[cfg(test)]
mod tests;
