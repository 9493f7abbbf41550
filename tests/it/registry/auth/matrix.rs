//! Every endpoint × every kind of caller.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::app::{GATEWAY_TOKEN, Session, USER_PASSWORD};
use crate::support::call::{Call, Reply};

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    BadToken,
    BadCookie,
    /// Somebody without any right, by session and by API key.
    User,
    UserKey,
    OwnPage,
    CsrfToken,
    OtherPage,
    Token,
    Gateway,
}

const ALL: [Who; 10] = [
    Who::Nobody,
    Who::BadToken,
    Who::BadCookie,
    Who::User,
    Who::UserKey,
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
    /// Read what the caller has a right to see.
    Seen,
    /// Read, by gateways too.
    List,
    Write,
    /// Change what the caller has a right to see.
    SeenWrite,
    /// What everybody may do with what is theirs.
    OwnWrite,
    /// For administrators, reads included.
    AdminRead,
    AdminWrite,
    Machine,
}

/// What must come back; `None`: whatever a good request gets.
fn expected(kind: Kind, who: Who) -> Option<u16> {
    let cookie = matches!(
        who,
        Who::OwnPage | Who::CsrfToken | Who::OtherPage | Who::User
    );
    let user = matches!(who, Who::User | Who::UserKey);
    let writes = matches!(
        kind,
        Kind::Write | Kind::SeenWrite | Kind::OwnWrite | Kind::AdminWrite
    );
    let admins = matches!(kind, Kind::Write | Kind::AdminWrite | Kind::AdminRead);
    match (kind, who) {
        (Kind::Open, _) => None,
        (_, Who::Nobody | Who::BadToken | Who::BadCookie) => Some(401),
        // No cookie counts there.
        (Kind::Machine, _) if cookie => Some(401),
        (Kind::Machine, Who::Token | Who::UserKey) => Some(403),
        (_, Who::OtherPage) if writes => Some(403),
        (_, Who::Gateway) if !matches!(kind, Kind::List | Kind::Machine) => Some(403),
        _ if user && admins => Some(403),
        (Kind::Seen | Kind::SeenWrite, _) if user => Some(404),
        _ => None,
    }
}

struct Callers {
    admin: Session,
    token: String,
    user: Session,
    user_key: String,
}

impl Callers {
    async fn of(app: &TestApp) -> Self {
        let user = app.user("ann", &[]).await;
        let made = app
            .call(Method::POST, "/api/tokens/generate")
            .session(&user)
            .json(&json!({"kind": "api_key"}))
            .send()
            .await;
        Self {
            admin: app.login().await,
            token: app.token().await,
            user_key: made.json()["tokens"]["access_token"]
                .as_str()
                .unwrap()
                .to_owned(),
            user,
        }
    }
}

