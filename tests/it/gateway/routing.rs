//! Which server, or the registry, a request reaches.

use mcp::gateway::ControlPlane;

use super::client::{Client, H2, JSON, LIST, ask};
use super::upstream::{Upstream, answer};
use crate::support::front::{Front, GATEWAY_TOKEN, HOST, Server, Setup};

/// Status, and the target that the server was asked for.
async fn asked(front: &Front, upstream: &Upstream, target: &str) -> (u16, Option<String>) {
    let before = upstream.calls().len();
    let reply = Client::plain(front.plain)
        .await
        .call(target, &front.token(), LIST)
        .await;
    let calls = upstream.calls();
    let arrived = calls.get(before).map(|call| call.target().to_owned());
    (reply.status(), arrived)
}

/// A registry that says so, and a gateway without servers in front of it.
async fn with_registry(setup: Setup) -> (Upstream, Front) {
    let registry = Upstream::answering(answer("200 OK", "text/html", b"registry")).await;
    let front = Front::start(Setup {
        control_plane: ControlPlane::Local(registry.local_peer()),
        ..setup
    });
    (registry, front)
}

#[tokio::test]
async fn every_spelling_of_a_server_reaches_its_endpoint_without_redirect() {
    let upstream = Upstream::ready().await;
    let cases = [
        ("/root", upstream.url("/"), "/mcp"),
        ("/bare", upstream.url(""), "/mcp"),
        ("/own", upstream.url("/deep/endpoint"), "/deep/endpoint"),
        ("/slash", upstream.url("/mcp/"), "/mcp/"),
        ("/query", upstream.url("/x?key=1"), "/x?key=1"),
        ("/team/search", upstream.url("/"), "/mcp"),
    ];
    let servers = cases.iter().map(|(path, url, _)| Server::new(path, url));
    let front = Front::routing(servers);
    for (path, _, endpoint) in &cases {
        for spelling in ["", "/", "/mcp", "/mcp/"] {
            let target = format!("{path}{spelling}");
            let arrived = asked(&front, &upstream, &target).await;
            assert_eq!(arrived, (200, Some((*endpoint).to_owned())), "{target}");
        }
    }
}

#[tokio::test]
async fn a_clients_query_is_appended_to_the_definitions() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/plain", &upstream.url("/")),
        Server::new("/query", &upstream.url("/x?key=1")),
    ]);
    for (target, endpoint) in [
        ("/plain?a=%2e%2e/b", "/mcp?a=%2e%2e/b"),
        ("/plain/mcp?", "/mcp"),
        ("/query?key=2", "/x?key=1&key=2"),
    ] {
        let arrived = asked(&front, &upstream, target).await;
        assert_eq!(arrived, (200, Some(endpoint.to_owned())), "{target}");
    }
}

#[tokio::test]
async fn the_sse_endpoint_is_reached_by_get_only() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/root", &upstream.url("/")),
        Server::new("/legacy", &upstream.url("/old/sse")),
    ]);
    let bearer = format!("Bearer {}", front.token());
    let token = [("authorization", bearer.as_str())];
    for (target, endpoint) in [
        ("/root/sse", "/sse"),
        ("/root/sse?s=1", "/sse?s=1"),
        ("/legacy/sse", "/old/sse"),
    ] {
        let before = upstream.calls().len();
        let reply = ask(front.plain, "GET", target, &token, b"").await;
        assert_eq!(reply.status(), 200, "{target}");
        assert_eq!(upstream.calls()[before].target(), endpoint);
    }
    let reply = ask(front.plain, "POST", "/root/sse", &token, b"{}").await;
    assert_eq!(reply.status(), 405);
    assert_eq!(reply.head.one("allow"), Some("GET, OPTIONS"));
}

#[tokio::test]
async fn what_is_not_routed_is_a_404_in_json_and_reaches_nobody() {
    let upstream = Upstream::ready().await;
    let (registry, front) = with_registry(Setup::default()).await;
    front.apply([
        Server::new("/fininfo", &upstream.url("/")),
        Server::new("/team/search", &upstream.url("/")),
    ]);
    for target in [
        "/fininfo-evil",
        "/fininf",
        "/FinInfo",
        "/fininfo.mcp",
        "/x/fininfo",
        "/team",
        "/team/searching",
        "/fininfo/other",
        "/fininfo/mcp/x",
        "/fininfo/message",
        "/metrics",
        "/realms/master",
        "/keycloak",
        "/api/gateway",
        "/api/gateway/watch",
        "/api/gateway/report",
        "/uix",
        "/API/servers",
    ] {
        let reply = Client::plain(front.plain)
            .await
            .call(target, &front.token(), LIST)
            .await;
        assert_eq!(reply.status(), 404, "{target}");
        assert_eq!(reply.reason(), "not_found", "{target}");
    }
    assert!(upstream.calls().is_empty() && registry.calls().is_empty());
}

