//! Hosts, origins, proxies, methods, panics, unknown addresses.

use axum::http::Method;
use serde_json::json;

use crate::support::TestApp;
use crate::support::app::{GATEWAY_TOKEN, PASSWORD};

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let app = TestApp::builder()
        .settings(|settings| settings.http.allowed_hosts = vec!["mcp.example".into()])
        .start()
        .await;
    for host in [
        "localhost",
        "127.0.0.1:7860",
        "[::1]:7860",
        "box",
        "mcp.example",
        "MCP.example:80",
    ] {
        assert_eq!(
            app.get("/health").header("host", host).send().await.status,
            200,
            "{host}"
        );
    }
    for host in [
        "evil.example",
        "mcp.example.evil.example",
        "localhost.evil.example",
    ] {
        let reply = app.get("/health").header("host", host).send().await;
        assert_eq!(reply.status, 403, "{host}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
    for host in [
        "",
        "a b",
        "user@localhost",
        "localhost, evil.example",
        "localhost:port",
    ] {
        assert_eq!(
            app.get("/health").header("host", host).send().await.status,
            400,
            "{host}"
        );
    }
    assert_eq!(app.get("/health").without("host").send().await.status, 400);
}

#[tokio::test]
async fn a_gateway_may_call_us_by_any_name() {
    let app = TestApp::start().await;
    let call = || app.get("/api/servers").header("host", "registry:7860");
    assert_eq!(call().send().await.status, 403);
    assert_eq!(call().bearer(GATEWAY_TOKEN).send().await.status, 200);
}

#[tokio::test]
async fn a_foreign_origin_is_refused() {
    let app = TestApp::builder()
        .settings(|settings| settings.http.allowed_origins = vec!["https://ui.example/".into()])
        .start()
        .await;
    for (origin, status) in [
        ("http://localhost:7860", 200),
        ("https://ui.example", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("http://localhost:1", 403),
        ("https://localhost:7860", 403),
    ] {
        let reply = app.get("/health").header("origin", origin).send().await;
        assert_eq!(reply.status.as_u16(), status, "{origin}");
        assert!(!reply.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn only_a_proven_gateway_tells_who_the_client_is() {
    let app = TestApp::start().await;
    let session = |gateway: Option<&str>| {
        let mut call = app
            .call(Method::POST, "/api/auth/login")
            .header("x-forwarded-proto", "https")
            .header("x-forwarded-host", "pub.example")
            .header("x-forwarded-for", "203.0.113.9")
            .header("x-request-id", "from-the-gateway")
            .json(&json!({"username": "admin", "password": PASSWORD}));
        if let Some(token) = gateway {
            call = call.header("x-gateway-authorization", &format!("Bearer {token}"));
        }
        call.send()
    };
    for forged in [None, Some("forged"), Some("")] {
        let reply = session(forged).await;
        assert!(
            reply
                .header("set-cookie")
                .starts_with("mcp_gateway_session="),
            "plain as the connection is"
        );
        assert_ne!(reply.header("x-request-id"), "from-the-gateway");
    }
    let reply = session(Some(GATEWAY_TOKEN)).await;
    assert!(
        reply.header("set-cookie").starts_with("__Host-"),
        "{reply:?}"
    );
    assert_eq!(reply.header("x-request-id"), "from-the-gateway");
    let me = app
        .get("/api/auth/me")
        .header(
            "x-gateway-authorization",
            &format!("Bearer {GATEWAY_TOKEN}"),
        )
        .header("x-user", "admin")
        .header("x-scopes", "mcp-registry-admin")
        .send()
        .await;
    assert_eq!(
        me.status, 401,
        "a gateway's proof is nobody's login, and identity headers are none"
    );
}

#[tokio::test]
async fn a_listed_proxy_tells_who_the_client_is_when_that_is_switched_on() {
    let app = TestApp::builder()
        .settings(|settings| {
            settings.http.trust_proxy_headers = true;
            settings.http.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
            settings.auth.login_failures = 1;
        })
        .start()
        .await;
    let fail = |peer: &str, forwarded: &str, user: &str| {
        app.call(Method::POST, "/api/auth/login")
            .from(peer, false)
            .header("x-forwarded-for", forwarded)
            .json(&json!({"username": user, "password": "wrong"}))
            .send()
    };
    assert_eq!(fail("10.0.0.1:1", "203.0.113.1", "a").await.status, 401);
    assert_eq!(
        fail("10.0.0.1:1", "203.0.113.1, 10.0.0.2", "b")
            .await
            .status,
        429,
        "the same client"
    );
    assert_eq!(
        fail("10.0.0.1:1", "203.0.113.1, 203.0.113.2", "c")
            .await
            .status,
        401,
        "the last one not ours counts"
    );
    assert_eq!(fail("192.0.2.1:1", "203.0.113.5", "d").await.status, 401);
    assert_eq!(
        fail("192.0.2.1:1", "203.0.113.6", "e").await.status,
        429,
        "an unlisted peer is the client itself"
    );
}

#[tokio::test]
async fn methods_that_are_not_offered_are_405_with_what_is() {
    let app = TestApp::start().await;
    for (method, target) in [
        (Method::TRACE, "/api/servers"),
        (Method::DELETE, "/api/servers"),
        (Method::POST, "/health"),
        (Method::POST, "/api/servers/x"),
        ("BREW".parse().unwrap(), "/api/servers"),
    ] {
        let reply = app.call(method.clone(), target).send().await;
        assert_eq!(reply.status, 405, "{method} {target}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert!(reply.header("allow").contains("OPTIONS"), "{reply:?}");
    }
    let options = app.call(Method::OPTIONS, "/api/servers").send().await;
    assert_eq!(options.status, 204);
    assert_eq!(options.header("allow"), "GET,HEAD,POST,OPTIONS");
    let head = app.call(Method::HEAD, "/health").send().await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
}

#[tokio::test]
async fn a_method_in_a_header_is_ignored() {
    let app = TestApp::start().await;
    let token = app.token().await;
    app.add(&token, &json!({"name": "x", "port": 1})).await;
    let reply = app
        .get("/api/servers/x")
        .bearer(&token)
        .header("x-http-method-override", "DELETE")
        .send()
        .await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        app.get("/api/servers/x?_method=DELETE")
            .bearer(&token)
            .send()
            .await
            .json()["id"],
        "x"
    );
}

#[tokio::test]
async fn what_is_open_cannot_be_reached_by_tricks_and_opens_nothing_else() {
    let app = TestApp::start().await;
    for target in [
        "/api/servers?/health",
        "/api/servers?x=/api/config",
        "/api/health/../servers",
        "/api/%68ealth/servers",
        "/health/../api/servers",
        "//api/servers",
        "/API/servers",
        "/api/servers/",
        "/api/config/x",
        "/health;/api/servers",
    ] {
        let reply = app.get(target).send().await;
        assert!(
            [400, 401, 404].contains(&reply.status.as_u16()),
            "{target}: {reply:?}"
        );
    }
}

#[tokio::test]
async fn a_panicking_handler_is_a_500_that_tells_nothing() {
    let app = TestApp::start().await;
    let reply = app.get("/ui/panic").send().await;
    assert_eq!(reply.status, 500);
    assert_eq!(reply.json()["instance"], reply.header("x-request-id"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("a handler that fails"));
    assert_eq!(
        app.get("/health").send().await.status,
        200,
        "others are unharmed"
    );
}

#[tokio::test]
async fn unknown_addresses_are_json() {
    let app = TestApp::start().await;
    for target in ["/nothing", "/api", "/api/", "/api/x/y", "/v2"] {
        let reply = app.get(target).header("accept", "text/html").send().await;
        assert_eq!(reply.status, 404, "{target}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
    }
}

#[tokio::test]
async fn pages_of_the_older_ui_lead_into_the_new_one() {
    let app = TestApp::start().await;
    for (target, to) in [
        ("/register", "/ui/"),
        ("/edit/team/search", "/ui/"),
        ("/generate-token", "/ui/"),
        ("/logout", "/login"),
    ] {
        let reply = app.get(target).send().await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("location")),
            (303, to),
            "{target}"
        );
    }
}

#[tokio::test]
async fn the_facts_are_open_and_tell_of_a_session_in_the_clear() {
    let app = TestApp::builder()
        .settings(|settings| {
            settings.http.gateway_public_url = Some("https://mcp.example/base".parse().unwrap());
        })
        .start()
        .await;
    let facts = app.get("/api/config").send().await.json();
    assert_eq!(facts["mode"], "registry");
    assert_eq!(facts["gateway_public_url"], "https://mcp.example/base");
    assert_eq!(facts["ui"]["insecure_session"], true);
    let facts = app
        .get("/api/config")
        .from("127.0.0.1:1", true)
        .send()
        .await
        .json();
    assert_eq!(facts["ui"]["insecure_session"], false);
    let health = app.get("/api/health").send().await.json();
    assert_eq!(health["status"], "healthy");
    assert_eq!(health["service"], "mcp-registry");
}
