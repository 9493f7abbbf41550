//! `GET /api/audit`: changes, logins and what gateways tell.

#[cfg(feature = "gateway")]
mod told;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::{GATEWAY_TOKEN, NOW, USER_PASSWORD};

/// What an admin finds.
async fn entries(app: &TestApp, query: &str) -> Vec<Value> {
    let session = app.login().await;
    let reply = app
        .get(&format!("/api/audit?{query}"))
        .session(&session)
        .send()
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["entries"].as_array().unwrap().clone()
}

fn used(number: usize) -> Value {
    json!({
        "kind": "access", "at": NOW.unix() - 10, "request_id": format!("gw-{number}"),
        "user": "ada", "auth_method": "token", "client": "192.0.2.9", "server": "/time",
        "method": "tools/call", "tool": "now", "decision": "allow", "status": 200,
        "duration_us": 77, "mood": "of a newer gateway",
    })
}

async fn tell(app: &TestApp, sequence: u64, events: Vec<Value>) -> u16 {
    let body = json!({"id": "gw-1", "run": "r", "sequence": sequence, "events": events});
    let reply = app
        .call(Method::POST, "/api/gateway/events")
        .bearer(GATEWAY_TOKEN)
        .json(&body)
        .send()
        .await;
    reply.status.as_u16()
}

#[tokio::test]
async fn a_change_tells_who_from_where_how_and_which_fields_and_no_value() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let body = json!({
        "path": "/time", "server_name": "T", "proxy_pass_url": "http://127.0.0.1:8000/",
        "headers": [{"X-Key": "hunter2-first"}],
    });
    let send = |method: Method, target: &str, body: Value| {
        let call = app.call(method, target).session(&session);
        call.from("203.0.113.5:4000", false).json(&body).send()
    };
    assert_eq!(send(Method::POST, "/api/servers", body).await.status, 200);
    let patch = json!({"tags": ["a"], "headers": [{"X-Key": "hunter2-second"}]});
    let changed = send(Method::PATCH, "/api/servers/time", patch).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let id = changed.header("x-request-id");

    let found = entries(&app, &format!("request_id={id}")).await;
    let [entry] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(entry["kind"], "change");
    assert_eq!(entry["user"], "admin");
    assert_eq!(entry["auth_method"], "session_cookie");
    assert_eq!(entry["source"], "203.0.113.5");
    assert_eq!(entry["action"], "server.update");
    assert_eq!(entry["server"], "/time");
    assert_eq!(entry["changed"], json!(["headers", "tags"]));
    assert_eq!(entry["decision"], "allow");
    let made = entries(&app, "action=server.create&server=time").await;
    assert_eq!(made[0]["after"], entry["before"], "the same object");
    assert_ne!(entry["before"], entry["after"]);
    let everything = json!(entries(&app, "").await).to_string();
    assert!(!everything.contains("hunter2"), "{everything}");
}

#[tokio::test]
async fn a_header_with_another_value_alone_is_a_change_of_headers() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let body = |value: &str| {
        json!({
            "path": "/time", "server_name": "T", "proxy_pass_url": "http://127.0.0.1:8000/",
            "headers": [{"X-Key": value}],
        })
    };
    app.add(&token, &body("one")).await;
    let call = app.call(Method::PUT, "/api/servers/time").bearer(&token);
    assert_eq!(call.json(&body("two")).send().await.status, 200);
    let found = entries(&app, "action=server.update").await;
    assert_eq!(found[0]["changed"], json!(["headers"]));
    assert_eq!(
        found[0]["before"], found[0]["after"],
        "no digest of a secret"
    );
}

