//! The contract as tables.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::HeaderName;
use axum::http::{HeaderMap, Method, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tower::ServiceExt as _;

use super::*;
use crate::auth::api_key::NewKey;
use crate::auth::gateway_key;
use crate::auth::oidc::refresh::Fetching;
use crate::catalog::samples;
use crate::domain::api_key::ApiKey;
use crate::domain::gateway_key::GatewayKey;
use crate::domain::policy::{Policy, document};
use crate::domain::time::{Clock, Timestamp};
use crate::http::Edge;

/// Nobody publishes keys.
#[derive(Debug)]
struct Nobody;

impl KeySource for Nobody {
    fn fetch(&self, _: &str) -> Fetching {
        Box::pin(async { None })
    }
}

/// Servers `/a`, `/a/b`, `/open` (public) and `/raw` (passthrough); see [`policy`].
struct Scene {
    router: Router,
    validator: Arc<Validator>,
    clock: Clock,
    /// Of a gateway that sends bodies, and of one that does not.
    bodies: String,
    plain: String,
}

fn policy() -> Policy {
    let document = json!({
        "scopes": {
            "all": {"servers": [{"servers": ["a", "a/b", "raw"], "methods": ["*"], "tools": ["*"]}]},
            "some": {"servers": [{
                "servers": ["a", "raw"],
                "methods": ["initialize", "tools/list", "tools/call"],
                "tools": ["read"],
            }]},
        },
        "group_mappings": {"staff": ["some"]},
    });
    Policy::new(document::read(&document).unwrap().rules)
}

/// The text of the API key of this user.
fn key(name: &str) -> String {
    let number = name.bytes().fold(0_u8, u8::wrapping_add);
    NewKey::new([number; 8], [number; 32]).text.expose().clone()
}

fn scene() -> Scene {
    let clock = Clock::manual(Timestamp::from_unix(1_800_000_000));
    let mut access = samples::access(1);
    access.policy = policy();
    for (name, scopes, groups, life) in [
        ("full", &["all"][..], &[][..], 9),
        ("part", &["some"], &[], 9),
        ("staff", &[], &["staff"], 9),
        ("none", &[], &[], 9),
        ("late", &["all"], &[], 0),
    ] {
        let hash = api_key_hash(&key(name));
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        access.trust.api_keys.insert(
            hash,
            ApiKey {
                id: crate::domain::ids::TokenId(name.into()),
                subject: name.to_owned(),
                username: format!("{name} é"),
                scopes: list(scopes),
                groups: list(groups),
                expires_at: clock.now().plus_seconds(life),
            },
        );
    }
    let (bodies, plain) = (
        gateway_key::new([1; 8], [1; 32]),
        gateway_key::new([2; 8], [2; 32]),
    );
    for (key, sends_body) in [(&bodies, true), (&plain, false)] {
        let gateway = GatewayKey {
            name: "g".to_owned(),
            sends_body,
        };
        access.trust.gateways.insert(key.hash, gateway);
    }
    let mut open = samples::route("/open", "http://h:1");
    open.public = true;
    let mut raw = samples::route("/raw", "http://h:1");
    raw.passthrough = true;
    let routes = [
        samples::route("/a", "http://h:1"),
        samples::route("/a/b", "http://h:1"),
        open,
        raw,
    ];
    let mut snapshot = samples::snapshot("c", 1, routes);
    snapshot.access = Some(Arc::new(access));
    let verifier = Verifier::new(clock.clone(), Duration::from_secs(30), 100);
    let validator = Arc::new(Validator::new(verifier, Arc::new(Nobody), None));
    validator.apply(&Arc::new(snapshot));
    Scene {
        router: router(Arc::clone(&validator)),
        validator,
        clock,
        bodies: bodies.text.expose().clone(),
        plain: plain.text.expose().clone(),
    }
}

fn api_key_hash(text: &str) -> crate::domain::api_key::KeyHash {
    crate::auth::api_key::hash_of(text).unwrap()
}

/// A question under construction.
#[derive(Clone)]
struct Ask<'s> {
    scene: &'s Scene,
    method: Method,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    via_gateway: bool,
}

