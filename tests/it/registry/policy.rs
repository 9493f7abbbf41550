//! The policy over the API and from a file: what is written is in force at once.

mod explained;
mod matrix;
mod permissions;

use axum::http::Method;
use mcp::domain::path::ServerPath;
use mcp::domain::policy::{Action, Policy};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::GATEWAY_TOKEN;
use crate::support::call::Reply;

const SCOPES_YML: &str = include_str!("policy/scopes.yml");

async fn read(app: &TestApp, token: &str) -> Reply {
    let reply = app.get("/api/policy").bearer(token).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

async fn put(app: &TestApp, token: &str, body: &Value) -> Reply {
    let call = app.call(Method::PUT, "/api/policy").bearer(token);
    call.json(body).send().await
}

async fn put_yaml(app: &TestApp, token: &str, text: &str) -> Reply {
    let call = app.call(Method::PUT, "/api/policy").bearer(token);
    call.body("application/yaml", text.to_owned()).send().await
}

/// The policy that the gateways of the process decide by.
fn in_force(app: &TestApp) -> Policy {
    let snapshot = app.applied.last();
    snapshot.access.as_ref().unwrap().policy.clone()
}

fn one_scope() -> Value {
    json!({
        "scopes": { "readers": {
            "servers": [{ "servers": ["/time/"], "methods": ["tools/call"], "tools": ["now"] }],
            "ui_permissions": { "list_service": ["time"] },
        } },
        "group_mappings": { "staff": ["readers"] },
    })
}

#[tokio::test]
async fn the_embedded_default_lets_only_the_admin_do_anything() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let reply = read(&app, &token).await;
    assert_eq!(reply.header("etag"), "\"policy-0\"");
    let policy = reply.json();
    assert_eq!(policy["version"], 0);
    let scopes: Vec<_> = policy["scopes"].as_object().unwrap().keys().collect();
    assert_eq!(scopes, ["mcp-registry-admin"]);
    assert_eq!(policy["scopes"]["mcp-registry-admin"]["admin"], true);
    assert_eq!(policy["updated_at"], Value::Null);
    // Written down it is no longer a default that a file may replace.
    assert_eq!(put(&app, &token, &policy).await.json()["version"], 1);
}

#[tokio::test]
async fn a_written_policy_is_in_force_audited_and_kept() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let before = app.applied.last().revision;
    let reply = put(&app, &token, &one_scope()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("etag"), "\"policy-1\"");
    let written = reply.json();
    assert_eq!(written["updated_by"], "admin");
    let rule = &written["scopes"]["readers"]["servers"][0];
    assert_eq!(rule["servers"], json!(["time"]));
    assert_eq!(app.applied.last().revision.0, before.0 + 1);
    assert!(in_force(&app).rules().scopes.contains_key("readers"));

    let audit = app.audit().await;
    assert_eq!(audit[0].action, "policy.update");
    assert_eq!(audit[0].subject, "version 1: 1 scopes, 1 groups");
    assert_eq!(audit[0].request_id, reply.header("x-request-id"));

    // The same again changes nothing.
    assert_eq!(put(&app, &token, &written).await.json()["version"], 1);
    assert_eq!(app.applied.last().revision.0, before.0 + 1);
    let app = app.restart(|_| {}).await;
    assert!(in_force(&app).rules().scopes.contains_key("readers"));
    assert_eq!(read(&app, &token).await.header("etag"), "\"policy-1\"");
}

#[tokio::test]
async fn of_two_changes_from_one_reading_the_second_is_refused() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let put_if = async |etag: &str, body: &Value| {
        let call = app.call(Method::PUT, "/api/policy").bearer(&token);
        call.header("if-match", etag).json(body).send().await
    };
    let first = put_if("\"policy-0\"", &one_scope()).await;
    assert_eq!(first.status, 200, "{first:?}");
    let mut other = one_scope();
    other["group_mappings"] = json!({});
    let second = put_if("\"policy-0\"", &other).await;
    assert_eq!(second.status, 412, "{second:?}");
    assert!(second.json()["detail"].as_str().unwrap().contains("policy"));
    assert_eq!(put_if("\"policy-1\"", &other).await.json()["version"], 2);
}

