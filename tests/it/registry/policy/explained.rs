//! `GET /api/explain`: the verdict, and which scope, group and rule gave or withheld it.

use axum::http::Method;
use serde_json::{Value, json};

use super::put;
use crate::support::TestApp;

async fn world() -> (TestApp, String) {
    let app = TestApp::start().await;
    let admin = app.token().await;
    for (path, enabled, public) in [
        ("/time", true, false),
        ("/off", false, false),
        ("/open", true, true),
    ] {
        let body = json!({
            "path": path, "server_name": "S", "port": 1, "enabled": enabled, "public": public,
        });
        app.add(&admin, &body).await;
    }
    let policy = json!({
        "scopes": {
            "readers": {
                "servers": [
                    { "servers": ["other"], "methods": ["*"], "tools": ["*"] },
                    { "servers": ["time", "off"], "methods": ["initialize", "tools/call"], "tools": ["now"] },
                ],
                "ui_permissions": { "list_service": ["time"] },
            },
            "writers": { "servers": [{ "servers": ["*"], "methods": ["*"], "tools": ["*"] }] },
        },
        "group_mappings": { "staff": ["readers", "gone"], "lords": ["writers"] },
    });
    assert_eq!(put(&app, &admin, &policy).await.status, 200);
    (app, admin)
}

async fn ask(app: &TestApp, token: &str, query: &str) -> Value {
    let call = app.get(&format!("/api/explain?{query}")).bearer(token);
    let reply = call.send().await;
    assert_eq!(reply.status, 200, "{query}: {reply:?}");
    reply.json()
}

#[tokio::test]
async fn says_which_group_scope_and_rule_gave_a_right() {
    let (app, admin) = world().await;
    let told = ask(&app, &admin, "server=/time&tool=now&user=ada&groups=staff").await;
    assert_eq!(told["allowed"], true);
    assert_eq!(
        told["summary"],
        "ada may call the tool now at /time: rule 2 of the scope readers (of the group staff) \
         names this server, and has the method tools/call and the tool now"
    );
    assert_eq!(told["scopes"][0]["name"], "gone");
    assert_eq!(told["scopes"][0]["known"], false);
    assert_eq!(told["scopes"][1]["groups"], json!(["staff"]));
    assert_eq!(told["scopes"][1]["rules"][0]["number"], 2);
    assert_eq!(told["ui_permissions"]["list_service"], true);
    assert_eq!(told["ui_permissions"]["modify_service"], false);
    assert_eq!(told["remedies"], json!([]));
}

#[tokio::test]
async fn says_what_is_missing_and_who_has_it() {
    let (app, admin) = world().await;
    let told = ask(
        &app,
        &admin,
        "server=time&tool=write&user=ada&scopes=readers",
    )
    .await;
    assert_eq!(told["allowed"], false);
    assert_eq!(
        told["summary"],
        "ada may not call the tool write at /time: ada has no rule that allows all of it"
    );
    assert_eq!(
        told["scopes"][0]["rules"][0]["says"],
        "names this server, and has the method tools/call, but not the tool write"
    );
    assert_eq!(
        told["remedies"],
        json!([{"scope": "writers", "groups": ["lords"]}])
    );
    for (query, end) in [
        (
            "server=/time&method=tools/list&user=ada&groups=staff",
            "no rule that allows all of it",
        ),
        ("server=/time&user=ada&groups=strangers", "ada has no scope"),
        (
            "server=/time&user=ada&scopes=unknown",
            "scopes that the policy does not know",
        ),
        ("server=/time&user=anonymous", "anonymous has no scope"),
        (
            "server=/nowhere&user=ada&groups=lords",
            "names this server, and any right there is enough",
        ),
    ] {
        let told = ask(&app, &admin, query).await;
        let summary = told["summary"].as_str().unwrap();
        assert_eq!(told["allowed"], false, "{query}");
        assert!(
            summary.contains(end) || summary.starts_with("there is no server"),
            "{summary}"
        );
    }
}

#[tokio::test]
async fn says_what_comes_before_the_policy() {
    let (app, admin) = world().await;
    for (query, allowed, start) in [
        (
            "server=/off&user=ada&groups=staff&tool=now",
            false,
            "the server /off is disabled; by the policy alone, ada may call",
        ),
        (
            "server=/open&user=anonymous&tool=x",
            true,
            "the server /open is public, so that everybody may do everything there; by the policy alone, anonymous may not",
        ),
        ("server=/none", false, "there is no server at /none; "),
        (
            "server=/time&user=admin&method=ping",
            false,
            "admin may not use the method ping at /time",
        ),
    ] {
        let told = ask(&app, &admin, query).await;
        assert_eq!(told["allowed"], allowed, "{query}: {told}");
        assert!(
            told["summary"].as_str().unwrap().starts_with(start),
            "{told}"
        );
    }
}

#[tokio::test]
async fn others_may_ask_of_themselves_and_of_servers_that_they_know() {
    let (app, admin) = world().await;
    let reader = app.token_with(&["readers"]).await;
    let told = ask(&app, &reader, "server=/time&tool=now").await;
    assert_eq!(told["allowed"], true);
    assert!(
        told["summary"]
            .as_str()
            .unwrap()
            .contains("(of the credential)"),
        "{told}"
    );
    let told = ask(&app, &reader, "server=/time&tool=write&user=admin").await;
    assert_eq!(
        (&told["allowed"], &told["remedies"]),
        (&json!(false), &json!([]))
    );
    for (token, query, status) in [
        (&reader, "server=/time&user=grace", 403),
        (&reader, "server=/time&groups=lords", 403),
        (&reader, "server=/time&user=anonymous", 403),
        // As absent as one that does not exist.
        (&reader, "server=/open", 404),
        (&reader, "server=/none", 404),
        (&admin, "server=/time&user=grace", 404),
        (&admin, "user=ada", 400),
        (&admin, "server=/api", 400),
        (&admin, "server=/time&tool=x&method=ping", 400),
        (&admin, "server=/time&tools=x", 400),
        (&admin, "server=/time&server=/off", 400),
    ] {
        let call = app.call(Method::GET, &format!("/api/explain?{query}"));
        let reply = call.bearer(token).send().await;
        assert_eq!(reply.status, status, "{query}: {reply:?}");
    }
}