impl Scene {
    fn ask(&self, target: &str) -> Ask<'_> {
        Ask {
            scene: self,
            method: Method::GET,
            target: target.to_owned(),
            headers: Vec::new(),
            via_gateway: false,
        }
    }

    /// A gateway that sends bodies asks about a POST.
    fn post(&self, path: &str, user: &str) -> Ask<'_> {
        self.get(path, user).with("x-original-method", "POST")
    }

    /// The same about a GET.
    fn get(&self, path: &str, user: &str) -> Ask<'_> {
        self.ask("/auth/validate")
            .gateway(&self.bodies)
            .user(user)
            .with("x-original-url", format!("https://mcp.example.com{path}"))
    }
}

impl Ask<'_> {
    fn with(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    fn user(self, name: &str) -> Self {
        self.with("authorization", format!("Bearer {}", key(name)))
    }

    fn gateway(self, credential: &str) -> Self {
        self.with("x-gateway-authorization", format!("Bearer {credential}"))
    }

    fn calls(self, tool: &str) -> Self {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#
        );
        self.with("x-body", body)
    }

    fn by(mut self, method: &Method) -> Self {
        self.method = method.clone();
        self
    }

    async fn answer(self) -> (u16, HeaderMap) {
        let mut request = Request::builder().method(self.method).uri(&self.target);
        for (name, value) in &self.headers {
            request = request.header(HeaderName::try_from(name).unwrap(), &value[..]);
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(Edge {
            request_id: "r".into(),
            client: None,
            https: false,
            host: "h".into(),
            via_gateway: self.via_gateway,
            same_origin: None,
        });
        let answer = self.scene.router.clone().oneshot(request).await.unwrap();
        (answer.status().as_u16(), answer.headers().clone())
    }

    async fn status(self) -> u16 {
        self.answer().await.0
    }
}

#[tokio::test]
async fn authorization_alone_tells_who_it_is_and_nothing_more() {
    let scene = scene();
    let methods = [Method::GET, Method::POST, Method::DELETE, Method::PUT];
    for target in ["/auth/validate", "/validate"] {
        for method in &methods {
            let ask = scene.ask(target).user("staff").by(method);
            let (status, headers) = ask.answer().await;
            assert_eq!(status, 200, "{target} {method}");
            assert_eq!(headers["x-user"], "staff%20%C3%A9");
            assert_eq!(headers["x-username"], "staff%20%C3%A9");
            assert_eq!(headers["x-scopes"], "some");
            assert_eq!(headers["x-auth-method"], "api_key");
            assert_eq!(headers["cache-control"], "no-store");
            assert!(!headers.contains_key("x-server-name"));
        }
        let other = format!("Bearer {}", key("full"));
        let twice = scene.ask(target).user("part").with("authorization", &other);
        assert_eq!(twice.status().await, 401, "twice");
        let own = scene
            .ask(target)
            .user("part")
            .with("x-authorization", &other);
        let (_, headers) = own.answer().await;
        assert_eq!(
            headers["x-user"], "full%20%C3%A9",
            "the gateway's own goes first"
        );
        for (name, value) in [
            ("x-authorization", "Bearer mcpk_x".to_owned()),
            ("x-authorization", "Basic YTpi".to_owned()),
        ] {
            let bad = scene.ask(target).user("full").with(name, &value);
            assert_eq!(bad.status().await, 401, "{name}: {value}");
        }
        for user in ["late", "unknown"] {
            let ask = scene.ask(target).user(user);
            assert_eq!(ask.status().await, 401, "{user}");
        }
        let cookie = scene.ask(target).with("cookie", "mcp_gateway_session=x");
        assert_eq!(cookie.status().await, 401);
        let body = scene.ask(target).user("none").calls("write");
        assert_eq!(body.status().await, 200, "a body says nothing of who it is");
    }
}

