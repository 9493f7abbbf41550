//! What the registry ends, a gateway of the same process refuses, and closes what is open.

use std::sync::Arc;

use axum::http::Method;
use mcp::catalog::SnapshotSink;
use serde_json::{Value, json};

use crate::gateway::client::{Client, JSON, LIST};
use crate::gateway::upstream::{EVENTS, Upstream, json as answer};
use crate::gateway::wire::soon;
use crate::support::TestApp;
use crate::support::front::{Front, Setup};

/// A registry, a gateway that follows it, and a server behind that streams to GET.
async fn both() -> (TestApp, Front, Upstream) {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        if call.method() == "GET" {
            wire.send(EVENTS).await.ok()?;
            // Open until the other side ends it.
            while matches!(wire.fill().await, Ok(true)) {}
            return None;
        }
        wire.send(answer("{}")).await.ok()?;
        Some(wire)
    })
    .await;
    let front = Front::start(Setup::default());
    let app = TestApp::builder()
        .followed_by(Arc::clone(&front.gateway) as Arc<dyn SnapshotSink>)
        .start()
        .await;
    let token = app.token().await;
    let body = json!({"path": "/a", "server_name": "A", "proxy_pass_url": upstream.url("/")});
    app.add(&token, &body).await;
    (app, front, upstream)
}

async fn called(front: &Front, token: &str) -> u16 {
    let mut client = Client::plain(front.plain).await;
    client.call("/a", token, LIST).await.status()
}

async fn streaming(front: &Front, token: &str) -> Client {
    let mut client = Client::plain(front.plain).await;
    let bearer = format!("Bearer {token}");
    let fields = [JSON, ("authorization", bearer.as_str())];
    client.send("GET", "/a", &fields, b"").await.unwrap();
    assert_eq!(client.head().await.word(1), "200");
    client
}

/// Ended when the API has answered: there is nothing to wait for but the wire.
async fn ended(mut client: Client) {
    assert_eq!(soon(client.wire.chunk()).await.unwrap(), None);
}

fn text(made: &Value) -> String {
    made["tokens"]["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_counts_from_the_answer_on_and_ends_with_its_revocation() {
    let (app, front, upstream) = both().await;
    let made = app.new_token(json!({"kind": "api_key"})).await;
    let key = text(&made);
    assert_eq!(called(&front, &key).await, 200);
    let call = upstream.calls().pop().unwrap();
    assert_eq!(call.head.one("x-user"), Some("admin"));
    assert_eq!(call.head.one("x-auth-method"), Some("api_key"));
    assert!(!format!("{call:?}").contains(&key), "never goes further");
    let stream = streaming(&front, &key).await;
    let target = format!("/api/tokens/{}", made["token_id"].as_str().unwrap());
    app.admin(Method::DELETE, &target, &json!({})).await;
    assert_eq!(called(&front, &key).await, 401);
    ended(stream).await;
}

#[tokio::test]
async fn a_disabled_users_tokens_and_keys_are_refused_and_streams_closed() {
    for kind in ["token", "api_key"] {
        let (app, front, _upstream) = both().await;
        let session = app.user("ann", &["mcp-registry-admin"]).await;
        let made = app
            .call(Method::POST, "/api/tokens/generate")
            .session(&session)
            .json(&json!({"kind": kind}))
            .send()
            .await;
        let token = text(&made.json());
        let stream = streaming(&front, &token).await;
        let others = streaming(&front, &app.token().await).await;
        let body = json!({"disabled": true});
        app.admin(Method::PATCH, "/api/users/ann", &body).await;
        assert_eq!(called(&front, &token).await, 401, "{kind}");
        ended(stream).await;
        assert_eq!(front.gateway.streams.len(), 1, "nobody else's");
        drop(others);
    }
}

#[tokio::test]
async fn a_key_whose_owner_loses_a_right_loses_it_in_open_streams_too() {
    let (app, front, _upstream) = both().await;
    let bot = json!({"name": "bot", "scopes": ["mcp-registry-admin"]});
    app.admin(Method::POST, "/api/service-accounts", &bot).await;
    let body = json!({"kind": "api_key", "service_account": "bot"});
    let key = text(&app.new_token(body).await);
    assert_eq!(called(&front, &key).await, 200);
    let stream = streaming(&front, &key).await;
    let less = json!({"scopes": []});
    let target = "/api/service-accounts/bot";
    app.admin(Method::PATCH, target, &less).await;
    assert_eq!(called(&front, &key).await, 403, "it is still a key");
    ended(stream).await;
}
