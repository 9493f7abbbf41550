//! Bodies that are broken, too long, stalled or of another kind: refused, and nothing is half-written.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use futures_util::StreamExt as _;
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::GATEWAY_TOKEN;
use crate::support::call::Call;

fn post(app: &TestApp, token: &str) -> impl Fn() -> Call {
    let (router, token) = (app.router.clone(), token.to_owned());
    move || Call::new(router.clone(), Method::POST, "/api/servers").bearer(&token)
}

#[tokio::test]
async fn broken_json_is_400_and_changes_nothing() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let post = post(&app, &token);
    let deep = format!(
        "{{\"path\":\"/a\",\"metadata\":{}{}}}",
        "[".repeat(1_000),
        "]".repeat(1_000)
    );
    let keys: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":0")).collect();
    let keys = format!("{{{}}}", keys.join(","));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"nul".to_vec(),
        b"{\"path\": \"/a\"".to_vec(),
        b"{} {}".to_vec(),
        b"{\"path\":\"/a\",\"path\":\"/b\"}".to_vec(),
        b"\"\xff\"".to_vec(),
        b"1e999".to_vec(),
        deep.into(),
        keys.into(),
    ];
    for body in bodies {
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(40)
            .collect::<String>();
        let reply = post().body("application/json", body).send().await;
        assert_eq!(reply.status, 400, "{shown}: {reply:?}");
    }
    for body in [json!([]), json!("x"), json!(null), json!(1)] {
        assert_eq!(post().json(&body).send().await.status, 422, "{body}");
    }
    assert_eq!(
        app.get("/api/servers")
            .bearer(GATEWAY_TOKEN)
            .send()
            .await
            .json(),
        json!({})
    );
    assert_eq!(app.applied.revisions().len(), 1, "no revision was made");
}

#[tokio::test]
async fn other_types_and_encodings_are_415() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let post = post(&app, &token);
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "text/json",
        "",
        "application/merge-patch+json",
    ] {
        assert_eq!(post().body(kind, "{}").send().await.status, 415, "{kind}");
    }
    assert_eq!(
        post()
            .body("application/json", "{}")
            .without("content-type")
            .send()
            .await
            .status,
        415
    );
    for encoding in ["gzip", "br", "gzip, identity", "x"] {
        let reply = post()
            .json(&json!({}))
            .header("content-encoding", encoding)
            .send()
            .await;
        assert_eq!(reply.status, 415, "{encoding}");
    }
    let fine = post()
        .body(
            "Application/JSON; charset=utf-8",
            r#"{"name":"a","port":1}"#,
        )
        .send()
        .await;
    assert_eq!(fine.status, 200);
}

#[tokio::test]
async fn a_long_body_is_413_said_or_not() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let post = post(&app, &token);
    let long = format!("\"{}\"", "x".repeat(10 << 20));
    let said = post()
        .body("application/json", long.clone())
        .header("content-length", &long.len().to_string());
    assert_eq!(said.send().await.status, 413);
    let chunk = Bytes::from(vec![b' '; 64 << 10]);
    let endless = futures_util::stream::repeat(Ok::<_, Infallible>(chunk));
    assert_eq!(
        post()
            .body("application/json", Body::from_stream(endless))
            .send()
            .await
            .status,
        413
    );
}

#[tokio::test(start_paused = true)]
async fn a_stalled_body_is_408() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let post = post(&app, &token);
    let first = futures_util::stream::iter([Ok::<_, Infallible>(Bytes::from_static(b"{"))]);
    let stalled = Body::from_stream(first.chain(futures_util::stream::pending()));
    let started = tokio::time::Instant::now();
    let reply = post().body("application/json", stalled).send().await;
    assert_eq!(reply.status, 408);
    assert!(started.elapsed() < Duration::from_mins(1));
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let post = post(&app, &token);
    let parts = [
        Ok(Bytes::from_static(b"{\"name\"")),
        Err(std::io::Error::other("gone")),
    ];
    let reply = post()
        .body(
            "application/json",
            Body::from_stream(futures_util::stream::iter(parts)),
        )
        .send()
        .await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn every_mistake_of_a_definition_is_named_at_once() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let post = post(&app, &token);
    let reply = post()
        .json(&json!({
            "path": "/api/x", "server_name": "", "proxy_pass_url": "ftp://h/", "tags": "a", "timeout": 0,
            "enabled": "yes", "headers": {"Host": "x"}, "nope": 1, "visibility": "private",
        }))
        .send()
        .await;
    assert_eq!(reply.status, 422);
    assert_eq!(reply.json()["type"], "/problems/validation");
    let errors = reply.json()["errors"].clone();
    let fields: std::collections::BTreeSet<&str> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["field"].as_str().unwrap())
        .collect();
    let expected = [
        "/enabled",
        "/headers/Host",
        "/nope",
        "/path",
        "/proxy_pass_url",
        "/server_name",
        "/tags",
        "/timeout",
        "/visibility",
    ];
    assert_eq!(fields.into_iter().collect::<Vec<_>>(), expected);
}