#[tokio::test]
async fn a_server_that_was_removed_is_a_404_from_the_next_request_on() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let mut client = Client::plain(front.plain).await;
    assert_eq!(client.call("/a", &front.token(), LIST).await.status(), 200);
    front.apply([]);
    assert_eq!(client.call("/a", &front.token(), LIST).await.status(), 404);
    front.apply([Server::new("/a", &upstream.url("/elsewhere"))]);
    assert_eq!(client.call("/a", &front.token(), LIST).await.status(), 200);
    assert_eq!(upstream.call(1).await.target(), "/elsewhere");
}

#[tokio::test]
async fn sub_paths_pass_only_where_the_definition_says_so() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/open", &upstream.url("/base/")).passthrough(),
        Server::new("/shut", &upstream.url("/base/")),
    ]);
    for (target, endpoint) in [
        ("/open/files/a%20b.txt?v=1", "/base/files/a%20b.txt?v=1"),
        ("/open/mcp/x", "/base/mcp/x"),
        ("/open/mcp", "/base/"),
        ("/open/dir/", "/base/dir/"),
    ] {
        let arrived = asked(&front, &upstream, target).await;
        assert_eq!(arrived, (200, Some(endpoint.to_owned())), "{target}");
    }
    let (status, arrived) = asked(&front, &upstream, "/shut/files/a").await;
    assert_eq!((status, arrived), (404, None));
}

