//! Who is calling, and what of it a server is told.

use super::attempts::FORGED;
use super::client::{Client, Field, JSON, LIST, ask};
use super::upstream::{Call, Upstream};
use super::wire::soon;
use crate::support::front::{Front, NOW, READER, Server, Setup, revoke};
use mcp::domain::policy::ADMIN_SCOPE;

async fn private() -> (Upstream, Front) {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/team/a", &upstream.url("/"))]);
    (upstream, front)
}

async fn called(front: &Front, fields: &[Field<'_>]) -> u16 {
    let fields = [&[JSON], fields].concat();
    ask(front.plain, "POST", "/team/a", &fields, LIST.as_bytes())
        .await
        .status()
}

fn holds_no_forgery(call: &Call) {
    for (name, value) in &call.head.fields {
        for (_, forged) in FORGED {
            assert_ne!(value, forged, "{name} arrived as the caller wrote it");
        }
    }
}

#[tokio::test]
async fn a_call_without_a_valid_token_is_challenged_and_goes_nowhere() {
    let (upstream, front) = private().await;
    let expired = format!(
        "Bearer {}",
        front.issuer.token_until("t", ADMIN_SCOPE, NOW - 1)
    );
    let other = crate::support::front::Issuer::new();
    let foreign = format!("Bearer {}", other.token("t", ADMIN_SCOPE));
    let good = front.token();
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let turned: String = signature.chars().rev().collect();
    let tampered = format!("Bearer {signed}.{turned}");
    for (value, challenge) in [
        (None, "Bearer"),
        (Some("Bearer nonsense"), "Bearer error=\"invalid_token\""),
        // Another way to log in is no token.
        (Some("Basic YTpi"), "Bearer"),
        (Some(expired.as_str()), "Bearer error=\"invalid_token\""),
        (Some(foreign.as_str()), "Bearer error=\"invalid_token\""),
        (Some(tampered.as_str()), "Bearer error=\"invalid_token\""),
    ] {
        for method in ["POST", "GET", "DELETE"] {
            let mut fields = vec![JSON];
            fields.extend(value.map(|value| ("authorization", value)));
            let reply = ask(front.plain, method, "/team/a", &fields, LIST.as_bytes()).await;
            assert_eq!(reply.status(), 401, "{value:?}");
            assert_eq!(reply.reason(), "unauthenticated");
            assert_eq!(reply.head.one("www-authenticate"), Some(challenge));
        }
    }
    assert!(upstream.calls().is_empty());
    let valid = format!("bearer {good}");
    assert_eq!(called(&front, &[("authorization", &valid)]).await, 200);
}

#[tokio::test]
async fn a_revoked_token_is_refused_from_the_next_request_on() {
    let (upstream, front) = private().await;
    let bearer = format!("Bearer {}", front.issuer.token("t1", ADMIN_SCOPE));
    let token = [("authorization", bearer.as_str())];
    assert_eq!(called(&front, &token).await, 200);
    front.apply_with([Server::new("/team/a", &upstream.url("/"))], |access| {
        revoke(access, "t1");
    });
    assert_eq!(called(&front, &token).await, 401);
}

#[tokio::test]
async fn a_cookie_is_never_a_credential() {
    let (upstream, front) = private().await;
    let token = front.token();
    for cookie in [
        format!("mcp_gateway_session={token}"),
        format!("__Host-mcp_gateway_session={token}; Authorization=Bearer {token}"),
    ] {
        assert_eq!(called(&front, &[("cookie", &cookie)]).await, 401);
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn the_callers_credentials_never_reach_a_server() {
    let (upstream, front) = private().await;
    let token = front.token();
    let bearer = format!("Bearer {token}");
    for fields in [
        vec![("authorization", bearer.as_str()), ("cookie", "a=b")],
        vec![
            ("x-authorization", bearer.as_str()),
            ("authorization", "Bearer other"),
        ],
        vec![
            ("authorization", bearer.as_str()),
            ("proxy-authorization", "Basic YTpi"),
        ],
    ] {
        assert_eq!(called(&front, &fields).await, 200);
        let call = upstream.calls().pop().unwrap();
        for name in [
            "authorization",
            "x-authorization",
            "cookie",
            "proxy-authorization",
        ] {
            assert_eq!(call.head.one(name), None, "{fields:?}");
        }
        assert!(!format!("{:?}", call.head.fields).contains(&token));
    }
}

#[tokio::test]
async fn authorization_goes_on_only_where_asked_for_and_our_token_came_elsewhere() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/team/a", &upstream.url("/")).forward_authorization(),
        Server::new("/pub", &upstream.url("/"))
            .forward_authorization()
            .public(),
    ]);
    let bearer = format!("Bearer {}", front.token());
    let own = [("authorization", bearer.as_str())];
    assert_eq!(called(&front, &own).await, 200);
    assert_eq!(upstream.call(0).await.head.one("authorization"), None);
    let both = [
        ("x-authorization", bearer.as_str()),
        ("authorization", "Bearer theirs"),
    ];
    assert_eq!(called(&front, &both).await, 200);
    let call = upstream.call(1).await;
    assert_eq!(call.head.one("authorization"), Some("Bearer theirs"));
    assert_eq!(call.head.one("x-authorization"), None);
    // A bad token in front is refused, whatever the other one is.
    let bad = [
        ("x-authorization", "Bearer bad"),
        ("authorization", bearer.as_str()),
    ];
    assert_eq!(called(&front, &bad).await, 401);
    assert_eq!(
        ask(
            front.plain,
            "POST",
            "/pub",
            &[JSON, own[0]],
            LIST.as_bytes()
        )
        .await
        .status(),
        200
    );
    assert_eq!(upstream.call(2).await.head.one("authorization"), None);
}

