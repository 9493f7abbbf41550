//! API keys: their form, their life, their rights.

use axum::http::Method;
use mcp::domain::time::Timestamp;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::GATEWAY_TOKEN;

async fn key(app: &TestApp, body: Value) -> (String, String) {
    let mut wanted = json!({"kind": "api_key"});
    wanted
        .as_object_mut()
        .unwrap()
        .extend(body.as_object().unwrap().clone());
    let made = app.new_token(wanted).await;
    assert_eq!(made["kind"], "api_key");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (
        text(&made["token_id"]),
        text(&made["tokens"]["access_token"]),
    )
}

#[tokio::test]
async fn a_key_is_shown_once_in_a_form_that_scanners_find() {
    let app = TestApp::start().await;
    let (id, text) = key(&app, json!({"description": "laptop"})).await;
    let parts: Vec<_> = text.split('_').collect();
    let [prefix, own_id, secret, checksum] = parts[..] else {
        panic!("{text}")
    };
    assert_eq!((prefix, own_id), ("mcpk", &*id));
    assert_eq!((secret.len(), checksum.len()), (64, 8));
    let list = app.get("/api/tokens").bearer(&text).send().await;
    assert!(!String::from_utf8_lossy(&list.body).contains(secret));
    let listed = &list.json()[0];
    assert_eq!(listed["id"], id);
    assert_eq!(listed["kind"], "api_key");
    assert_eq!(listed["all_rights"], true);
    assert_eq!(listed["service_account"], Value::Null);
    let me = app.get("/api/auth/me").bearer(&text).send().await.json();
    assert_eq!(me["auth_method"], "api_key");
    assert_eq!(me["is_admin"], true);
}

/// The last use of a key as it is listed, once it is not `before`: it is noted beside the requests.
async fn last_use(app: &TestApp, id: &str, before: &Value) -> Value {
    let token = app.token().await;
    for _ in 0..1_000 {
        let listed = app.get("/api/tokens").bearer(&token).send().await.json();
        let keys = listed.as_array().unwrap();
        let found = keys.iter().find(|one| one["id"] == id).unwrap();
        if found["last_used_at"] != *before {
            return found["last_used_at"].clone();
        }
    }
    panic!("the use of {id} was not noted after {before}")
}

#[tokio::test]
async fn its_last_use_is_noted_to_the_hour_and_is_no_change_to_gateways() {
    let app = TestApp::start().await;
    let (id, text) = key(&app, json!({})).await;
    let (other, _) = key(&app, json!({})).await;
    let began = app.clock.now();
    let revisions = app.applied.revisions();
    assert_eq!(app.me(&text).await, 200);
    let first = last_use(&app, &id, &Value::Null).await;
    assert_eq!(first, began.to_rfc3339());
    app.clock.advance(3_599);
    assert_eq!(app.me(&text).await, 200);
    let told = |key: &str, at: Timestamp, sequence: u32| {
        let event = json!({"kind": "access", "at": at, "decision": "allow", "key": key});
        let body = json!({"id": "gw", "sequence": sequence, "events": [event]});
        let call = app.call(Method::POST, "/api/gateway/events");
        call.bearer(GATEWAY_TOKEN).json(&body).send()
    };
    // Of gateways too, in no order; what is no key of ours is passed over.
    let later = began.plus_seconds(3_590);
    assert_eq!(told("0123456789abcdef", later, 1).await.status, 204);
    assert_eq!(told(&other, later, 2).await.status, 204);
    assert_eq!(told(&id, later, 3).await.status, 204);
    let of_other = last_use(&app, &other, &Value::Null).await;
    assert_eq!(of_other, later.to_rfc3339());
    // Within the hour nothing is written for the first; from then on it is.
    let next = began.plus_seconds(3_600);
    app.clock.advance(10);
    assert_eq!(told(&id, next, 4).await.status, 204);
    assert_eq!(last_use(&app, &id, &first).await, next.to_rfc3339());
    // One whose clock is ahead tells nothing of the future.
    assert_eq!(told(&other, later.plus_seconds(9_000), 5).await.status, 204);
    app.clock.advance(3_600);
    let now = app.clock.now();
    assert_eq!(told(&other, now.plus_seconds(60), 6).await.status, 204);
    assert_eq!(last_use(&app, &other, &of_other).await, now.to_rfc3339());
    assert_eq!(app.applied.revisions(), revisions);
}