#[tokio::test]
async fn who_tells_of_a_request_must_be_a_gateway() {
    let scene = scene();
    let forged = gateway_key::new([3; 8], [3; 32]).text.expose().clone();
    let asks = || {
        let mut asks = vec![scene.ask("/auth/validate/a"), scene.ask("/auth/validate/")];
        for name in [
            "x-original-url",
            "x-original-uri",
            "x-original-method",
            "x-original-anything",
            "x-forwarded-uri",
            "x-forwarded-method",
            "x-forwarded-prefix",
        ] {
            asks.push(scene.ask("/auth/validate").with(name, "/a"));
            asks.push(scene.ask("/validate").with(name, ""));
        }
        asks.into_iter().map(|ask| ask.user("full"))
    };
    for ask in asks() {
        let (target, headers) = (ask.target.clone(), ask.headers.clone());
        let mut ours = ask.clone();
        ours.via_gateway = true;
        assert_eq!(ask.clone().status().await, 401, "{target} {headers:?}");
        assert_eq!(ask.clone().gateway(&forged).status().await, 401);
        assert_eq!(ask.clone().gateway(OURS).status().await, 401);
        assert_eq!(
            ours.gateway(OURS).status().await,
            401,
            "our front door is no gateway"
        );
        assert_eq!(ask.gateway(&key("full")).status().await, 401, "an API key");
    }
    let credential = &scene.bodies;
    let bare = || scene.ask("/auth/validate/a").user("full");
    assert_eq!(bare().gateway(credential).status().await, 200);
    let twice = bare().gateway(credential).gateway(credential);
    assert_eq!(twice.status().await, 401);
    for value in [
        format!("Basic {credential}"),
        credential.clone(),
        format!("Bearer {credential}x"),
        format!("Bearer {}", credential.to_uppercase()),
        "Bearer".to_owned(),
        String::new(),
    ] {
        let ask = bare().with("x-gateway-authorization", &value);
        assert_eq!(ask.status().await, 401, "{value}");
        let alone = scene.ask("/validate").user("full");
        let ask = alone.with("x-gateway-authorization", &value);
        assert_eq!(ask.status().await, 401, "also where nothing else is told");
    }
    let mut ours = scene.ask("/validate").user("full").gateway("ours");
    ours.via_gateway = true;
    assert_eq!(ours.status().await, 200, "identity through our front door");
}

#[tokio::test]
async fn every_source_of_the_target_must_say_the_same() {
    let scene = scene();
    let url = "x-original-url";
    let uri = "x-forwarded-uri";
    // Target, headers, status for somebody with every right at /a and /a/b.
    let table: &[(&str, &[Field], u16)] = &[
        ("/auth/validate", &[], 400),
        ("/validate", &[], 400),
        ("/auth/validate/a", &[], 200),
        ("/auth/validate/a/b?x=/open", &[], 200),
        ("/auth/validate/a/mcp", &[(url, "http://h/a/mcp?x")], 200),
        ("/auth/validate/a", &[(url, "http://h/%61")], 200),
        ("/auth/validate/a", &[(uri, "/a?y")], 200),
        ("/auth/validate/a", &[(url, "http://h/a"), (uri, "/a")], 200),
        ("/auth/validate/a", &[(url, "http://h/open")], 400),
        ("/auth/validate/a", &[(uri, "/open")], 400),
        ("/auth/validate/a", &[(uri, "/a/")], 400),
        ("/validate", &[(url, "/a"), (uri, "/a/b")], 400),
        ("/validate", &[(url, "/a"), (url, "/a")], 400),
        ("/validate", &[(uri, "/a"), (uri, "/a")], 400),
        ("/validate", &[(url, "/a")], 200),
        ("/validate", &[(url, "https://mcp.example.com:8443/a")], 200),
        ("/validate", &[(url, "https://[::1]:8443/a")], 200),
        ("/validate", &[(uri, "/a")], 200),
        ("/validate", &[(url, "")], 403),
        ("/validate", &[(url, "https://mcp.example.com")], 403),
        ("/validate", &[(url, "ftp://h/a")], 403),
        ("/validate", &[(url, "http://h?/open/a")], 403),
        ("/validate", &[(url, "http://u@h/a")], 403),
        ("/validate", &[(url, "http:///a")], 403),
        ("/validate", &[(url, "a")], 403),
        ("/validate", &[(uri, "http://h/a")], 403),
        ("/validate", &[(uri, "/open/../a")], 403),
        ("/validate", &[(uri, "/open/%2e%2e/a")], 403),
        ("/validate", &[(uri, "/open/..;/a")], 403),
        ("/validate", &[(uri, "//a")], 403),
        ("/validate", &[(uri, "/open//a")], 403),
        ("/validate", &[(uri, "/a%2fb")], 403),
        ("/validate", &[(uri, "/a%5cb")], 403),
        ("/validate", &[(uri, "/a\\b")], 403),
        ("/validate", &[(uri, "/a#/open")], 403),
        ("/validate", &[(uri, "/A")], 403),
        ("/validate", &[(uri, "/ab")], 403),
        ("/validate", &[(uri, "/")], 403),
        ("/validate", &[(uri, "/api/servers")], 403),
    ];
    for (target, headers, expected) in table {
        let mut ask = scene.ask(target).user("full").gateway(&scene.bodies);
        if !target.starts_with("/auth/validate/") {
            ask = ask.with("x-original-method", "GET");
        }
        for (name, value) in *headers {
            ask = ask.with(name, value);
        }
        assert_eq!(ask.status().await, *expected, "{target} {headers:?}");
    }
}