#[tokio::test]
async fn mistakes_are_named_and_change_nothing() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let reply = put(
        &app,
        &token,
        &json!({"scopes": {"a b": {"rules": []}, "c": {"servers": "all"}}, "more": 1}),
    )
    .await;
    assert_eq!(reply.status, 422, "{reply:?}");
    let fields: Vec<String> = reply
        .errors()
        .into_iter()
        .map(|error| error.split(':').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        fields,
        [
            "/more",
            "/scopes/a b",
            "/scopes/a b/rules",
            "/scopes/c/servers"
        ]
    );
    for (content_type, body, status) in [
        ("application/json", "{", 400),
        ("application/json", r#"{"scopes":{},"scopes":{}}"#, 400),
        ("application/json", "[]", 422),
        ("application/yaml", "a: [", 400),
        ("application/yaml", "a: []\na: []\n", 400),
        ("application/yaml", "a: []\n---\nb: []\n", 400),
        ("application/yaml", "a: .nan\n", 400),
        ("application/yaml", "- a\n", 422),
        ("application/yaml", "a: 1\n", 422),
        ("text/plain", "a: []\n", 415),
    ] {
        let call = app.call(Method::PUT, "/api/policy").bearer(&token);
        let reply = call.body(content_type, body).send().await;
        assert_eq!(reply.status, status, "{body}: {reply:?}");
    }
    let bomb = (1..9).fold(
        "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned(),
        |text, n| {
            let refs = vec![format!("*a{}", n - 1); 9].join(", ");
            format!("{text}a{n}: &a{n} [{refs}]\n")
        },
    );
    assert_eq!(put_yaml(&app, &token, &bomb).await.status, 400);
    assert_eq!(read(&app, &token).await.json()["version"], 0);
    assert_eq!(app.audit().await[0].action, "token.create");
}

#[tokio::test]
async fn an_existing_file_is_taken_as_it_is_and_comes_out_the_same() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let reply = put_yaml(&app, &token, SCOPES_YML).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let policy = reply.json();
    let warnings = policy["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0]["field"], "/UI-Scopes/registry-admins");
    assert_eq!(policy["scopes"]["registry-admins"]["admin"], true);
    let user = &policy["scopes"]["registry-users-lob1"];
    assert_eq!(
        user["ui_permissions"]["list_service"],
        json!(["currenttime", "mcpgw"])
    );
    assert_eq!(user["agents"][0]["action"], "get_agent");

    let call = app.get("/api/policy").bearer(&token);
    let yaml = call.header("accept", "application/yaml").send().await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    let text = String::from_utf8(yaml.body.clone()).unwrap();
    assert!(text.contains("mcp-servers-unrestricted/read:"), "{text}");
    let before = in_force(&app);
    let again = put_yaml(&app, &token, &text).await;
    assert_eq!(again.json()["version"], 1, "{text}");
    assert_eq!(again.json()["warnings"], json!([]));
    assert_eq!(in_force(&app), before);
}

#[tokio::test]
async fn a_file_in_the_data_directory_counts_until_somebody_writes_a_policy() {
    for name in ["scopes.yml", "auth_server/scopes.yml"] {
        let app = TestApp::builder().data_file(name, SCOPES_YML).start().await;
        assert!(
            in_force(&app)
                .rules()
                .groups
                .contains_key("registry-admins")
        );
        let audit = app.audit().await;
        assert_eq!(
            (audit[0].action.as_str(), audit[0].actor.as_str()),
            ("policy.import", "import")
        );
        assert!(audit[0].subject.ends_with(name), "{:?}", audit[0]);
        let token = app.token().await;
        put(&app, &token, &one_scope()).await;
        let app = app.restart(|_| {}).await;
        assert!(
            !in_force(&app)
                .rules()
                .groups
                .contains_key("registry-admins")
        );
    }
}

#[tokio::test]
async fn a_file_with_mistakes_grants_nothing() {
    for content in ["a: [", "a:\n- server: 5\n", "\u{0}"] {
        let app = TestApp::builder()
            .data_file("scopes.yml", content)
            .start()
            .await;
        assert_eq!(in_force(&app), Policy::default());
        let token = app.token().await;
        assert_eq!(read(&app, &token).await.json()["version"], 0);
    }
}

#[tokio::test]
async fn a_right_ends_with_the_change_that_takes_it() {
    let app = TestApp::start().await;
    let token = app.token().await;
    put(&app, &token, &one_scope()).await;
    let reader = app.token_with(&["readers"]).await;
    let me = app.get("/api/auth/me").bearer(&reader).send().await.json();
    assert_eq!(me["scopes"], json!(["readers"]));
    assert_eq!(
        app.get("/api/policy").bearer(&reader).send().await.status,
        403
    );
    assert_eq!(
        app.get("/api/policy")
            .bearer(GATEWAY_TOKEN)
            .send()
            .await
            .status,
        403
    );
    let principal = mcp::domain::principal::Principal {
        scopes: ["readers".into()].into(),
        method: mcp::domain::principal::AuthMethod::Token,
        ..mcp::domain::policy::anonymous()
    };
    let time = ServerPath::parse("/time").unwrap();
    let may = || in_force(&app).allows(&principal, &time, Action::Tool("now"));
    assert!(may());
    let mut narrower = one_scope();
    narrower["scopes"]["readers"]["servers"][0]["tools"] = json!([]);
    put(&app, &token, &narrower).await;
    assert!(!may());
}
