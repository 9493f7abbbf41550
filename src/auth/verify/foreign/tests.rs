//! Tokens of an identity provider, good and hostile. The hostile ones are tables: each entry is one
//! lie, signed with the provider's own key wherever the lie is not the signature itself.

use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;
use crate::auth::verify::{MAX_TOKEN_BYTES, Place, Verifier};
use crate::domain::issuer::{IssuerKey, KeyMaterial};
use crate::domain::time::Clock;
use crate::domain::trust::Trust;

const NOW: i64 = 1_800_000_000;
const ISSUER: &str = "https://idp.example/realms/mcp-gateway";
const HEADER: &str = r#"{"alg":"ES256","typ":"JWT","kid":"ec"}"#;

struct Provider {
    ec: EcdsaKeyPair,
    rsa: RsaKeyPair,
    ed: Ed25519KeyPair,
    p384: EcdsaKeyPair,
    trust: Trust,
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn ec_key(pair: &EcdsaKeyPair, kid: &str, crv: &str) -> IssuerKey {
    let point = pair.public_key().as_ref();
    let half = point.len().div_ceil(2);
    IssuerKey {
        kid: Some(kid.into()),
        alg: None,
        material: KeyMaterial::Ec {
            crv: crv.into(),
            x: encode(&point[1..half]),
            y: encode(&point[half..]),
        },
    }
}

fn ec_pair(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    EcdsaKeyPair::generate(algorithm).unwrap()
}

fn rsa_key(pair: &RsaKeyPair, kid: &str) -> IssuerKey {
    // PKCS#1: SEQUENCE { INTEGER n, INTEGER e }.
    let der = pair.public_key().as_ref();
    let (_, body) = x509_parser::der_parser::parse_der(der).unwrap();
    let numbers = body.as_sequence().unwrap();
    let number = |at: usize| {
        let bytes = numbers[at].as_slice().unwrap();
        encode(bytes.strip_prefix(&[0]).unwrap_or(bytes))
    };
    IssuerKey {
        kid: Some(kid.into()),
        alg: None,
        material: KeyMaterial::Rsa {
            n: number(0),
            e: number(1),
        },
    }
}

impl Provider {
    fn new() -> Self {
        let ec = ec_pair(&ECDSA_P256_SHA256_FIXED_SIGNING);
        let p384 = ec_pair(&ECDSA_P384_SHA384_FIXED_SIGNING);
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let ed = Ed25519KeyPair::generate().unwrap();
        let keys = vec![
            ec_key(&ec, "ec", "P-256"),
            ec_key(&p384, "p384", "P-384"),
            rsa_key(&rsa, "rsa"),
            IssuerKey {
                kid: Some("ed".into()),
                alg: Some("EdDSA".into()),
                material: KeyMaterial::Okp {
                    crv: "Ed25519".into(),
                    x: encode(ed.public_key().as_ref()),
                },
            },
        ];
        let issuer = TrustedIssuer {
            issuer: ISSUER.into(),
            provider: "keycloak".into(),
            audiences: ["mcp-gateway-web".to_owned()].into(),
            clients: ["mcp-gateway-m2m".to_owned()].into(),
            groups_claim: "groups".into(),
            max_life: 86_400,
            keys_url: None,
            keys,
            scopes: BTreeSet::new(),
        };
        let trust = Trust {
            issuer: "cluster-1".into(),
            audience: "mcp-gateway".into(),
            issuers: vec![Arc::new(issuer)],
            ..Trust::default()
        };
        Self {
            ec,
            rsa,
            ed,
            p384,
            trust,
        }
    }

    fn issuer_mut(&mut self) -> &mut TrustedIssuer {
        Arc::make_mut(&mut self.trust.issuers[0])
    }

    fn ec_sign(&self, message: &[u8]) -> Vec<u8> {
        let signature = self.ec.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    }