#[tokio::test]
async fn identity_headers_are_ours_exactly_once_whatever_the_caller_sends() {
    let (upstream, front) = private().await;
    let bearer = format!("Bearer {}", front.token());
    let connection = (
        "connection",
        "X-User, x-scopes, X-Auth-Method, X-Server-Name, X-Forwarded-For, X-Real-IP, keep-alive",
    );
    let fields = [&[("authorization", bearer.as_str()), connection], FORGED].concat();
    assert_eq!(called(&front, &fields).await, 200);
    let call = upstream.only_call();
    holds_no_forgery(&call);
    let host = front.plain.to_string();
    for (name, value) in [
        ("x-user", "Ann%20%C3%84"),
        ("x-username", "Ann%20%C3%84"),
        ("x-scopes", ADMIN_SCOPE),
        ("x-auth-method", "token"),
        ("x-client-id", "client%201"),
        ("x-server-name", "team/a"),
        ("x-tool-name", "tools/list"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", &host),
        ("x-forwarded-prefix", "/team/a"),
        ("accept-encoding", "identity"),
    ] {
        assert_eq!(call.head.one(name), Some(value), "{name}");
    }
    for name in [
        "forwarded",
        "x-original-url",
        "x-gateway-authorization",
        "te",
        "keep-alive",
    ] {
        assert_eq!(call.head.one(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_public_server_learns_no_identity_and_no_forged_one() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/team/a", &upstream.url("/")).public()]);
    let bearer = format!("Bearer {}", front.token());
    let fields = [
        &[("authorization", bearer.as_str()), ("cookie", "a=b")],
        FORGED,
    ]
    .concat();
    assert_eq!(called(&front, &fields).await, 200);
    assert_eq!(
        called(&front, &[("authorization", "Bearer nonsense")]).await,
        200
    );
    for call in upstream.calls() {
        holds_no_forgery(&call);
        for name in [
            "x-user",
            "x-username",
            "x-scopes",
            "x-auth-method",
            "x-client-id",
            "x-server-name",
            "x-tool-name",
            "x-mcp-identity",
            "authorization",
            "cookie",
        ] {
            assert_eq!(call.head.one(name), None, "{name}");
        }
        assert_eq!(call.head.one("x-forwarded-prefix"), Some("/team/a"));
    }
}

#[tokio::test]
async fn trailers_bring_nothing_to_a_server() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/held", &upstream.url("/")).public(),
        Server::new("/raw", &upstream.url("/"))
            .public()
            .passthrough(),
    ]);
    for target in ["/held", "/raw/sub"] {
        let mut client = Client::plain(front.plain).await;
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Trailer: X-User\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{LIST}\r\n0\r\n\
             X-User: root\r\nAuthorization: Bearer x\r\n\r\n",
            LIST.len()
        );
        client.wire.send(request).await.unwrap();
        assert_eq!(client.reply("POST").await.unwrap().status(), 200);
        let call = upstream.calls().pop().unwrap();
        assert_eq!(call.body, LIST.as_bytes());
        assert!(!format!("{call:?}").contains("root"));
        assert_eq!(call.head.one("trailer"), None);
    }
}

