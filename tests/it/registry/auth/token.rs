//! Tokens for programs.

use axum::http::Method;
use serde_json::json;

use crate::support::TestApp;

#[tokio::test]
async fn a_token_is_shown_once_with_its_facts() {
    let app = TestApp::start().await;
    let made = app
        .new_token(json!({"expires_in_hours": 2, "description": "for tests"}))
        .await;
    assert_eq!(made["success"], true);
    assert_eq!(made["client_id"], "user-generated");
    assert_eq!(made["tokens"]["expires_in"], 7_200);
    assert_eq!(made["tokens"]["token_type"], "Bearer");
    assert_eq!(made["tokens"]["refresh_token"], serde_json::Value::Null);
    assert_eq!(made["tokens"]["scope"], "mcp-registry-admin");
    assert_eq!(made["requested_scopes"], json!([]));
    assert_eq!(made["kind"], "token");
    let token = made["tokens"]["access_token"].as_str().unwrap();
    let list = app.get("/api/tokens").bearer(token).send().await;
    let text = String::from_utf8(list.body.clone()).unwrap();
    assert!(!text.contains(token), "only its facts are kept");
    assert_eq!(list.json()[0]["id"], made["token_id"]);
    assert_eq!(list.json()[0]["description"], "for tests");
    assert_eq!(list.json()[0]["revoked"], false);
}

