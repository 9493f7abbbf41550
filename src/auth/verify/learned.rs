//! Keys that this process fetched by itself, before the trust had them.
//!
//! # Why
//! The registry refreshes keys at intervals; a provider may sign with a new one at once. What is
//! learned counts in place of the trust's keys while those are the ones it was learned on top of;
//! beside them, for a moment, once they have changed; and never for long, so that a key which the
//! provider takes back is gone.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::issuer::{IssuerKey, TrustedIssuer};
use crate::domain::time::Timestamp;

/// By issuer.
#[derive(Debug, Default)]
pub(super) struct Learned(BTreeMap<String, Keys>);

#[derive(Clone, Debug)]
struct Keys {
    /// What the trust had then.
    base: Vec<IssuerKey>,
    published: Vec<IssuerKey>,
    since: Timestamp,
}

impl Keys {
    fn end(&self, issuer: &TrustedIssuer) -> Timestamp {
        let seconds = if self.base == issuer.keys {
            ALONE_SECONDS
        } else {
            BESIDE_SECONDS
        };
        self.since.plus_seconds(seconds)
    }
}

impl Learned {
    /// These, with what a provider publishes now.
    pub(super) fn with(&self, issuer: &TrustedIssuer, keys: &[IssuerKey], now: Timestamp) -> Self {
        let mut all = self.0.clone();
        let fresh = Keys {
            base: issuer.keys.clone(),
            published: keys.to_vec(),
            since: now,
        };
        all.insert(issuer.issuer.clone(), fresh);
        Self(all)
    }

    /// The keys that count now.
    pub(super) fn keys_of<'i>(
        &self,
        issuer: &'i TrustedIssuer,
        now: Timestamp,
    ) -> Cow<'i, [IssuerKey]> {
        match self.0.get(&issuer.issuer) {
            Some(learned) if now < learned.end(issuer) => {
                let mut keys = learned.published.clone();
                if learned.base != issuer.keys {
                    let more = issuer
                        .keys
                        .iter()
                        .filter(|key| !learned.published.contains(key));
                    keys.extend(more.cloned());
                }
                Cow::Owned(keys)
            }
            Some(_) | None => Cow::Borrowed(&issuer.keys),
        }
    }

    /// When another answer has to be given; `None`: not by the passing of time.
    pub(super) fn until(
        &self,
        issuers: &[Arc<TrustedIssuer>],
        now: Timestamp,
    ) -> Option<Timestamp> {
        let ends = issuers
            .iter()
            .filter_map(|issuer| Some(self.0.get(&issuer.issuer)?.end(issuer)));
        ends.filter(|end| now < *end).min()
    }
}

/// While the trust has nothing newer.
const ALONE_SECONDS: i64 = 600;
/// Once the trust has something else: a fetch of the registry may have been under way meanwhile.
const BESIDE_SECONDS: i64 = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::issuer::KeyMaterial;

    fn key(kid: &str) -> IssuerKey {
        IssuerKey {
            kid: Some(kid.into()),
            alg: None,
            material: KeyMaterial::Okp {
                crv: "Ed25519".into(),
                x: kid.into(),
            },
        }
    }

    fn issuer(keys: &[&str]) -> TrustedIssuer {
        TrustedIssuer {
            issuer: "https://idp".into(),
            keys: keys.iter().map(|kid| key(kid)).collect(),
            ..TrustedIssuer::default()
        }
    }

    fn kids(learned: &Learned, issuer: &TrustedIssuer, now: i64) -> Vec<String> {
        let keys = learned.keys_of(issuer, Timestamp::from_unix(now));
        keys.iter().filter_map(|key| key.kid.clone()).collect()
    }

    #[test]
    fn counts_in_place_of_older_keys_for_a_limited_time() {
        let old = issuer(&["a", "b"]);
        let learned = Learned::default().with(&old, &[key("b"), key("c")], Timestamp::from_unix(0));
        assert_eq!(kids(&learned, &old, 599), ["b", "c"]);
        assert_eq!(kids(&learned, &old, 600), ["a", "b"]);
        let until = learned.until(&[Arc::new(old)], Timestamp::from_unix(5));
        assert_eq!(until, Some(Timestamp::from_unix(600)));
    }

    #[test]
    fn stands_beside_newer_keys_for_a_moment_and_then_gives_way() {
        let old = issuer(&["a"]);
        let learned = Learned::default().with(&old, &[key("a"), key("b")], Timestamp::from_unix(0));
        let newer = issuer(&["c"]);
        assert_eq!(kids(&learned, &newer, 59), ["a", "b", "c"]);
        assert_eq!(kids(&learned, &newer, 60), ["c"]);
        assert_eq!(
            learned.until(&[Arc::new(newer)], Timestamp::from_unix(60)),
            None
        );
    }
}
