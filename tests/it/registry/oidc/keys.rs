//! What a provider's users have made here, and how it follows the provider.

use axum::http::Method;
use mcp::auth::api_key;
use serde_json::{Value, json};

use super::{AT, log_in, me, started};
use crate::support::TestApp;
use crate::support::call::Reply;
use crate::support::provider::Provider;

/// A policy that gives scopes to the groups `readers` and `writers`.
async fn with_groups() -> (TestApp, Provider) {
    let (app, provider) = started().await;
    let policy = json!({
        "scopes": {"read": {}, "write": {}, "both": {}},
        "group_mappings": {"readers": ["read", "both"], "writers": ["write", "both"]},
    });
    let written = app.admin(Method::PUT, "/api/policy", &policy).await;
    assert_eq!(written.status, 200, "{written:?}");
    (app, provider)
}

async fn session(app: &TestApp, provider: &Provider, groups: &[&str]) -> String {
    log_in(app, provider, &json!({"groups": groups})).await
}

/// Makes a token or a key with a session.
async fn made(app: &TestApp, cookie: &str, body: Value) -> String {
    let call = app.call(Method::POST, "/api/tokens/generate");
    let call = call.cookie(cookie).header("sec-fetch-site", "same-origin");
    let reply = call.json(&body).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let token = reply.json()["tokens"]["access_token"].clone();
    token.as_str().unwrap().to_owned()
}

/// The groups that gateways know of a key; nothing where it does not count.
fn groups(app: &TestApp, key: &str) -> Option<Vec<String>> {
    let access = app.applied.last().access.clone().unwrap();
    let keys = &access.trust.api_keys;
    let principal = keys.find(&api_key::hash_of(key).unwrap())?;
    Some(principal.groups.iter().map(ToString::to_string).collect())
}

async fn end(app: &TestApp, name: &str) -> Reply {
    let target = format!("/api/users/{name}/credentials");
    app.admin(Method::DELETE, &target, &json!({})).await
}

#[tokio::test]
async fn keys_with_all_rights_stand_for_the_groups_of_the_last_login() {
    let (app, provider) = with_groups().await;
    let first = session(&app, &provider, &["readers", "writers"]).await;
    let key = made(&app, &first, json!({"kind": "api_key"})).await;
    let both = ["readers", "writers"].map(str::to_owned).to_vec();
    assert_eq!(groups(&app, &key), Some(both));
    let before = app.applied.revisions().len();
    session(&app, &provider, &["writers", "readers"]).await;
    assert_eq!(app.applied.revisions().len(), before, "the same groups");
    session(&app, &provider, &["readers"]).await;
    assert_eq!(app.applied.revisions().len(), before + 1);
    assert_eq!(groups(&app, &key), Some(vec!["readers".to_owned()]));
    // A key that is made in the older session brings nothing back.
    let late = made(&app, &first, json!({"kind": "api_key"})).await;
    assert_eq!(groups(&app, &late), Some(vec!["readers".to_owned()]));
    session(&app, &provider, &["writers"]).await;
    for key in [&key, &late] {
        assert_eq!(groups(&app, key), Some(vec!["writers".to_owned()]));
    }
    let audited = app.audit().await;
    let entry = audited.iter().find(|one| one.action == "user.groups");
    let entry = entry.expect("audited");
    assert_eq!(entry.subject, "ann groups=writers keys=2 ended=0");
    // Others are not touched.
    let bob = json!({"sub": "bob-1", "sid": "sid-3", "groups": ["readers"]});
    log_in(&app, &provider, &bob).await;
    assert_eq!(groups(&app, &key), Some(vec!["writers".to_owned()]));
}

#[tokio::test]
async fn a_lost_group_ends_what_cannot_follow() {
    let (app, provider) = with_groups().await;
    let cookie = session(&app, &provider, &["readers", "writers"]).await;
    let chosen = |scope: &str| json!({"kind": "api_key", "requested_scopes": [scope]});
    let reading = made(&app, &cookie, chosen("read")).await;
    let writing = made(&app, &cookie, chosen("write")).await;
    let either = made(&app, &cookie, chosen("both")).await;
    let token = made(&app, &cookie, json!({})).await;
    let less = made(&app, &cookie, json!({"requested_scopes": ["read"]})).await;
    session(&app, &provider, &["readers"]).await;
    let expected = [
        (&reading, 200),
        (&writing, 401),
        // The other group has it too.
        (&either, 200),
        (&token, 401),
        (&less, 200),
    ];
    for (credential, status) in expected {
        assert_eq!(app.me(credential).await, status);
    }
    // It comes back with nothing.
    session(&app, &provider, &["readers", "writers"]).await;
    assert_eq!(app.me(&writing).await, 401);
}