#[tokio::test]
async fn users_accounts_and_the_policy_tell_what_was_changed() {
    let app = TestApp::start().await;
    app.user("ada", &[]).await;
    let patch = json!({"groups": ["staff"], "password": "another dozen letters"});
    assert_eq!(
        app.admin(Method::PATCH, "/api/users/ada", &patch)
            .await
            .status,
        200
    );
    app.admin(
        Method::POST,
        "/api/service-accounts",
        &json!({"name": "bot"}),
    )
    .await;
    let patch = json!({"disabled": true, "description": "d"});
    app.admin(Method::PATCH, "/api/service-accounts/bot", &patch)
        .await;
    let policy =
        json!({"scopes": {"readers": {"servers": []}}, "group_mappings": {"staff": ["readers"]}});
    let replaced = app.admin(Method::PUT, "/api/policy", &policy).await;
    assert_eq!(replaced.status, 200, "{replaced:?}");
    let policy = json!({"scopes": {"readers": {"servers": []}}, "group_mappings": {"staff": []}});
    app.admin(Method::PUT, "/api/policy", &policy).await;
    for (action, changed) in [
        ("user.create", Value::Null),
        ("user.update", json!(["groups", "password"])),
        ("service_account.update", json!(["description", "disabled"])),
        ("policy.update", json!(["groups.staff"])),
    ] {
        let found = entries(&app, &format!("action={action}")).await;
        assert_eq!(found[0]["changed"], changed, "{action}");
        assert!(found[0]["after"].is_string(), "{action}");
    }
    let everything = json!(entries(&app, "").await).to_string();
    assert!(!everything.contains(USER_PASSWORD) && !everything.contains("letters"));
}

