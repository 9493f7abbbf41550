use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::*;
use crate::domain::ids::TokenId;
use crate::domain::trust::TokenKey;

const NOW: i64 = 1_800_000_000;

struct Issuer {
    pair: EcdsaKeyPair,
    trust: Trust,
}

impl Issuer {
    fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let key = TokenKey {
            kid: "k1".into(),
            x: URL_SAFE_NO_PAD.encode(&point[1..33]),
            y: URL_SAFE_NO_PAD.encode(&point[33..]),
        };
        let trust = Trust {
            issuer: "cluster-1".into(),
            audience: "mcp".into(),
            keys: vec![key],
            ..Trust::default()
        };
        Self { pair, trust }
    }

    fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", b64(header), b64(payload));
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(HEADER, &claims.to_string())
    }
}

const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"k1"}"#;

fn b64(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn claims() -> Value {
    json!({
        "iss": "cluster-1", "aud": "mcp", "sub": "ann", "jti": "t1", "scope": "read  write",
        "iat": NOW - 10, "exp": NOW + 3600, "groups": ["g"], "client_id": "c",
        "preferred_username": "Ann", "something_new": {"a": [1]},
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut all = claims();
    all[name] = value;
    all
}

fn without(name: &str) -> Value {
    let mut all = claims();
    all.as_object_mut().unwrap().remove(name);
    all
}

fn verifier() -> (Verifier, Clock) {
    let clock = Clock::manual(Timestamp::from_unix(NOW));
    (
        Verifier::new(clock.clone(), Duration::from_mins(5), 64),
        clock,
    )
}

#[test]
fn a_good_token_names_its_principal() {
    let issuer = Issuer::new();
    let (verifier, _) = verifier();
    let principal = verifier
        .verify(&issuer.trust, &issuer.token(&claims()))
        .unwrap();
    assert_eq!(&*principal.subject, "ann");
    assert_eq!(&*principal.username, "Ann");
    assert_eq!(principal.scopes, ["read".into(), "write".into()].into());
    assert_eq!(principal.groups, ["g".into()].into());
    assert_eq!(principal.client_id.as_deref(), Some("c"));
    assert_eq!(principal.token_id, Some(TokenId("t1".into())));
    assert_eq!(principal.expires_at, Some(Timestamp::from_unix(NOW + 3600)));
}

/// Headers that lie about how the token is to be checked; each correctly signed with our key.
fn hostile_headers() -> Vec<(String, Rejection)> {
    let mut vectors = Vec::new();
    for alg in [
        "none", "None", "NONE", "nOnE", "", "HS256", "RS256", "ES384", "ES256K", "es256", "EdDSA",
        "ES256 ",
    ] {
        vectors.push((
            json!({"alg": alg, "typ": "at+jwt", "kid": "k1"}).to_string(),
            Rejection::Algorithm,
        ));
    }
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"});
    for (name, value) in [
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        ("jwk", jwk),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
    ] {
        let mut header: Value = serde_json::from_str(HEADER).unwrap();
        header[name] = value;
        vectors.push((header.to_string(), Rejection::Header));
    }
    for typ in ["JWT", "AT+JWT", "application/at+jwt", "logout+jwt", ""] {
        vectors.push((
            json!({"alg": "ES256", "typ": typ, "kid": "k1"}).to_string(),
            Rejection::Type,
        ));
    }
    for kid in [
        "k2",
        "",
        "K1",
        "../../etc/passwd",
        "k1' OR '1'='1",
        &"k".repeat(4000),
    ] {
        vectors.push((
            json!({"alg": "ES256", "typ": "at+jwt", "kid": kid}).to_string(),
            Rejection::UnknownKey,
        ));
    }
    vectors.extend([
        (
            r#"{"typ":"at+jwt","kid":"k1"}"#.into(),
            Rejection::Algorithm,
        ),
        (r#"{"alg":"ES256","kid":"k1"}"#.into(), Rejection::Type),
        (
            r#"{"alg":"ES256","typ":"at+jwt"}"#.into(),
            Rejection::UnknownKey,
        ),
        (
            r#"{"alg":"none","alg":"ES256","typ":"at+jwt","kid":"k1"}"#.into(),
            Rejection::Malformed,
        ),
        (
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k1","kid":"k1"}"#.into(),
            Rejection::Malformed,
        ),
        (
            r#"{"alg":["ES256"],"typ":"at+jwt","kid":"k1"}"#.into(),
            Rejection::Malformed,
        ),
        (r#"["ES256"]"#.into(), Rejection::Malformed),
        ("{".into(), Rejection::Malformed),
        (String::new(), Rejection::Malformed),
        ("[".repeat(3000), Rejection::Malformed),
    ]);
    vectors
}

/// Claims that a trusted key signed and that must not count all the same.
fn hostile_claims() -> Vec<(String, Rejection)> {
    let mut vectors: Vec<(Value, Rejection)> = vec![
        (with("iss", json!("cluster-1/")), Rejection::Issuer),
        (with("iss", json!("Cluster-1")), Rejection::Issuer),
        (with("iss", json!("")), Rejection::Issuer),
        (with("aud", json!("other")), Rejection::Audience),
        (with("aud", json!("MCP")), Rejection::Audience),
        (with("aud", json!(["mcp"])), Rejection::Claims),
        (with("aud", json!(["mcp", "other"])), Rejection::Claims),
        (with("exp", json!(NOW)), Rejection::Expired),
        (with("exp", json!(NOW - 1)), Rejection::Expired),
        (with("exp", json!(-1)), Rejection::Expired),
        (with("exp", json!(253_402_300_799_i64)), Rejection::Lifetime),
        (with("exp", json!(i64::MAX)), Rejection::Lifetime),
        (with("exp", json!(u64::MAX)), Rejection::Claims),
        (
            with("exp", json!((NOW + 60).to_string())),
            Rejection::Claims,
        ),
        (with("exp", json!(1e300)), Rejection::Claims),
        (with("exp", Value::Null), Rejection::Claims),
        (with("iat", json!(NOW + 61)), Rejection::NotYetValid),
        (with("iat", json!(-5)), Rejection::Claims),
        (with("nbf", json!(NOW + 61)), Rejection::NotYetValid),
        (with("nbf", json!("soon")), Rejection::Claims),
        (with("sub", json!("")), Rejection::Claims),
        (with("jti", json!("")), Rejection::Claims),
        (with("sub", json!(7)), Rejection::Claims),
        (with("scope", json!(["read"])), Rejection::Claims),
        (with("groups", json!("g")), Rejection::Claims),
    ];
    for name in ["iss", "aud", "sub", "jti", "exp", "iat", "scope"] {
        vectors.push((without(name), Rejection::Claims));
    }
    let mut texts: Vec<(String, Rejection)> = vectors
        .into_iter()
        .map(|(claims, why)| (claims.to_string(), why))
        .collect();
    let good = claims().to_string();
    for extra in [
        r#""scope":"admin""#,
        r#""sub":"root""#,
        r#""something_new":1"#,
        r#""\u0073ub":"root""#,
    ] {
        texts.push((
            format!("{},{extra}}}", good.strip_suffix('}').unwrap()),
            Rejection::Claims,
        ));
    }
    for text in ["", "null", "[]", "{}", "\u{fe}", &"[".repeat(4000)] {
        texts.push((text.to_owned(), Rejection::Claims));
    }
    texts
}

#[test]
fn refuses_every_lying_header_and_claim_though_signed() {
    let issuer = Issuer::new();
    let (verifier, _) = verifier();
    for (header, why) in hostile_headers() {
        let token = issuer.sign(&header, &claims().to_string());
        assert_eq!(verifier.verify(&issuer.trust, &token), Err(why), "{header}");
    }
    for (payload, why) in hostile_claims() {
        let token = issuer.sign(HEADER, &payload);
        assert_eq!(
            verifier.verify(&issuer.trust, &token),
            Err(why),
            "{payload}"
        );
    }
    assert_eq!(verifier.cache.len(), 0);
}

#[test]
fn refuses_every_damaged_form() {
    let issuer = Issuer::new();
    let (verifier, _) = verifier();
    let good = issuer.token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let with_signature =
        |bytes: &[u8]| format!("{header}.{payload}.{}", URL_SAFE_NO_PAD.encode(bytes));
    let stranger = Issuer::new();
    let other = issuer.token(&with("scope", json!("admin")));
    let mut vectors = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        header.to_owned(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.{signature}."),
        format!("{header}.{payload}.{signature}.{signature}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{header}.{}.{signature}", other.split('.').nth(1).unwrap()),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}%"),
        format!(
            "{}.{payload}.{signature}",
            URL_SAFE.encode(format!("{HEADER} "))
        ),
        format!("{header}.{payload}.{}", STANDARD.encode(&raw)),
        with_signature(&[0; 64]),
        with_signature(&[0; 63]),
        with_signature(&[0xff; 64]),
        with_signature(&[]),
        with_signature(&raw[..63]),
        with_signature(&[&*raw, &[0]].concat()),
        with_signature(&[&[0; 32], &raw[32..]].concat()),
        with_signature(&[&raw[..32], &[0; 32]].concat()),
        stranger.token(&claims()),
        good.to_uppercase(),
        "a".repeat(MAX_TOKEN_BYTES),
        format!("{header}.{payload}.é"),
    ];
    for end in 0..good.len() {
        vectors.push(good.chars().take(end).collect());
    }
    for at in (0..good.len()).step_by(3) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        vectors.push(String::from_utf8(bytes).unwrap());
    }
    for token in vectors {
        assert!(verifier.verify(&issuer.trust, &token).is_err(), "{token}");
    }
    assert!(verifier.verify(&issuer.trust, &good).is_ok());
}

#[test]
fn refuses_a_mac_made_with_the_public_key() {
    let issuer = Issuer::new();
    let (verifier, _) = verifier();
    let key = &issuer.trust.keys[0];
    let point = issuer.pair.public_key().as_ref().to_vec();
    for secret in [
        point,
        key.x.clone().into_bytes(),
        key.kid.clone().into_bytes(),
    ] {
        for alg in ["HS256", "ES256"] {
            let header = json!({"alg": alg, "typ": "at+jwt", "kid": "k1"}).to_string();
            let signed = format!("{}.{}", b64(&header), b64(&claims().to_string()));
            let mac = hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA256, &secret),
                signed.as_bytes(),
            );
            let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
            assert!(verifier.verify(&issuer.trust, &token).is_err());
        }
    }
}

#[test]
fn refuses_long_tokens_before_reading_them() {
    let issuer = Issuer::new();
    let (verifier, _) = verifier();
    let token = issuer.token(&with("padding", json!("x".repeat(MAX_TOKEN_BYTES))));
    assert_eq!(
        verifier.verify(&issuer.trust, &token),
        Err(Rejection::TooLarge)
    );
    let nine = "x".repeat(9 * 1024);
    assert_eq!(
        verifier.verify(&issuer.trust, &nine),
        Err(Rejection::TooLarge)
    );
}

#[test]
fn clocks_may_differ_by_a_minute_but_never_prolong() {
    let issuer = Issuer::new();
    let (verifier, clock) = verifier();
    let early = issuer.token(&with("iat", json!(NOW + 60)));
    assert!(verifier.verify(&issuer.trust, &early).is_ok());
    let token = issuer.token(&with("exp", json!(NOW + 100)));
    clock.advance(99);
    assert!(verifier.verify(&issuer.trust, &token).is_ok());
    clock.advance(1);
    assert_eq!(
        verifier.verify(&issuer.trust, &token),
        Err(Rejection::Expired)
    );
}

#[test]
fn revocation_counts_at_once_though_the_token_is_remembered() {
    let mut issuer = Issuer::new();
    let (verifier, _) = verifier();
    let token = issuer.token(&claims());
    assert!(verifier.verify(&issuer.trust, &token).is_ok());
    issuer
        .trust
        .revoked
        .insert(TokenId("t1".into()), Timestamp::from_unix(NOW + 3600));
    assert_eq!(
        verifier.verify(&issuer.trust, &token),
        Err(Rejection::Revoked)
    );
    issuer.trust.revoked.clear();
    for name in ["ann", "Ann"] {
        issuer.trust.not_before = [(name.to_owned(), Timestamp::from_unix(NOW - 9))].into();
        assert_eq!(
            verifier.verify(&issuer.trust, &token),
            Err(Rejection::Superseded)
        );
        issuer.trust.not_before = [(name.to_owned(), Timestamp::from_unix(NOW - 10))].into();
        assert!(verifier.verify(&issuer.trust, &token).is_ok());
    }
}

#[test]
fn a_key_that_is_no_longer_trusted_takes_remembered_tokens_with_it() {
    let mut issuer = Issuer::new();
    let (verifier, _) = verifier();
    let token = issuer.token(&claims());
    assert!(verifier.verify(&issuer.trust, &token).is_ok());
    let trusted = issuer.trust.clone();
    issuer.trust.keys = Issuer::new().trust.keys;
    assert_eq!(
        verifier.verify(&issuer.trust, &token),
        Err(Rejection::Signature)
    );
    issuer.trust.keys.clear();
    assert_eq!(
        verifier.verify(&issuer.trust, &token),
        Err(Rejection::UnknownKey)
    );
    let renamed = Trust {
        issuer: "cluster-2".into(),
        ..trusted.clone()
    };
    assert_eq!(verifier.verify(&renamed, &token), Err(Rejection::Issuer));
    let readdressed = Trust {
        audience: "other".into(),
        ..trusted.clone()
    };
    assert_eq!(
        verifier.verify(&readdressed, &token),
        Err(Rejection::Audience)
    );
    assert!(verifier.verify(&trusted, &token).is_ok());
}

#[test]
fn a_broken_key_spares_the_others() {
    let mut issuer = Issuer::new();
    let broken = TokenKey {
        kid: "k0".into(),
        x: "AAAA".into(),
        y: "not base64!".into(),
    };
    let off_curve = TokenKey {
        kid: "k9".into(),
        ..issuer.trust.keys[0].clone()
    };
    issuer.trust.keys.insert(0, broken);
    issuer.trust.keys.push(TokenKey {
        y: off_curve.x.clone(),
        ..off_curve
    });
    let (verifier, _) = verifier();
    assert!(
        verifier
            .verify(&issuer.trust, &issuer.token(&claims()))
            .is_ok()
    );
    for kid in ["k0", "k9"] {
        let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": kid}).to_string();
        let token = issuer.sign(&header, &claims().to_string());
        assert_eq!(
            verifier.verify(&issuer.trust, &token),
            Err(Rejection::UnknownKey)
        );
    }
}

#[test]
fn nothing_is_trusted_by_default() {
    let issuer = Issuer::new();
    let (verifier, _) = verifier();
    assert!(
        verifier
            .verify(&Trust::default(), &issuer.token(&claims()))
            .is_err()
    );
}

#[test]
fn remembers_for_a_limited_time_and_a_limited_number() {
    let issuer = Issuer::new();
    let clock = Clock::manual(Timestamp::from_unix(NOW));
    let verifier = Verifier::new(clock.clone(), Duration::from_secs(30), 16);
    let token = issuer.token(&claims());
    let first = verifier.verify(&issuer.trust, &token).unwrap();
    let again = verifier.verify(&issuer.trust, &token).unwrap();
    assert!(Arc::ptr_eq(&first, &again), "remembered");
    clock.advance(30);
    let later = verifier.verify(&issuer.trust, &token).unwrap();
    assert!(!Arc::ptr_eq(&first, &later), "checked afresh");
    clock.advance(-5);
    let back = verifier.verify(&issuer.trust, &token).unwrap();
    assert!(
        !Arc::ptr_eq(&later, &back),
        "a clock that went back makes a miss"
    );
    for number in 0..200 {
        let token = issuer.token(&with("jti", json!(format!("t{number}"))));
        assert!(verifier.verify(&issuer.trust, &token).is_ok());
    }
    assert!(verifier.cache.len() <= 16);
    let none = Verifier::new(clock, Duration::from_secs(30), 0);
    assert!(none.verify(&issuer.trust, &token).is_ok());
    assert_eq!(none.cache.len(), 0);
}

#[test]
fn errors_and_debug_hold_nothing_of_the_token() {
    let issuer = Issuer::new();
    let (verifier, _) = verifier();
    let mut labels = std::collections::BTreeSet::new();
    for (header, why) in hostile_headers() {
        let token = issuer.sign(&header, &claims().to_string());
        let shown = format!("{why} {why:?} {} {verifier:?}", why.reason());
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!shown.contains(part));
        }
        labels.insert(why.reason());
    }
    assert!(labels.len() >= 5);
}
