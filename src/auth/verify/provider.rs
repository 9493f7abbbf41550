//! Tokens signed by an identity provider: form, header and signature.
//!
//! Promises: the algorithm is one that fits the kind of the provider's key, never `none` and never a
//! MAC; nothing in a token can name a key or a place to fetch one from; what [`open`] answers is what
//! the key signed, byte for byte. What the claims must say is the callers' business.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::{MAX_TOKEN_BYTES, Rejection, strict};
use crate::domain::issuer::{IssuerKey, KeyMaterial};

/// A provider's public keys, ready for use.
#[derive(Debug, Default)]
pub struct ProviderKeys(Vec<Key>);

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    alg: &'static str,
    parsed: ParsedPublicKey,
}

impl ProviderKeys {
    /// Parses keys. One that is not what it says is left out.
    pub fn parse(keys: &[IssuerKey]) -> Self {
        Self(keys.iter().flat_map(usable).collect())
    }

    /// Whether there is none to check with.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key that a token's header asks for, among those that fit its algorithm. Without a key id
    /// there must be no choice.
    fn find(&self, header: &Header) -> Result<&ParsedPublicKey, Rejection> {
        let Some(kid) = &header.kid else {
            let mut fitting = self.0.iter().filter(|key| key.alg == header.alg);
            return match (fitting.next(), fitting.next()) {
                (Some(only), None) => Ok(&only.parsed),
                _ => Err(Rejection::UnknownKey),
            };
        };
        let mut named = self.0.iter().filter(|key| key.kid.as_ref() == Some(kid));
        let first = named.next().ok_or(Rejection::UnknownKey)?;
        std::iter::once(first)
            .chain(named)
            .find(|key| key.alg == header.alg)
            .map(|key| &key.parsed)
            .ok_or(Rejection::Algorithm)
    }
}

/// A token's header, as far as it is accepted.
pub(super) struct Header {
    pub(super) alg: &'static str,
    pub(super) typ: Option<String>,
    kid: Option<String>,
}

impl fmt::Debug for Header {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Header").finish_non_exhaustive()
    }
}

impl Header {
    fn read(text: &[u8]) -> Result<Self, Rejection> {
        let object = strict::object(text).ok_or(Rejection::Malformed)?;
        let alg = object.get("alg").and_then(Value::as_str);
        let alg = ALGORITHMS
            .iter()
            .find(|known| Some(**known) == alg)
            .ok_or(Rejection::Algorithm)?;
        // Fingerprints of certificates are sent by some providers and say nothing to us.
        let known = ["alg", "typ", "kid", "x5t", "x5t#S256"];
        if object.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(Rejection::Header);
        }
        let text = |name: &str| match object.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Rejection::Malformed),
        };
        Ok(Self {
            alg,
            typ: text("typ")?.map(|typ| media_type(&typ)),
            kid: text("kid")?,
        })
    }
}

/// Types are media types: in any case, `application/` left out (RFC 7515 §4.1.9).
fn media_type(typ: &str) -> String {
    let typ = typ.to_ascii_lowercase();
    typ.strip_prefix("application/")
        .map_or_else(|| typ.clone(), str::to_owned)
}

/// A token taken apart, nothing of it believed yet.
#[derive(Debug)]
pub(super) struct Parts<'t> {
    pub(super) header: Header,
    signed: &'t str,
    signature: &'t str,
    pub(super) payload: Map<String, Value>,
}

impl<'t> Parts<'t> {
    pub(super) fn of(token: &'t str) -> Result<Self, Rejection> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Rejection::TooLarge);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(Rejection::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(Rejection::Malformed)?;
        if payload.contains('.') {
            return Err(Rejection::Malformed);
        }
        let header = Header::read(&decode(header)?)?;
        let payload = strict::object(&decode(payload)?).ok_or(Rejection::Claims)?;
        Ok(Self {
            header,
            signed,
            signature,
            payload,
        })
    }

    /// Checks the signature.
    pub(super) fn check(&self, keys: &ProviderKeys) -> Result<(), Rejection> {
        let key = keys.find(&self.header)?;
        let signature = URL_SAFE_NO_PAD
            .decode(self.signature)
            .map_err(|_| Rejection::Signature)?;
        key.verify_sig(self.signed.as_bytes(), &signature)
            .map_err(|_| Rejection::Signature)
    }
}

/// The `iss` of a token, unchecked: only to find out whose keys to check it with.
pub(super) fn claimed_issuer(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let mut object = strict::object(&decode(payload).ok()?)?;
    match object.remove("iss")? {
        Value::String(issuer) => Some(issuer),
        _ => None,
    }
}

