//! Which requests are handled at all: methods, hosts, origins, sizes, framing.

use super::client::{Client, Field, H2, JSON, LIST, ask, ask_raw};
use super::upstream::Upstream;
use crate::support::front::{Front, HOST, ORIGIN, Server};

async fn public() -> (Upstream, Front) {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    (upstream, front)
}

/// Status and reason of a plain call with these fields.
async fn called(front: &Front, fields: &[Field<'_>]) -> (u16, String) {
    let fields = [&[JSON], fields].concat();
    let reply = ask(front.plain, "POST", "/a", &fields, LIST.as_bytes()).await;
    let reason = if reply.status() == 200 {
        String::new()
    } else {
        reply.reason()
    };
    (reply.status(), reason)
}

#[tokio::test]
async fn a_host_must_be_named_once_and_be_ours() {
    let (upstream, front) = public().await;
    for host in [
        "localhost",
        "127.0.0.1:1",
        "[::1]:8080",
        HOST,
        "GW.example:443",
        "gw.example.",
    ] {
        assert_eq!(called(&front, &[("host", host)]).await.0, 200, "{host}");
    }
    let served = upstream.calls().len();
    for (host, expected) in [
        ("evil.example", (403, "host_refused")),
        ("gw.example.evil.example", (403, "host_refused")),
        ("localhost.evil.example", (403, "host_refused")),
        ("", (400, "bad_host")),
        ("gw.example:99999", (400, "bad_host")),
        ("user@gw.example", (400, "bad_host")),
        ("gw.example/x", (400, "bad_host")),
        ("gw.example, evil.example", (400, "bad_host")),
        ("[::1", (400, "bad_host")),
    ] {
        let (status, reason) = called(&front, &[("host", host)]).await;
        assert_eq!((status, reason.as_str()), expected, "{host}");
    }
    let twice = [("host", HOST), ("host", "evil.example")];
    assert_eq!(called(&front, &twice).await.0, 400);
    let twice = [("host", HOST), ("host", HOST)];
    assert_eq!(called(&front, &twice).await.0, 400);
    let reply = ask_raw(front.plain, "GET /a HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    assert_eq!(reply.status(), 400);
    assert_eq!(upstream.calls().len(), served);
}

#[tokio::test]
async fn an_absolute_target_must_name_the_host_that_the_field_names() {
    let (upstream, front) = public().await;
    let absolute =
        |authority: &str| format!("GET http://{authority}/a HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    let reply = ask_raw(front.plain, absolute(HOST)).await.unwrap();
    assert_eq!(reply.status(), 200);
    for authority in ["evil.example", "localhost", "gw.example@evil.example"] {
        let reply = ask_raw(front.plain, absolute(authority)).await.unwrap();
        assert_eq!(reply.status(), 400, "{authority}");
    }
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn h2_needs_one_authority_that_agrees_with_host() {
    let (upstream, front) = public().await;
    let mut client = H2::plain(front.plain).await;
    let good = format!("http://{HOST}/a");
    assert_eq!(client.ask("GET", &good, &[], b"").await.0, 200);
    assert_eq!(
        client.ask("GET", &good, &[("host", HOST)], b"").await.0,
        200
    );
    let other = [("host", "localhost")];
    assert_eq!(client.ask("GET", &good, &other, b"").await.0, 400);
    assert_eq!(
        client.ask("GET", "http://evil.example/a", &[], b"").await.0,
        403
    );
    assert_eq!(upstream.calls().len(), 2);
}

#[tokio::test]
async fn a_tls_connection_made_for_another_name_is_misdirected() {
    let (upstream, front) = public().await;
    let mut client = Client::tls(front.tls, HOST).await;
    let reply = client.ask("GET", "/a", &[("host", HOST)], b"").await;
    assert_eq!(reply.status(), 200);
    let reply = client
        .ask("GET", "/a", &[("host", "other.example")], b"")
        .await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (421, "misdirected")
    );
    let mut client = H2::tls(front.tls, HOST).await;
    assert_eq!(
        client
            .ask("GET", "https://other.example/a", &[], b"")
            .await
            .0,
        421
    );
    assert_eq!(
        client.ask("GET", "https://gw.example/a", &[], b"").await.0,
        200
    );
    assert_eq!(upstream.calls().len(), 2);
}

#[tokio::test]
async fn pages_of_foreign_origins_may_not_call() {
    let (upstream, front) = public().await;
    let own = format!("http://{}", front.plain);
    for origin in [
        ORIGIN,
        "https://gw.example",
        "http://localhost:5173",
        own.as_str(),
    ] {
        assert_eq!(
            called(&front, &[("origin", origin)]).await.0,
            200,
            "{origin}"
        );
    }
    let served = upstream.calls().len();
    for origin in [
        "https://evil.example",
        "null",
        "https://app.example.evil",
        "file://",
    ] {
        let (status, reason) = called(&front, &[("origin", origin)]).await;
        assert_eq!(
            (status, reason.as_str()),
            (403, "origin_refused"),
            "{origin}"
        );
    }
    let twice = [("origin", ORIGIN), ("origin", "https://evil.example")];
    assert_eq!(called(&front, &twice).await.0, 400);
    assert_eq!(upstream.calls().len(), served);
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_before_it_calls_and_read_the_answer() {
    let (upstream, front) = public().await;
    let fields = [
        ("origin", ORIGIN),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization, mcp-param-x, x-user",
        ),
    ];
    let reply = ask(front.plain, "OPTIONS", "/a/mcp", &fields, b"").await;
    assert_eq!(reply.status(), 204);
    let one = |name: &str| reply.head.one(name);
    assert_eq!(one("access-control-allow-origin"), Some(ORIGIN));
    assert_eq!(
        one("access-control-allow-headers"),
        Some("authorization, mcp-param-x")
    );
    assert_eq!(
        one("access-control-allow-methods"),
        Some("GET, POST, DELETE, OPTIONS")
    );
    assert_eq!(one("access-control-allow-credentials"), None);
    assert!(upstream.calls().is_empty());
    let reply = ask(
        front.plain,
        "POST",
        "/a",
        &[JSON, ("origin", ORIGIN)],
        LIST.as_bytes(),
    )
    .await;
    assert_eq!(reply.head.one("access-control-allow-origin"), Some(ORIGIN));
    assert!(reply.head.one("access-control-expose-headers").is_some());
    let call = upstream.only_call();
    assert_eq!(call.head.one("origin"), None);
}

#[tokio::test]
async fn methods_are_an_allow_list_and_overrides_are_ignored() {
    let (upstream, front) = public().await;
    for method in ["TRACE", "CONNECT", "PURGE", "PROPFIND", "get"] {
        let target = if method == "CONNECT" {
            "localhost:80"
        } else {
            "/a"
        };
        let reply = ask(front.plain, method, target, &[], b"").await;
        assert_eq!(reply.status(), 405, "{method}");
        assert!(reply.head.one("allow").is_some());
    }
    for method in ["PUT", "PATCH", "HEAD"] {
        let reply = ask(front.plain, method, "/a", &[], b"").await;
        assert_eq!(reply.status(), 405, "{method}");
        assert_eq!(reply.head.one("allow"), Some("GET, POST, DELETE, OPTIONS"));
    }
    assert!(upstream.calls().is_empty());
    let fields = [("x-http-method-override", "DELETE")];
    assert_eq!(
        ask(front.plain, "GET", "/a", &fields, b"").await.status(),
        200
    );
    let call = upstream.only_call();
    assert_eq!(
        (call.method(), call.head.one("x-http-method-override")),
        ("GET", None)
    );
    let mut client = H2::plain(front.plain).await;
    assert_eq!(client.ask("TRACE", "/a", &[], b"").await.0, 405);
}

#[tokio::test]
async fn ambiguous_and_unsupported_fields_are_refused() {
    let (upstream, front) = public().await;
    for (fields, status) in [
        (vec![("x_user", "root")], 400),
        (vec![("authorization", "a"), ("authorization", "b")], 400),
        (
            vec![("x-authorization", "a"), ("x-authorization", "b")],
            400,
        ),
        (vec![("mcp-session-id", "a"), ("mcp-session-id", "b")], 400),
        (vec![("mcp-method", "a"), ("mcp-method", "b")], 400),
        (vec![("expect", "something")], 417),
        (vec![("transfer-encoding", "cow, chunked")], 501),
        (vec![("transfer-encoding", "identity")], 501),
        (
            vec![
                ("transfer-encoding", "chunked"),
                ("transfer-encoding", "chunked"),
            ],
            400,
        ),
        (vec![("content-length", "1"), ("content-length", "2")], 400),
        (vec![("content-length", "+1")], 400),
    ] {
        let fields = [vec![JSON], fields].concat();
        let body: &[u8] = if fields.iter().any(|(name, _)| *name == "transfer-encoding") {
            b"1\r\na\r\n0\r\n\r\n"
        } else {
            b"a"
        };
        let reply = ask(front.plain, "POST", "/a", &fields, body).await;
        assert_eq!(reply.status(), status, "{fields:?}");
    }
    let old = "POST /a HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let reply = ask_raw(front.plain, old).await.unwrap();
    assert_eq!(reply.status(), 400);
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn oversized_heads_and_targets_are_told_apart() {
    let (upstream, front) = public().await;
    let long = format!("/a/{}", "x".repeat(9_000));
    let reply = ask(front.plain, "GET", &long, &[], b"").await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (414, "target_too_long")
    );
    let longer = format!("/a/{}", "x".repeat(70_000));
    let reply = ask(front.plain, "GET", &longer, &[], b"").await;
    assert!(matches!(reply.status(), 414 | 431), "{}", reply.status());
    let value = "x".repeat(33 * 1024);
    let reply = ask(front.plain, "GET", "/a", &[("x-big", &value)], b"").await;
    assert_eq!(reply.status(), 431);
    let many = vec![("x-many", "1"); 101];
    assert_eq!(
        ask(front.plain, "GET", "/a", &many, b"").await.status(),
        431
    );
    let mut client = H2::plain(front.plain).await;
    assert_eq!(client.ask("GET", &long, &[], b"").await.0, 414);
    assert_eq!(
        client.ask("GET", "/a", &[("x-big", &value)], b"").await.0,
        431
    );
    let many = vec![("x-many", "1"); 101];
    assert_eq!(client.ask("GET", "/a", &many, b"").await.0, 431);
    assert!(upstream.calls().is_empty());
    assert_eq!(client.ask("GET", "/a", &[], b"").await.0, 200);
}

#[tokio::test]
async fn errors_on_server_paths_are_json_rpc_and_elsewhere_problems() {
    let (_upstream, front) = public().await;
    let evil = [("host", "evil.example")];
    for target in ["/a", "/unknown", "/a/mcp"] {
        let reply = ask(front.plain, "POST", target, &evil, b"{}").await;
        assert_eq!(reply.head.one("content-type"), Some("application/json"));
        let body = reply.json();
        assert_eq!(body["jsonrpc"], "2.0");
        assert!(body["error"]["code"].as_i64().unwrap() > 0);
        assert_eq!(
            body["error"]["data"]["request_id"].as_str(),
            reply.head.one("x-request-id")
        );
    }
    let reply = ask(front.plain, "GET", "/api/servers", &evil, b"").await;
    assert_eq!(
        reply.head.one("content-type"),
        Some("application/problem+json")
    );
    assert_eq!(reply.json()["status"], 403);
}
