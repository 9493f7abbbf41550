//! Caps, a panic, and the routing table against a model of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use mcp::catalog::Snapshot;
use mcp::domain::ids::{ClusterId, Revision};
use mcp::gateway::origin::Origins;
use mcp::gateway::table::Table;
use mcp::gateway::{ControlPlane, LocalPeer};
use mcp::net::roots::Roots;
use proptest::prelude::*;

use super::client::{Client, H2, JSON, LIST, ask};
use super::upstream::Upstream;
use super::wire::soon;
use crate::support::front::{Front, Server, Setup};

#[tokio::test]
async fn a_panic_is_one_requests_500_and_nobody_elses_trouble() {
    let upstream = Upstream::ready().await;
    let front = Front::start(Setup {
        workers: 1,
        control_plane: ControlPlane::Local(LocalPeer::new(|| panic!("meant to"))),
        ..Setup::default()
    });
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let mut other = Client::plain(front.plain).await;
    let mut client = Client::plain(front.plain).await;
    let mut h2 = H2::plain(front.plain).await;
    for _ in 0..3 {
        let reply = client.ask("GET", "/api/servers", &[], b"").await;
        assert_eq!((reply.status(), reply.reason().as_str()), (500, "internal"));
        assert!(!reply.text().contains("meant to"));
        assert_eq!(h2.ask("GET", "/api/servers", &[], b"").await.0, 500);
        for client in [&mut client, &mut other] {
            let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
            assert_eq!(reply.status(), 200);
        }
    }
}

#[tokio::test]
async fn at_the_cap_a_new_connection_is_told_and_a_silent_one_makes_room() {
    let (gone, mut hears_gone) = tokio::sync::mpsc::channel(4);
    let upstream = Upstream::scripted(move |_, mut wire| {
        let gone = gone.clone();
        async move {
            wire.rest().await;
            gone.send(()).await.ok()?;
            None
        }
    })
    .await;
    let mut setup = Setup::default();
    setup.limits.connections = 2;
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let mut busy = Vec::new();
    for index in 0..2 {
        let mut client = Client::plain(front.plain).await;
        client
            .send("POST", "/a", &[JSON], LIST.as_bytes())
            .await
            .unwrap();
        upstream.call(index).await;
        busy.push(client);
    }
    let mut turned_away = Client::plain(front.plain).await;
    let reply = turned_away.reply("GET").await.unwrap();
    assert_eq!(
        (reply.status(), reply.head.one("retry-after")),
        (503, Some("5"))
    );
    busy.pop();
    soon(hears_gone.recv()).await.unwrap();
    soon(async {
        while front.admission.open() > 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    // Nobody speaks on this one, so it gives way to the next.
    let mut silent = Client::plain(front.plain).await;
    soon(async {
        while front.admission.open() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let health = ask(front.plain, "GET", "/health", &[], b"").await;
    assert_eq!(health.status(), 200);
    assert!(soon(silent.wire.rest()).await.is_empty());
}

#[tokio::test]
async fn a_connection_ends_after_its_last_allowed_request() {
    let upstream = Upstream::ready().await;
    let mut setup = Setup::default();
    setup.limits.requests_per_connection = 3;
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let mut client = Client::plain(front.plain).await;
    for last in [false, false, true] {
        let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.status(), 200);
        assert_eq!(reply.head.one("connection"), last.then_some("close"));
    }
    assert!(soon(client.wire.rest()).await.is_empty());
}

#[tokio::test]
async fn what_is_left_of_a_refused_body_is_never_a_request() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/a", &upstream.url("/")),
        Server::new("/pub", &upstream.url("/")).public(),
    ]);
    let smuggled = b"GET /pub HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(50);
    for (target, fields) in [
        ("/a", vec![JSON]),
        ("/pub", vec![("content-type", "text/plain")]),
        ("/unknown", vec![JSON]),
        ("/pub", vec![JSON, ("host", "evil.example")]),
        (
            "/pub",
            vec![JSON, ("expect", "100-continue"), ("origin", "null")],
        ),
    ] {
        let mut client = Client::plain(front.plain).await;
        let reply = client.ask("POST", target, &fields, &smuggled).await;
        assert!(matches!(reply.status(), 401 | 403 | 404 | 415));
        // Either the connection is over, or the next answer is to the next request.
        let next = client.send("GET", "/health", &[], b"").await;
        if next.is_ok()
            && let Ok(reply) = client.reply("GET").await
        {
            assert_eq!(reply.text(), "OK");
        }
    }
    assert!(upstream.calls().is_empty());
}

/// The server of the longest path that is the asked one or lies above it, by whole segments.
fn modelled<'s>(servers: &'s BTreeSet<String>, path: &str) -> Option<&'s str> {
    servers
        .iter()
        .filter(|server| path == **server || path.starts_with(&format!("{server}/")))
        .max_by_key(|server| server.len())
        .map(String::as_str)
}

proptest! {
    #[test]
    fn the_routing_table_agrees_with_its_model(
        servers in proptest::collection::btree_set("(/(a|b|ab|a-b|B|x[.]y)){1,4}", 0..12),
        paths in proptest::collection::vec("(/(a|b|ab|a-b|B|x[.]y|mcp|sse|)){0,6}/?", 1..24),
    ) {
        let routes = servers
            .iter()
            .map(|path| Server::new(path, "http://127.0.0.1:1/").into_entry())
            .collect();
        let snapshot = Snapshot {
            cluster: ClusterId("tests".into()),
            revision: Revision(1),
            routes,
            access: None,
        };
        let table = Table::compile(Arc::new(snapshot), None, &Origins::new(Roots::built_in()));
        prop_assert_eq!(table.len(), servers.len());
        for path in paths.iter().chain(&servers) {
            let found = table.find(path);
            let server = found.map(|(route, _)| route.path().as_str());
            prop_assert_eq!(server, modelled(&servers, path), "{}", path);
            if let Some((route, below)) = found {
                prop_assert_eq!(&format!("{}{below}", route.path().as_str()), path);
                prop_assert!(below.is_empty() || below.starts_with('/'));
            }
        }
    }
}