#[tokio::test]
async fn a_token_ends_by_itself() {
    let app = TestApp::start().await;
    let made = app.new_token(json!({"expires_in_hours": 1})).await;
    let token = made["tokens"]["access_token"].as_str().unwrap();
    app.clock.advance(3_599);
    assert_eq!(
        app.get("/api/auth/me").bearer(token).send().await.status,
        200
    );
    app.clock.advance(1);
    assert_eq!(
        app.get("/api/auth/me").bearer(token).send().await.status,
        401
    );
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_everywhere_and_after_a_restart() {
    let app = TestApp::start().await;
    let made = app.new_token(json!({})).await;
    let (id, token) = (
        made["token_id"].as_str().unwrap(),
        made["tokens"]["access_token"].as_str().unwrap().to_owned(),
    );
    let before = app.applied.last().revision;
    assert_eq!(
        app.get("/api/auth/me").bearer(&token).send().await.status,
        200
    );
    let session = app.login().await;
    let revoke = || {
        app.call(Method::DELETE, &format!("/api/tokens/{id}"))
            .session(&session)
            .send()
    };
    assert_eq!(revoke().await.status, 204);
    assert_eq!(revoke().await.status, 204, "again is no mistake");
    assert_eq!(
        app.get("/api/auth/me").bearer(&token).send().await.status,
        401
    );
    let snapshot = app.applied.last();
    assert_eq!(snapshot.revision.0, before.0 + 1);
    let trust = &snapshot.access.as_ref().unwrap().trust;
    assert!(trust.revoked.keys().any(|revoked| &*revoked.0 == id));
    assert_eq!(
        app.get("/api/tokens").session(&session).send().await.json()[0]["revoked"],
        true
    );
    let app = app.restart(|_| {}).await;
    assert_eq!(
        app.get("/api/auth/me").bearer(&token).send().await.status,
        401
    );
}

#[tokio::test]
async fn a_token_gives_no_more_and_lasts_no_longer_than_what_made_it() {
    let app = TestApp::start().await;
    let first = app.new_token(json!({"expires_in_hours": 1})).await;
    let first = first["tokens"]["access_token"].as_str().unwrap();
    app.clock.advance(1_800);
    let generate = |body: serde_json::Value| {
        app.call(Method::POST, "/api/tokens/generate")
            .bearer(first)
            .json(&body)
            .send()
    };
    let second = generate(json!({"expires_in_hours": 24})).await;
    assert_eq!(second.json()["tokens"]["expires_in"], 1_800);
    let foreign = generate(json!({"requested_scopes": ["mcp-registry-admin", "other"]})).await;
    assert_eq!(foreign.status, 403);
    assert_eq!(
        generate(json!({"requested_scopes": ["mcp-registry-admin"]}))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn wrong_wishes_are_named_field_by_field() {
    let app = TestApp::start().await;
    let token = app.token().await;
    for (body, field) in [
        (json!({"expires_in_hours": 0}), "/expires_in_hours"),
        (json!({"expires_in_hours": 25}), "/expires_in_hours"),
        (json!({"expires_in_hours": 1.5}), "/expires_in_hours"),
        (json!({"expires_in_hours": "8"}), "/expires_in_hours"),
        (json!({"requested_scopes": "x"}), "/requested_scopes"),
        (json!({"requested_scopes": ["a b"]}), "/requested_scopes/0"),
        (json!({"requested_scopes": [1]}), "/requested_scopes/0"),
        (json!({"kind": "cookie"}), "/kind"),
        (
            json!({"kind": "api_key", "expires_in_hours": 8_785}),
            "/expires_in_hours",
        ),
        (json!({"description": 1}), "/description"),
        (json!({"description": "x".repeat(501)}), "/description"),
        (json!({"is_admin": true}), "/is_admin"),
        (json!([]), ""),
    ] {
        let reply = app
            .call(Method::POST, "/api/tokens/generate")
            .bearer(&token)
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(
            reply.errors()[0].starts_with(&format!("{field}: ")),
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn so_many_tokens_in_an_hour() {
    let app = TestApp::builder()
        .settings(|settings| settings.auth.tokens_per_hour = 3)
        .start()
        .await;
    let session = app.login().await;
    let generate = || {
        app.call(Method::POST, "/api/tokens/generate")
            .session(&session)
            .json(&json!({}))
            .send()
    };
    for _ in 0..3 {
        assert_eq!(generate().await.status, 200);
    }
    let limited = generate().await;
    assert_eq!(limited.status, 429);
    assert!(limited.headers.contains_key("retry-after"));
    app.clock.advance(3_601);
    assert_eq!(app.token().await.split('.').count(), 3);
}

#[tokio::test]
async fn a_token_asked_for_with_no_scopes_has_none() {
    let app = TestApp::start().await;
    let made = app.new_token(json!({"requested_scopes": []})).await;
    assert_eq!(made["tokens"]["scope"], "");
    let token = made["tokens"]["access_token"].as_str().unwrap();
    let me = app.get("/api/auth/me").bearer(token).send().await.json();
    assert_eq!(
        (&me["is_admin"], &me["scopes"]),
        (&json!(false), &json!([]))
    );
    assert_eq!(me["groups"], json!([]), "groups would bring rights back");
    let add = app.call(Method::POST, "/api/servers").bearer(token);
    let body = json!({"path": "/x", "server_name": "X", "port": 1});
    assert_eq!(add.json(&body).send().await.status, 403);
}

#[tokio::test]
async fn nothing_is_made_of_a_credential_that_ended() {
    let app = TestApp::start().await;
    let session = app.user("ann", &[]).await;
    let made = app
        .call(Method::POST, "/api/tokens/generate")
        .session(&session)
        .json(&json!({}))
        .send()
        .await
        .json();
    let token = made["tokens"]["access_token"].as_str().unwrap();
    let id = made["token_id"].as_str().unwrap();
    let gone = app
        .call(Method::DELETE, &format!("/api/tokens/{id}"))
        .session(&session)
        .send()
        .await;
    assert_eq!(gone.status, 204);
    for call in [
        app.call(Method::POST, "/api/tokens/generate")
            .json(&json!({})),
        app.get("/api/tokens"),
    ] {
        assert_eq!(call.bearer(token).send().await.status, 401);
    }
}

#[tokio::test]
async fn nobody_sees_or_revokes_what_is_anothers() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.user("ann", &[]).await, app.user("bob", &[]).await);
    let made = app
        .call(Method::POST, "/api/tokens/generate")
        .session(&ann)
        .json(&json!({"kind": "api_key"}))
        .send()
        .await
        .json();
    let key = made["tokens"]["access_token"].as_str().unwrap();
    let target = format!("/api/tokens/{}", made["token_id"].as_str().unwrap());
    let revoke = |session| app.call(Method::DELETE, &target).session(session).send();
    assert_eq!(revoke(&bob).await.status, 404);
    let list = app.get("/api/tokens").session(&bob).send().await;
    assert_eq!(list.json(), json!([]));
    assert_eq!(app.me(key).await, 200);
    assert_eq!(revoke(&ann).await.status, 204);
    assert_eq!(app.me(key).await, 401);
}
