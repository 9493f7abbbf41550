//! What each permission covers of a server, and what it does not.

use axum::http::Method;
use serde_json::{Value, json};

use super::put;
use crate::support::TestApp;
use crate::support::call::Reply;

/// A registry with `/a`, and a token with these permissions for `/a` and `/new`.
async fn with(permissions: &[&str]) -> (TestApp, String) {
    let app = TestApp::start().await;
    let admin = app.token().await;
    app.add(
        &admin,
        &json!({"path": "/a", "server_name": "A", "port": 1}),
    )
    .await;
    let ui: serde_json::Map<String, Value> = permissions
        .iter()
        .map(|name| ((*name).to_owned(), json!(["a", "/new/"])))
        .collect();
    let policy = json!({"scopes": {"s": {"ui_permissions": ui}}});
    assert_eq!(put(&app, &admin, &policy).await.status, 200);
    let token = app.token_with(&["s"]).await;
    (app, token)
}

async fn patch(app: &TestApp, token: &str, body: &Value) -> Reply {
    let call = app.call(Method::PATCH, "/api/servers/a").bearer(token);
    call.json(body).send().await
}

fn detail(reply: &Reply) -> String {
    reply.json()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn enabling_and_changing_are_two_permissions() {
    let off = json!({"enabled": false});
    let text = json!({"description": "new"});
    let both = json!({"enabled": false, "description": "new"});
    let (app, token) = with(&["toggle_service", "list_service"]).await;
    for body in [&text, &both] {
        let reply = patch(&app, &token, body).await;
        assert_eq!(reply.status, 403);
        assert!(
            detail(&reply).contains("modify_service for /a"),
            "{reply:?}"
        );
    }
    assert_eq!(patch(&app, &token, &off).await.json()["enabled"], false);

    let (app, token) = with(&["modify_service"]).await;
    for body in [&off, &both] {
        let reply = patch(&app, &token, body).await;
        assert_eq!(reply.status, 403);
        assert!(
            detail(&reply).contains("toggle_service for /a"),
            "{reply:?}"
        );
    }
    assert_eq!(
        patch(&app, &token, &text).await.json()["description"],
        "new"
    );
    let whole = json!({"path": "/a", "server_name": "A", "port": 1, "enabled": false});
    let call = app.call(Method::PUT, "/api/servers/a").bearer(&token);
    assert_eq!(call.json(&whole).send().await.status, 403);

    let (app, token) = with(&["modify_service", "toggle_service"]).await;
    assert_eq!(patch(&app, &token, &both).await.status, 200);
}

#[tokio::test]
async fn only_admins_open_a_server_to_everybody() {
    let every = [
        "list_service",
        "register_service",
        "modify_service",
        "toggle_service",
    ];
    let (app, token) = with(&every).await;
    let reply = patch(&app, &token, &json!({"public": true})).await;
    assert_eq!(reply.status, 403);
    assert!(detail(&reply).contains("public"), "{reply:?}");
    let new = json!({"path": "/new", "server_name": "N", "port": 1, "public": true});
    let call = app.call(Method::POST, "/api/servers").bearer(&token);
    assert_eq!(call.json(&new).send().await.status, 403);

    let admin = app.token().await;
    let made = patch(&app, &admin, &json!({"public": true})).await;
    assert_eq!(made.json()["public"], true);
    // What is public already may be changed otherwise, and closed.
    let changed = patch(&app, &token, &json!({"description": "still public"})).await;
    assert_eq!(changed.json()["public"], true);
    assert_eq!(
        patch(&app, &token, &json!({"public": false})).await.status,
        200
    );
    assert_eq!(
        patch(&app, &token, &json!({"public": true})).await.status,
        403
    );
}

#[tokio::test]
async fn who_registers_without_the_right_to_enable_starts_disabled() {
    let (app, token) = with(&["register_service"]).await;
    let post = async |body: Value| {
        let call = app.call(Method::POST, "/api/servers").bearer(&token);
        call.json(&body).send().await
    };
    let mut new = json!({"path": "/new", "server_name": "N", "port": 1, "enabled": true});
    let refused = post(new.clone()).await;
    assert_eq!(refused.status, 403);
    assert!(detail(&refused).contains("toggle_service"), "{refused:?}");
    new.as_object_mut().unwrap().remove("enabled");
    let made = post(new.clone()).await;
    assert_eq!(
        (made.status.as_u16(), &made.json()["enabled"]),
        (200, &json!(false))
    );
    new["path"] = json!("/newer");
    let foreign = post(new).await;
    assert_eq!(foreign.status, 403);
    assert!(
        detail(&foreign).contains("register_service for /newer"),
        "{foreign:?}"
    );
    // To have made it gives no right to see it.
    let call = app.get("/api/servers/new").bearer(&token);
    assert_eq!(call.send().await.status, 404);

    let (app, token) = with(&["register_service", "toggle_service"]).await;
    let new = json!({"path": "/new", "server_name": "N", "port": 1});
    let call = app.call(Method::POST, "/api/servers").bearer(&token);
    assert_eq!(call.json(&new).send().await.json()["enabled"], true);
}

#[tokio::test]
async fn who_am_i_tells_what_may_be_done_with_which_servers() {
    let (app, token) = with(&["list_service", "toggle_service"]).await;
    let me = app.get("/api/auth/me").bearer(&token).send().await.json();
    assert_eq!(me["is_admin"], false);
    assert_eq!(me["can_modify_servers"], false);
    assert_eq!(me["ui_permissions"]["toggle_service"], json!(["a", "new"]));
    assert_eq!(me["ui_permissions"]["modify_service"], json!([]));
    let admin = app.token().await;
    let me = app.get("/api/auth/me").bearer(&admin).send().await.json();
    assert_eq!(me["ui_permissions"]["delete_service"], json!(["all"]));
}
