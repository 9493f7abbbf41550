//! Public keys, parsed once per change of trust.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::trust::{TokenKey, Trust};

/// What checks signatures, and what it was made from.
#[derive(Debug, Default)]
pub(super) struct KeySet {
    generation: u64,
    issuer: String,
    audience: String,
    written: Vec<TokenKey>,
    parsed: Vec<Option<ParsedPublicKey>>,
}

impl KeySet {
    /// Parses the keys of `trust`; `generation` is not 0 and of no other set. A key that is not a point of P-256 is named in the log and left
    /// out: tokens signed with it are refused, all others still count.
    pub(super) fn parse(trust: &Trust, generation: u64) -> Self {
        Self {
            generation,
            issuer: trust.issuer.clone(),
            audience: trust.audience.clone(),
            written: trust.keys.clone(),
            parsed: trust.keys.iter().map(parse).collect(),
        }
    }

    /// Whether these are the keys of `trust`. Revocations do not matter here.
    pub(super) fn is_of(&self, trust: &Trust) -> bool {
        self.generation > 0
            && self.issuer == trust.issuer
            && self.audience == trust.audience
            && self.written == trust.keys
    }

    /// Differs between any two sets that differ.
    pub(super) const fn generation(&self) -> u64 {
        self.generation
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
