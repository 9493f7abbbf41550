//! Clients that are slow on purpose: each is ended by the timeout that is meant for it, while an
//! honest client of the same gateway is served.

use std::time::Duration;

use mcp::config::gateway::TimeoutsConfig;
use tokio::time::{Instant, interval, timeout};

use super::client::{Client, H2, JSON, LIST, tcp, tls};
use super::upstream::{Upstream, chunk};
use super::wire::{Wire, soon};
use crate::support::frames::{self, PREFACE};
use crate::support::front::{Front, Server, Setup, millis};

/// The timeout that a test shortens.
const SHORT: Duration = Duration::from_millis(500);

/// A gateway with one timeout shortened, in front of a public server.
async fn shortened(shorten: impl FnOnce(&mut TimeoutsConfig)) -> (Upstream, Front) {
    let upstream = Upstream::ready().await;
    let mut setup = Setup {
        // One worker: whoever is slow is slow on the honest client's thread.
        workers: 1,
        ..Setup::default()
    };
    shorten(&mut setup.timeouts);
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    (upstream, front)
}

/// The connection is closed by the other side, not before its time, while others are served.
async fn closed_in_time(front: &Front, slow: impl Future<Output = Vec<u8>>) -> Vec<u8> {
    let begin = Instant::now();
    let honest = async {
        let mut served = 0;
        let mut tick = interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            let mut client = Client::plain(front.plain).await;
            let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
            assert_eq!(reply.status(), 200);
            served += 1;
            if served > 1_000 {
                return;
            }
        }
    };
    let rest = tokio::select! {
        rest = soon(slow) => rest,
        () = honest => panic!("the slow client was never closed"),
    };
    assert!(begin.elapsed() + Duration::from_millis(50) >= SHORT);
    rest
}

/// Sends the bytes one by one, until nobody takes them any more; they are more than anybody should.
async fn drip(wire: &mut Wire, bytes: &[u8]) -> Vec<u8> {
    let mut tick = interval(Duration::from_millis(60));
    for byte in bytes {
        tick.tick().await;
        if wire.send([*byte]).await.is_err() {
            return wire.rest().await;
        }
    }
    panic!("every byte was taken");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let (_upstream, front) = shortened(|limits| limits.first_byte = millis(500)).await;
    let mut wire = Wire::new(tcp(front.plain).await);
    assert!(closed_in_time(&front, wire.rest()).await.is_empty());
}

#[tokio::test]
async fn a_stalled_tls_handshake_is_closed() {
    let (_upstream, front) = shortened(|limits| limits.tls_handshake = millis(500)).await;
    let mut silent = Wire::new(tcp(front.tls).await);
    closed_in_time(&front, silent.rest()).await;
    let mut half = Wire::new(tcp(front.tls).await);
    half.send([0x16, 0x03, 0x01, 0x02, 0x00, 0x01])
        .await
        .unwrap();
    closed_in_time(&front, half.rest()).await;
    let mut dripping = Wire::new(tcp(front.tls).await);
    let hello = [
        [0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc].as_slice(),
        &[3; 100],
    ];
    closed_in_time(&front, drip(&mut dripping, &hello.concat())).await;
}

#[tokio::test]
async fn a_dripping_head_is_closed_on_the_first_and_on_a_later_request() {
    let (_upstream, front) = shortened(|limits| limits.header = millis(500)).await;
    let head = format!(
        "POST /a HTTP/1.1\r\nHost: localhost\r\nX-Slow: {}",
        "x".repeat(200)
    );
    let mut first = Wire::new(tcp(front.plain).await);
    closed_in_time(&front, drip(&mut first, head.as_bytes())).await;
    let mut later = Client::plain(front.plain).await;
    assert_eq!(
        later
            .ask("POST", "/a", &[JSON], LIST.as_bytes())
            .await
            .status(),
        200
    );
    closed_in_time(&front, drip(&mut later.wire, head.as_bytes())).await;
    let mut started = Wire::new(tcp(front.plain).await);
    started.send("GET /a HTTP/1.1\r\nHo").await.unwrap();
    closed_in_time(&front, started.rest()).await;
    let mut secure = Wire::new(tls(front.tls, "localhost", &[b"http/1.1"]).await);
    closed_in_time(&front, drip(&mut secure, head.as_bytes())).await;
}

#[tokio::test]
async fn half_an_h2_preface_is_closed() {
    let (_upstream, front) = shortened(|limits| limits.header = millis(500)).await;
    let mut half = Wire::new(tcp(front.plain).await);
    half.send(&PREFACE[..10]).await.unwrap();
    closed_in_time(&front, half.rest()).await;
    let mut dripping = Wire::new(tcp(front.plain).await);
    closed_in_time(&front, drip(&mut dripping, &PREFACE[..20])).await;
}

#[tokio::test]
async fn an_h2_connection_without_a_request_is_closed() {
    let (_upstream, front) = shortened(|limits| limits.keep_alive = millis(500)).await;
    let mut preface_only = Wire::new(tcp(front.plain).await);
    preface_only.send(PREFACE).await.unwrap();
    closed_in_time(&front, preface_only.rest()).await;
    // HEADERS that say more is to come: GET, https, /; no END_HEADERS.
    let mut open_headers = Wire::new(tcp(front.plain).await);
    let headers = [0, 0, 3, 1, 0, 0, 0, 0, 1, 0x82, 0x87, 0x84];
    let opening = [&frames::opening()[..], &headers].concat();
    open_headers.send(opening).await.unwrap();
    closed_in_time(&front, open_headers.rest()).await;
    // Answering pings is no reason to stay.
    let mut idle = H2::plain(front.plain).await;
    assert_eq!(idle.ask("GET", "/a", &[], b"").await.0, 200);
    idle.tasks.close();
    closed_in_time(&front, async {
        idle.tasks.wait().await;
        Vec::new()
    })
    .await;
}