#[tokio::test]
async fn an_unparsed_sub_path_needs_every_right_at_its_server() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/open", &upstream.url("/")).passthrough()]);
    let mut client = Client::plain(front.plain).await;
    let reply = client
        .call("/open/files", &front.reader_token(), LIST)
        .await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (403, "forbidden")
    );
    // The endpoint itself is read and judged call by call.
    let reply = client.call("/open", &front.reader_token(), LIST).await;
    assert_eq!(reply.status(), 200);
    let other = r#"{"jsonrpc":"2.0","id":1,"method":"prompts/list"}"#;
    let reply = client.call("/open/mcp", &front.reader_token(), other).await;
    assert_eq!(reply.status(), 403);
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn control_plane_paths_reach_the_registry_with_credentials_untouched() {
    let (registry, front) = with_registry(Setup::default()).await;
    let fields = [
        ("cookie", "session=1"),
        ("authorization", "Bearer theirs"),
        ("x-gateway-authorization", "Bearer forged"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-user", "root"),
        ("host", HOST),
    ];
    let targets = [
        "/",
        "/ui/servers?q=1",
        "/static/a.js",
        "/assets/a.css",
        "/login",
        "/logout",
        "/api/servers",
        "/api/servers/team%2Fsearch",
        "/api/gateways",
        "/oauth2/callback",
        "/auth/validate/x",
        "/validate",
        "/ws/health",
        "/v0/servers",
        "/v0.1/servers/ns%2fname",
        "/.well-known/openid-configuration",
    ];
    let mut client = Client::plain(front.plain).await;
    for (index, target) in targets.into_iter().enumerate() {
        let reply = client.ask("GET", target, &fields, b"").await;
        assert_eq!(
            (reply.status(), reply.text()),
            (200, "registry"),
            "{target}"
        );
        let call = registry.call(index).await;
        assert_eq!(call.target(), target.replace("%2f", "%2F"));
        assert_eq!(call.head.one("cookie"), Some("session=1"));
        assert_eq!(call.head.one("authorization"), Some("Bearer theirs"));
        assert_eq!(
            call.head.one("x-gateway-authorization"),
            Some(format!("Bearer {GATEWAY_TOKEN}").as_str())
        );
        assert_eq!(call.head.one("x-forwarded-for"), Some("127.0.0.1"));
        assert_eq!(call.head.one("x-forwarded-proto"), Some("http"));
        assert_eq!(call.head.one("x-forwarded-host"), Some(HOST));
        assert_eq!(call.head.one("host"), Some(HOST));
        assert_eq!(call.head.one("x-user"), None);
    }
}

#[tokio::test]
async fn the_registrys_cookies_and_redirects_reach_the_client() {
    let registry = Upstream::answering(
        "HTTP/1.1 303 See Other\r\nset-cookie: a=1\r\nset-cookie: b=2\r\nlocation: /ui/\r\ncontent-length: 0\r\n\r\n",
    )
    .await;
    let front = Front::start(Setup {
        control_plane: ControlPlane::Local(registry.local_peer()),
        ..Setup::default()
    });
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let reply = ask(front.plain, "POST", "/login", &form, b"user=a").await;
    assert_eq!(reply.status(), 303);
    assert_eq!(reply.head.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(reply.head.one("location"), Some("/ui/"));
    assert_eq!(registry.only_call().body, b"user=a");
}

#[tokio::test]
async fn without_a_registry_its_paths_are_503_and_servers_work() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let reply = ask(front.plain, "GET", "/api/servers", &[], b"").await;
    assert_eq!(reply.status(), 503);
    assert_eq!(reply.reason(), "registry_unavailable");
    assert_eq!(asked(&front, &upstream, "/a").await.0, 200);
}

#[tokio::test]
async fn before_the_first_snapshot_it_lives_and_says_what_it_waits_for() {
    let front = Front::start(Setup::default());
    let mut client = Client::plain(front.plain).await;
    let health = client.ask("GET", "/health", &[], b"").await;
    assert_eq!((health.status(), health.text()), (200, "OK"));
    for target in ["/ready", "/a", "/a/mcp", "/", "/api/servers"] {
        let reply = client.ask("GET", target, &[], b"").await;
        assert_eq!(reply.status(), 503, "{target}");
        let text = reply.text();
        assert!(
            text.contains("Gateway initializing, please wait..."),
            "{text}"
        );
        if target != "/ready" {
            assert!(reply.head.one("retry-after").is_some(), "{target}");
        }
    }
    front.apply([]);
    assert_eq!(client.ask("GET", "/ready", &[], b"").await.status(), 200);
    assert_eq!(client.ask("GET", "/a", &[], b"").await.status(), 404);
}

#[tokio::test]
async fn without_a_policy_nothing_is_routed_and_the_reason_is_told() {
    let upstream = Upstream::ready().await;
    let front = Front::start(Setup::default());
    let server = Server::new("/a", &upstream.url("/")).public();
    front.apply_snapshot([server.into_entry()], None);
    let mut client = Client::plain(front.plain).await;
    let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (503, "no_policy")
    );
    let ready = client.ask("GET", "/ready", &[], b"").await;
    assert_eq!(ready.status(), 503);
    assert!(ready.text().contains("AUTH_SERVER_URL"));
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn pages_move_to_https_and_programs_get_their_answer() {
    let (registry, front) = with_registry(Setup {
        https_port: Some(8443),
        ..Setup::default()
    })
    .await;
    let page = ("accept", "text/html,*/*");
    let mut client = Client::plain(front.plain).await;
    for (host, location) in [
        ("gw.example:8080", "https://gw.example:8443/ui/a?b=c"),
        ("127.0.0.1", "https://127.0.0.1:8443/ui/a?b=c"),
        ("[::1]:80", "https://[::1]:8443/ui/a?b=c"),
    ] {
        let fields = [page, ("host", host)];
        let reply = client.ask("GET", "/ui/a?b=c", &fields, b"").await;
        assert_eq!(reply.status(), 308);
        assert_eq!(reply.head.one("location"), Some(location));
    }
    assert!(registry.calls().is_empty());
    let served = client.ask("GET", "/api/servers", &[page], b"").await;
    assert_eq!(served.status(), 200);
    assert_eq!(client.ask("GET", "/ui/a", &[], b"").await.status(), 200);
    let mut secure = Client::tls(front.tls, HOST).await;
    let fields = [page, ("host", HOST)];
    assert_eq!(secure.ask("GET", "/ui/a", &fields, b"").await.status(), 200);
    assert_eq!(
        registry.call(2).await.head.one("x-forwarded-proto"),
        Some("https")
    );
}

#[tokio::test]
async fn both_protocols_reach_servers_over_both_listeners() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/"))]);
    let bearer = format!("Bearer {}", front.token());
    let fields = [JSON, ("authorization", bearer.as_str())];
    let mut secure = Client::tls(front.tls, "localhost").await;
    let named = [fields.as_slice(), &[("host", "localhost")]].concat();
    let reply = secure.ask("POST", "/a", &named, LIST.as_bytes()).await;
    assert_eq!(reply.status(), 200);
    let plain = &mut H2::plain(front.plain).await;
    let secure = &mut H2::tls(front.tls, HOST).await;
    for client in [plain, secure] {
        let (status, _) = client.ask("POST", "/a", &fields, LIST.as_bytes()).await;
        assert_eq!(status, 200);
    }
    for (index, host) in ["localhost", &front.plain.to_string(), HOST]
        .into_iter()
        .enumerate()
    {
        let call = upstream.call(index).await;
        assert_eq!(call.head.one("x-forwarded-host"), Some(host));
        assert_eq!(
            call.head.one("host"),
            Some(upstream.address().to_string().as_str())
        );
    }
}

#[tokio::test]
async fn the_crumbs_of_an_h2_cookie_reach_the_registry_as_one() {
    let (registry, front) = with_registry(Setup::default()).await;
    let mut client = H2::tls(front.tls, HOST).await;
    let crumbs = [("cookie", "a=1"), ("cookie", "b=2; c=3"), ("cookie", "d=4")];
    assert_eq!(client.ask("GET", "/api/auth/me", &crumbs, b"").await.0, 200);
    let call = registry.only_call();
    assert_eq!(call.head.one("cookie"), Some("a=1; b=2; c=3; d=4"));
}
