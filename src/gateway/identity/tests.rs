use std::collections::BTreeSet;
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::super::origin::Origins;
use super::super::table::Table;
use super::*;
use crate::catalog::samples;
use crate::domain::policy::Policy;
use crate::domain::principal::AuthMethod;
use crate::domain::time::Clock;

const NOW: Timestamp = Timestamp::from_unix(1_800_000_000);

struct Bench {
    identities: Identities,
    cluster: ClusterId,
    access: Arc<Access>,
    routes: Vec<Arc<CompiledRoute>>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let life = Duration::from_hours(720);
        let file = folder.path().join("identity-keys");
        let keys = IdentityKeys::open(file, Clock::manual(NOW), life).unwrap();
        let servers = ["/a", "/team/b"].map(|path| samples::route(path, "http://h:1/"));
        let snapshot = Arc::new(samples::snapshot("c1", 1, servers));
        let table = Table::compile(Arc::clone(&snapshot), None, &Origins::for_tests());
        let routes = ["/a", "/team/b"].map(|path| Arc::clone(table.find(path).unwrap().0));
        Self {
            identities: Identities::new(Some(Arc::new(keys)), 8),
            cluster: snapshot.cluster.clone(),
            access: snapshot.access.clone().unwrap(),
            routes: routes.into(),
            _folder: folder,
        }
    }

    fn told(&self, caller: &Arc<Principal>, route: usize, now: i64) -> Arc<Identity> {
        let question = Question {
            cluster: &self.cluster,
            access: &self.access,
            caller,
            route: &self.routes[route],
        };
        self.identities.of(question, NOW.plus_seconds(now))
    }

    /// Header and claims, once the signature fits.
    fn opened(&self, identity: &Identity) -> (Value, Value) {
        let token = identity.token.as_ref().unwrap().to_str().unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = signed.split_once('.').unwrap();
        let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let json = |text: &str| serde_json::from_slice::<Value>(&bytes(text)).unwrap();
        let header = json(header);
        let keys = self.identities.keys().unwrap().public();
        let key = keys.iter().find(|key| header["kid"] == key.kid).unwrap();
        let point = [&[4][..], &bytes(&key.x), &bytes(&key.y)].concat();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(signed.as_bytes(), &bytes(signature))
            .unwrap();
        (header, json(claims))
    }
}

fn caller(name: &str, end: Option<i64>) -> Arc<Principal> {
    Arc::new(Principal {
        subject: name.into(),
        username: format!("{name} \u{c4}, esq").into(),
        scopes: BTreeSet::from(["b c".into(), "a/read".into()]),
        groups: BTreeSet::new(),
        method: AuthMethod::Token,
        client_id: Some("cli;1".into()),
        token_id: None,
        expires_at: end.map(|end| NOW.plus_seconds(end)),
    })
}

#[test]
fn a_statement_names_caller_server_and_scopes_and_ends_within_a_minute() {
    let bench = Bench::new();
    let (header, claims) = bench.opened(&bench.told(&caller("ann", None), 1, 0));
    assert_eq!(header["alg"], "ES256");
    assert_eq!(header["typ"], "mcp-identity+jwt");
    let now = NOW.unix();
    let expected = serde_json::json!({
        "iss": "c1", "sub": "ann", "aud": "/team/b", "preferred_username": "ann \u{c4}, esq",
        "scope": "a/read b%20c", "client_id": "cli;1", "iat": now, "exp": now + 60,
    });
    assert_eq!(claims, expected);
    let (_, claims) = bench.opened(&bench.told(&caller("bob", Some(10)), 0, 0));
    assert_eq!(claims["exp"], now + 10, "no longer than the credential");
}

#[test]
fn one_is_made_per_caller_and_server_and_again_before_it_ends() {
    let bench = Bench::new();
    let (ann, bob) = (caller("ann", None), caller("bob", None));
    let first = bench.told(&ann, 0, 0);
    assert!(Arc::ptr_eq(&first, &bench.told(&ann, 0, 29)));
    let again = caller("ann", None);
    assert!(Arc::ptr_eq(&first, &bench.told(&again, 0, 29)), "by value");
    for other in [
        bench.told(&ann, 1, 1),
        bench.told(&bob, 0, 1),
        bench.told(&caller("ann", Some(100)), 0, 1),
    ] {
        assert!(!Arc::ptr_eq(&first, &other));
    }
    let later = bench.told(&ann, 0, 30);
    assert!(!Arc::ptr_eq(&first, &later));
    assert_eq!(bench.opened(&later).1["iat"], NOW.unix() + 30);
    let back = bench.told(&ann, 0, -5);
    assert_eq!(bench.opened(&back).1["iat"], NOW.unix() - 5);
}

#[test]
fn another_policy_or_registry_makes_a_new_one() {
    let mut bench = Bench::new();
    let ann = caller("ann", None);
    let first = bench.told(&ann, 0, 0);
    let mut access = samples::access(1);
    access.policy = Policy::default();
    bench.access = Arc::new(access);
    let second = bench.told(&ann, 0, 0);
    assert!(!Arc::ptr_eq(&first, &second));
    bench.cluster = ClusterId("c2".into());
    assert_eq!(bench.opened(&bench.told(&ann, 0, 0)).1["iss"], "c2");
}

#[test]
fn only_so_many_are_remembered() {
    let bench = Bench::new();
    for number in 0..100 {
        bench.told(&caller(&format!("user {number}"), None), 0, 0);
    }
    let held = bench.identities.told.len();
    assert!(held <= 8, "{held}");
}

#[test]
fn names_and_scopes_are_encoded_without_ambiguity() {
    assert_eq!(encode("ann@example.org"), "ann@example.org");
    assert_eq!(encode("a b,c\u{20ac}\r\n"), "a%20b%2Cc%E2%82%AC%0D%0A");
    let bench = Bench::new();
    let told = bench.told(&caller("ann", None), 0, 0);
    assert_eq!(told.user, "ann%20%C3%84%2C%20esq");
    assert_eq!(told.scopes, "a/read b%20c");
    assert_eq!(told.client.as_ref().unwrap(), "cli%3B1");
}
