//! `X-MCP-Identity` as a recording server received it, and the key set by which it is checked.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp::auth::identity::keys::{IdentityKeys, LEAD};
use mcp::domain::policy::{ADMIN_SCOPE, ANONYMOUS};
use mcp::domain::time::{Clock, Timestamp};
use serde_json::{Value, json};

use super::attempts::FORGED;
use super::client::{Client, JSON, LIST, ask};
use super::upstream::Upstream;
use crate::support::front::{Front, NOW, Server, Setup};

/// A gateway with keys of its own.
struct Signing {
    front: Front,
    keys: Arc<IdentityKeys>,
    _folder: tempfile::TempDir,
}

impl Signing {
    fn start(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let life = Duration::from_hours(720);
        let clock = Clock::manual(Timestamp::from_unix(NOW));
        let keys = IdentityKeys::open(folder.path().join("keys"), clock, life).unwrap();
        let keys = Arc::new(keys);
        let front = Front::start(Setup {
            identity_keys: Some(Arc::clone(&keys)),
            ..Setup::default()
        });
        front.apply([
            Server::new("/team/a", url),
            Server::new("/b", url),
            Server::new("/open", url).public(),
        ]);
        Self {
            front,
            keys,
            _folder: folder,
        }
    }

    async fn key_set(&self) -> Value {
        let reply = ask(self.front.plain, "GET", "/.well-known/jwks.json", &[], b"").await;
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.head.one("content-type"), Some("application/json"));
        assert_eq!(reply.head.one("cache-control"), Some("public, max-age=300"));
        reply.json()
    }
}

/// The claims of a token, checked against a key set as a server checks them.
fn checked(token: &str, keys: &Value, audience: &str) -> Value {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&bytes(header)).unwrap();
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("ES256"), &json!("mcp-identity+jwt"))
    );
    let all = keys["keys"].as_array().unwrap();
    let key = all.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    assert_eq!((&key["kty"], &key["crv"]), (&json!("EC"), &json!("P-256")));
    let point = [&[4][..], &bytes(&text(&key["x"])), &bytes(&text(&key["y"]))].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &bytes(signature))
        .unwrap();
    let claims: Value = serde_json::from_slice(&bytes(claims)).unwrap();
    assert_eq!(claims["aud"], audience);
    claims
}

#[tokio::test]
async fn a_server_can_check_who_calls_by_the_gateways_key_set() {
    let upstream = Upstream::ready().await;
    let signing = Signing::start(&upstream.url("/mcp"));
    let token = signing.front.token();
    let mut client = Client::plain(signing.front.plain).await;
    for target in ["/team/a", "/b/mcp"] {
        assert_eq!(client.call(target, &token, LIST).await.status(), 200);
    }
    let keys = signing.key_set().await;
    for (index, audience) in [(0, "/team/a"), (1, "/b")] {
        let call = upstream.call(index).await;
        let claims = checked(call.head.one("x-mcp-identity").unwrap(), &keys, audience);
        let expected = json!({
            "iss": "tests", "sub": "ann", "aud": audience, "preferred_username": "Ann \u{c4}",
            "scope": ADMIN_SCOPE, "client_id": "client 1", "iat": NOW, "exp": NOW + 60,
        });
        assert_eq!(claims, expected);
    }
}

#[tokio::test]
async fn it_is_there_once_whatever_the_caller_brings_and_nowhere_at_public_servers() {
    let upstream = Upstream::ready().await;
    let signing = Signing::start(&upstream.url("/mcp"));
    let bearer = format!("Bearer {}", signing.front.token());
    let own = [
        JSON,
        ("authorization", &*bearer),
        ("x-mcp-identity", "e30.e30.e30"),
        ("X-MCP-IDENTITY", "a.b.c"),
        ("connection", "x-mcp-identity, x-user, keep-alive"),
    ];
    let fields = [&own, FORGED].concat();
    for target in ["/team/a", "/open"] {
        let reply = ask(
            signing.front.plain,
            "POST",
            target,
            &fields,
            LIST.as_bytes(),
        )
        .await;
        assert_eq!(reply.status(), 200);
    }
    let call = upstream.call(0).await;
    let keys = signing.key_set().await;
    // `one` fails where there are several.
    checked(call.head.one("x-mcp-identity").unwrap(), &keys, "/team/a");
    assert_eq!(upstream.call(1).await.head.one("x-mcp-identity"), None);
}

