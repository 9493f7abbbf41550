//! Generated attempts to bring an identity along: none reaches a server, whatever the spelling, the
//! place, the number, the protocol and the kind of server. The same over running processes is in
//! the tests of processes.

use super::attempts::{Bench, recording};
use super::client::{Client, Field, JSON, LIST};
use super::upstream::Upstream;
use crate::support::front::{Front, Server};

/// What a server gets of the caller, each once.
const OURS: [Field<'static>; 5] = [
    ("x-user", "Ann%20%C3%84"),
    ("x-username", "Ann%20%C3%84"),
    ("x-auth-method", "token"),
    ("x-client-id", "client%201"),
    ("x-forwarded-for", "127.0.0.1"),
];

async fn bench() -> (Bench, Front) {
    let upstream = recording().await;
    let url = upstream.url("/mcp");
    let front = Front::routing([
        Server::new("/team/a", &url),
        Server::new("/pub", &url).public(),
        Server::new("/through", &url).passthrough(),
    ]);
    let bench = Bench::new(upstream, front.plain, &front.token(), &OURS).await;
    (bench, front)
}

#[tokio::test]
async fn no_spelling_place_or_number_brings_an_identity_over_http_1() {
    let (mut bench, _front) = bench().await;
    bench.over_http_1().await;
    assert!(bench.sent >= 1_500, "{}", bench.sent);
}

#[tokio::test]
async fn no_field_or_number_brings_an_identity_over_http_2() {
    let (mut bench, _front) = bench().await;
    bench.over_http_2().await;
    assert!(bench.sent >= 400, "{}", bench.sent);
}

#[tokio::test]
async fn no_trailer_brings_an_identity() {
    let (mut bench, _front) = bench().await;
    bench.in_trailers().await;
    assert!(bench.sent >= 100, "{}", bench.sent);
}

#[tokio::test]
async fn names_with_an_underscore_go_nowhere() {
    let (bench, _front) = bench().await;
    bench.with_underscores().await;
}

#[tokio::test]
async fn a_request_that_comes_back_to_the_gateway_is_stopped() {
    let front = Front::routing([]);
    // Its own address: each round goes one deeper.
    let url = format!("http://{}/loop/mcp", front.plain);
    front.apply([Server::new("/loop", &url).public()]);
    let mut client = Client::plain(front.plain).await;
    let reply = client.ask("POST", "/loop", &[JSON], LIST.as_bytes()).await;
    assert_eq!((reply.status(), &*reply.reason()), (508, "loop"));
    let upstream = Upstream::ready().await;
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let via = "1.1 other, 1.0 mcp-gateway, 2 mcp-gateway (x)";
    let fields = [JSON, ("via", via), ("via", "1.1 mcp-gateway")];
    let reply = client.ask("POST", "/a", &fields, LIST.as_bytes()).await;
    assert_eq!(reply.status(), 200);
    let passed = upstream.only_call().head.one("via").unwrap().to_owned();
    assert_eq!(passed, ["1.1 mcp-gateway"; 4].join(", "));
}