#[tokio::test]
async fn logins_log_outs_and_refused_passwords_are_told() {
    let app = TestApp::start().await;
    app.user("ada", &[]).await;
    let session = app.login_as("ada", USER_PASSWORD).await;
    let out = app.call(Method::POST, "/api/auth/logout").session(&session);
    assert_eq!(out.send().await.status, 204);
    let mut ids = Vec::new();
    for name in ["ada", "my-secret-typed-as-a-name"] {
        let reply = app
            .call(Method::POST, "/api/auth/login")
            .from("203.0.113.5:4000", false)
            .json(&json!({"username": name, "password": "hunter2-wrong"}))
            .send()
            .await;
        assert_eq!(reply.status, 401);
        ids.push(reply.header("x-request-id").to_owned());
    }
    let of_ada = entries(&app, "user=ada").await;
    let told: Vec<String> = of_ada
        .iter()
        .map(|entry| {
            format!(
                "{} {} {}",
                entry["action"], entry["method"], entry["decision"]
            )
        })
        .collect();
    assert!(
        told.contains(&r#""session.login" null "allow""#.to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&r#""session.logout" null "allow""#.to_owned()),
        "{told:?}"
    );
    assert!(
        told.contains(&r#"null "login" "deny""#.to_owned()),
        "{told:?}"
    );
    let unknown = entries(&app, &format!("request_id={}", ids[1])).await;
    assert_eq!(unknown[0]["reason"], "login_failed");
    assert_eq!(unknown[0]["source"], "203.0.113.5");
    assert_eq!(unknown[0]["user"], Value::Null, "it may be a password");
    let everything = json!(entries(&app, "").await).to_string();
    assert!(!everything.contains("hunter2") && !everything.contains("my-secret"));
}

#[tokio::test]
async fn what_gateways_tell_is_found_beside_the_changes() {
    let app = TestApp::start().await;
    assert_eq!(
        tell(&app, 1, vec![used(1), json!({"kind": "of tomorrow"})]).await,
        204
    );
    assert_eq!(tell(&app, 1, vec![used(1)]).await, 204);
    let found = entries(&app, "user=ada").await;
    assert_eq!(
        json!(found),
        json!([{
            "kind": "access", "at": "2027-01-15T07:59:50Z", "user": "ada", "auth_method": "token",
            "source": "192.0.2.9", "server": "/time", "method": "tools/call", "tool": "now",
            "decision": "allow", "status": 200, "duration_us": 77, "request_id": "gw-1",
            "gateway": "gw-1",
        }])
    );
    assert_eq!(entries(&app, "kind=access").await.len(), 1);
    assert!(
        entries(&app, "kind=change")
            .await
            .iter()
            .all(|one| one["kind"] == "change")
    );
    for query in [
        "tool=now",
        "server=/time",
        "decision=allow&kind=access",
        "until=2027-01-15T07:59:51Z",
    ] {
        assert_eq!(entries(&app, query).await.len(), 1, "{query}");
    }
    for query in [
        "tool=then",
        "server=/x",
        "decision=deny",
        "until=2027-01-15T07:59:50Z",
    ] {
        assert_eq!(entries(&app, query).await.len(), 0, "{query}");
    }
}

#[tokio::test]
async fn events_that_cannot_be_read_are_refused_as_a_whole() {
    let app = TestApp::start().await;
    let mut broken = used(2);
    broken["decision"] = json!("perhaps");
    assert_eq!(tell(&app, 1, vec![used(1), broken]).await, 422);
    assert_eq!(entries(&app, "kind=access").await.len(), 0);
    assert_eq!(
        tell(&app, 1, vec![used(1)]).await,
        204,
        "its number was not used up"
    );
    assert_eq!(entries(&app, "kind=access").await.len(), 1);
}

#[tokio::test]
async fn pages_lead_from_one_to_the_next_through_both_kinds() {
    let app = TestApp::start().await;
    let events = (0..7).map(used).collect();
    assert_eq!(tell(&app, 1, events).await, 204);
    let token = app.token().await;
    let mut now = used(7);
    now["at"] = json!(NOW.unix());
    tell(&app, 2, vec![now]).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let reply = app
            .get(&format!("/api/audit?limit=2{cursor}"))
            .bearer(&token)
            .send()
            .await;
        let page = reply.json();
        let entries = page["entries"].as_array().unwrap();
        assert!((1..=2).contains(&entries.len()), "{page}");
        seen.extend(entries.iter().map(|one| {
            let name = if one["kind"] == "change" {
                "action"
            } else {
                "request_id"
            };
            one[name].as_str().unwrap().to_owned()
        }));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(
        seen,
        [
            "token.create",
            "session.login",
            "gw-7",
            "gw-6",
            "gw-5",
            "gw-4",
            "gw-3",
            "gw-2",
            "gw-1",
            "gw-0",
        ]
    );
}

#[tokio::test]
async fn an_export_has_a_line_for_each_entry_however_many() {
    let app = TestApp::start().await;
    for sequence in 1..=3 {
        let events = (0..400).map(used).collect();
        assert_eq!(tell(&app, sequence, events).await, 204);
    }
    let token = app.token().await;
    let export = |query: &str| {
        let call = app.get(&format!("/api/audit?{query}")).bearer(&token);
        call.header("accept", "application/x-ndjson").send()
    };
    let reply = export("kind=access").await;
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    let text = String::from_utf8(reply.body).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 1_200);
    assert!(lines.iter().all(|line| line["user"] == "ada"));
    let some = export("kind=access&limit=3").await;
    assert_eq!(String::from_utf8(some.body).unwrap().lines().count(), 3);
    assert_eq!(export("user=nobody").await.body, b"");
}

#[tokio::test]
async fn only_admins_look_and_wrong_questions_are_named() {
    let app = TestApp::start().await;
    let ada = app.user("ada", &[]).await;
    let reply = app.get("/api/audit").session(&ada).send().await;
    assert_eq!(reply.status, 403);
    assert_eq!(app.get("/api/audit").send().await.status, 401);
    let token = app.token().await;
    for query in [
        "kind=both",
        "decision=maybe",
        "since=yesterday",
        "limit=0",
        "limit=1001",
        "cursor=x",
        "server=../x",
        "mood=good",
        "user=a&user=b",
    ] {
        let reply = app
            .get(&format!("/api/audit?{query}"))
            .bearer(&token)
            .send()
            .await;
        assert_eq!(reply.status, 400, "{query}");
    }
}

#[tokio::test]
async fn what_is_kept_survives_a_restart_and_what_is_old_is_forgotten() {
    let app = TestApp::start().await;
    tell(&app, 1, vec![used(1)]).await;
    let app = app.restart(|_| {}).await;
    assert_eq!(entries(&app, "kind=access").await.len(), 1);
    app.clock.advance(31 * 86_400);
    let gone = async {
        while !entries(&app, "kind=access").await.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = app.registry.clone().run() => panic!("it runs until the stop"),
        () = gone => {}
    }
}
