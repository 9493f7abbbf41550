//! Every endpoint × every kind of caller.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::{GATEWAY_TOKEN, Session};
use crate::support::call::{Call, Reply};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    BadToken,
    BadCookie,
    OwnPage,
    CsrfToken,
    OtherPage,
    Token,
    Gateway,
}

const ALL: [Who; 8] = [
    Who::Nobody,
    Who::BadToken,
    Who::BadCookie,
    Who::OwnPage,
    Who::CsrfToken,
    Who::OtherPage,
    Who::Token,
    Who::Gateway,
];

/// What kind of endpoint it is.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Open,
    Read,
    /// Read, by gateways too.
    List,
    Write,
    Machine,
}

/// What must come back; `None`: whatever a good request gets.
fn expected(kind: Kind, who: Who) -> Option<u16> {
    let session = matches!(who, Who::OwnPage | Who::CsrfToken | Who::OtherPage);
    match (kind, who) {
        (Kind::Open, _) => None,
        (_, Who::Nobody | Who::BadToken | Who::BadCookie) => Some(401),
        // No cookie counts there.
        (Kind::Machine, _) if session => Some(401),
        (Kind::Machine, Who::Token)
        | (Kind::Write, Who::OtherPage)
        | (Kind::Read | Kind::Write, Who::Gateway) => Some(403),
        (Kind::Read | Kind::List | Kind::Write | Kind::Machine, _) => None,
    }
}

fn as_caller(call: Call, who: Who, session: &Session, token: &str) -> Call {
    match who {
        Who::Nobody => call,
        Who::BadToken => call.bearer("eyJhbGciOiJub25lIn0.e30."),
        Who::BadCookie => call.cookie(&format!("mcp_gateway_session={}", "A".repeat(43))),
        Who::OwnPage => call.session(session),
        Who::CsrfToken => call
            .cookie(&session.cookie)
            .header("x-csrf-token", &session.csrf),
        Who::OtherPage => call
            .cookie(&session.cookie)
            .header("sec-fetch-site", "cross-site"),
        Who::Token => call.bearer(token),
        Who::Gateway => call.bearer(GATEWAY_TOKEN),
    }
}

#[tokio::test]
async fn every_endpoint_lets_in_exactly_who_may() {
    let server = json!({"path": "/x", "server_name": "X", "port": 1});
    let endpoints: Vec<(Method, &str, Kind, u16, Option<Value>)> = vec![
        (Method::GET, "/api/servers", Kind::List, 200, None),
        (
            Method::POST,
            "/api/servers",
            Kind::Write,
            409,
            Some(server.clone()),
        ),
        (Method::GET, "/api/servers/x", Kind::Read, 200, None),
        (
            Method::PUT,
            "/api/servers/x",
            Kind::Write,
            200,
            Some(server),
        ),
        (
            Method::PATCH,
            "/api/servers/x",
            Kind::Write,
            200,
            Some(json!({})),
        ),
        (Method::DELETE, "/api/servers/y", Kind::Write, 404, None),
        (Method::GET, "/api/auth/me", Kind::Read, 200, None),
        (Method::GET, "/api/tokens", Kind::Read, 200, None),
        (
            Method::POST,
            "/api/tokens/generate",
            Kind::Write,
            200,
            Some(json!({})),
        ),
        (Method::DELETE, "/api/tokens/none", Kind::Write, 404, None),
        (Method::GET, "/api/gateways", Kind::Read, 200, None),
        (
            Method::POST,
            "/api/gateway/report",
            Kind::Machine,
            204,
            Some(json!({"id": "g"})),
        ),
        (
            Method::POST,
            "/api/gateway/events",
            Kind::Machine,
            204,
            Some(json!({"id": "g", "sequence": 1, "events": []})),
        ),
        (Method::GET, "/api/auth/providers", Kind::Open, 200, None),
        (Method::GET, "/api/config", Kind::Open, 200, None),
        (Method::GET, "/api/openapi.json", Kind::Open, 200, None),
        (Method::GET, "/api/health", Kind::Open, 200, None),
        (Method::GET, "/health", Kind::Open, 200, None),
        (Method::GET, "/api/auth/login", Kind::Open, 303, None),
        (Method::GET, "/api/nothing", Kind::Open, 404, None),
    ];
    let app = TestApp::start().await;
    let token = app.token().await;
    let session = app.login().await;
    app.add(
        &token,
        &json!({"path": "/x", "server_name": "X", "port": 1}),
    )
    .await;
    for (method, target, kind, good, body) in endpoints {
        for who in ALL {
            let mut call = as_caller(app.call(method.clone(), target), who, &session, &token);
            if let Some(body) = &body {
                call = call.json(body);
            }
            let reply = call.send().await;
            let status = expected(kind, who).unwrap_or(good);
            assert_eq!(
                reply.status, status,
                "{method} {target} by {who:?}: {reply:?}"
            );
            check_form(&reply);
        }
    }
}

#[tokio::test]
async fn the_watch_is_for_gateways_only() {
    let app = TestApp::start().await;
    let token = app.token().await;
    let session = app.login().await;
    for who in ALL {
        let (status, _, _) = as_caller(app.get("/api/gateway/watch"), who, &session, &token)
            .stream()
            .await;
        assert_eq!(
            status.as_u16(),
            expected(Kind::Machine, who).unwrap_or(200),
            "{who:?}"
        );
    }
}

/// Errors are problems with the request's id; 401 says how to log in.
fn check_form(reply: &Reply) {
    let id = reply.header("x-request-id");
    if reply.status.is_client_error() {
        assert_eq!(
            reply.header("content-type"),
            "application/problem+json",
            "{reply:?}"
        );
        assert_eq!(reply.json()["instance"], id);
        assert_eq!(reply.json()["status"], reply.status.as_u16());
    }
    if reply.status == 401 {
        assert!(reply.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
}
