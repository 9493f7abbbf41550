//! Public keys, parsed once per change of trust.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::learned::Learned;
use super::provider::ProviderKeys;
use crate::domain::issuer::TrustedIssuer;
use crate::domain::time::Timestamp;
use crate::domain::trust::{TokenKey, Trust};

/// What checks signatures, and what it was made from.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    generation: u64,
    issuers: Vec<(Arc<TrustedIssuer>, ProviderKeys)>,
    learned: Arc<Learned>,
    /// Until when what was learned counts as it does now.
    until: Option<Timestamp>,
    issuer: String,
    audience: String,
    written: Vec<TokenKey>,
    parsed: Vec<Option<ParsedPublicKey>>,
}

impl KeySet {
    /// Parses the keys of `trust` and what was learned since; `generation` is not 0 and of no other
    /// set. A key that cannot be used is named in the log and left out: tokens signed with it are
    /// refused, all others still count.
    pub(super) fn parse(
        trust: &Trust,
        learned: Arc<Learned>,
        now: Timestamp,
        generation: u64,
    ) -> Self {
        let issuers = trust.issuers.iter().map(|issuer| {
            let keys = ProviderKeys::parse(&learned.keys_of(issuer, now));
            (Arc::clone(issuer), keys)
        });
        Self {
            generation,
            issuers: issuers.collect(),
            until: learned.until(&trust.issuers, now),
            learned,
            issuer: trust.issuer.clone(),
            audience: trust.audience.clone(),
            written: trust.keys.clone(),
            parsed: trust.keys.iter().map(parse).collect(),
        }
    }

    /// Whether these are the keys of `trust`. Revocations do not matter here.
    pub(super) fn is_of(&self, trust: &Trust, learned: &Arc<Learned>, now: Timestamp) -> bool {
        self.generation > 0
            && self.issuers.len() == trust.issuers.len()
            && (self.issuers.iter().zip(&trust.issuers))
                .all(|((ours, _), theirs)| Arc::ptr_eq(ours, theirs) || ours == theirs)
            && Arc::ptr_eq(&self.learned, learned)
            && self.until.is_none_or(|until| now < until)
            && self.issuer == trust.issuer
            && self.audience == trust.audience
            && self.written == trust.keys
    }

    /// Differs between any two sets that differ.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
    }

    /// The identity provider of that name, its keys and its place in the trust.
    pub(super) fn issuer(&self, name: &str) -> Option<(usize, &Arc<TrustedIssuer>, &ProviderKeys)> {
        let mut issuers = self.issuers.iter().enumerate();
        issuers
            .find(|(_, (issuer, _))| issuer.issuer == name)
            .map(|(place, (issuer, keys))| (place, issuer, keys))
    }

    /// Whether any identity provider is known.
    pub(super) const fn has_issuers(&self) -> bool {
        !self.issuers.is_empty()
    }

    /// The key of that name.
    pub(super) fn find(&self, kid: &str) -> Option<&ParsedPublicKey> {
        let index = self.written.iter().position(|key| key.kid == kid)?;
        self.parsed.get(index)?.as_ref()
    }
}

fn parse(key: &TokenKey) -> Option<ParsedPublicKey> {
    let point = || {
        let x = URL_SAFE_NO_PAD
            .decode(&key.x)
            .ok()
            .filter(|x| x.len() == COORDINATE_BYTES)?;
        let y = URL_SAFE_NO_PAD
            .decode(&key.y)
            .ok()
            .filter(|y| y.len() == COORDINATE_BYTES)?;
        let point = [&[UNCOMPRESSED], &*x, &*y].concat();
        ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).ok()
    };
    let parsed = point();
    if parsed.is_none() {
        tracing::warn!(kid = %key.kid, "ignored a token key that is not a point of P-256");
    }
    parsed
}

const UNCOMPRESSED: u8 = 4;
const COORDINATE_BYTES: usize = 32;