fn as_caller(call: Call, who: Who, callers: &Callers) -> Call {
    let (session, token) = (&callers.admin, &callers.token);
    match who {
        Who::User => call.session(&callers.user),
        Who::UserKey => call.bearer(&callers.user_key),
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

/// Method and address, kind, the status of a good request, and its body.
type Endpoint = (Method, &'static str, Kind, u16, Option<Value>);

fn endpoints() -> Vec<Endpoint> {
    let server = json!({"path": "/x", "server_name": "X", "port": 1});
    vec![
        (Method::GET, "/api/servers", Kind::List, 200, None),
        (
            Method::POST,
            "/api/servers",
            Kind::Write,
            409,
            Some(server.clone()),
        ),
        (Method::GET, "/api/servers/x", Kind::Seen, 200, None),
        (
            Method::PUT,
            "/api/servers/x",
            Kind::SeenWrite,
            200,
            Some(server),
        ),
        (
            Method::PATCH,
            "/api/servers/x",
            Kind::SeenWrite,
            200,
            Some(json!({})),
        ),
        (Method::DELETE, "/api/servers/y", Kind::SeenWrite, 404, None),
        (Method::GET, "/api/auth/me", Kind::Read, 200, None),
        (Method::GET, "/api/tokens", Kind::Read, 200, None),
        (
            Method::POST,
            "/api/tokens/generate",
            Kind::OwnWrite,
            200,
            Some(json!({})),
        ),
        (
            Method::DELETE,
            "/api/tokens/none",
            Kind::OwnWrite,
            404,
            None,
        ),
        (
            Method::GET,
            "/api/tokens?all=true",
            Kind::AdminRead,
            200,
            None,
        ),
        (
            Method::GET,
            "/api/tokens?service_account=bot",
            Kind::AdminRead,
            200,
            None,
        ),
        (
            Method::POST,
            "/api/tokens/generate",
            Kind::AdminWrite,
            200,
            Some(json!({"service_account": "bot"})),
        ),
        (Method::GET, "/api/auth/providers", Kind::Open, 200, None),
        (Method::GET, "/api/config", Kind::Open, 200, None),
        (Method::GET, "/api/openapi.json", Kind::Open, 200, None),
        (Method::GET, "/api/health", Kind::Open, 200, None),
        (Method::GET, "/health", Kind::Open, 200, None),
        (Method::GET, "/api/auth/login", Kind::Open, 303, None),
        (Method::GET, "/api/nothing", Kind::Open, 404, None),
    ]
}

/// Those of gateways, and about them.
fn gateway_endpoints() -> Vec<Endpoint> {
    vec![
        (Method::GET, "/api/gateways", Kind::AdminRead, 200, None),
        (
            Method::POST,
            "/api/gateways",
            Kind::AdminWrite,
            409,
            Some(json!({"name": "nginx"})),
        ),
        (
            Method::DELETE,
            "/api/gateways/none",
            Kind::AdminWrite,
            404,
            None,
        ),
        (
            Method::DELETE,
            "/api/gateways/identity-keys/none",
            Kind::AdminWrite,
            404,
            None,
        ),
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
    ]
}

/// Those of users and service accounts.
fn account_endpoints() -> Vec<Endpoint> {
    vec![
        (Method::GET, "/api/users", Kind::AdminRead, 200, None),
        (
            Method::POST,
            "/api/users",
            Kind::AdminWrite,
            409,
            Some(json!({"username": "bob", "password": USER_PASSWORD})),
        ),
        (Method::GET, "/api/users/bob", Kind::AdminRead, 200, None),
        (Method::GET, "/api/users/none", Kind::AdminRead, 404, None),
        (
            Method::PATCH,
            "/api/users/bob",
            Kind::AdminWrite,
            200,
            Some(json!({})),
        ),
        (
            Method::PATCH,
            "/api/users/none",
            Kind::AdminWrite,
            404,
            Some(json!({})),
        ),
        (
            Method::DELETE,
            "/api/users/none",
            Kind::AdminWrite,
            404,
            None,
        ),
        (
            Method::DELETE,
            "/api/users/admin",
            Kind::AdminWrite,
            409,
            None,
        ),
        (
            Method::DELETE,
            "/api/users/none/credentials",
            Kind::AdminWrite,
            404,
            None,
        ),
        (
            Method::GET,
            "/api/service-accounts",
            Kind::AdminRead,
            200,
            None,
        ),
        (
            Method::POST,
            "/api/service-accounts",
            Kind::AdminWrite,
            409,
            Some(json!({"name": "bot"})),
        ),
        (
            Method::GET,
            "/api/service-accounts/bot",
            Kind::AdminRead,
            200,
            None,
        ),
        (
            Method::PATCH,
            "/api/service-accounts/bot",
            Kind::AdminWrite,
            200,
            Some(json!({})),
        ),
        (
            Method::DELETE,
            "/api/service-accounts/none",
            Kind::AdminWrite,
            404,
            None,
        ),
    ]
}

#[tokio::test]
async fn every_endpoint_lets_in_exactly_who_may() {
    let app = TestApp::start().await;
    let callers = Callers::of(&app).await;
    app.user("bob", &[]).await;
    let bot = json!({"name": "bot"});
    let nginx = json!({"name": "nginx"});
    let made = app.admin(Method::POST, "/api/gateways", &nginx).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = app.admin(Method::POST, "/api/service-accounts", &bot).await;
    assert_eq!(made.status, 201);
    app.add(
        &callers.token,
        &json!({"path": "/x", "server_name": "X", "port": 1}),
    )
    .await;
    let all = endpoints()
        .into_iter()
        .chain(gateway_endpoints())
        .chain(account_endpoints());
    for (method, target, kind, good, body) in all {
        for who in ALL {
            let mut call = as_caller(app.call(method.clone(), target), who, &callers);
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
    let callers = Callers::of(&app).await;
    for who in ALL {
        let (status, _, _) = as_caller(app.get("/api/gateway/watch"), who, &callers)
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
