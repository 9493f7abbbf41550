//! What gateways follow and report.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Method;
use http_body_util::BodyExt as _;
use mcp::auth::signing::SigningKey;
use mcp::catalog::Snapshot;
use mcp::catalog::wire::{Codec, Message};
use mcp::domain::secret::Secret;
use mcp::domain::trust::TokenKey;
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::GATEWAY_TOKEN;

/// The next line of a watch.
async fn line(body: &mut Body, rest: &mut Vec<u8>) -> Vec<u8> {
    loop {
        if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            return rest.drain(..=end).collect();
        }
        let frame = body.frame().await.expect("the watch goes on").unwrap();
        rest.extend_from_slice(&frame.into_data().unwrap());
    }
}

fn read(line: &[u8], base: Option<&Snapshot>) -> Arc<Snapshot> {
    match Codec::new(Secret::new(GATEWAY_TOKEN.to_owned()))
        .read(line.trim_ascii_end(), base)
        .unwrap()
    {
        Message::Full(snapshot) | Message::Delta(snapshot) => snapshot,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_watch_gives_the_whole_and_then_each_change() {
    let app = TestApp::start().await;
    let token = app.token().await;
    app.add(&token, &json!({"name": "a", "port": 1})).await;
    let (status, headers, mut body) = app
        .get("/api/gateway/watch")
        .bearer(GATEWAY_TOKEN)
        .stream()
        .await;
    assert_eq!(status, 200);
    assert_eq!(headers["content-type"], "application/x-ndjson");
    let mut rest = Vec::new();
    let whole = read(&line(&mut body, &mut rest).await, None);
    assert_eq!(*whole, *app.applied.last());
    app.add(
        &token,
        &json!({"name": "b", "port": 2, "headers": {"X-Key": "secret"}}),
    )
    .await;
    let delta = line(&mut body, &mut rest).await;
    assert!(
        !String::from_utf8_lossy(&delta).contains("secret"),
        "sealed on the way"
    );
    assert_eq!(*read(&delta, Some(&whole)), *app.applied.last());
    app.stop.cancel();
    assert!(
        body.frame().await.is_none(),
        "a stopping registry ends its watches"
    );
}

#[tokio::test]
async fn the_watch_is_compressed_and_still_comes_line_by_line() {
    let app = TestApp::start().await;
    let call = app
        .get("/api/gateway/watch")
        .bearer(GATEWAY_TOKEN)
        .header("accept-encoding", "gzip");
    let (_, headers, mut body) = call.stream().await;
    assert_eq!(headers["content-encoding"], "gzip");
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(
        first.get(..2),
        Some(&[0x1f, 0x8b][..]),
        "the first line is there before the second is made"
    );
}

#[tokio::test]
async fn reports_are_listed_and_repeated_events_count_once() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let post = |target: &str, body: serde_json::Value| {
        app.call(Method::POST, target)
            .bearer(GATEWAY_TOKEN)
            .json(&body)
            .send()
    };
    assert_eq!(
        post(
            "/api/gateway/report",
            json!({"id": "gw-1", "version": "1", "revision": 3})
        )
        .await
        .status,
        204
    );
    for sequence in [1, 2, 2, 1] {
        let body = json!({"id": "gw-1", "sequence": sequence, "events": [{}, {}]});
        assert_eq!(post("/api/gateway/events", body).await.status, 204);
    }
    let list = app.get("/api/gateways").bearer(&token).send().await.json();
    let first = &list["gateways"][0];
    assert_eq!(first["id"], "gw-1");
    assert_eq!(first["report"]["revision"], 3);
    assert_eq!(first["events"], 4);
    assert_eq!(
        post("/api/gateway/report", json!({"version": "1"}))
            .await
            .status,
        422
    );
    assert_eq!(
        post("/api/gateway/events", json!({"id": "g"})).await.status,
        422
    );
}

#[tokio::test]
async fn each_of_several_gateway_tokens_counts_and_a_short_one_stops_the_start() {
    let (old, new) = ("o".repeat(32), "n".repeat(32));
    let list = format!("{old},{new}");
    let app = TestApp::builder()
        .settings(|settings| settings.catalog.token = Some(Secret::new(list)))
        .start()
        .await;
    for (token, status) in [(&old, 200), (&new, 200), (&"x".repeat(32), 401)] {
        assert_eq!(
            app.get("/api/servers")
                .bearer(token)
                .send()
                .await
                .status
                .as_u16(),
            status
        );
    }
    let short = TestApp::builder()
        .settings(|settings| settings.catalog.token = Some(Secret::new("short".to_owned())));
    let error = short.try_start().await.err().expect("refused").to_string();
    assert!(
        error.contains("REGISTRY_API_TOKEN") && !error.contains("short,"),
        "{error}"
    );
}

#[tokio::test]
async fn a_generated_gateway_token_lies_in_a_file() {
    let app = TestApp::builder()
        .settings(|settings| settings.catalog.token = None)
        .start()
        .await;
    let token = std::fs::read_to_string(app.folder.path().join("gateway-token")).unwrap();
    assert_eq!(
        app.get("/api/servers")
            .bearer(token.trim())
            .send()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_gateways_credential_is_shown_once_and_counts_until_it_is_taken_out() {
    let app = TestApp::start().await;
    let body = json!({"name": "nginx", "sends_body": false});
    let made = app.admin(Method::POST, "/api/gateways", &body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    let text = made["credential"].as_str().unwrap();
    assert!(text.starts_with("mcpg_") && text.len() == 95, "{text}");
    let hash = mcp::auth::gateway_key::hash_of(text).unwrap();
    let known = |app: &TestApp| {
        let access = app.applied.last().access.clone().unwrap();
        access.trust.gateways.get(&hash).cloned()
    };
    let gateway = known(&app).unwrap();
    assert_eq!((&*gateway.name, gateway.sends_body), ("nginx", false));
    let token = app.token().await;
    let listed = app.get("/api/gateways").bearer(&token).send().await;
    assert!(!format!("{listed:?}").contains(text), "never again");
    let listed = listed.json();
    assert_eq!(listed["credentials"][0]["name"], "nginx");
    assert_eq!(listed["credentials"][0]["created_by"], "admin");
    let snapshot = Codec::new(Secret::new(GATEWAY_TOKEN.to_owned()));
    let line = snapshot.full(&app.applied.last()).unwrap();
    assert!(!String::from_utf8_lossy(&line).contains(text));
    assert_eq!(
        app.get("/api/servers").bearer(text).send().await.status,
        401
    );

    let again = app.admin(Method::POST, "/api/gateways", &body).await;
    assert_eq!(again.status, 409);
    for wrong in [
        json!({}),
        json!({"name": "a b"}),
        json!({"name": "x", "sends_body": "yes"}),
        json!({"name": "x", "scope": 1}),
    ] {
        let refused = app.admin(Method::POST, "/api/gateways", &wrong).await;
        assert_eq!(refused.status, 422, "{wrong}");
    }
    let app = app.restart(|_| {}).await;
    assert!(known(&app).is_some(), "kept");
    let gone = app
        .admin(Method::DELETE, "/api/gateways/nginx", &json!({}))
        .await;
    assert_eq!(gone.status, 204);
    assert_eq!(known(&app), None);
    let gone = app
        .admin(Method::DELETE, "/api/gateways/nginx", &json!({}))
        .await;
    assert_eq!(gone.status, 404);
    let said: Vec<_> = app
        .audit()
        .await
        .into_iter()
        .map(|entry| (entry.action, entry.subject))
        .collect();
    for action in ["gateway.create", "gateway.delete"] {
        assert!(
            said.contains(&(action.to_owned(), "nginx".to_owned())),
            "{said:?}"
        );
    }
}

#[tokio::test]
async fn the_keys_of_gateways_are_published_to_all_and_forgotten_when_nobody_reports_them() {
    let app = TestApp::start().await;
    let (one, other) = (identity_key(), identity_key());
    let report = |id: &'static str, keys: Vec<TokenKey>| {
        let body = json!({"id": id, "version": "1", "identity_keys": keys});
        app.call(Method::POST, "/api/gateway/report")
            .bearer(GATEWAY_TOKEN)
            .json(&body)
            .send()
    };
    let before = app.applied.revisions().len();
    assert_eq!(report("gw", vec![one.clone()]).await.status, 204);
    // Another one of that name is another gateway.
    assert_eq!(report("gw", vec![other.clone()]).await.status, 204);
    assert_eq!(report("gw", vec![one.clone()]).await.status, 204);
    let published = app.applied.last().access.clone().unwrap();
    let published = &published.trust.gateway_keys;
    assert!(published.len() == 2 && published.contains(&one) && published.contains(&other));
    let changes = app.applied.revisions().len() - before;
    assert_eq!(changes, 2, "what is known already is no change");
    let set = app.get("/.well-known/jwks.json").send().await;
    assert_eq!(set.header("cache-control"), "public, max-age=300");
    assert_eq!(set.json()["keys"].as_array().unwrap().len(), 2);
    let audited = app.audit().await;
    assert_eq!(
        audited
            .iter()
            .filter(|entry| entry.action == "gateway.key")
            .count(),
        2
    );
    // A restart forgets none.
    let app = app.restart(|_| {}).await;
    let set = app.get("/.well-known/jwks.json").send().await.json();
    assert_eq!(set["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_replaced_key_is_taken_out_at_once_and_one_in_use_is_not() {
    let app = TestApp::start().await;
    let (old, new, own) = (identity_key(), identity_key(), identity_key());
    let report = |key: &TokenKey| {
        let body = json!({"id": "gw", "version": "1", "identity_keys": [key]});
        app.call(Method::POST, "/api/gateway/report")
            .bearer(GATEWAY_TOKEN)
            .json(&body)
            .send()
    };
    let token = app.token().await;
    let forget = async |kid: &str| {
        let target = format!("/api/gateways/identity-keys/{kid}");
        let call = app.call(Method::DELETE, &target).bearer(&token);
        call.send().await
    };
    app.registry
        .publish_identity_keys("here", std::slice::from_ref(&own))
        .await
        .unwrap();
    report(&old).await;
    let refused = forget(&old.kid).await;
    assert_eq!(refused.status, 409);
    let detail = refused.json()["detail"].to_string();
    assert!(detail.contains("identity-keys") && detail.contains("gw"));
    app.clock.advance(10);
    report(&new).await;
    app.clock.advance(5);
    let listed = app.get("/api/gateways").bearer(&token).send().await.json();
    let states = listed["identity_keys"].as_array().unwrap().iter();
    let states: BTreeMap<_, _> = states
        .map(|key| (key["kid"].as_str().unwrap(), &key["in_use"]))
        .collect();
    let expected = [(&old, false), (&new, true), (&own, true)];
    for (key, in_use) in expected {
        assert_eq!(states[&*key.kid], &json!(in_use));
    }
    let before = app.applied.revisions().len();
    assert_eq!(forget(&old.kid).await.status, 204);
    assert_eq!(forget(&old.kid).await.status, 404);
    for key in [&new, &own] {
        assert_eq!(forget(&key.kid).await.status, 409);
    }
    assert_eq!(app.applied.revisions().len(), before + 1);
    let access = app.applied.last().access.clone().unwrap();
    let published = &access.trust.gateway_keys;
    assert!(published.len() == 2 && !published.contains(&old));
    let set = app.get("/.well-known/jwks.json").send().await.json();
    assert!(!set.to_string().contains(&old.kid));
    let audited = app.audit().await;
    let entry = audited
        .iter()
        .find(|one| one.action == "gateway.key.forget");
    let entry = entry.expect("audited");
    assert_eq!((&*entry.actor, &entry.subject), ("admin", &old.kid));
    // One that comes back is taken up as a new one.
    report(&old).await;
    let access = app.applied.last().access.clone().unwrap();
    assert!(access.trust.gateway_keys.contains(&old));
}

#[tokio::test]
async fn what_is_no_key_of_a_gateway_is_refused() {
    let app = TestApp::start().await;
    let key = identity_key();
    let wrong = |change: fn(&mut TokenKey)| {
        let mut key = key.clone();
        change(&mut key);
        json!([key])
    };
    for keys in [
        json!("nonsense"),
        json!([{"kid": "a"}]),
        wrong(|key| key.kid = "admin".into()),
        wrong(|key| key.x = key.y.clone()),
        wrong(|key| key.x.push('=')),
        json!(vec![key.clone(); 9]),
    ] {
        let body = json!({"id": "gw", "identity_keys": keys});
        let reply = app
            .call(Method::POST, "/api/gateway/report")
            .bearer(GATEWAY_TOKEN)
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, 422, "{keys}");
        assert!(reply.errors()[0].starts_with("/identity_keys: "));
    }
    let mine = json!({"id": "gw", "identity_keys": [key]});
    let stranger = app
        .call(Method::POST, "/api/gateway/report")
        .bearer("somebody")
        .json(&mine);
    assert_eq!(stranger.send().await.status, 401);
    let access = app.applied.last().access.clone().unwrap();
    assert!(access.trust.gateway_keys.is_empty());
}

fn identity_key() -> TokenKey {
    let private = SigningKey::generate().unwrap();
    SigningKey::parse(&private).unwrap().public().clone()
}
