//! Secrets that go in never come out: not in logs, answers, snapshots or the database.

use std::io::Write;
use std::sync::{Arc, Mutex};

use axum::http::Method;
use mcp::catalog::wire::Codec;
use mcp::domain::secret::Secret;
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use crate::support::TestApp;
use crate::support::app::GATEWAY_TOKEN;

/// Everything that was logged, down to the finest level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

const PASSWORD: &str = "canary-password-4d1f";
const WRONG: &str = "canary-wrong-password-77ab";
const FALSE_TOKEN: &str = "canary.false.token-09cc";

/// Goes through the life of a user, a token and a key; all answers but those that show a secret on
/// purpose, and what was shown.
async fn life(app: &TestApp) -> (Vec<u8>, Vec<String>) {
    let mut answers = Vec::new();
    let mut shown = Vec::new();
    let user = json!({"username": "ann", "password": PASSWORD, "groups": ["mcp-registry-admin"]});
    let made = app.admin(Method::POST, "/api/users", &user).await;
    answers.extend(made.body);
    let session = app.login_as("ann", PASSWORD).await;
    shown.push(session.cookie.split_once('=').unwrap().1.to_owned());
    for body in [json!({}), json!({"kind": "api_key"})] {
        let made = app
            .call(Method::POST, "/api/tokens/generate")
            .session(&session)
            .json(&body)
            .send()
            .await
            .json();
        shown.push(made["tokens"]["access_token"].as_str().unwrap().to_owned());
    }
    let mut calls = vec![
        app.call(Method::POST, "/api/auth/login")
            .json(&json!({"username": "ann", "password": WRONG})),
        app.call(Method::POST, "/api/auth/login")
            .json(&json!({"username": WRONG, "password": PASSWORD})),
        app.call(Method::POST, "/api/users")
            .session(&session)
            .json(&json!({"username": 1, "password": [PASSWORD], "passwd": 2})),
        app.call(Method::PATCH, "/api/users/ann")
            .session(&session)
            .json(&json!({"password": "short", "current_password": WRONG})),
        app.get("/api/auth/me").bearer(FALSE_TOKEN),
        app.get("/api/auth/me")
            .cookie(&format!("mcp_gateway_session={FALSE_TOKEN}")),
    ];
    for target in ["/api/users", "/api/users/ann", "/api/tokens?all=true"] {
        calls.push(app.get(target).bearer(&shown[1]));
        calls.push(app.get(target).bearer(&shown[2]));
    }
    // Changed by a digit: as long and as secret as the right one.
    calls.push(app.get("/api/auth/me").bearer(&format!("{}0", shown[2])));
    for call in calls {
        let reply = call.send().await;
        answers.extend(format!("{:?}", reply.headers).into_bytes());
        answers.extend(reply.body);
    }
    (answers, shown)
}

fn assert_free_of(secrets: &[String], place: &str, bytes: &[u8]) {
    assert!(!bytes.is_empty(), "{place} is empty");
    for secret in secrets {
        let found = bytes
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{place} holds {secret}");
    }
}

#[tokio::test]
async fn no_secret_comes_out_anywhere() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let app = TestApp::start().await;
    let (answers, shown) = life(&app).await;
    drop(guard);
    let key_secret = shown[2].split('_').nth(2).unwrap().to_owned();
    let mut secrets = vec![PASSWORD.into(), FALSE_TOKEN.into(), key_secret];
    secrets.extend(shown);

    let logged = log.0.lock().unwrap().clone();
    assert!(String::from_utf8_lossy(&logged).contains("a login failed"));
    // A wrong password may well be a right one elsewhere.
    secrets.push(WRONG.into());
    assert_free_of(&secrets, "the log", &logged);
    assert_free_of(&secrets, "an answer", &answers);
    let snapshot = app.applied.last();
    let codec = Codec::new(Secret::new(GATEWAY_TOKEN.to_owned()));
    let line = codec.full(&snapshot).unwrap();
    assert_free_of(&secrets, "the snapshot", &line);
    assert_free_of(&secrets, "debug output", format!("{snapshot:?}").as_bytes());
    let audit: Value = json!(
        app.audit()
            .await
            .iter()
            .map(|entry| format!("{entry:?}"))
            .collect::<Vec<_>>()
    );
    assert_free_of(&secrets, "the audit", audit.to_string().as_bytes());
    for file in std::fs::read_dir(app.folder.path()).unwrap() {
        let file = file.unwrap().path();
        if file.is_file() && file.metadata().unwrap().len() > 0 {
            let bytes = std::fs::read(&file).unwrap();
            assert_free_of(&secrets, &file.display().to_string(), &bytes);
        }
    }
}
