//! A database that fails: nothing is half-done, and reads go on.

use axum::http::Method;
use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::support::TestApp;

/// Does something to the database behind the registry's back.
async fn meddle(app: &TestApp, statement: &'static str) {
    let options =
        sqlx::sqlite::SqliteConnectOptions::new().filename(app.folder.path().join("state.db"));
    let mut connection = options.connect().await.unwrap();
    sqlx::query(statement)
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_change_that_cannot_be_audited_does_not_happen() {
    let app = TestApp::start().await;
    let token = app.token().await;
    app.add(&token, &json!({"name": "a", "port": 1})).await;
    let before = app.applied.last();
    meddle(&app, "ALTER TABLE audit RENAME TO audit_away").await;
    for (method, target, body) in [
        (
            Method::POST,
            "/api/servers",
            json!({"name": "b", "port": 2}),
        ),
        (Method::PATCH, "/api/servers/a", json!({"enabled": false})),
        (Method::DELETE, "/api/servers/a", json!({})),
    ] {
        let reply = app
            .call(method, target)
            .bearer(&token)
            .json(&body)
            .send()
            .await;
        assert!(reply.status.is_server_error(), "{reply:?}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert!(
            !String::from_utf8_lossy(&reply.body).contains("audit"),
            "a 5xx never tells why"
        );
    }
    let list = app.get("/api/servers").bearer(&token).send().await.json();
    assert_eq!(
        list.as_object().unwrap().len(),
        1,
        "reads go on and show what holds"
    );
    assert_eq!(list["/a"]["enabled"], true);
    assert_eq!(*app.applied.last(), *before);
    meddle(&app, "ALTER TABLE audit_away RENAME TO audit").await;
    app.add(&token, &json!({"name": "b", "port": 2})).await;
    let app = app.restart(|_| {}).await;
    assert_eq!(app.applied.last().routes.len(), 2);
    assert_eq!(app.applied.last().revision.0, before.revision.0 + 1);
}

#[tokio::test]
async fn every_change_leaves_one_audit_entry() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let call = |method, target: &str, body: serde_json::Value| {
        app.call(method, target)
            .session(&session)
            .json(&body)
            .send()
    };
    let made = call(
        Method::POST,
        "/api/servers",
        json!({"name": "a", "port": 1, "tls": {"insecure": true}}),
    )
    .await;
    let request_id = made.header("x-request-id").to_owned();
    call(Method::PATCH, "/api/servers/a", json!({"enabled": false})).await;
    call(Method::PATCH, "/api/servers/a", json!({"enabled": false})).await;
    call(
        Method::PUT,
        "/api/servers/a",
        json!({"name": "a", "port": 1, "enabled": true, "public": true}),
    )
    .await;
    call(Method::DELETE, "/api/servers/a", json!({})).await;
    call(Method::DELETE, "/api/servers/a", json!({})).await;
    let entries = app.audit().await;
    let entries: Vec<String> = entries
        .iter()
        .rev()
        .map(|entry| format!("{} {} {}", entry.actor, entry.action, entry.subject))
        .collect();
    assert_eq!(
        entries,
        [
            "admin server.create /a (any certificate)",
            "admin server.disable /a (any certificate)",
            "admin server.enable /a (public)",
            "admin server.remove /a",
        ]
    );
    assert_eq!(app.audit().await.last().unwrap().request_id, request_id);
}