    fn rsa_sign(&self, padding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa
            .sign(padding, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    }

    /// Signed with the P-256 key.
    fn sign(&self, header: &str, payload: &str) -> String {
        signed(header, payload, |message| self.ec_sign(message))
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(HEADER, &claims.to_string())
    }
}

fn signed(header: &str, payload: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = format!("{}.{}", encode(header), encode(payload));
    let signature = sign(text.as_bytes());
    format!("{text}.{}", encode(signature))
}

/// As Keycloak issues them.
fn claims() -> Value {
    json!({
        "exp": NOW + 300, "iat": NOW - 10, "jti": "trrtcc:0c0f", "iss": ISSUER,
        "aud": ["mcp-gateway-web", "account"], "sub": "f:1:ann", "typ": "Bearer",
        "azp": "mcp-gateway-web", "sid": "s-1", "acr": "1",
        "realm_access": {"roles": ["offline_access", "admin"]},
        "resource_access": {"account": {"roles": ["view-profile"]}},
        "scope": "openid profile", "email_verified": true,
        "preferred_username": "ann", "groups": ["mcp-registry-user"],
    })
}

fn with(changes: &[(&str, Value)]) -> Value {
    let mut all = claims();
    for (name, value) in changes {
        if value.is_null() {
            all.as_object_mut().unwrap().remove(*name);
        } else {
            all[*name] = value.clone();
        }
    }
    all
}

fn verifier() -> (Verifier, Clock) {
    let clock = Clock::manual(Timestamp::from_unix(NOW));
    let verifier = Verifier::new(clock.clone(), Duration::from_mins(5), 64);
    (verifier, clock)
}

fn refused(provider: &Provider, token: &str) -> Rejection {
    let (verifier, _) = verifier();
    match verifier.verify(&provider.trust, token) {
        Ok(principal) => panic!("accepted as {principal:?}: {token}"),
        Err(rejection) => rejection,
    }
}

#[test]
fn a_token_of_keycloak_names_its_principal() {
    let provider = Provider::new();
    let (verifier, _) = verifier();
    let who = verifier
        .verify(&provider.trust, &provider.token(&claims()))
        .unwrap();
    assert_eq!((&*who.subject, &*who.username), ("f:1:ann", "ann"));
    assert_eq!(who.groups, ["mcp-registry-user".into()].into());
    assert!(who.scopes.contains("profile"));
    assert_eq!(who.client_id.as_deref(), Some("mcp-gateway-web"));
    assert_eq!(who.method.as_str(), "keycloak");
    let end = Timestamp::from_unix(NOW + 330);
    assert_eq!(who.expires_at, Some(end));
    let again = verifier
        .verify(&provider.trust, &provider.token(&claims()))
        .unwrap();
    assert_eq!(who, again);
}

#[test]
fn every_algorithm_counts_with_the_key_that_it_fits() {
    let provider = Provider::new();
    let (verifier, _) = verifier();
    let payload = claims().to_string();
    let header = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid}).to_string();
    let tokens = [
        provider.sign(&header("ES256", "ec"), &payload),
        signed(&header("RS256", "rsa"), &payload, |message| {
            provider.rsa_sign(&RSA_PKCS1_SHA256, message)
        }),
        signed(&header("RS512", "rsa"), &payload, |message| {
            provider.rsa_sign(&RSA_PKCS1_SHA512, message)
        }),
        signed(&header("PS256", "rsa"), &payload, |message| {
            provider.rsa_sign(&RSA_PSS_SHA256, message)
        }),
        signed(&header("EdDSA", "ed"), &payload, |message| {
            provider.ed.sign(message).as_ref().to_vec()
        }),
        signed(&header("ES384", "p384"), &payload, |message| {
            let signature = provider.p384.sign(&SystemRandom::new(), message).unwrap();
            signature.as_ref().to_vec()
        }),
    ];
    for token in tokens {
        verifier.verify(&provider.trust, &token).unwrap();
    }
}

#[test]
fn shapes_of_other_providers_count() {
    let mut provider = Provider::new();
    provider.issuer_mut().audiences.insert("api://mcp".into());
    let (verifier, _) = verifier();
    let base = json!({"iss": ISSUER, "aud": "api://mcp", "sub": "x", "iat": NOW, "exp": NOW + 60});
    let shaped = |more: Value| {
        let mut all = base.clone();
        for (name, value) in more.as_object().unwrap() {
            all[name] = value.clone();
        }
        all.to_string()
    };
    for (what, header, payload) in [
        (
            "rfc 9068",
            r#"{"alg":"ES256","typ":"at+jwt","kid":"ec"}"#,
            shaped(json!({})),
        ),
        (
            "rfc 9068, in full",
            r#"{"alg":"ES256","typ":"application/at+jwt","kid":"ec"}"#,
            shaped(json!({"client_id": "c"})),
        ),
        (
            "okta",
            r#"{"alg":"ES256","kid":"ec"}"#,
            shaped(json!({"scp": ["a"], "cid": "c"})),
        ),
        (
            "entra",
            r#"{"alg":"ES256","typ":"JWT","kid":"ec","x5t":"abc"}"#,
            shaped(json!({"scp": "a b", "azp": "c", "azpacr": "1", "ver": "2.0"})),
        ),
        (
            "a token use",
            r#"{"alg":"ES256","kid":"ec"}"#,
            shaped(json!({"token_use": "access"})),
        ),
        (
            "an older keycloak",
            HEADER,
            shaped(json!({"typ": "Bearer", "nonce": "n"})),
        ),
    ] {
        let token = provider.sign(header, &payload);
        let shown = verifier.verify(&provider.trust, &token);
        assert!(shown.is_ok(), "{what}: {shown:?}");
    }
}