#[tokio::test]
async fn an_h2_client_that_answers_no_ping_is_closed() {
    let (upstream, front) = shortened(|limits| limits.h2_ping = millis(300)).await;
    let mut wire = Wire::new(tcp(front.plain).await);
    wire.send(frames::opening()).await.unwrap();
    closed_in_time(&front, wire.rest()).await;
    drop(upstream);
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_used_one_stays() {
    let (_upstream, front) = shortened(|limits| limits.keep_alive = millis(500)).await;
    let mut used = Client::plain(front.plain).await;
    let mut idle = Client::plain(front.plain).await;
    assert_eq!(
        idle.ask("POST", "/a", &[JSON], LIST.as_bytes())
            .await
            .status(),
        200
    );
    let mut tick = interval(Duration::from_millis(100));
    let using = async {
        loop {
            tick.tick().await;
            let reply = used.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
            assert_eq!(reply.status(), 200);
        }
    };
    tokio::select! {
        rest = closed_in_time(&front, idle.wire.rest()) => assert!(rest.is_empty()),
        () = using => {}
    }
}

#[tokio::test]
async fn a_stalled_body_is_answered_408_and_a_dripping_one_ends_with_its_call() {
    let upstream = Upstream::ready().await;
    let mut setup = Setup::default();
    setup.timeouts.body_idle = millis(500);
    setup.timeouts.call_total = millis(1_000);
    let front = Front::start(setup);
    front.apply([
        Server::new("/a", &upstream.url("/")).public(),
        Server::new("/raw", &upstream.url("/"))
            .public()
            .passthrough(),
    ]);
    let fields = [JSON, ("content-length", "100")];
    for target in ["/a", "/raw/x"] {
        let mut stalled = Client::plain(front.plain).await;
        stalled.send("POST", target, &fields, b"{").await.unwrap();
        let answered = closed_in_time(&front, stalled.wire.rest()).await;
        let answered = String::from_utf8_lossy(&answered);
        assert!(
            answered.starts_with("HTTP/1.1 408 "),
            "{target}: {answered}"
        );
    }
    let mut dripping = Client::plain(front.plain).await;
    dripping.send("POST", "/a", &fields, b"{").await.unwrap();
    let answered = closed_in_time(&front, drip(&mut dripping.wire, &[b' '; 90])).await;
    let answered = String::from_utf8_lossy(&answered);
    assert!(answered.starts_with("HTTP/1.1 408 "), "{answered}");
    assert!(
        upstream
            .calls()
            .iter()
            .all(|call| call.body == LIST.as_bytes())
    );
}

/// A server that sends without end; it says when its client has gone.
async fn endless() -> (Upstream, tokio::sync::mpsc::Receiver<()>) {
    let (ended, ends) = tokio::sync::mpsc::channel(4);
    let upstream = Upstream::scripted(move |call, mut wire| {
        let ended = ended.clone();
        async move {
            if call.method() == "POST" {
                wire.send(super::upstream::json("{}")).await.ok()?;
                return Some(wire);
            }
            let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            wire.send(head).await.ok()?;
            let block = chunk(vec![b'x'; 16 * 1024]);
            while wire.send(&block).await.is_ok() {}
            ended.send(()).await.ok()?;
            None
        }
    })
    .await;
    (upstream, ends)
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_closed_and_its_server_let_go() {
    let (upstream, mut ends) = endless().await;
    let mut setup = Setup::default();
    setup.timeouts.write_stall = millis(500);
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    let server_let_go = async {
        ends.recv().await.unwrap();
        Vec::new()
    };
    let mut plain = Client::plain(front.plain).await;
    plain.send("GET", "/a/down", &[], b"").await.unwrap();
    closed_in_time(&front, server_let_go).await;
    // HTTP/2: the window stays shut, while the connection itself answers.
    let mut h2 = H2::plain(front.plain).await;
    let answer = h2.send("GET", "/a/down", &[], b"").await.unwrap();
    closed_in_time(&front, async {
        ends.recv().await.unwrap();
        Vec::new()
    })
    .await;
    drop(answer);
}

#[tokio::test]
async fn a_reader_slower_than_the_silence_limits_is_not_taken_for_a_silent_server() {
    let (upstream, _ends) = endless().await;
    let mut setup = Setup::default();
    setup.timeouts.upstream_body_idle = millis(300);
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    let mut client = Client::plain(front.plain).await;
    client.send("GET", "/a/down", &[], b"").await.unwrap();
    client.head().await;
    // Reads nothing for longer than a server may be silent, then a lot.
    let never = timeout(Duration::from_secs(1), std::future::pending::<()>());
    assert!(never.await.is_err());
    let mut read = 0;
    while read < 48 * 1024 * 1024 {
        read += soon(client.wire.chunk()).await.unwrap().unwrap().len();
    }
}
