//! What a refused caller is told of scopes, and what not.

use std::sync::Arc;

use mcp::domain::issuer::TrustedIssuer;
use mcp::domain::policy::{ADMIN_SCOPE, ANONYMOUS, Names, Policy, ScopeRules, ServerRule};
use serde_json::{Value, json};

use super::client::{JSON, LIST, Reply, ask};
use super::upstream::Upstream;
use crate::support::front::{Front, NOW, READER, Server};
use crate::support::provider::Key;

const ISSUER: &str = "https://idp.example/realms/a";

/// A gateway with the servers `/a` and `/b`, and a provider that grants some scopes.
struct Guarded {
    upstream: Upstream,
    front: Front,
    key: Key,
}

fn names(names: &[&str]) -> Names {
    Names::Only(names.iter().map(|name| (*name).to_owned()).collect())
}

fn scope(server: &str, tools: &[&str]) -> ScopeRules {
    let rule = ServerRule {
        servers: names(&[server]),
        methods: names(&["initialize", "tools/list", "tools/call"]),
        tools: names(tools),
    };
    ScopeRules {
        servers: vec![rule],
        ..ScopeRules::default()
    }
}

impl Guarded {
    async fn granting(scopes: &[&str]) -> Self {
        let upstream = Upstream::ready().await;
        let front = Front::routing([]);
        let guarded = Self {
            upstream,
            front,
            key: Key::new("k1"),
        };
        guarded.grant(scopes, false);
        guarded
    }

    fn grant(&self, scopes: &[&str], anonymous: bool) {
        let issuer = TrustedIssuer {
            issuer: ISSUER.into(),
            provider: "oidc".into(),
            audiences: ["mcp".into()].into(),
            groups_claim: "groups".into(),
            max_life: 3_600,
            keys: vec![serde_json::from_value(self.key.jwk()).unwrap()],
            scopes: scopes.iter().map(ToString::to_string).collect(),
            ..TrustedIssuer::default()
        };
        let url = self.upstream.url("/mcp");
        let servers = [Server::new("/a", &url), Server::new("/b", &url)];
        self.front.apply_with(servers, |access| {
            let mut rules = access.policy.rules().clone();
            rules.scopes.insert("a/read".into(), scope("a", &["read"]));
            let writing = scope("a", &["read", "write", "more"]);
            rules.scopes.insert("a/write".into(), writing);
            rules.scopes.insert("b/all".into(), scope("b", &["read"]));
            if anonymous {
                let read = ["a/read".to_owned()].into();
                rules.groups.insert(ANONYMOUS.into(), read);
            }
            access.policy = Policy::new(rules);
            access.trust.issuers = vec![Arc::new(issuer)];
        });
    }

    /// A token of the provider with these scopes.
    fn token(&self, scope: &str) -> String {
        let claims = json!({
            "iss": ISSUER, "aud": "mcp", "sub": "ann", "iat": NOW - 1, "exp": NOW + 600,
            "scope": scope,
        });
        format!("Bearer {}", self.key.sign("at+jwt", &claims))
    }

    async fn called(&self, bearer: Option<&str>, body: &str) -> Reply {
        let mut fields = vec![JSON];
        fields.extend(bearer.map(|bearer| ("authorization", bearer)));
        ask(self.front.plain, "POST", "/a", &fields, body.as_bytes()).await
    }

    /// The challenge with which this is refused.
    async fn challenge(&self, bearer: Option<&str>, body: &str, status: u16) -> Option<String> {
        let reply = self.called(bearer, body).await;
        assert_eq!(reply.status(), status, "{}", reply.text());
        reply.head.one("www-authenticate").map(str::to_owned)
    }

    fn metadata_url(&self, path: &str) -> String {
        let at = self.front.plain;
        format!("http://{at}/.well-known/oauth-protected-resource{path}")
    }

    async fn metadata(&self, path: &str) -> Value {
        let target = format!("/.well-known/oauth-protected-resource{path}");
        ask(self.front.plain, "GET", &target, &[], b"").await.json()
    }
}

fn calling(tool: &str) -> String {
    let params = json!({"name": tool, "arguments": {}});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}).to_string()
}

