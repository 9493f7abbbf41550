//! Key sets (RFC 7517): of all that a provider may publish, the public keys that check signatures.

use serde_json::{Map, Value};

use crate::auth::verify::provider::{ALGORITHMS, ProviderKeys};
use crate::auth::verify::strict_object;
use crate::domain::issuer::{IssuerKey, KeyMaterial};

/// Not a key set, or nothing in it that can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksError {
    /// Not the JSON of a key set.
    #[error("it is not a key set (RFC 7517)")]
    Malformed,
    /// More keys than any provider has.
    #[error("it holds more than {MAX_KEYS} keys")]
    TooMany,
    /// Nothing to check signatures with.
    #[error("it holds no public key that signatures can be checked with")]
    NoneUsable,
}

/// The usable keys, in an order that depends on nothing but them.
///
/// # Errors
/// When there is none.
pub fn parse(text: &[u8]) -> Result<Vec<IssuerKey>, JwksError> {
    let mut set = strict_object(text).ok_or(JwksError::Malformed)?;
    let Some(Value::Array(keys)) = set.remove("keys") else {
        return Err(JwksError::Malformed);
    };
    if keys.len() > MAX_KEYS {
        return Err(JwksError::TooMany);
    }
    let mut usable: Vec<IssuerKey> = keys
        .iter()
        .filter_map(|key| read(key.as_object()?))
        .filter(|key| !ProviderKeys::parse(std::slice::from_ref(key)).is_empty())
        .collect();
    usable.sort_by_cached_key(|key| serde_json::to_string(key).unwrap_or_default());
    usable.dedup();
    if usable.is_empty() {
        return Err(JwksError::NoneUsable);
    }
    Ok(usable)
}

fn read(key: &Map<String, Value>) -> Option<IssuerKey> {
    let text = |name: &str| key.get(name).and_then(Value::as_str).map(str::to_owned);
    // A name that is there must be a text.
    let optional = |name: &str| match key.get(name) {
        None => Some(None),
        Some(Value::String(text)) if text.len() <= MAX_TEXT => Some(Some(text.clone())),
        Some(_) => None,
    };
    if PRIVATE.iter().any(|name| key.contains_key(*name)) {
        tracing::warn!("ignored a private key that the identity provider publishes");
        return None;
    }
    if optional("use")?.is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    match key.get("key_ops") {
        None => {}
        Some(Value::Array(uses)) if uses.iter().any(|one| one == "verify") => {}
        Some(_) => return None,
    }
    let alg = optional("alg")?;
    let known = |alg: &String| ALGORITHMS.contains(&alg.as_str()) || alg == "Ed25519";
    if alg.as_ref().is_some_and(|alg| !known(alg)) {
        return None;
    }
    let material = match key.get("kty")?.as_str()? {
        "RSA" => KeyMaterial::Rsa {
            n: text("n")?,
            e: text("e")?,
        },
        "EC" => KeyMaterial::Ec {
            crv: text("crv")?,
            x: text("x")?,
            y: text("y")?,
        },
        "OKP" => KeyMaterial::Okp {
            crv: text("crv")?,
            x: text("x")?,
        },
        _ => return None,
    };
    Some(IssuerKey {
        kid: optional("kid")?,
        alg,
        material,
    })
}

/// Members of private and symmetric keys.
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];
const MAX_KEYS: usize = 50;
const MAX_TEXT: usize = 512;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    fn good() -> Value {
        json!({"kty": "EC", "crv": "P-256", "x": X, "y": Y, "kid": "a", "use": "sig", "alg": "ES256"})
    }

    fn with(name: &str, value: Value) -> Value {
        let mut key = good();
        key[name] = value;
        key
    }

    #[test]
    fn takes_the_public_signing_keys_in_a_fixed_order() {
        let other = with("kid", json!("b"));
        let one = json!({"keys": [good(), other, good(), {"kty": "oct", "k": "AA"}], "x": 1});
        let two = json!({"keys": [other, good()]});
        let keys = parse(one.to_string().as_bytes()).unwrap();
        assert_eq!(keys, parse(two.to_string().as_bytes()).unwrap());
        assert_eq!(keys.len(), 2);
    }

    #[test]
    fn nothing_that_is_not_a_public_signing_key_counts() {
        let hostile = [
            with("use", json!("enc")),
            with("use", json!(7)),
            with("key_ops", json!(["sign"])),
            with("key_ops", json!("verify")),
            with("alg", json!("HS256")),
            with("alg", json!("none")),
            with("alg", json!("ECDH-ES")),
            with("alg", json!("ES384")),
            with("alg", json!(["ES256"])),
            with("kty", json!("oct")),
            with("kty", json!("ec")),
            with("kty", json!(["EC"])),
            with("kty", json!("RSA")),
            with("crv", json!("P-384")),
            with("crv", json!("secp256k1")),
            with("x", json!(Y)),
            with("x", json!("")),
            with("x", json!(format!("{X}="))),
            with("y", json!(Y.replace('_', "/"))),
            with("y", json!(X)),
            with("y", json!(null)),
            with("kid", json!(7)),
            with("kid", json!("k".repeat(1_000))),
            with("d", json!("AA")),
            with("k", json!("AA")),
            json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}),
            json!({"kty": "oct", "k": "c2VjcmV0", "alg": "HS256", "kid": "a"}),
            json!({"kty": "OKP", "crv": "X25519", "x": X}),
            json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA"}),
            json!("key"),
            json!(null),
            json!([]),
            json!({}),
        ];
        for key in hostile {
            let set = json!({"keys": [key]}).to_string();
            assert_eq!(parse(set.as_bytes()), Err(JwksError::NoneUsable), "{set}");
        }
    }

    #[test]
    fn what_is_not_a_key_set_is_refused() {
        let many = json!({"keys": vec![good(); 51]}).to_string();
        assert_eq!(parse(many.as_bytes()), Err(JwksError::TooMany));
        let twice = format!(r#"{{"keys":[],"keys":[{}]}}"#, good());
        let twice_inside = format!(
            r#"{{"keys":[{},"x":"{X}"}}]}}"#,
            good().to_string().trim_end_matches('}')
        );
        for text in [
            "",
            "null",
            "[]",
            "{}",
            "<html>",
            r#"{"keys":{}}"#,
            r#"{"keys":null}"#,
            r#"{"keys":[}"#,
            r#"{"Keys":[]}"#,
            &twice,
            &twice_inside,
        ] {
            assert_eq!(parse(text.as_bytes()), Err(JwksError::Malformed), "{text}");
        }
        assert_eq!(parse(br#"{"keys":[]}"#), Err(JwksError::NoneUsable));
    }
}
