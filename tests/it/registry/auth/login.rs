//! Logging in, and what stops guessing.

use axum::http::Method;
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::PASSWORD;
use crate::support::call::{Call, Reply};

fn login(app: &TestApp, username: &str, password: &str) -> Call {
    app.call(Method::POST, "/api/auth/login")
        .json(&json!({"username": username, "password": password}))
}

fn form(app: &TestApp, password: &str) -> Call {
    let body = format!("username=admin&password={}", password.replace(' ', "+"));
    app.call(Method::POST, "/api/auth/login")
        .body("application/x-www-form-urlencoded", body)
}

#[tokio::test]
async fn json_is_answered_with_the_caller() {
    let app = TestApp::start().await;
    let reply = login(&app, "admin", PASSWORD).send().await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let me = reply.json();
    assert_eq!(me["username"], "admin");
    assert_eq!(me["auth_method"], "local");
    assert_eq!(me["is_admin"], true);
    assert!(me["csrf_token"].as_str().unwrap().len() >= 43);
}

#[tokio::test]
async fn a_form_is_answered_with_a_redirect_and_one_cookie() {
    let app = TestApp::start().await;
    let good = form(&app, PASSWORD).send().await;
    assert_eq!((good.status.as_u16(), good.header("location")), (303, "/"));
    assert_eq!(good.headers.get_all("set-cookie").iter().count(), 1);
    let bad = form(&app, "wrong").send().await;
    assert_eq!(
        (bad.status.as_u16(), bad.header("location")),
        (303, "/login?error=credentials")
    );
    assert!(!bad.headers.contains_key("set-cookie"));
}

#[tokio::test]
async fn a_redirect_never_leads_elsewhere() {
    let app = TestApp::start().await;
    for target in [
        "?next=//evil.example",
        "?redirect=https:evil.example",
        "?return_to=/%5cevil.example",
    ] {
        let body = format!("username=admin&password={}", PASSWORD.replace(' ', "+"));
        let reply = app
            .call(Method::POST, &format!("/api/auth/login{target}"))
            .body("application/x-www-form-urlencoded", body)
            .send()
            .await;
        assert_eq!(reply.header("location"), "/");
    }
}

#[tokio::test]
async fn the_cookie_is_bound_to_host_and_scheme() {
    let app = TestApp::start().await;
    let plain = login(&app, "admin", PASSWORD).send().await;
    let cookie = plain.header("set-cookie");
    assert!(cookie.starts_with("mcp_gateway_session="), "{cookie}");
    assert!(
        cookie.contains("; HttpOnly")
            && cookie.contains("; SameSite=Lax")
            && !cookie.contains("Secure")
    );
    assert!(cookie.len() < 4096);
    let tls = login(&app, "admin", PASSWORD)
        .from("127.0.0.1:1", true)
        .send()
        .await;
    let cookie = tls.header("set-cookie").to_owned();
    assert!(
        cookie.starts_with("__Host-mcp_gateway_session="),
        "{cookie}"
    );
    assert!(cookie.contains("; Secure") && cookie.contains("; Path=/;"));
    // Planted over plain HTTP, it counts for nothing over TLS.
    let id = cookie.split(['=', ';']).nth(1).unwrap();
    let planted = format!("mcp_gateway_session={id}");
    let reply = app
        .get("/api/auth/me")
        .from("127.0.0.1:1", true)
        .cookie(&planted)
        .send()
        .await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_look_the_same() {
    let app = TestApp::start().await;
    let strip = |reply: Reply| {
        let mut body = reply.json();
        body.as_object_mut().unwrap().remove("instance");
        (reply.status, body)
    };
    let name = strip(login(&app, "nobody", PASSWORD).send().await);
    let password = strip(login(&app, "admin", "wrong").send().await);
    assert_eq!(name, password);
    assert_eq!(name.0, 401);
}

#[tokio::test]
async fn failures_are_limited_per_account_and_per_address() {
    let app = TestApp::start().await;
    for n in 0..5 {
        let reply = login(&app, "admin", "wrong")
            .from(&format!("192.0.2.{n}:1"), false)
            .send()
            .await;
        assert_eq!(reply.status, 401);
    }
    let account = login(&app, "admin", PASSWORD)
        .from("192.0.2.99:1", false)
        .send()
        .await;
    assert_eq!(account.status, 429, "the account, from whatever address");
    assert!(account.header("retry-after").parse::<u64>().unwrap() <= 300);
    for n in 0..5 {
        let reply = login(&app, &format!("user{n}"), "wrong")
            .from("198.51.100.7:1", false)
            .send()
            .await;
        assert_eq!(reply.status, 401);
    }
    let address = login(&app, "somebody", "wrong")
        .from("198.51.100.7:2", false)
        .send()
        .await;
    assert_eq!(address.status, 429, "the address, whatever the account");
    app.clock.advance(300);
    assert_eq!(login(&app, "admin", PASSWORD).send().await.status, 200);
}

#[tokio::test]
async fn successes_are_not_limited() {
    let app = TestApp::start().await;
    for _ in 0..12 {
        assert_eq!(login(&app, "admin", PASSWORD).send().await.status, 200);
    }
}

#[tokio::test]
async fn many_guesses_at_once_are_counted_too() {
    let app = TestApp::start().await;
    let guess = || login(&app, "admin", "wrong").send();
    let replies = futures_util::future::join_all((0..6).map(|_| guess())).await;
    let limited = replies.iter().filter(|reply| reply.status == 429).count();
    assert_eq!(limited, 1);
}

#[tokio::test]
async fn another_site_cannot_log_anybody_in() {
    let app = TestApp::start().await;
    let cross = login(&app, "admin", PASSWORD)
        .header("sec-fetch-site", "cross-site")
        .send()
        .await;
    assert_eq!(cross.status, 403);
    let origin = login(&app, "admin", PASSWORD)
        .header("origin", "http://evil.example")
        .send()
        .await;
    assert_eq!(origin.status, 403);
}

#[tokio::test]
async fn bodies_that_are_no_login_are_refused() {
    let app = TestApp::start().await;
    for body in [
        json!({}),
        json!({"username": "admin"}),
        json!({"username": 1, "password": "x"}),
        json!([]),
    ] {
        let reply = app
            .call(Method::POST, "/api/auth/login")
            .json(&body)
            .send()
            .await;
        assert_eq!(reply.status, 422, "{body}");
        assert!(
            !String::from_utf8_lossy(&reply.body).contains("\"x\""),
            "no password in an answer"
        );
    }
    let text = app
        .call(Method::POST, "/api/auth/login")
        .body("text/plain", "x")
        .send()
        .await;
    assert_eq!(text.status, 415);
}

#[tokio::test]
async fn a_generated_password_lies_in_a_file_and_stays() {
    let app = TestApp::builder()
        .settings(|settings| settings.auth.admin_password = None)
        .start()
        .await;
    let file = app.folder.path().join("admin-password");
    let password = std::fs::read_to_string(&file).unwrap();
    assert_eq!(
        login(&app, "admin", password.trim()).send().await.status,
        200
    );
    let app = app
        .restart(|settings| settings.auth.admin_password = None)
        .await;
    assert_eq!(
        login(&app, "admin", password.trim()).send().await.status,
        200
    );
    mcp::registry::reset_admin_password(app.folder.path()).unwrap();
    let app = app
        .restart(|settings| settings.auth.admin_password = None)
        .await;
    assert_eq!(
        login(&app, "admin", password.trim()).send().await.status,
        401
    );
}
