//! Service accounts and what is made for them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::USER_PASSWORD;

const ADMINS: &str = "mcp-registry-admin";

async fn bot(app: &TestApp, facts: Value) {
    let mut body = json!({"name": "bot"});
    body.as_object_mut()
        .unwrap()
        .extend(facts.as_object().unwrap().clone());
    let made = app
        .admin(Method::POST, "/api/service-accounts", &body)
        .await;
    assert_eq!(made.status, 201, "{made:?}");
}

async fn patch(app: &TestApp, body: Value) {
    let reply = app
        .admin(Method::PATCH, "/api/service-accounts/bot", &body)
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
}

async fn made(app: &TestApp, kind: &str, scopes: Option<&[&str]>) -> String {
    let mut body = json!({"kind": kind, "service_account": "bot"});
    if let Some(scopes) = scopes {
        body["requested_scopes"] = json!(scopes);
    }
    app.new_token(body).await["tokens"]["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn is_admin(app: &TestApp, token: &str) -> bool {
    let me = app.get("/api/auth/me").bearer(token).send().await;
    assert_eq!(me.status, 200);
    assert_eq!(me.json()["username"], "bot");
    me.json()["is_admin"].as_bool().unwrap()
}

#[tokio::test]
async fn its_tokens_and_keys_have_its_rights_and_not_their_makers() {
    let app = TestApp::start().await;
    bot(
        &app,
        json!({"scopes": ["reader"], "description": "deploys"}),
    )
    .await;
    let (token, key) = (
        made(&app, "token", None).await,
        made(&app, "api_key", None).await,
    );
    assert!(!is_admin(&app, &token).await && !is_admin(&app, &key).await);
    let body = json!({"service_account": "bot", "requested_scopes": [ADMINS]});
    let more = app.admin(Method::POST, "/api/tokens/generate", &body).await;
    assert_eq!(more.status, 403, "the maker has it, the account not");
    let list = app
        .get("/api/tokens?service_account=bot")
        .session(&app.login().await)
        .send()
        .await;
    let owners: Vec<_> = list
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["service_account"].clone())
        .collect();
    assert_eq!(owners, [json!("bot"), json!("bot")]);
}

#[tokio::test]
async fn a_key_with_all_rights_follows_the_account_and_a_fixed_one_ends() {
    let app = TestApp::start().await;
    bot(&app, json!({"scopes": [ADMINS]})).await;
    let key = made(&app, "api_key", None).await;
    let fixed = made(&app, "api_key", Some(&[ADMINS])).await;
    let token = made(&app, "token", None).await;
    for credential in [&key, &fixed, &token] {
        assert!(is_admin(&app, credential).await);
    }
    patch(&app, json!({"scopes": []})).await;
    assert!(!is_admin(&app, &key).await);
    assert_eq!((app.me(&fixed).await, app.me(&token).await), (401, 401));
    patch(&app, json!({"scopes": [ADMINS]})).await;
    assert!(is_admin(&app, &key).await);
}

#[tokio::test]
async fn disabling_or_removing_one_ends_its_tokens_and_keys_for_good() {
    for remove in [false, true] {
        let app = TestApp::start().await;
        bot(&app, json!({})).await;
        let (token, key) = (
            made(&app, "token", None).await,
            made(&app, "api_key", None).await,
        );
        if remove {
            let target = "/api/service-accounts/bot";
            let gone = app.admin(Method::DELETE, target, &json!({})).await;
            assert_eq!(gone.status, 204);
        } else {
            patch(&app, json!({"disabled": true})).await;
        }
        assert_eq!((app.me(&token).await, app.me(&key).await), (401, 401));
        let body = json!({"service_account": "bot"});
        let more = app.admin(Method::POST, "/api/tokens/generate", &body).await;
        assert_eq!(more.status, if remove { 404 } else { 409 });
        if remove {
            bot(&app, json!({})).await;
        } else {
            patch(&app, json!({"disabled": false})).await;
        }
        assert_eq!((app.me(&token).await, app.me(&key).await), (401, 401));
    }
}

#[tokio::test]
async fn it_cannot_log_in_and_shares_one_space_of_names_with_users() {
    let app = TestApp::start().await;
    bot(&app, json!({})).await;
    let login = app
        .call(Method::POST, "/api/auth/login")
        .json(&json!({"username": "bot", "password": "anything at all"}))
        .send()
        .await;
    assert_eq!(login.status, 401);
    app.user("ann", &[]).await;
    let user = json!({"username": "bot", "password": USER_PASSWORD});
    let user = app.admin(Method::POST, "/api/users", &user).await;
    assert_eq!(user.status, 409);
    for name in ["ann", "admin", "bot"] {
        let body = json!({"name": name});
        let account = app
            .admin(Method::POST, "/api/service-accounts", &body)
            .await;
        assert_eq!(account.status, 409, "{name}");
    }
}

#[tokio::test]
async fn mistakes_are_named_field_by_field() {
    let app = TestApp::start().await;
    for (body, field) in [
        (json!({}), "/name"),
        (json!({"name": "a/b"}), "/name"),
        (json!({"name": "a", "scopes": ["a b"]}), "/scopes/0"),
        (json!({"name": "a", "scopes": "a"}), "/scopes"),
        (json!({"name": "a", "groups": [1]}), "/groups/0"),
        (json!({"name": "a", "description": 1}), "/description"),
        (json!({"name": "a", "owner": "me"}), "/owner"),
    ] {
        let reply = app
            .admin(Method::POST, "/api/service-accounts", &body)
            .await;
        assert_eq!(reply.status, 422, "{body}");
        assert!(
            reply.errors()[0].starts_with(&format!("{field}: ")),
            "{reply:?}"
        );
    }
    let unknown = app
        .get("/api/tokens?service_account=none")
        .session(&app.login().await)
        .send()
        .await;
    assert_eq!(unknown.status, 404);
}