#[tokio::test]
async fn the_definitions_headers_are_sent_and_win_over_the_callers() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/team/a", &upstream.url("/"))
        .header("X-Api-Key", "stored")
        .header("Authorization", "Bearer stored")]);
    let bearer = format!("Bearer {}", front.token());
    let fields = [("authorization", bearer.as_str()), ("x-api-key", "theirs")];
    assert_eq!(called(&front, &fields).await, 200);
    let call = upstream.only_call();
    assert_eq!(call.head.one("x-api-key"), Some("stored"));
    assert_eq!(call.head.one("authorization"), Some("Bearer stored"));
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_and_extended() {
    let upstream = Upstream::ready().await;
    let front = Front::start(Setup {
        trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        ..Setup::default()
    });
    front.apply([Server::new("/team/a", &upstream.url("/")).public()]);
    let fields = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-real-ip", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "gw.example"),
        ("x-user", "root"),
    ];
    assert_eq!(called(&front, &fields).await, 200);
    let call = upstream.only_call();
    assert_eq!(
        call.head.one("x-forwarded-for"),
        Some("203.0.113.9, 127.0.0.1")
    );
    assert_eq!(call.head.one("x-real-ip"), Some("203.0.113.9"));
    assert_eq!(call.head.one("x-forwarded-proto"), Some("https"));
    assert_eq!(call.head.one("x-forwarded-host"), Some("gw.example"));
    assert_eq!(call.head.one("x-user"), None);
}

#[tokio::test]
async fn each_message_of_a_body_is_judged() {
    let (upstream, front) = private().await;
    let mut client = Client::plain(front.plain).await;
    let token = front.reader_token();
    let call = |tool: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{tool}"}}}}"#)
    };
    for allowed in [
        LIST.to_owned(),
        call("read"),
        call("\\u0072ead"),
        format!("[{LIST},{}]", call("read")),
    ] {
        let reply = client.call("/team/a", &token, &allowed).await;
        assert_eq!(reply.status(), 200, "{allowed}");
        assert_eq!(upstream.calls().pop().unwrap().body, allowed.as_bytes());
    }
    let served = upstream.calls().len();
    for (refused, status, reason) in [
        (call("write"), 403, "forbidden"),
        (call("READ"), 403, "forbidden"),
        (format!("[{LIST},{}]", call("write")), 403, "forbidden"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call"}"#.to_owned(), 403, "forbidden"),
        (r#"{"jsonrpc":"2.0","id":7,"method":"prompts/list"}"#.to_owned(), 403, "forbidden"),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/list","method":"tools/call","params":{"name":"write"}}"#.to_owned(),
            400,
            "bad_message",
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read","name":"write"}}"#.to_owned(),
            400,
            "bad_message",
        ),
        (
            r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"read","Name":"write"}}"#.to_owned(),
            400,
            "bad_message",
        ),
        ("{".to_owned(), 400, "bad_message"),
        (String::new(), 400, "bad_message"),
        (format!("{LIST}{LIST}"), 400, "bad_message"),
    ] {
        let reply = client.call("/team/a", &token, &refused).await;
        assert_eq!((reply.status(), reply.reason().as_str()), (status, reason), "{refused}");
        if refused.starts_with(r#"{"jsonrpc":"2.0","id":7"#) && status == 403 {
            assert_eq!(reply.json()["id"], 7, "{refused}");
        }
    }
    assert_eq!(upstream.calls().len(), served);
}