#[tokio::test]
async fn who_shows_no_token_is_told_with_which_scope_to_begin() {
    let guarded = Guarded::granting(&["openid", "a/read", "a/write", "b/all"]).await;
    let url = guarded.metadata_url("/a");
    let told = format!("scope=\"a/read\", resource_metadata=\"{url}\"");
    assert_eq!(
        guarded.challenge(None, LIST, 401).await,
        Some(format!("Bearer {told}"))
    );
    // Another way to log in is no token.
    let other = guarded.challenge(Some("Basic YTpi"), LIST, 401).await;
    assert_eq!(other, Some(format!("Bearer {told}")));
    let bad = guarded.challenge(Some("Bearer nonsense"), LIST, 401).await;
    let error = "error=\"invalid_token\"";
    assert_eq!(bad, Some(format!("Bearer {error}, {told}")));
    // What nobody grants is nothing to ask for.
    guarded.grant(&["openid"], false);
    assert_eq!(
        guarded.challenge(None, LIST, 401).await,
        Some(format!("Bearer resource_metadata=\"{url}\""))
    );
    assert!(guarded.upstream.calls().is_empty());
}

#[tokio::test]
async fn a_token_of_the_provider_that_is_not_enough_is_told_what_would_be() {
    let guarded = Guarded::granting(&["openid", "a/read", "a/write", "b/all"]).await;
    let url = guarded.metadata_url("/a");
    let insufficient = |scope: &str| {
        Some(format!(
            "Bearer error=\"insufficient_scope\", scope=\"{scope}\", resource_metadata=\"{url}\""
        ))
    };
    let nothing = guarded.token("openid");
    let read = guarded.token("openid a/read");
    assert_eq!(
        guarded.challenge(Some(&nothing), LIST, 403).await,
        insufficient("a/read")
    );
    // What is there already is named too: the new token must not be worth less.
    assert_eq!(
        guarded.challenge(Some(&read), &calling("write"), 403).await,
        insufficient("a/read a/write")
    );
    let batch = format!("[{},{}]", calling("read"), calling("write"));
    assert_eq!(
        guarded.challenge(Some(&nothing), &batch, 403).await,
        insufficient("a/write")
    );
    let fields = [("authorization", nothing.as_str())];
    let opened = ask(guarded.front.plain, "GET", "/a", &fields, b"").await;
    let told = opened.head.one("www-authenticate").map(str::to_owned);
    assert_eq!((opened.status(), told), (403, insufficient("a/read")));
    let enough = guarded.token("openid a/write");
    let reply = guarded.called(Some(&enough), &calling("write")).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(reply.head.one("www-authenticate"), None);
}

#[tokio::test]
async fn where_asking_again_cannot_help_a_refusal_names_no_error() {
    let guarded = Guarded::granting(&["openid", "a/read", ADMIN_SCOPE]).await;
    let read = guarded.token("a/read");
    // No scope allows it, one does but the provider does not grant it, only administrators may.
    for tool in ["nothing", "write", "more"] {
        let told = guarded.challenge(Some(&read), &calling(tool), 403).await;
        assert_eq!(told, None, "{tool}");
    }
    // Nobody gets more with a token of the registry by asking a provider.
    let own = format!("Bearer {}", guarded.front.issuer.token("t", "b/all"));
    assert_eq!(guarded.challenge(Some(&own), LIST, 403).await, None);
}

#[tokio::test]
async fn who_has_shown_nothing_is_told_what_the_call_needs() {
    let guarded = Guarded::granting(&["a/read", "a/write"]).await;
    guarded.grant(&["a/read", "a/write"], true);
    let url = guarded.metadata_url("/a");
    assert_eq!(guarded.called(None, LIST).await.status(), 200);
    let told = guarded.challenge(None, &calling("write"), 401).await;
    let wanted = format!("Bearer scope=\"a/write\", resource_metadata=\"{url}\"");
    assert_eq!(told, Some(wanted));
}

#[tokio::test]
async fn the_metadata_names_what_the_challenges_may_name_and_no_more() {
    let all = ["openid", "email", "a/read", "a/write", "b/all", ADMIN_SCOPE];
    let guarded = Guarded::granting(&all).await;
    let scopes = |metadata: Value| metadata["scopes_supported"].clone();
    let at_a = scopes(guarded.metadata("/a").await);
    assert_eq!(at_a, json!(["openid", "a/read", "a/write"]));
    let at_b = scopes(guarded.metadata("/b").await);
    assert_eq!(at_b, json!(["openid", "b/all"]));
    // A scope of the policy that the provider does not know stays between us.
    assert!(!at_a.to_string().contains(READER));
    guarded.grant(&[], false);
    assert_eq!(scopes(guarded.metadata("/a").await), json!(["openid"]));
}
