//! Sessions: their ends, and requests that pages of others make.

use axum::http::Method;
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::PASSWORD;

#[tokio::test]
async fn a_login_makes_a_new_id_and_ends_the_old_session() {
    let app = TestApp::start().await;
    let first = app.login().await;
    let again = app
        .call(Method::POST, "/api/auth/login")
        .cookie(&first.cookie)
        .json(&json!({"username": "admin", "password": PASSWORD}))
        .send()
        .await;
    let second = again
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap()
        .to_owned();
    assert_ne!(first.cookie, second);
    assert_eq!(
        app.get("/api/auth/me")
            .cookie(&first.cookie)
            .send()
            .await
            .status,
        401
    );
    assert_eq!(
        app.get("/api/auth/me").cookie(&second).send().await.status,
        200
    );
}

#[tokio::test]
async fn a_logout_kills_the_session_for_every_tab() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let reply = app
        .call(Method::POST, "/api/auth/logout")
        .session(&session)
        .send()
        .await;
    assert_eq!(reply.status, 204);
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(
        app.get("/api/auth/me")
            .cookie(&session.cookie)
            .send()
            .await
            .status,
        401
    );
    let app = app.restart(|_| {}).await;
    assert_eq!(
        app.get("/api/auth/me")
            .cookie(&session.cookie)
            .send()
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_get_never_logs_out() {
    let app = TestApp::start().await;
    let session = app.login().await;
    for target in ["/api/auth/logout", "/logout"] {
        let reply = app.get(target).session(&session).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("location")),
            (303, "/login")
        );
    }
    assert_eq!(
        app.get("/api/auth/me")
            .cookie(&session.cookie)
            .send()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn another_page_cannot_log_out() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let reply = app
        .call(Method::POST, "/api/auth/logout")
        .cookie(&session.cookie)
        .send()
        .await;
    assert_eq!(reply.status, 403);
    assert_eq!(
        app.get("/api/auth/me")
            .cookie(&session.cookie)
            .send()
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn a_session_ends_when_idle_and_in_any_case() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let me = || app.get("/api/auth/me").cookie(&session.cookie).send();
    for _ in 0..7 {
        app.clock.advance(3_599);
        assert_eq!(me().await.status, 200, "in use");
    }
    app.clock.advance(3_599);
    assert_eq!(me().await.status, 200);
    app.clock.advance(8);
    assert_eq!(me().await.status, 401, "absolute end");
    let session = app.login().await;
    app.clock.advance(3_600);
    assert_eq!(
        app.get("/api/auth/me")
            .cookie(&session.cookie)
            .send()
            .await
            .status,
        401,
        "idle"
    );
}

#[tokio::test]
async fn a_session_survives_a_restart_but_not_another_admin() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let app = app.restart(|_| {}).await;
    assert_eq!(
        app.get("/api/auth/me")
            .cookie(&session.cookie)
            .send()
            .await
            .status,
        200
    );
    let app = app
        .restart(|settings| settings.auth.admin_user = "root".to_owned())
        .await;
    assert_eq!(
        app.get("/api/auth/me")
            .cookie(&session.cookie)
            .send()
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_cookie_changes_something_only_from_our_own_page() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let write = || {
        app.call(Method::POST, "/api/tokens/generate")
            .cookie(&session.cookie)
            .json(&json!({}))
    };
    assert_eq!(write().send().await.status, 403, "no proof");
    assert_eq!(
        write()
            .header("sec-fetch-site", "same-site")
            .send()
            .await
            .status,
        403
    );
    assert_eq!(
        write().header("sec-fetch-site", "none").send().await.status,
        403
    );
    assert_eq!(
        write()
            .header("sec-fetch-site", "same-origin")
            .send()
            .await
            .status,
        200
    );
    assert_eq!(
        write()
            .header("origin", "http://localhost:7860")
            .send()
            .await
            .status,
        200
    );
    assert_eq!(write().header("origin", "null").send().await.status, 403);
    assert_eq!(
        write()
            .header("origin", "http://localhost:9999")
            .send()
            .await
            .status,
        403
    );
    assert_eq!(
        write().header("x-csrf-token", "guess").send().await.status,
        403
    );
    assert_eq!(
        write()
            .header("x-csrf-token", &session.csrf)
            .send()
            .await
            .status,
        200
    );
    let other = app.login().await;
    assert_eq!(
        write()
            .header("x-csrf-token", &other.csrf)
            .send()
            .await
            .status,
        403,
        "of another session"
    );
}

#[tokio::test]
async fn a_bad_cookie_falls_through_and_a_bad_token_does_not() {
    let app = TestApp::start().await;
    let session = app.login().await;
    let token = app.token().await;
    let bad_cookie = app
        .get("/api/auth/me")
        .cookie("mcp_gateway_session=x")
        .bearer(&token)
        .send()
        .await;
    assert_eq!(bad_cookie.status, 200);
    assert_eq!(bad_cookie.json()["auth_method"], "token");
    let both = app
        .get("/api/auth/me")
        .cookie(&session.cookie)
        .bearer("x")
        .send()
        .await;
    assert_eq!(
        both.json()["auth_method"],
        "local",
        "the cookie comes first"
    );
    let x_first = app
        .get("/api/auth/me")
        .header("x-authorization", "Bearer x")
        .bearer(&token)
        .send()
        .await;
    assert_eq!(
        x_first.status, 401,
        "X-Authorization comes before Authorization"
    );
    let x_good = app
        .get("/api/auth/me")
        .header("x-authorization", &format!("Bearer {token}"))
        .bearer("x")
        .send()
        .await;
    assert_eq!(x_good.status, 200);
}