#[tokio::test]
async fn a_log_out_at_the_provider_ends_no_key() {
    let (app, provider) = with_groups().await;
    let cookie = session(&app, &provider, &["readers"]).await;
    let key = made(&app, &cookie, json!({"kind": "api_key"})).await;
    let token = provider.logout_token(AT, &json!({"sid": null}));
    let form = "application/x-www-form-urlencoded";
    let told = app.call(Method::POST, "/oauth2/backchannel-logout/oidc");
    let told = told
        .body(form, format!("logout_token={token}"))
        .send()
        .await;
    assert_eq!(told.status, 200);
    assert_eq!(me(&app, &cookie).await.status, 401);
    assert_eq!(app.me(&key).await, 200);
}

#[tokio::test]
async fn what_is_made_of_a_providers_token_never_grows_with_a_login() {
    let (app, provider) = with_groups().await;
    session(&app, &provider, &["readers", "writers"]).await;
    let token = provider.access_token(AT, &json!({"groups": ["readers"]}));
    let call = app
        .call(Method::POST, "/api/tokens/generate")
        .bearer(&token);
    let reply = call.json(&json!({"kind": "api_key"})).send().await;
    let key = reply.json()["tokens"]["access_token"].clone();
    let key = key.as_str().unwrap();
    assert_eq!(groups(&app, key), Some(vec!["readers".to_owned()]));
    session(&app, &provider, &["writers", "readers", "more"]).await;
    assert_eq!(groups(&app, key), Some(vec!["readers".to_owned()]));
    session(&app, &provider, &["writers"]).await;
    assert_eq!(groups(&app, key), None);
}

#[tokio::test]
async fn one_call_ends_all_that_stands_for_a_user() {
    let (app, provider) = with_groups().await;
    let cookie = session(&app, &provider, &["readers"]).await;
    let key = made(&app, &cookie, json!({"kind": "api_key"})).await;
    let token = made(&app, &cookie, json!({})).await;
    let theirs = provider.access_token(AT - 10, &json!({"sid": "sid-7"}));
    let bob = json!({"sub": "bob-1", "sid": "sid-3", "preferred_username": "bob"});
    let bob = log_in(&app, &provider, &bob).await;
    let others = made(&app, &bob, json!({"kind": "api_key"})).await;
    assert_eq!(app.me(&theirs).await, 200);
    let wrong = "/api/users/ann/credentials?provider=keycloak";
    let wrong = app.admin(Method::DELETE, wrong, &json!({})).await;
    assert_eq!(wrong.status, 404);
    let ended = end(&app, "ann").await;
    assert_eq!(ended.status, 200, "{ended:?}");
    assert_eq!(ended.json(), json!({"sessions": 1, "tokens": 2}));
    assert_eq!(groups(&app, &key), None);
    for credential in [&key, &token, &theirs] {
        assert_eq!(app.me(credential).await, 401);
    }
    assert_eq!(me(&app, &cookie).await.status, 401);
    assert_eq!(me(&app, &bob).await.status, 200);
    assert_eq!(app.me(&others).await, 200);
    let audited = app.audit().await;
    let entry = audited.iter().find(|one| one.action == "user.end");
    let entry = entry.expect("audited");
    assert_eq!(entry.subject, "ann sessions=1 tokens=2");
    // By the subject too, and as often as one likes.
    assert_eq!(end(&app, "ann-1").await.status, 200);
    let nobody = end(&app, "nobody").await;
    assert_eq!(nobody.status, 404);
    // Whoever may still log in begins anew.
    app.clock.advance(1);
    let again = session(&app, &provider, &["readers"]).await;
    assert_eq!(me(&app, &again).await.status, 200);
}

#[tokio::test]
async fn one_call_ends_all_that_stands_for_a_local_user() {
    let (app, _provider) = with_groups().await;
    let session = app.user("carl", &["readers"]).await;
    let key = made(&app, &session.cookie, json!({"kind": "api_key"})).await;
    assert_eq!(app.me(&key).await, 200);
    let ended = end(&app, "carl").await;
    assert_eq!(ended.json(), json!({"sessions": 1, "tokens": 1}));
    assert_eq!(app.me(&key).await, 401);
    assert_eq!(me(&app, &session.cookie).await.status, 401);
    let body = json!({"username": "carl", "password": crate::support::app::USER_PASSWORD});
    let login = app.call(Method::POST, "/api/auth/login").json(&body);
    assert_eq!(login.send().await.status, 200, "they may log in again");
}