#[tokio::test]
async fn the_method_is_the_one_that_the_gateway_tells() {
    let scene = scene();
    let by_header = || {
        scene
            .ask("/validate")
            .user("part")
            .with("x-forwarded-uri", "/a")
    };
    let by_path = || scene.ask("/auth/validate/a").user("part");
    let (original, forwarded) = ("x-original-method", "x-forwarded-method");
    let post = Method::POST;
    let table: Vec<(Ask<'_>, u16)> = vec![
        (by_header(), 400),
        (by_header().by(&post), 400),
        (by_header().with(original, "GET"), 200),
        (by_header().with(forwarded, "DELETE"), 200),
        (by_header().with(original, "POST"), 403),
        (by_header().with(original, "get"), 403),
        (by_header().with(original, "HEAD"), 403),
        (by_header().with(original, "PUT"), 403),
        (by_header().with(original, "G T"), 400),
        (by_header().with(original, "GET").with(original, "GET"), 400),
        (
            by_header().with(original, "GET").with(forwarded, "GET"),
            200,
        ),
        (
            by_header().with(original, "GET").with(forwarded, "POST"),
            400,
        ),
        (by_path(), 200),
        (by_path().by(&post), 403),
        (by_path().by(&post).with(original, "GET"), 400),
        (by_path().with(original, "POST"), 403),
        (by_path().with("x-http-method-override", "POST"), 200),
        (
            by_path().by(&post).with("x-http-method-override", "GET"),
            403,
        ),
    ];
    for (ask, expected) in table {
        let said = format!("{} {} {:?}", ask.method, ask.target, ask.headers);
        let ask = ask.gateway(&scene.bodies);
        assert_eq!(ask.status().await, expected, "{said}");
    }
}