/// Header, why it must not count. Signed all the same.
#[expect(clippy::too_many_lines, reason = "a table")]
fn lying_headers() -> Vec<(String, Rejection)> {
    let mut vectors = Vec::new();
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        " ",
        "HS256",
        "HS384",
        "HS512",
        "es256",
        "ES256 ",
        "ES256K",
        "RSA-OAEP",
        "dir",
        "A128KW",
        "RS1",
        "ES256\u{0}",
    ] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": "ec"});
        vectors.push((header.to_string(), Rejection::Algorithm));
    }
    for alg in ["RS256", "PS256", "ES384", "ES512", "EdDSA", "RS512"] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": "ec"});
        vectors.push((header.to_string(), Rejection::Algorithm));
    }
    for (name, value) in [
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/cert")),
        (
            "jwk",
            json!({"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}),
        ),
        ("x5c", json!(["MIIB"])),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("epk", json!({})),
        ("iss", json!(ISSUER)),
        ("KID", json!("ec")),
    ] {
        let mut header: Value = serde_json::from_str(HEADER).unwrap();
        header[name] = value;
        vectors.push((header.to_string(), Rejection::Header));
    }
    for typ in [
        "logout+jwt",
        "id_token",
        "refresh",
        "at+jwt ",
        "dpop+jwt",
        "secevent+jwt",
        "JWE",
        "",
        "application/logout+jwt",
        "token-introspection+jwt",
    ] {
        let header = json!({"alg": "ES256", "typ": typ, "kid": "ec"});
        vectors.push((header.to_string(), Rejection::Type));
    }
    let long = "k".repeat(4_000);
    for kid in [
        "ec2",
        "",
        "EC",
        "../../dev/null",
        "ec' OR '1'='1",
        "ec\u{0}",
        " ec",
        "ec ",
        "|id",
        &long,
        "https://evil.example/key",
        "/etc/passwd",
        "rsa2",
    ] {
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": kid});
        vectors.push((header.to_string(), Rejection::NewKey(0)));
    }
    vectors.extend(
        [
            (r#"{"typ":"JWT","kid":"ec"}"#, Rejection::Algorithm),
            (
                r#"{"alg":"none","alg":"ES256","kid":"ec"}"#,
                Rejection::Malformed,
            ),
            (
                r#"{"alg":"ES256","\u0061lg":"none","kid":"ec"}"#,
                Rejection::Malformed,
            ),
            (
                r#"{"alg":"ES256","kid":"ec","kid":"ec"}"#,
                Rejection::Malformed,
            ),
            (r#"{"alg":["ES256"],"kid":"ec"}"#, Rejection::Algorithm),
            (r#"{"alg":null,"kid":"ec"}"#, Rejection::Algorithm),
            (r#"{"alg":"ES256","kid":["ec"]}"#, Rejection::Malformed),
            (r#"{"alg":"ES256","kid":7}"#, Rejection::Malformed),
            (r#"{"alg":"ES256","kid":null}"#, Rejection::Malformed),
            (
                r#"{"alg":"ES256","typ":{},"kid":"ec"}"#,
                Rejection::Malformed,
            ),
            (r#"["ES256"]"#, Rejection::Malformed),
            (r#""ES256""#, Rejection::Malformed),
            ("{", Rejection::Malformed),
            ("", Rejection::Malformed),
            (r#"{"alg":"ES256","kid":"ec"} "x""#, Rejection::Malformed),
            (
                "{\"alg\":\"ES256\",\"kid\":\"ec\u{0}\"",
                Rejection::Malformed,
            ),
        ]
        .map(|(header, why)| (header.to_owned(), why)),
    );
    vectors.push(("[".repeat(3_000), Rejection::Malformed));
    vectors
}

/// Changes of a good claims set, why they must not count.
#[expect(clippy::too_many_lines, reason = "a table")]
fn lying_claims() -> Vec<(Vec<(&'static str, Value)>, Rejection)> {
    let one = |name, value| vec![(name, value)];
    let mut vectors = Vec::new();
    for aud in [
        json!("account"),
        json!([]),
        json!(["account"]),
        json!("mcp-gateway"),
        json!(""),
        json!("MCP-GATEWAY-WEB"),
        json!("mcp-gateway-web "),
        json!(["other", "account"]),
        json!("https://other.example/mcp"),
        json!("mcp-gateway-web,account"),
        json!("*"),
        json!("https://idp.example"),
    ] {
        let why = if aud == json!("") {
            Rejection::Claims
        } else {
            Rejection::Audience
        };
        vectors.push((one("aud", aud), why));
    }
    for aud in [
        json!(7),
        json!({"mcp-gateway-web": 1}),
        json!([["mcp-gateway-web"]]),
        json!([7]),
        json!(["mcp-gateway-web", 7]),
        json!(true),
        json!(["mcp-gateway-web", ""]),
    ] {
        vectors.push((one("aud", aud), Rejection::Claims));
    }
    vectors.push((one("aud", Value::Null), Rejection::Audience));
    // The account service only: it must be one of our own clients.
    for azp in ["mcp-gateway-web", "other", "account", "mcp-gateway-m2m "] {
        vectors.push((
            vec![("aud", json!("account")), ("azp", json!(azp))],
            Rejection::Audience,
        ));
    }
    vectors.push((
        vec![("aud", json!("account")), ("azp", Value::Null)],
        Rejection::Audience,
    ));
    vectors.push((
        vec![
            ("aud", json!(["account", "broker"])),
            ("azp", json!("mcp-gateway-m2m")),
        ],
        Rejection::Audience,
    ));
    for (name, value) in [
        ("typ", json!("ID")),
        ("typ", json!("Refresh")),
        ("typ", json!("Offline")),
        ("typ", json!("Logout")),
        ("typ", json!("bearer")),
        ("typ", json!("DPoP")),
        ("token_use", json!("id")),
        ("cnf", json!({"jkt": "x"})),
        ("cnf", json!({})),
        (
            "events",
            json!({"http://schemas.openid.net/event/backchannel-logout": {}}),
        ),
    ] {
        vectors.push((one(name, value), Rejection::Type));
    }
    // Nothing shows that it is an access token.
    for like_id in [
        ("nonce", json!("n")),
        ("at_hash", json!("h")),
        ("c_hash", json!("h")),
    ] {
        vectors.push((vec![("typ", Value::Null), like_id], Rejection::Type));
    }
    vectors.push((
        vec![("typ", Value::Null), ("scope", Value::Null)],
        Rejection::Type,
    ));
    for (exp, why) in [
        (json!(NOW - 30), Rejection::Expired),
        (json!(NOW - 11), Rejection::Claims),
        (json!(0), Rejection::Claims),
        (json!(-1), Rejection::Claims),
        (json!(253_402_300_799_i64), Rejection::Lifetime),
        (json!(i64::MAX), Rejection::Lifetime),
        (json!(u64::MAX), Rejection::Claims),
        (json!(NOW + 86_391), Rejection::Lifetime),
        (json!((NOW + 60).to_string()), Rejection::Claims),
        (json!(1e300), Rejection::Claims),
        (json!(1_800_000_060.5), Rejection::Claims),
        (json!([NOW + 60]), Rejection::Claims),
        (json!(true), Rejection::Claims),
        (Value::Null, Rejection::Claims),
    ] {
        let iat = if why == Rejection::Expired {
            NOW - 100
        } else {
            NOW - 10
        };
        vectors.push((vec![("iat", json!(iat)), ("exp", exp)], why));
    }
    for (name, value, why) in [
        ("iat", json!(NOW + 31), Rejection::NotYetValid),
        ("iat", json!(-5), Rejection::Claims),
        ("iat", json!("now"), Rejection::Claims),
        ("iat", Value::Null, Rejection::Claims),
        ("iat", json!(i64::MAX), Rejection::NotYetValid),
        ("nbf", json!(NOW + 31), Rejection::NotYetValid),
        ("nbf", json!("soon"), Rejection::Claims),
        ("nbf", json!(1.5), Rejection::Claims),
        ("sub", Value::Null, Rejection::Claims),
        ("sub", json!(""), Rejection::Claims),
        ("sub", json!(7), Rejection::Claims),
        ("sub", json!(["ann"]), Rejection::Claims),
        ("sub", json!("ann\u{0}admin"), Rejection::Claims),
        ("sub", json!("ann\r\nx-user: root"), Rejection::Claims),
        ("preferred_username", json!(""), Rejection::Claims),
        ("preferred_username", json!("a\nb"), Rejection::Claims),
        ("preferred_username", json!({"a": 1}), Rejection::Claims),
        ("sid", json!(7), Rejection::Claims),
        ("azp", json!(["mcp-gateway-web"]), Rejection::Claims),
        ("scope", json!(7), Rejection::Claims),
        ("scope", json!({"a": 1}), Rejection::Claims),
        ("scope", json!("a\u{0}b"), Rejection::Claims),
        ("scp", json!(["a b"]), Rejection::Claims),
        ("scp", json!([7]), Rejection::Claims),
        ("groups", json!(7), Rejection::Claims),
        (
            "groups",
            json!({"mcp-registry-admin": true}),
            Rejection::Claims,
        ),
        ("groups", json!([["mcp-registry-admin"]]), Rejection::Claims),
        ("groups", json!(["a", 7]), Rejection::Claims),
        ("groups", json!([""]), Rejection::Claims),
        ("groups", json!(["a\u{1b}[31m"]), Rejection::Claims),
    ] {
        vectors.push((one(name, value), why));
    }
    vectors
}

#[test]
fn no_lying_header_counts_though_signed() {
    let provider = Provider::new();
    let vectors = lying_headers();
    assert!(vectors.len() >= 70, "{}", vectors.len());
    for (header, why) in vectors {
        let token = provider.sign(&header, &claims().to_string());
        assert_eq!(refused(&provider, &token), why, "{header}");
    }
}

#[test]
fn no_lying_claim_counts_though_signed() {
    let provider = Provider::new();
    let vectors = lying_claims();
    assert!(vectors.len() >= 75, "{}", vectors.len());
    for (changes, why) in vectors {
        let token = provider.token(&with(&changes));
        assert_eq!(refused(&provider, &token), why, "{changes:?}");
    }
}

#[test]
fn another_issuer_is_another() {
    let provider = Provider::new();
    for issuer in [
        json!("https://idp.example/realms/mcp-gateway/"),
        json!("https://idp.example/realms/MCP-gateway"),
        json!("https://IDP.example/realms/mcp-gateway"),
        json!("http://idp.example/realms/mcp-gateway"),
        json!("https://idp.example/realms/master"),
        json!("https://idp.example"),
        json!("https://idp.example/realms/mcp-gateway?x"),
        json!("https://idp.example:443/realms/mcp-gateway"),
        json!("cluster-1"),
        json!(["https://idp.example/realms/mcp-gateway"]),
        json!(7),
        Value::Null,
        json!(""),
    ] {
        refused(&provider, &provider.token(&with(&[("iss", issuer)])));
    }
}

#[test]
fn claims_that_can_be_read_in_two_ways_do_not_count() {
    let provider = Provider::new();
    let good = claims().to_string();
    let open = good.strip_suffix('}').unwrap();
    for payload in [
        format!(r#"{open},"sub":"root"}}"#),
        format!(r#"{open},"\u0073ub":"root"}}"#),
        format!(r#"{open},"groups":["mcp-registry-admin"]}}"#),
        format!(r#"{open},"iss":"{ISSUER}"}}"#),
        format!(r#"{open},"x":{{"a":1,"a":2}}}}"#),
        format!(r#"{open},"exp":{}}}"#, NOW + 99_999),
        format!("{good}{good}"),
        format!("{good}\u{0}"),
        format!("\u{feff}{good}"),
        format!("[{good}]"),
        good.replace('"', "'"),
        open.to_owned(),
        "null".to_owned(),
        String::new(),
        "[".repeat(4_000),
        format!(r#"{{"a":{good}}}"#),
    ] {
        refused(&provider, &provider.sign(HEADER, &payload));
    }
}

#[test]
fn no_other_signature_counts() {
    let provider = Provider::new();
    let stranger = Provider::new();
    let payload = claims().to_string();
    let good = provider.token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let (header, body, signature) = (parts[0], parts[1], parts[2]);
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let ending = |bytes: &[u8]| format!("{header}.{body}.{}", encode(bytes));
    let der = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    // n of P-256.
    let order = URL_SAFE_NO_PAD
        .decode("_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE")
        .unwrap();
    let admin = provider.token(&with(&[("groups", json!(["mcp-registry-admin"]))]));
    let rs = |alg: &str, kid: &str| json!({"alg": alg, "kid": kid}).to_string();
    let mut vectors = vec![
        ending(&[]),
        ending(&[0; 64]),
        ending(&[0xff; 64]),
        ending(&[0; 63]),
        ending(&[&[0; 32], &raw[32..]].concat()),
        ending(&[&raw[..32], &[0; 32]].concat()),
        ending(&[&*order, &*order].concat()),
        ending(&[&raw[..32], &*order].concat()),
        ending(&raw[..63]),
        ending(&[&*raw, &[0]].concat()),
        ending(der.sign(&SystemRandom::new(), b"x").unwrap().as_ref()),
        ending(&[0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00]),
        format!("{header}.{}.{signature}", admin.split('.').nth(1).unwrap()),
        format!("{header}.{body}"),
        format!("{header}.{body}."),
        format!("{header}..{signature}"),
        format!(".{body}.{signature}"),
        format!("{good}.{signature}"),
        format!("{good}.a.b"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}\u{0}"),
        format!("{header}.{body}.{}", STANDARD.encode(&raw)),
        format!(
            "{}.{body}.{signature}",
            URL_SAFE.encode(format!("{HEADER} "))
        ),
        stranger.token(&claims()),
        // Another key of the same provider under this key's name, and the other way round.
        signed(HEADER, &payload, |message| {
            provider.rsa_sign(&RSA_PKCS1_SHA256, message)
        }),
        provider.sign(&rs("RS256", "rsa"), &payload),
        provider.sign(&rs("EdDSA", "ed"), &payload),
        // PKCS#1 where PSS is said, and the other way round; another hash.
        signed(&rs("PS256", "rsa"), &payload, |m| {
            provider.rsa_sign(&RSA_PKCS1_SHA256, m)
        }),
        signed(&rs("RS256", "rsa"), &payload, |m| {
            provider.rsa_sign(&RSA_PSS_SHA256, m)
        }),
        signed(&rs("RS256", "rsa"), &payload, |m| {
            provider.rsa_sign(&RSA_PKCS1_SHA512, m)
        }),
        signed(&rs("RS384", "rsa"), &payload, |m| {
            provider.rsa_sign(&RSA_PKCS1_SHA256, m)
        }),
        signed(&rs("RS256", "rsa"), &payload, |_| vec![0; 256]),
        signed(&rs("RS256", "rsa"), &payload, |_| vec![0xff; 256]),
        signed(&rs("RS256", "rsa"), &payload, |_| vec![1]),
        signed(&rs("EdDSA", "ed"), &payload, |_| vec![0; 64]),
        signed(&rs("EdDSA", "ed"), &payload, |_| {
            [&[1][..], &[0; 63]].concat()
        }),
        // Nothing says which of several keys.
        provider.sign(r#"{"alg":"RS256"}"#, &payload),
    ];
    for end in (0..good.len()).step_by(7) {
        vectors.push(good.chars().take(end).collect());
    }
    for at in (0..good.len()).step_by(5) {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        vectors.push(String::from_utf8(bytes).unwrap());
    }
    assert!(vectors.len() >= 200);
    for token in vectors {
        refused(&provider, &token);
    }
    let (verifier, _) = verifier();
    assert!(verifier.verify(&provider.trust, &good).is_ok());
}

#[test]
fn a_mac_made_with_a_public_key_does_not_count() {
    let provider = Provider::new();
    let KeyMaterial::Rsa { n, .. } = &provider.trust.issuers[0].keys[2].material else {
        panic!("the third key is RSA");
    };
    let secrets = [
        provider.rsa.public_key().as_ref().to_vec(),
        provider.ec.public_key().as_ref().to_vec(),
        n.clone().into_bytes(),
        URL_SAFE_NO_PAD.decode(n).unwrap(),
        b"rsa".to_vec(),
        vec![0],
    ];
    for secret in secrets {
        for (alg, kid) in [
            ("HS256", "rsa"),
            ("RS256", "rsa"),
            ("ES256", "ec"),
            ("HS256", "ec"),
        ] {
            let header = json!({"alg": alg, "typ": "JWT", "kid": kid}).to_string();
            let token = signed(&header, &claims().to_string(), |message| {
                let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
                hmac::sign(&key, message).as_ref().to_vec()
            });
            refused(&provider, &token);
        }
    }
}

#[test]
fn keys_that_prove_nothing_are_left_out() {
    let mut provider = Provider::new();
    let small = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let good = rsa_key(&small, "x");
    let KeyMaterial::Rsa { n, .. } = good.material.clone() else {
        panic!("RSA");
    };
    let rsa = |n: &str, e: &str| KeyMaterial::Rsa {
        n: n.into(),
        e: e.into(),
    };
    let ec = |crv: &str, x: &str, y: &str| KeyMaterial::Ec {
        crv: crv.into(),
        x: x.into(),
        y: y.into(),
    };
    let zero = encode([0; 32]);
    let KeyMaterial::Ec { x, y, .. } = provider.trust.issuers[0].keys[0].material.clone() else {
        panic!("EC");
    };
    let materials = [
        rsa(&encode([0xff; 128]), "AQAB"),
        rsa(&n, "AQ"),
        rsa(&n, ""),
        rsa(&n, "AA"),
        rsa(&n, "AAE"),
        rsa(&n, "Ag"),
        rsa(&n, "AQAAAAAB"),
        rsa("", "AQAB"),
        rsa(&format!("{n}="), "AQAB"),
        rsa(&encode([&[0][..], &[0xff; 256]].concat()), "AQAB"),
        rsa(&encode([0xff; 1_025]), "AQAB"),
        ec("P-256", &zero, &zero),
        ec("P-256", &x, &x),
        ec("P-256", &y, &x),
        ec("P-384", &x, &y),
        ec("secp256k1", &x, &y),
        ec("P-256", &x, ""),
        KeyMaterial::Okp {
            crv: "X25519".into(),
            x: zero.clone(),
        },
        KeyMaterial::Okp {
            crv: "Ed25519".into(),
            x: "AA".into(),
        },
    ];
    for material in materials {
        let key = IssuerKey {
            kid: Some("x".into()),
            alg: None,
            material,
        };
        assert!(
            crate::auth::verify::provider::ProviderKeys::parse(std::slice::from_ref(&key))
                .is_empty(),
            "{key:?}"
        );
    }
    for alg in ["HS256", "none", "ES256", "RSA-OAEP", "RSA1_5"] {
        let key = IssuerKey {
            alg: Some(alg.into()),
            ..good.clone()
        };
        assert!(
            crate::auth::verify::provider::ProviderKeys::parse(&[key]).is_empty(),
            "{alg}"
        );
    }
    // Only the algorithm that the provider says.
    provider.issuer_mut().keys[2].alg = Some("PS256".into());
    let header = json!({"alg": "RS256", "kid": "rsa"}).to_string();
    let token = signed(&header, &claims().to_string(), |message| {
        provider.rsa_sign(&RSA_PKCS1_SHA256, message)
    });
    assert_eq!(refused(&provider, &token), Rejection::Algorithm);
}

#[test]
fn length_is_judged_before_anything_else() {
    let provider = Provider::new();
    let token = provider.token(&with(&[("padding", json!("x".repeat(MAX_TOKEN_BYTES)))]));
    assert_eq!(refused(&provider, &token), Rejection::TooLarge);
}

#[test]
fn clocks_may_differ_by_half_a_minute() {
    let provider = Provider::new();
    let (verifier, clock) = verifier();
    let early = provider.token(&with(&[("iat", json!(NOW + 30)), ("nbf", json!(NOW + 30))]));
    assert!(verifier.verify(&provider.trust, &early).is_ok());
    let token = provider.token(&with(&[("exp", json!(NOW + 100))]));
    clock.advance(129);
    assert!(verifier.verify(&provider.trust, &token).is_ok());
    clock.advance(1);
    assert_eq!(
        verifier.verify(&provider.trust, &token),
        Err(Rejection::Expired)
    );
}

#[test]
fn a_service_account_of_ours_counts_without_an_audience_of_ours() {
    let provider = Provider::new();
    let (verifier, _) = verifier();
    let changes = [("aud", json!("account")), ("azp", json!("mcp-gateway-m2m"))];
    let token = provider.token(&with(&changes));
    assert!(verifier.verify(&provider.trust, &token).is_ok());
}

#[test]
fn groups_are_found_where_the_settings_say() {
    let mut provider = Provider::new();
    let (verifier, _) = verifier();
    for (path, expected) in [
        ("realm_access.roles", vec!["admin", "offline_access"]),
        ("resource_access.account.roles", vec!["view-profile"]),
        ("resource_access.account.nothing", vec![]),
        ("absent", vec![]),
        ("cognito:groups", vec!["c"]),
        ("https://claims.example/groups", vec!["d", "e"]),
        ("acr", vec!["1"]),
    ] {
        provider.issuer_mut().groups_claim = path.into();
        let token = provider.token(&with(&[
            ("cognito:groups", json!(["c"])),
            ("https://claims.example/groups", json!(["d", "e"])),
        ]));
        let who = verifier.verify(&provider.trust, &token).unwrap();
        let groups: Vec<&str> = who.groups.iter().map(|group| &**group).collect();
        assert_eq!(groups, expected, "{path}");
    }
}

#[test]
fn a_token_made_for_one_address_counts_there_only() {
    let provider = Provider::new();
    let (verifier, _) = verifier();
    let at = |path| {
        Some(Place {
            base: "https://gw.example/base",
            path,
        })
    };
    let for_address = |aud: &str| provider.token(&with(&[("aud", json!([aud]))]));
    for good in [
        "https://gw.example/base/fininfo",
        "https://gw.example/base/fininfo/",
        "https://gw.example/base/fininfo/mcp",
        "https://gw.example/base/fininfo/mcp/",
        "https://gw.example/base/fininfo/sse",
    ] {
        let token = for_address(good);
        for _ in 0..2 {
            assert!(
                verifier
                    .verify_at(&provider.trust, &token, at("/fininfo"))
                    .is_ok(),
                "{good}"
            );
            for place in [at("/other"), at("/fin"), None] {
                assert_eq!(
                    verifier.verify_at(&provider.trust, &token, place),
                    Err(Rejection::Audience)
                );
            }
        }
    }
    for bad in [
        "https://gw.example/base",
        "https://gw.example/base/",
        "https://gw.example/base/fininfo-evil",
        "https://gw.example/base/fininfo/../other",
        "https://gw.example/base/fininfo?x",
        "https://gw.example.evil/base/fininfo",
        "http://gw.example/base/fininfo",
        "https://gw.example/fininfo",
        "https://GW.example/base/fininfo",
        "https://gw.example/base/Fininfo",
        "https://gw.example/base//fininfo",
    ] {
        let token = for_address(bad);
        assert_eq!(
            verifier.verify_at(&provider.trust, &token, at("/fininfo")),
            Err(Rejection::Audience),
            "{bad}"
        );
    }
}

#[test]
fn logging_out_at_the_provider_ends_tokens_made_before() {
    let mut provider = Provider::new();
    let (verifier, _) = verifier();
    let with_session = provider.token(&claims());
    let without = provider.token(&with(&[("sid", Value::Null)]));
    let later = provider.token(&with(&[("iat", json!(NOW - 4))]));
    let other = provider.token(&with(&[("sub", json!("bob"))]));
    let issuer = Arc::clone(&provider.trust.issuers[0]);
    let states = |provider: &Provider| {
        [&with_session, &without, &later, &other]
            .map(|token| verifier.verify(&provider.trust, token).is_ok())
    };
    assert_eq!(states(&provider), [true; 4]);
    let at = Timestamp::from_unix(NOW - 5);
    provider.trust.logouts = [(issuer.logout_of("f:1:ann", LogoutKind::All), at)].into();
    assert_eq!(states(&provider), [false, false, true, true]);
    provider.trust.logouts = [(issuer.logout_of("f:1:ann", LogoutKind::WithoutSession), at)].into();
    assert_eq!(states(&provider), [true, false, true, true]);
    let session = issuer.session_id("s-1").0.to_string();
    provider.trust.logouts = [(session, Timestamp::from_unix(NOW - 9_999))].into();
    assert_eq!(
        states(&provider),
        [false, true, false, false],
        "all of that session"
    );
}

#[test]
fn a_new_key_is_asked_for_and_taken_into_use() {
    let provider = Provider::new();
    let (verifier, clock) = verifier();
    let fresh = ec_pair(&ECDSA_P256_SHA256_FIXED_SIGNING);
    let sign = |message: &[u8]| {
        let signature = fresh.sign(&SystemRandom::new(), message).unwrap();
        signature.as_ref().to_vec()
    };
    let header = r#"{"alg":"ES256","kid":"fresh"}"#;
    let token = signed(
        header,
        &with(&[("exp", json!(NOW + 3_600))]).to_string(),
        sign,
    );
    let first = verifier.verify(&provider.trust, &token).unwrap_err();
    assert_eq!((first, first.wants_keys()), (Rejection::NewKey(0), Some(0)));
    let issuer = &provider.trust.issuers[0];
    verifier.learn(issuer, &[ec_key(&fresh, "fresh", "P-256")]);
    assert!(verifier.verify(&provider.trust, &token).is_ok());
    // What the provider no longer publishes is gone at once, what was learned after its time.
    let old = provider.token(&with(&[("exp", json!(NOW + 3_600))]));
    assert_eq!(
        verifier.verify(&provider.trust, &old),
        Err(Rejection::NewKey(0))
    );
    clock.advance(600);
    assert_eq!(
        verifier.verify(&provider.trust, &token),
        Err(Rejection::NewKey(0))
    );
    assert!(verifier.verify(&provider.trust, &old).is_ok());
}

#[test]
fn removed_keys_and_changed_rules_take_remembered_tokens_with_them() {
    let mut provider = Provider::new();
    let (verifier, _) = verifier();
    let token = provider.token(&claims());
    assert!(verifier.verify(&provider.trust, &token).is_ok());
    let before = provider.trust.clone();
    provider.issuer_mut().audiences = ["else".to_owned()].into();
    assert_eq!(
        verifier.verify(&provider.trust, &token),
        Err(Rejection::Audience)
    );
    provider.trust = before.clone();
    provider.issuer_mut().keys.remove(0);
    assert_eq!(
        verifier.verify(&provider.trust, &token),
        Err(Rejection::NewKey(0))
    );
    provider.issuer_mut().keys.clear();
    assert_eq!(
        verifier.verify(&provider.trust, &token),
        Err(Rejection::NoKeys(0))
    );
    provider.trust.issuers.clear();
    assert!(verifier.verify(&provider.trust, &token).is_err());
    assert!(verifier.verify(&before, &token).is_ok());
}

#[test]
fn a_provider_cannot_make_tokens_of_ours() {
    let mut provider = Provider::new();
    let (verifier, _) = verifier();
    let ours = json!({
        "iss": "cluster-1", "aud": "mcp-gateway", "sub": "ann", "jti": "t", "scope": "admin",
        "iat": NOW, "exp": NOW + 60,
    });
    let header = r#"{"alg":"ES256","typ":"at+jwt","kid":"ec"}"#;
    let token = provider.sign(header, &ours.to_string());
    assert_eq!(
        verifier.verify(&provider.trust, &token),
        Err(Rejection::UnknownKey)
    );
    // Nor by saying that it is us.
    provider.issuer_mut().issuer = "cluster-1".into();
    let refused = verifier.verify(&provider.trust, &token);
    assert_eq!(refused, Err(Rejection::Audience));
}
