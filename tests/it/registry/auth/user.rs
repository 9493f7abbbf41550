//! Local users, and what ends with them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::{Session, USER_PASSWORD};
use crate::support::call::Reply;

async fn patch(app: &TestApp, username: &str, body: &Value) -> Reply {
    let target = format!("/api/users/{username}");
    app.admin(Method::PATCH, &target, body).await
}

async fn login(app: &TestApp, username: &str, password: &str) -> u16 {
    let reply = app
        .call(Method::POST, "/api/auth/login")
        .json(&json!({"username": username, "password": password}))
        .send()
        .await;
    reply.status.as_u16()
}

async fn made(app: &TestApp, session: &Session, body: &Value) -> String {
    let reply = app
        .call(Method::POST, "/api/tokens/generate")
        .session(session)
        .json(body)
        .send()
        .await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["tokens"]["access_token"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A session, a token and a key of somebody.
struct Held {
    session: Session,
    token: String,
    key: String,
}

impl Held {
    async fn of(app: &TestApp, session: Session) -> Self {
        Self {
            token: made(app, &session, &json!({})).await,
            key: made(app, &session, &json!({"kind": "api_key"})).await,
            session,
        }
    }

    /// The status that each gets: session, token, key.
    async fn statuses(&self, app: &TestApp) -> [u16; 3] {
        let page = app.get("/api/auth/me").session(&self.session).send().await;
        [
            page.status.as_u16(),
            app.me(&self.token).await,
            app.me(&self.key).await,
        ]
    }
}

#[tokio::test]
async fn a_user_logs_in_and_is_who_was_made() {
    let app = TestApp::start().await;
    let session = app.user("ann", &["staff", "time-readers"]).await;
    let me = app.get("/api/auth/me").session(&session).send().await;
    let me = me.json();
    assert_eq!(me["username"], "ann");
    assert_eq!(me["groups"], json!(["staff", "time-readers"]));
    assert_eq!(
        (&me["is_admin"], &me["scopes"]),
        (&json!(false), &json!([]))
    );
    assert_eq!(login(&app, "ann", "another dozen letters").await, 401);
    assert_eq!(login(&app, "Ann", USER_PASSWORD).await, 401);
    let app = app.restart(|_| {}).await;
    assert_eq!(login(&app, "ann", USER_PASSWORD).await, 200);
}

#[tokio::test]
async fn members_of_the_admins_group_administer() {
    let app = TestApp::start().await;
    let session = app.user("root", &["mcp-registry-admin"]).await;
    let list = app.get("/api/users").session(&session).send().await;
    assert_eq!(list.status, 200);
    let names: Vec<_> = list.json().as_array().unwrap().clone();
    assert_eq!(names[0]["username"], "admin");
    assert_eq!(names[0]["built_in"], true);
    assert_eq!(names[1]["username"], "root");
    assert!(!String::from_utf8_lossy(&list.body).contains("argon2"));
}

#[tokio::test]
async fn disabling_or_removing_a_user_ends_everything_at_once_and_for_good() {
    for remove in [false, true] {
        let app = TestApp::start().await;
        let held = Held::of(&app, app.user("ann", &[]).await).await;
        let other = Held::of(&app, app.user("bob", &[]).await).await;
        assert_eq!(held.statuses(&app).await, [200; 3]);
        let revision = app.applied.last().revision;
        if remove {
            let gone = app
                .admin(Method::DELETE, "/api/users/ann", &json!({}))
                .await;
            assert_eq!(gone.status, 204);
        } else {
            let reply = patch(&app, "ann", &json!({"disabled": true})).await;
            assert_eq!(reply.json()["disabled"], true);
        }
        assert_eq!(held.statuses(&app).await, [401; 3]);
        assert_eq!(other.statuses(&app).await, [200; 3]);
        assert_eq!(login(&app, "ann", USER_PASSWORD).await, 401);
        let snapshot = app.applied.last();
        assert!(snapshot.revision > revision, "gateways are told");
        let trust = &snapshot.access.as_ref().unwrap().trust;
        assert_eq!((trust.revoked.len(), trust.api_keys.len()), (1, 1));
        if remove {
            app.user("ann", &[]).await;
        } else {
            patch(&app, "ann", &json!({"disabled": false})).await;
        }
        assert_eq!(login(&app, "ann", USER_PASSWORD).await, 200);
        assert_eq!(held.statuses(&app).await, [401; 3]);
        let app = app.restart(|_| {}).await;
        assert_eq!(held.statuses(&app).await, [401; 3]);
    }
}

#[tokio::test]
async fn a_password_set_by_an_administrator_ends_what_was_there() {
    let app = TestApp::start().await;
    let held = Held::of(&app, app.user("ann", &[]).await).await;
    let reply = patch(&app, "ann", &json!({"password": "a second dozen letters"})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(held.statuses(&app).await, [401; 3]);
    assert_eq!(login(&app, "ann", USER_PASSWORD).await, 401);
    assert_eq!(login(&app, "ann", "a second dozen letters").await, 200);
}

#[tokio::test]
async fn ones_own_password_needs_the_present_one_and_ends_other_sessions() {
    let app = TestApp::start().await;
    let elsewhere = app.user("ann", &[]).await;
    let held = Held::of(&app, app.login_as("ann", USER_PASSWORD).await).await;
    let change = |body: Value| {
        app.call(Method::PATCH, "/api/users/ann")
            .session(&held.session)
            .json(&body)
            .send()
    };
    let new = "a second dozen letters";
    assert_eq!(change(json!({"password": new})).await.status, 403);
    let wrong = json!({"password": new, "current_password": "guess"});
    let wrong = change(wrong).await;
    assert_eq!(wrong.status, 422, "the session is still a good one");
    assert!(wrong.errors()[0].starts_with("/current_password: "));
    let more = json!({"password": new, "current_password": USER_PASSWORD, "groups": ["x"]});
    assert_eq!(change(more).await.status, 422);
    let right = json!({"password": new, "current_password": USER_PASSWORD});
    let stolen = app
        .call(Method::PATCH, "/api/users/ann")
        .bearer(&held.token)
        .json(&right)
        .send()
        .await;
    assert_eq!(stolen.status, 403, "a token is not enough");
    assert_eq!(change(right).await.status, 200);
    assert_eq!(held.statuses(&app).await, [200; 3]);
    let other = app.get("/api/auth/me").session(&elsewhere).send().await;
    assert_eq!(other.status, 401);
    assert_eq!(login(&app, "ann", new).await, 200);
}

#[tokio::test]
async fn guessing_ones_own_password_is_limited_like_logging_in() {
    let app = TestApp::start().await;
    let session = app.user("ann", &[]).await;
    let guess = || {
        app.call(Method::PATCH, "/api/users/ann")
            .session(&session)
            .json(&json!({"password": "a second dozen letters", "current_password": "guess"}))
            .send()
    };
    for _ in 0..5 {
        assert_eq!(guess().await.status, 422);
    }
    assert_eq!(guess().await.status, 429);
}

#[tokio::test]
async fn a_lost_group_ends_what_carries_it_and_keys_with_all_rights_follow() {
    let app = TestApp::start().await;
    let admins = "mcp-registry-admin";
    let session = app.user("ann", &[admins, "staff"]).await;
    let narrow = json!({"kind": "api_key", "requested_scopes": [admins]});
    let narrow = made(&app, &session, &narrow).await;
    let held = Held::of(&app, session).await;
    assert_eq!(app.me(&narrow).await, 200);
    let reply = patch(&app, "ann", &json!({"groups": ["staff"]})).await;
    assert_eq!(reply.status, 200);
    assert_eq!(held.statuses(&app).await, [200, 401, 200]);
    assert_eq!(app.me(&narrow).await, 401);
    for list in [
        app.get("/api/users").bearer(&held.key),
        app.get("/api/users").session(&held.session),
    ] {
        assert_eq!(list.send().await.status, 403, "no admin any more");
    }
    patch(&app, "ann", &json!({"groups": ["staff", admins]})).await;
    let list = app.get("/api/users").bearer(&held.key).send().await;
    assert_eq!(list.status, 200, "a key with all rights has new ones too");
}

#[tokio::test]
async fn mistakes_are_named_and_passwords_never_shown() {
    let app = TestApp::start().await;
    let good = |change: Value| {
        let mut body = json!({"username": "ann", "password": USER_PASSWORD});
        let change = change.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(change);
        body
    };
    for (body, field) in [
        (json!([]), ""),
        (json!({"password": USER_PASSWORD}), "/username"),
        (json!({"username": "ann"}), "/password"),
        (good(json!({"username": ""})), "/username"),
        (good(json!({"username": "a b"})), "/username"),
        (good(json!({"username": ".ann"})), "/username"),
        (good(json!({"username": "é"})), "/username"),
        (good(json!({"username": "a".repeat(65)})), "/username"),
        (good(json!({"password": "elevenchars"})), "/password"),
        (good(json!({"password": ["canary-password"]})), "/password"),
        (good(json!({"groups": "staff"})), "/groups"),
        (good(json!({"groups": [" staff"]})), "/groups/0"),
        (good(json!({"groups": ["a", "b\n"]})), "/groups/1"),
        (good(json!({"disabled": "no"})), "/disabled"),
        (good(json!({"is_admin": true})), "/is_admin"),
    ] {
        let reply = app.admin(Method::POST, "/api/users", &body).await;
        assert_eq!(reply.status, 422, "{body}");
        assert!(
            reply.errors()[0].starts_with(&format!("{field}: ")),
            "{reply:?}"
        );
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(!text.contains("elevenchars") && !text.contains("canary"));
    }
    for name in ["admin", "ann"] {
        let body = json!({"username": name, "password": USER_PASSWORD});
        app.admin(Method::POST, "/api/users", &body).await;
        let again = app.admin(Method::POST, "/api/users", &body).await;
        assert_eq!(again.status, 409, "{name}");
    }
    let reply = patch(&app, "admin", &json!({"disabled": true})).await;
    assert_eq!(reply.status, 409);
    assert!(String::from_utf8_lossy(&reply.body).contains("ADMIN_PASSWORD"));
}

#[tokio::test]
async fn the_audit_says_who_was_changed_and_how_but_no_password() {
    let app = TestApp::start().await;
    app.user("ann", &["staff"]).await;
    let body =
        json!({"groups": ["b", "a"], "disabled": true, "password": "a second dozen letters"});
    patch(&app, "ann", &body).await;
    app.admin(Method::DELETE, "/api/users/ann", &json!({}))
        .await;
    let said: Vec<_> = app
        .audit()
        .await
        .into_iter()
        .map(|entry| (entry.action, entry.subject))
        .collect();
    let expected = [
        ("user.delete", "ann"),
        ("user.update", "ann password groups=a,b disabled"),
        ("user.create", "ann"),
    ];
    assert_eq!(
        said,
        expected.map(|(action, subject)| (action.to_owned(), subject.to_owned()))
    );
}