#[tokio::test]
async fn one_signature_serves_many_calls_and_is_made_anew_in_time() {
    let upstream = Upstream::ready().await;
    let signing = Signing::start(&upstream.url("/mcp"));
    let (token, other) = (signing.front.token(), signing.front.issuer.token_of("bob"));
    let mut client = Client::plain(signing.front.plain).await;
    let mut sent = Vec::new();
    for (wait, token) in [(0, &token), (29, &token), (0, &other), (1, &token)] {
        signing.front.clock.advance(wait);
        assert_eq!(client.call("/team/a", token, LIST).await.status(), 200);
        let call = upstream.calls().pop().unwrap();
        sent.push(call.head.one("x-mcp-identity").unwrap().to_owned());
    }
    assert_eq!(sent[0], sent[1]);
    assert_ne!(sent[1], sent[2]);
    assert_ne!(sent[1], sent[3]);
    let claims = checked(&sent[3], &signing.key_set().await, "/team/a");
    assert_eq!(claims["iat"], NOW + 30);
}

#[tokio::test]
async fn the_key_set_holds_the_keys_of_all_gateways_and_those_to_come() {
    let upstream = Upstream::ready().await;
    let signing = Signing::start(&upstream.url("/mcp"));
    let other = mcp::domain::trust::TokenKey {
        kid: "of another gateway".into(),
        x: "X".into(),
        y: "Y".into(),
    };
    signing
        .front
        .apply_with([Server::new("/team/a", &upstream.url("/"))], |access| {
            access.trust.gateway_keys = vec![other, signing.keys.public()[0].clone()];
        });
    let keys = signing.key_set().await;
    let names: Vec<&str> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|key| key["kid"].as_str().unwrap())
        .collect();
    assert_eq!(names.len(), 2);
    assert!(names.contains(&"of another gateway"));
    let reply = ask(
        signing.front.plain,
        "POST",
        "/.well-known/jwks.json",
        &[],
        b"",
    )
    .await;
    assert_eq!(reply.status(), 405);
}

#[tokio::test]
async fn a_turned_key_signs_when_everybody_can_know_it() {
    let upstream = Upstream::ready().await;
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_unix(NOW));
    let life = Duration::from_hours(1);
    let keys = IdentityKeys::open(folder.path().join("keys"), clock.clone(), life).unwrap();
    let keys = Arc::new(keys);
    let front = Front::start(Setup {
        identity_keys: Some(Arc::clone(&keys)),
        ..Setup::default()
    });
    front.apply([Server::new("/team/a", &upstream.url("/"))]);
    let lead = i64::try_from(LEAD.as_secs()).unwrap();
    let mut signed_by = Vec::new();
    for wait in [0, 3_600, lead] {
        clock.advance(wait);
        front.clock.advance(wait);
        keys.turn().unwrap();
        // Others judge by a set that they fetched a while ago: it has the key already.
        let set = ask(front.plain, "GET", "/.well-known/jwks.json", &[], b"")
            .await
            .json();
        let token = front.issuer.token_until("t", ADMIN_SCOPE, NOW + 100_000);
        let mut client = Client::plain(front.plain).await;
        assert_eq!(client.call("/team/a", &token, LIST).await.status(), 200);
        let call = upstream.calls().pop().unwrap();
        let identity = call.head.one("x-mcp-identity").unwrap();
        checked(identity, &set, "/team/a");
        signed_by.push(identity.split('.').next().unwrap().to_owned());
    }
    assert_eq!(signed_by[0], signed_by[1]);
    assert_ne!(signed_by[1], signed_by[2]);
}

#[tokio::test]
async fn scopes_of_groups_are_told_too() {
    let upstream = Upstream::ready().await;
    let front = Front::start(Setup::default());
    front.apply_with([Server::new("/team/a", &upstream.url("/"))], |access| {
        let mut rules = access.policy.rules().clone();
        rules
            .groups
            .insert(ANONYMOUS.to_owned(), [ADMIN_SCOPE.to_owned()].into());
        access.policy = mcp::domain::policy::Policy::new(rules);
    });
    let token = front.reader_token();
    let mut client = Client::plain(front.plain).await;
    assert_eq!(client.call("/team/a", &token, LIST).await.status(), 200);
    let call = upstream.only_call();
    assert_eq!(
        call.head.one("x-scopes"),
        Some("reader"),
        "groups of others are nobody's"
    );
    assert_eq!(
        call.head.one("x-mcp-identity"),
        None,
        "without a key there is none"
    );
}