#[tokio::test]
async fn a_changed_key_is_none() {
    let app = TestApp::start().await;
    let (_, text) = key(&app, json!({})).await;
    let mut other = text.clone();
    let digit = if other.pop() == Some('0') { '1' } else { '0' };
    other.push(digit);
    for wrong in [
        &other,
        &text.to_uppercase(),
        &text.chars().take(94).collect::<String>(),
        "mcpk_",
        "mcpk_x_y_z",
    ] {
        assert_eq!(app.me(wrong).await, 401, "{wrong}");
    }
    let twice = app.get("/api/auth/me").bearer(&text);
    let twice = twice.header("x-authorization", &format!("Bearer {other}"));
    assert_eq!(twice.send().await.status, 401, "a bad one in front counts");
    let header = app.get("/api/auth/me").header("x-api-key", &text);
    assert_eq!(header.send().await.status, 401, "only as a bearer token");
    assert_eq!(app.me(&text).await, 200);
}

#[tokio::test]
async fn a_key_ends_by_itself_and_when_revoked() {
    let app = TestApp::start().await;
    let (_, short) = key(&app, json!({"expires_in_hours": 1})).await;
    let (id, long) = key(&app, json!({"expires_in_hours": 8_784})).await;
    app.clock.advance(3_599);
    assert_eq!(app.me(&short).await, 200);
    app.clock.advance(1);
    assert_eq!(app.me(&short).await, 401);
    app.clock.advance(365 * 86_400);
    assert_eq!(app.me(&long).await, 200);
    let app = app.restart(|_| {}).await;
    assert_eq!(app.me(&long).await, 200, "after a restart too");
    let target = format!("/api/tokens/{id}");
    let gone = app.admin(Method::DELETE, &target, &json!({})).await;
    assert_eq!(gone.status, 204);
    assert_eq!(app.me(&long).await, 401);
    let trust = app.applied.last().access.clone().unwrap().trust.clone();
    assert!(trust.api_keys.is_empty());
    let app = app.restart(|_| {}).await;
    assert_eq!(app.me(&long).await, 401);
}

#[tokio::test]
async fn a_key_gives_no_more_and_lasts_no_longer_than_what_made_it() {
    let app = TestApp::start().await;
    let (_, narrow) = key(&app, json!({"requested_scopes": [], "expires_in_hours": 2})).await;
    let generate = |body: Value| {
        app.call(Method::POST, "/api/tokens/generate")
            .bearer(&narrow)
            .json(&body)
            .send()
    };
    let made = generate(json!({"kind": "api_key"})).await.json();
    assert_eq!(made["tokens"]["expires_in"], 7_200);
    let second = made["tokens"]["access_token"].as_str().unwrap();
    let me = app.get("/api/auth/me").bearer(second).send().await.json();
    assert_eq!(
        me["is_admin"], false,
        "all rights of a key without any are none"
    );
    let more = generate(json!({"requested_scopes": ["mcp-registry-admin"]})).await;
    assert_eq!(more.status, 403);
    let list = app.get("/api/users").bearer(&narrow).send().await;
    assert_eq!(list.status, 403);
}

#[tokio::test]
async fn keys_count_towards_the_limit_of_the_hour() {
    let app = TestApp::builder()
        .settings(|settings| settings.auth.tokens_per_hour = 2)
        .start()
        .await;
    app.token().await;
    key(&app, json!({})).await;
    let body = json!({"kind": "api_key"});
    let limited = app.admin(Method::POST, "/api/tokens/generate", &body).await;
    assert_eq!(limited.status, 429);
}