#[tokio::test]
async fn mirrored_headers_must_match_the_body() {
    let (upstream, front) = private().await;
    let bearer = format!("Bearer {}", front.reader_token());
    let body = r#"{"jsonrpc":"2.0","id":"x\"1","method":"tools/call","params":{"name":"read","_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let base = [
        JSON,
        ("authorization", bearer.as_str()),
        ("mcp-protocol-version", "2026-07-28"),
    ];
    let send = async |more: &[Field<'_>]| {
        let fields = [&base, more].concat();
        ask(front.plain, "POST", "/team/a", &fields, body.as_bytes()).await
    };
    let good = [
        ("mcp-method", "tools/call"),
        ("mcp-name", "=?base64?cmVhZA==?="),
    ];
    assert_eq!(send(&good).await.status(), 200);
    let call = upstream.only_call();
    assert_eq!(call.head.one("mcp-name"), Some("=?base64?cmVhZA==?="));
    assert_eq!(call.head.one("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(call.head.one("x-tool-name"), Some("read"));
    for bad in [
        vec![("mcp-method", "tools/list"), ("mcp-name", "read")],
        vec![("mcp-method", "tools/call"), ("mcp-name", "write")],
        vec![("mcp-method", "tools/call")],
        vec![("mcp-name", "read")],
    ] {
        let reply = send(&bad).await;
        assert_eq!(
            (reply.status(), reply.json()["error"]["code"].as_i64()),
            (400, Some(-32020))
        );
        assert_eq!(reply.json()["id"], "x\"1");
    }
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn a_method_that_the_revision_removed_is_the_servers_to_refuse() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let fields = [
        JSON,
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tasks/result"),
    ];
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tasks/result","params":{"taskId":"t"}}"#;
    let reply = ask(front.plain, "POST", "/a", &fields, body.as_bytes()).await;
    assert_eq!(reply.status(), 200);
    assert_eq!(upstream.only_call().body, body.as_bytes());
}

#[tokio::test]
async fn a_get_needs_some_right_at_that_server() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/team/a", &upstream.url("/"))]);
    let nobody = format!("Bearer {}", front.issuer.token("t", "unknown-scope"));
    let reader = format!("Bearer {}", front.issuer.token("r", READER));
    for (token, status) in [(nobody, 403), (reader, 200)] {
        for method in ["GET", "DELETE"] {
            let fields = [("authorization", token.as_str())];
            let reply = soon(ask(front.plain, method, "/team/a", &fields, b"")).await;
            assert_eq!(reply.status(), status, "{method}");
        }
    }
}

#[tokio::test]
async fn what_the_protocol_needs_reaches_the_server_unchanged() {
    let (upstream, front) = private().await;
    let bearer = format!("Bearer {}", front.token());
    let passing = [
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-param-region", "=?base64?w6k=?="),
        (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ),
        ("tracestate", "a=b"),
        ("x-api-key", "for the server"),
        ("user-agent", "client/1"),
    ];
    let token = [("authorization", bearer.as_str())];
    let fields = [&token[..], &passing].concat();
    for (index, method) in ["POST", "GET", "DELETE"].into_iter().enumerate() {
        let fields = [&[JSON], &fields[..]].concat();
        let body = if method == "POST" { LIST } else { "" };
        let reply = ask(front.plain, method, "/team/a", &fields, body.as_bytes()).await;
        assert_eq!(reply.status(), 200);
        let call = upstream.call(index).await;
        assert_eq!(call.method(), method);
        for (name, value) in passing {
            assert_eq!(call.head.one(name), Some(value), "{method} {name}");
        }
    }
}