/// What a token of a provider says, its signature checked: an ID token or a log-out token. `types`
/// are the accepted values of `typ` in small letters; none at all is accepted where "" is among them.
///
/// # Errors
/// Why it does not count.
pub fn open(
    token: &str,
    keys: &ProviderKeys,
    types: &[&str],
) -> Result<Map<String, Value>, Rejection> {
    let parts = Parts::of(token)?;
    if !types.contains(&parts.header.typ.as_deref().unwrap_or_default()) {
        return Err(Rejection::Type);
    }
    parts.check(keys)?;
    Ok(parts.payload)
}

/// The algorithm that a token says, of those that exist here.
pub fn algorithm(token: &str) -> Option<&'static str> {
    Parts::of(token).ok().map(|parts| parts.header.alg)
}

/// Base64url without padding and without stray bits; each value has one spelling.
fn decode(part: &str) -> Result<Vec<u8>, Rejection> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Rejection::Malformed)
}

/// A key once per algorithm that it may be used with.
fn usable(key: &IssuerKey) -> Vec<Key> {
    let wanted = key.alg.as_deref();
    let make = |alg: &'static str, parsed: Option<ParsedPublicKey>| {
        parsed.map(|parsed| Key {
            kid: key.kid.clone(),
            alg,
            parsed,
        })
    };
    let fits = |alg: &str| match wanted {
        None => true,
        // RFC 9864 names the curve.
        Some(said) => said == alg || (said == "Ed25519" && alg == "EdDSA"),
    };
    let keys: Vec<Key> = match &key.material {
        KeyMaterial::Rsa { n, e } => RSA
            .iter()
            .filter(|(alg, _)| fits(alg))
            .filter_map(|(alg, parameters)| make(alg, rsa(n, e, parameters)))
            .collect(),
        KeyMaterial::Ec { crv, x, y } => EC
            .iter()
            .filter(|curve| curve.name == crv && fits(curve.alg))
            .filter_map(|curve| make(curve.alg, ec(curve, x, y)))
            .collect(),
        KeyMaterial::Okp { crv, x } => (crv == "Ed25519" && fits("EdDSA"))
            .then(|| make("EdDSA", ed25519(x)))
            .flatten()
            .into_iter()
            .collect(),
    };
    if keys.is_empty() {
        tracing::warn!("ignored a key of the identity provider that cannot check signatures");
    }
    keys
}

fn rsa(n: &str, e: &str, parameters: &'static RsaParameters) -> Option<ParsedPublicKey> {
    let (n, e) = (decode(n).ok()?, decode(e).ok()?);
    let (first, last) = (*n.first()?, *e.last()?);
    let bits = n
        .len()
        .checked_mul(8)?
        .checked_sub(usize::try_from(first.leading_zeros()).ok()?)?;
    let sane_exponent = e.len() <= 4 && e.first() != Some(&0) && last % 2 == 1 && e != [1];
    let sane_modulus = first != 0 && (2_048..=8_192).contains(&bits) && n.last()? % 2 == 1;
    (sane_exponent && sane_modulus)
        .then(|| {
            RsaPublicKeyComponents { n: &n, e: &e }
                .to_parsed_public_key(parameters)
                .ok()
        })
        .flatten()
}

fn ec(curve: &Curve, x: &str, y: &str) -> Option<ParsedPublicKey> {
    let coordinate = |text: &str| decode(text).ok().filter(|bytes| bytes.len() == curve.bytes);
    let point = [&[UNCOMPRESSED], &*coordinate(x)?, &*coordinate(y)?].concat();
    ParsedPublicKey::new(curve.algorithm, point).ok()
}

fn ed25519(x: &str) -> Option<ParsedPublicKey> {
    let key = decode(x).ok().filter(|bytes| bytes.len() == 32)?;
    ParsedPublicKey::new(&ED25519, key).ok()
}

struct Curve {
    name: &'static str,
    alg: &'static str,
    bytes: usize,
    algorithm: &'static aws_lc_rs::signature::EcdsaVerificationAlgorithm,
}

const EC: [Curve; 3] = [
    Curve {
        name: "P-256",
        alg: "ES256",
        bytes: 32,
        algorithm: &ECDSA_P256_SHA256_FIXED,
    },
    Curve {
        name: "P-384",
        alg: "ES384",
        bytes: 48,
        algorithm: &ECDSA_P384_SHA384_FIXED,
    },
    Curve {
        name: "P-521",
        alg: "ES512",
        bytes: 66,
        algorithm: &ECDSA_P521_SHA512_FIXED,
    },
];

const RSA: [(&str, &RsaParameters); 6] = [
    ("RS256", &RSA_PKCS1_2048_8192_SHA256),
    ("RS384", &RSA_PKCS1_2048_8192_SHA384),
    ("RS512", &RSA_PKCS1_2048_8192_SHA512),
    ("PS256", &RSA_PSS_2048_8192_SHA256),
    ("PS384", &RSA_PSS_2048_8192_SHA384),
    ("PS512", &RSA_PSS_2048_8192_SHA512),
];

/// Every algorithm that a token may name.
pub const ALGORITHMS: [&str; 10] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
];

const UNCOMPRESSED: u8 = 4;