#[tokio::test]
async fn the_body_is_judged_as_our_own_gateway_does() {
    let scene = scene();
    let call = |name: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#)
    };
    let method = |name: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{name}"}}"#);
    let batch = |parts: &[String]| format!("[{}]", parts.join(","));
    // Body, status for somebody who may call the tool "read" alone, status for somebody with every
    // right.
    let table: Vec<(String, u16, u16)> = vec![
        (call("read"), 200, 200),
        (call(r"\u0072ead"), 200, 200),
        (call("write"), 403, 200),
        (call("READ"), 403, 200),
        (call("read "), 403, 200),
        (method("tools/call"), 403, 200),
        (method("initialize"), 200, 200),
        (method("tools/list"), 200, 200),
        (method("resources/read"), 403, 200),
        (method("Tools/call"), 403, 200),
        (batch(&[call("read"), method("tools/list")]), 200, 200),
        (batch(&[call("read"), call("write")]), 403, 200),
        (batch(&[]), 403, 403),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
            200,
            200,
        ),
        (
            r#"{"method":"tools/list","method":"tools/call","id":1}"#.to_owned(),
            403,
            403,
        ),
        (
            r#"{"method":"tools/call","id":1,"params":{"name":"read","name":"write"}}"#.to_owned(),
            403,
            403,
        ),
        (
            r#"{"method":"tools/call","id":1,"params":{"name":"read","Name":"write"}}"#.to_owned(),
            403,
            403,
        ),
        ("x".to_owned(), 403, 403),
        (String::new(), 403, 403),
        (
            format!("=?base64?{}?=", STANDARD.encode(call("read"))),
            200,
            200,
        ),
        (
            format!("=?base64?{}?=", STANDARD.encode(call("write"))),
            403,
            200,
        ),
        (
            format!(
                "=?base64?{}?=",
                STANDARD.encode(call("read").replace(',', ",\n"))
            ),
            200,
            200,
        ),
        (
            format!("=?base64?{}=", STANDARD.encode(call("read"))),
            403,
            403,
        ),
        ("=?base64?!?=".to_owned(), 403, 403),
    ];
    for (body, part, full) in &table {
        for path in [
            "/a",
            "/a/",
            "/a/mcp",
            "/a/mcp/",
            "/a/message",
            "/a/messages/",
        ] {
            for (user, expected) in [("part", part), ("staff", part), ("full", full)] {
                let ask = scene.post(path, user).with("x-body", body);
                assert_eq!(ask.status().await, *expected, "{user} {path} {body}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_said_of_the_body_must_fit_and_what_it_asks_for_is_named() {
    let scene = scene();
    let (_, headers) = scene.post("/a", "part").calls("read").answer().await;
    assert_eq!(
        (&headers["x-server-name"], &headers["x-tool-name"]),
        (&"a".parse().unwrap(), &"read".parse().unwrap())
    );
    let twice = scene.post("/a", "full").calls("read").calls("read");
    assert_eq!(twice.status().await, 400);
    for kind in ["text/plain", "application/json-rpc"] {
        let ask = scene.post("/a", "full").calls("read");
        assert_eq!(ask.with("content-type", kind).status().await, 403, "{kind}");
    }
    let ask = scene.post("/a", "full").calls("read");
    assert_eq!(
        ask.clone().with("content-encoding", "gzip").status().await,
        403
    );
    assert_eq!(
        ask.with("content-type", "application/json; charset=utf-8")
            .status()
            .await,
        200
    );
}

#[tokio::test]
async fn headers_that_tell_another_story_than_the_body_are_refused() {
    let scene = scene();
    let modern = ("mcp-protocol-version", "2026-07-28");
    let table: &[(&[(&str, &str)], u16)] = &[
        (&[], 200),
        (&[("mcp-name", "write")], 200),
        (
            &[modern, ("mcp-method", "tools/call"), ("mcp-name", "read")],
            200,
        ),
        (&[modern], 403),
        (
            &[modern, ("mcp-method", "tools/list"), ("mcp-name", "read")],
            403,
        ),
        (
            &[modern, ("mcp-method", "tools/call"), ("mcp-name", "write")],
            403,
        ),
        (
            &[
                modern,
                modern,
                ("mcp-method", "tools/call"),
                ("mcp-name", "read"),
            ],
            403,
        ),
        (&[("mcp-name", "read"), ("mcp-name", "write")], 403),
    ];
    for (headers, expected) in table {
        for user in ["part", "full"] {
            let mut ask = scene.post("/a", user).calls("read");
            for (name, value) in *headers {
                ask = ask.with(name, value);
            }
            assert_eq!(ask.status().await, *expected, "{user} {headers:?}");
        }
    }
}

#[tokio::test]
async fn without_a_body_that_counts_only_a_full_right_passes() {
    let scene = scene();
    let about = |credential: &str, user: &str| {
        let ask = scene.ask("/auth/validate/a/mcp").user(user);
        ask.with("x-original-method", "POST").gateway(credential)
    };
    for credential in [&scene.bodies, &scene.plain] {
        assert_eq!(about(credential, "full").status().await, 200);
        assert_eq!(about(credential, "part").status().await, 403);
    }
    let forged = about(&scene.plain, "part").calls("read");
    assert_eq!(forged.status().await, 403, "it comes from the client");
    let forged = about(&scene.plain, "full").with("x-body", "x");
    assert_eq!(forged.status().await, 200, "and harms nobody else");
}

#[tokio::test]
async fn a_body_of_more_than_32_kib_is_refused() {
    let scene = scene();
    let message = |length: usize| {
        let mut body = r#"{"method":"tools/list","id":1,"params":{"x":""#.to_owned();
        body.push_str(&"x".repeat(length - body.len() - 3));
        body.push_str("\"}}");
        body
    };
    let (most, more) = (message(32 * 1024), message(32 * 1024 + 1));
    let encoded = |body: &str| format!("=?base64?{}?=", STANDARD.encode(body));
    assert!(encoded(&most).len() < BODY_HEADER_BYTES);
    for user in ["part", "full"] {
        for (body, expected) in [(&most, 200), (&more, 403)] {
            let ask = scene.post("/a", user);
            assert_eq!(ask.clone().with("x-body", body).status().await, expected);
            assert_eq!(ask.with("x-body", encoded(body)).status().await, expected);
        }
    }
}

#[tokio::test]
async fn what_is_no_message_needs_the_right_to_everything() {
    let scene = scene();
    // Path, method, further header, status for part of the rights, for all.
    let table: &[(&str, &str, &str, u16, u16)] = &[
        ("/a", "GET", "", 200, 200),
        ("/a", "DELETE", "", 200, 200),
        ("/a/mcp", "OPTIONS", "", 200, 200),
        ("/a/sse", "GET", "", 200, 200),
        ("/a/sse", "POST", "", 403, 200),
        ("/a/sse", "DELETE", "", 403, 200),
        ("/a/message", "GET", "", 403, 200),
        ("/a/other", "GET", "", 403, 200),
        ("/a/mcp/x", "POST", "", 403, 200),
        ("/a/MCP", "POST", "", 403, 200),
        ("/a", "GET", "upgrade", 403, 200),
        ("/a", "POST", "upgrade", 403, 200),
        ("/raw/messages", "POST", "", 403, 200),
        ("/raw", "POST", "", 200, 200),
        ("/a/b", "GET", "", 403, 200),
    ];
    for (path, method, header, part, full) in table {
        for (user, expected) in [("part", part), ("full", full)] {
            let mut ask = scene.get(path, user).with("x-original-method", method);
            if *method == "POST" {
                ask = ask.calls("read");
            }
            if !header.is_empty() {
                ask = ask.with(header, "websocket");
            }
            assert_eq!(
                ask.status().await,
                *expected,
                "{user} {method} {path} {header}"
            );
        }
    }
    let ask = scene.post("/raw", "full").with("x-body", "no message");
    assert_eq!(ask.status().await, 200, "such a server may take anything");
}

#[tokio::test]
async fn a_public_server_is_everybodys_and_nobody_is_named() {
    let scene = scene();
    for token in ["", "Bearer nonsense"] {
        let ask = scene.ask("/auth/validate/open/mcp").by(&Method::POST);
        let ask = ask.with("authorization", token).gateway(&scene.plain);
        let (status, headers) = ask.answer().await;
        assert_eq!(status, 200);
        let named = ["x-user", "x-username", "x-scopes", "x-server-name"];
        assert!(!named.iter().any(|name| headers.contains_key(*name)));
    }
    let ask = scene.ask("/auth/validate/open/mcp").user("full");
    assert_eq!(ask.status().await, 401, "to a gateway that proves itself");
}

#[tokio::test]
async fn what_cannot_be_decided_is_refused() {
    let scene = scene();
    let verifier = Verifier::new(scene.clock.clone(), Duration::from_secs(30), 100);
    let empty = Arc::new(Validator::new(verifier, Arc::new(Nobody), None));
    assert!(scene.validator.is_ready() && !empty.is_ready());
    let unready = Scene {
        router: router(Arc::clone(&empty)),
        validator: empty,
        ..scene
    };
    assert_eq!(unready.ask("/validate").user("full").status().await, 503);
    let mut snapshot = samples::snapshot("c", 1, [samples::route("/a", "http://h:1")]);
    snapshot.access = None;
    unready.validator.apply(&Arc::new(snapshot));
    let asked = unready.post("/a", "full").calls("read");
    assert_eq!(
        asked.status().await,
        503,
        "a list of servers decides nothing"
    );
}

/// Name and value.
type Field = (&'static str, &'static str);

/// What our own gateways show.
const OURS: &str = "gateway-token-of-at-least-128-bit";
