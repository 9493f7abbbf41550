//! Checks tokens: those that the registry issued (ES256 JWTs of type `at+jwt`), its API keys, and
//! access tokens of the identity providers that the registry trusts.
//!
//! [`Verifier::verify`] promises that what it lets pass is byte for byte what a trusted key signed,
//! that it names an issuer we know and us as its audience, that it is in force now, and that it is
//! not revoked. It must not fetch anything, must not guess (unknown header members, duplicate names,
//! padded base64 are refused), and must not let a token into a log: a [`Rejection`] holds none of it.
//! Start with [`Verifier::verify`]; for our own tokens the steps lie in `token` (form and signature)
//! and `claims`, for those of providers in [`provider`] and `foreign`.
//!
//! A provider may sign with a key that it has published since its keys were last fetched. That is
//! told apart ([`Rejection::wants_keys`]): [`super::oidc`] fetches them, [`Verifier::learn`] takes
//! them into use, and the token is checked again.
//!
//! # Why
//! The algorithm is chosen by the key and not by the token: that takes away the whole family of
//! algorithm confusion. A hit of the cache skips the signature and the parsing only: revocation and expiry
//! are judged every time, so that caching never prolongs a token. `exp` is exact, without leeway,
//! because the registry forgets a revoked token when it ends.

mod cache;
mod claims;
mod foreign;
mod keys;
mod learned;
pub mod provider;
mod strict;
mod token;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::digest::{SHA256, digest};

use super::api_key;
use crate::domain::issuer::{IssuerKey, TrustedIssuer};
use crate::domain::principal::Principal;
use crate::domain::time::{Clock, Timestamp};
use crate::domain::trust::Trust;

use cache::Cache;
use claims::Checked;
use keys::KeySet;
use learned::Learned;

pub use foreign::{groups_of, text_of};
pub use strict::object as strict_object;

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
    /// Signed with a key that the identity provider at this place of the trust may have published
    /// since its keys were last fetched.
    #[error("the token's key id is not known; its issuer may have new keys")]
    NewKey(usize),
    /// The identity provider at this place of the trust is known, but none of its keys.
    #[error("no key of the token's issuer is known yet")]
    NoKeys(usize),
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
            Self::NewKey(_) => "new_key",
            Self::NoKeys(_) => "no_keys",
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

    /// Whose keys to fetch before the token is checked again, as a place in
    /// [`Trust::issuers`](crate::domain::trust::Trust::issuers).
    pub const fn wants_keys(self) -> Option<usize> {
        match self {
            Self::NewKey(issuer) | Self::NoKeys(issuer) => Some(issuer),
            _ => None,
        }
    }
}

/// Where a token is used: an identity provider may have made it for that address alone (RFC 8707).
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Our own public address: scheme, host, base path; no slash at the end.
    pub base: &'a str,
    /// The server's path.
    pub path: &'a str,
}

impl Place<'_> {
    /// Whether an audience is this server under one of its addresses.
    fn is(&self, audience: &str) -> bool {
        let below = audience
            .strip_prefix(self.base)
            .and_then(|rest| rest.strip_prefix(self.path));
        matches!(below, Some("" | "/" | "/mcp" | "/mcp/" | "/sse" | "/sse/"))
    }
}

/// Checks tokens and remembers those that were good. One per process; shared by all threads.
#[derive(Debug)]
pub struct Verifier {
    clock: Clock,
    ttl: i64,
    keys: ArcSwap<KeySet>,
    learned: ArcSwap<Learned>,
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
            learned: ArcSwap::default(),
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
        self.verify_at(trust, token, None)
    }

    /// The same where a token counts too that was made for this place alone.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn verify_at(
        &self,
        trust: &Trust,
        token: &str,
        place: Option<Place<'_>>,
    ) -> Result<Arc<Principal>, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge);
        }
        let now = self.clock.now();
        if token.starts_with(api_key::PREFIX) {
            return find_key(trust, token, now);
        }
        let keys = self.keys_of(trust, now);
        let hash = fingerprint(token);
        if let Some(checked) = self.cache.find(&hash, keys.generation(), now) {
            checked.in_force(trust, now)?;
            checked.is_meant_for(place)?;
            return Ok(Arc::clone(&checked.principal));
        }
        let checked = Arc::new(check(trust, &keys, token, now)?);
        checked.in_force(trust, now)?;
        checked.is_meant_for(place)?;
        let until = now.plus_seconds(self.ttl).min(checked.expires_at);
        let principal = Arc::clone(&checked.principal);
        self.cache
            .keep(hash, keys.generation(), now, until, checked);
        Ok(principal)
    }

    /// What a token says that the provider at this place of the trust signed for us alone: an ID
    /// token or a log-out token, as far as [`provider::open`] judges it.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn open(
        &self,
        trust: &Trust,
        place: usize,
        token: &str,
        types: &[&str],
    ) -> Result<serde_json::Map<String, serde_json::Value>, Rejection> {
        let keys = self.keys_of(trust, self.clock.now());
        let issuer = trust.issuers.get(place).ok_or(Rejection::Issuer)?;
        let (_, _, keys) = keys.issuer(&issuer.issuer).ok_or(Rejection::Issuer)?;
        if keys.is_empty() {
            return Err(Rejection::NoKeys(place));
        }
        provider::open(token, keys, types).map_err(|rejection| match rejection {
            Rejection::UnknownKey => Rejection::NewKey(place),
            other => other,
        })
    }

    /// Takes the keys that a provider publishes now into use, until the trust has them too.
    pub fn learn(&self, issuer: &TrustedIssuer, keys: &[IssuerKey]) {
        let now = self.clock.now();
        self.learned.rcu(|learned| learned.with(issuer, keys, now));
    }

    /// The keys of `trust`, parsed; those in use where they are the same, by value. A change of
    /// revocations is none of theirs and costs nothing.
    fn keys_of(&self, trust: &Trust, now: Timestamp) -> Guard<Arc<KeySet>> {
        let (current, learned) = (self.keys.load(), self.learned.load());
        if current.is_of(trust, &learned, now) {
            return current;
        }
        let generation = self
            .generations
            .fetch_add(1, Ordering::Relaxed)
            .wrapping_add(1);
        let learned = Guard::into_inner(learned);
        let parsed = Arc::new(KeySet::parse(trust, learned, now, generation));
        self.keys.store(Arc::clone(&parsed));
        Guard::from_inner(parsed)
    }
}

/// The slow way: form, signature, claims.
fn check(trust: &Trust, keys: &KeySet, token: &str, now: Timestamp) -> Result<Checked, Rejection> {
    if keys.has_issuers()
        && let Some(name) = provider::claimed_issuer(token)
        && let Some((place, issuer, keys)) = keys.issuer(&name)
    {
        let parts = provider::Parts::of(token)?;
        if keys.is_empty() {
            return Err(Rejection::NoKeys(place));
        }
        parts.check(keys).map_err(|rejection| match rejection {
            Rejection::UnknownKey => Rejection::NewKey(place),
            other => other,
        })?;
        return foreign::read(&parts, issuer, now);
    }
    let payload = token::open(token, keys)?;
    claims::read(&payload, trust, now)
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
