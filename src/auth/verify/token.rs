//! The form of a token: three parts, a header that says what we expect, a signature that fits.

use std::borrow::Cow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{self, MapAccess, Visitor};

use super::Rejection;
use super::keys::KeySet;

/// The payload of a token, once its header is acceptable and its signature fits.
pub(super) fn open(token: &str, keys: &KeySet) -> Result<Vec<u8>, Rejection> {
    let (signed, signature) = token.rsplit_once('.').ok_or(Rejection::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(Rejection::Malformed)?;
    if payload.contains('.') {
        return Err(Rejection::Malformed);
    }
    let header = decode(header)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| Rejection::Malformed)?;
    let kid = header.check()?;
    let key = keys.find(kid).ok_or(Rejection::UnknownKey)?;
    let signature = URL_SAFE_NO_PAD
        .decode(signature)
        .map_err(|_| Rejection::Signature)?;
    key.verify_sig(signed.as_bytes(), &signature)
        .map_err(|_| Rejection::Signature)?;
    decode(payload)
}

/// Base64url without padding and without stray bits; each value has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Rejection::Malformed)
}

/// The header's members, as far as they are accepted.
#[derive(Default)]
struct Header<'a> {
    alg: Option<Cow<'a, str>>,
    typ: Option<Cow<'a, str>>,
    kid: Option<Cow<'a, str>>,
    /// There is another member: a key, a place to fetch one from, `crit`, `zip`, anything.
    other: bool,
}

impl Header<'_> {
    fn check(&self) -> Result<&str, Rejection> {
        if self.alg.as_deref() != Some("ES256") {
            return Err(Rejection::Algorithm);
        }
        if self.other {
            return Err(Rejection::Header);
        }
        if self.typ.as_deref() != Some("at+jwt") {
            return Err(Rejection::Type);
        }
        self.kid.as_deref().ok_or(Rejection::UnknownKey)
    }
}

impl<'de> Deserialize<'de> for Header<'de> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Header<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JOSE header")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut header = Header::default();
                while let Some(name) = map.next_key::<Cow<'de, str>>()? {
                    let slot = match &*name {
                        "alg" => &mut header.alg,
                        "typ" => &mut header.typ,
                        "kid" => &mut header.kid,
                        _ => {
                            header.other = true;
                            map.next_value::<de::IgnoredAny>()?;
                            continue;
                        }
                    };
                    if slot.replace(map.next_value()?).is_some() {
                        return Err(de::Error::custom("a member is there twice"));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(Members)
    }
}
