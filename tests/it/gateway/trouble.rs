//! Servers that are slow, broken or hostile, and connections that end at the wrong moment.

use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::client::{Client, H2, JSON, LIST, Reply, ask};
use super::upstream::{EVENTS, Unanswering, Upstream, chunk, json};
use super::wire::soon;
use crate::support::front::{Front, Server, Setup, millis};

async fn called(front: &Front) -> Reply {
    ask(front.plain, "POST", "/a", &[JSON], LIST.as_bytes()).await
}

fn public(upstream: &Upstream) -> Front {
    Front::routing([Server::new("/a", &upstream.url("/")).public().passthrough()])
}

#[tokio::test]
async fn a_server_that_refuses_is_a_502_in_json_rpc_with_the_id() {
    let closed = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let front = Front::routing([Server::new("/a", &url).public()]);
    let reply = called(&front).await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (502, "upstream_connect")
    );
    assert_eq!(reply.json()["id"], 1);
}

#[tokio::test]
async fn an_address_that_may_never_be_dialled_is_a_502() {
    let front = Front::routing([Server::new("/a", "http://169.254.169.254/").public()]);
    let reply = called(&front).await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (502, "upstream_forbidden")
    );
}

#[tokio::test]
async fn a_server_that_does_not_accept_is_a_504_after_the_connect_timeout() {
    let unanswering = Unanswering::new().await;
    let mut setup = Setup::default();
    setup.timeouts.upstream_connect = millis(400);
    let front = Front::start(setup);
    let url = format!("http://{}/", unanswering.address);
    front.apply([Server::new("/a", &url).public()]);
    let begin = Instant::now();
    let reply = called(&front).await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (504, "upstream_connect_timeout")
    );
    assert!(begin.elapsed() >= Duration::from_millis(380));
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_504_after_its_time() {
    let upstream = Upstream::scripted(|_, mut wire| async move {
        wire.rest().await;
        None
    })
    .await;
    let mut setup = Setup::default();
    setup.timeouts.upstream_first_byte = millis(300);
    let front = Front::start(setup);
    let call_limit = Duration::from_millis(600);
    front.apply([
        Server::new("/a", &upstream.url("/"))
            .public()
            .timeout(call_limit),
        Server::new("/raw", &upstream.url("/"))
            .public()
            .passthrough(),
    ]);
    let begin = Instant::now();
    let reply = ask(front.plain, "GET", "/raw/x", &[], b"").await;
    let first_byte = begin.elapsed();
    assert_eq!(reply.status(), 504);
    let reply = called(&front).await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (504, "upstream_first_byte_timeout")
    );
    assert!(first_byte >= Duration::from_millis(280));
    assert!(begin.elapsed() >= first_byte + Duration::from_millis(580));
}

#[tokio::test]
async fn a_server_that_falls_silent_inside_an_answer_breaks_it_off() {
    let upstream = Upstream::scripted(|_, mut wire| async move {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{";
        wire.send(head).await.ok()?;
        wire.rest().await;
        None
    })
    .await;
    let mut setup = Setup::default();
    setup.timeouts.upstream_body_idle = millis(300);
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let mut client = Client::plain(front.plain).await;
    client
        .send("POST", "/a", &[JSON], LIST.as_bytes())
        .await
        .unwrap();
    assert!(client.reply("POST").await.is_err());
}

#[tokio::test]
async fn an_answer_that_drips_ends_with_the_time_of_its_call() {
    let upstream = Upstream::scripted(|_, mut wire| async move {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n";
        wire.send(head).await.ok()?;
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        loop {
            tick.tick().await;
            wire.send(" ").await.ok()?;
        }
    })
    .await;
    let front = Front::start(Setup::default());
    let limit = Duration::from_millis(600);
    front.apply([Server::new("/a", &upstream.url("/"))
        .public()
        .timeout(limit)]);
    let mut client = Client::plain(front.plain).await;
    client
        .send("POST", "/a", &[JSON], LIST.as_bytes())
        .await
        .unwrap();
    assert!(client.reply("POST").await.is_err());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_never_a_clean_end() {
    let plain = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let cases = [
        format!("{plain}content-length: 100\r\n\r\n{{\"half\":"),
        format!("{plain}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"),
        format!("{plain}transfer-encoding: chunked\r\n\r\n3\r\nab"),
        format!("{plain}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n"),
        format!("{EVENTS}6\r\ndata: \r\n"),
    ];
    for case in cases {
        let answer = case.clone();
        let upstream = Upstream::scripted(move |_, mut wire| {
            let answer = answer.clone();
            async move {
                wire.send(answer).await.ok()?;
                None
            }
        })
        .await;
        let front = public(&upstream);
        let mut client = Client::plain(front.plain).await;
        client
            .send("POST", "/a", &[JSON], LIST.as_bytes())
            .await
            .unwrap();
        assert!(client.reply("POST").await.is_err(), "{case}");
        let mut h2 = H2::plain(front.plain).await;
        let answer = h2
            .send("POST", "/a", &[JSON], LIST.as_bytes())
            .await
            .unwrap();
        assert!(soon(answer.into_body().collect()).await.is_err(), "{case}");
        // The HTTP/2 connection outlives its stream.
        assert_eq!(h2.ask("GET", "/unknown", &[], b"").await.0, 404);
    }
}

#[tokio::test]
async fn garbage_and_early_ends_are_a_502() {
    let cases: &[&[u8]] = &[
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 99999 Huh\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-a: b\x01\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-half: ",
        b"\x16\x03\x01\x00\xa5\x01",
    ];
    for case in cases {
        let upstream = Upstream::scripted(move |_, mut wire| async move {
            wire.send(case).await.ok()?;
            None
        })
        .await;
        let front = public(&upstream);
        let reply = called(&front).await;
        let case = String::from_utf8_lossy(case);
        assert_eq!(reply.status(), 502, "{case}");
        assert_eq!(reply.reason(), "upstream_protocol", "{case}");
        assert_eq!(upstream.calls().len(), 1, "sent twice: {case}");
    }
}

#[tokio::test]
async fn a_head_without_end_is_a_502() {
    let upstream = Upstream::scripted(|_, mut wire| async move {
        wire.send("HTTP/1.1 200 OK\r\n").await.ok()?;
        let line = format!("x-long: {}\r\n", "x".repeat(8_000));
        while wire.send(&line).await.is_ok() {}
        None
    })
    .await;
    let front = public(&upstream);
    assert_eq!(called(&front).await.status(), 502);
}

#[tokio::test]
async fn informational_answers_are_not_the_answer() {
    let upstream = Upstream::scripted(|_, mut wire| async move {
        wire.send("HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
        wire.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
            .await
            .ok()?;
        wire.send(json("\"final\"")).await.ok()?;
        Some(wire)
    })
    .await;
    let front = public(&upstream);
    let mut client = Client::plain(front.plain).await;
    for _ in 0..2 {
        let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
        assert_eq!((reply.status(), reply.text()), (200, "\"final\""));
        assert_eq!(reply.head.one("link"), None);
    }
}

#[tokio::test]
async fn what_follows_an_answer_is_never_anothers() {
    let upstream = Upstream::scripted(|_, mut wire| async move {
        let stray = json("\"stray\"");
        wire.send([json("\"mine\""), stray].concat()).await.ok()?;
        Some(wire)
    })
    .await;
    let front = public(&upstream);
    for _ in 0..10 {
        assert_eq!(called(&front).await.text(), "\"mine\"");
    }
}

#[tokio::test]
async fn a_body_where_none_may_be_is_never_anothers_answer() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        let answer = match call.method() {
            "DELETE" => {
                b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nstray"
                    .to_vec()
            }
            "HEAD" => json("\"stray\""),
            _ => json("\"mine\""),
        };
        wire.send(answer).await.ok()?;
        Some(wire)
    })
    .await;
    let front = public(&upstream);
    let mut client = Client::plain(front.plain).await;
    for _ in 0..5 {
        assert_eq!(client.ask("DELETE", "/a", &[], b"").await.status(), 204);
        assert_eq!(client.ask("HEAD", "/a/x", &[], b"").await.status(), 200);
        let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.text(), "\"mine\"");
    }
}

#[tokio::test]
async fn a_kept_connection_is_reused_and_a_stale_one_costs_no_request() {
    let (tell, mut closed) = mpsc::channel::<()>(4);
    let upstream = Upstream::scripted(move |call, mut wire| {
        let tell = tell.clone();
        async move {
            wire.send(json("{}")).await.ok()?;
            if call.connection == 0 && call.target() == "/mcp" {
                return Some(wire);
            }
            // Closed although nothing said so.
            drop(wire);
            tell.send(()).await.ok()?;
            None
        }
    })
    .await;
    let front = Front::start(Setup {
        workers: 1,
        ..Setup::default()
    });
    front.apply([
        Server::new("/a", &upstream.url("/")).public(),
        Server::new("/b", &upstream.url("/last")).public(),
    ]);
    let mut client = Client::plain(front.plain).await;
    for path in ["/a", "/a", "/a", "/b"] {
        let reply = client.ask("POST", path, &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.status(), 200);
    }
    assert_eq!(upstream.connections(), 1);
    for _ in 0..20 {
        soon(closed.recv()).await.unwrap();
        let reply = client.ask("POST", "/b", &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.status(), 200);
    }
    assert_eq!(upstream.calls().len(), 24);
}

#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        // Every second request of a connection meets its end.
        if call
            .head
            .one("x-round")
            .is_some_and(|round| round.ends_with(['1', '3', '5', '7', '9']))
        {
            return None;
        }
        wire.send(json("{}")).await.ok()?;
        Some(wire)
    })
    .await;
    let front = Front::start(Setup {
        workers: 1,
        ..Setup::default()
    });
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let mut client = Client::plain(front.plain).await;
    for round in 0..40 {
        let round = round.to_string();
        let fields = [JSON, ("x-round", round.as_str())];
        let reply = client.ask("POST", "/a", &fields, LIST.as_bytes()).await;
        assert!(matches!(reply.status(), 200 | 502));
    }
    let calls = upstream.calls();
    let rounds: Vec<_> = calls
        .iter()
        .filter_map(|call| call.head.one("x-round"))
        .collect();
    let expected: Vec<_> = (0..40).map(|round: u32| round.to_string()).collect();
    assert_eq!(rounds, expected);
}

#[tokio::test]
async fn a_connection_that_is_reset_is_seen_as_such() {
    let upstream = Upstream::scripted(|_, mut wire| async move {
        wire.send([EVENTS.as_bytes(), &chunk("data: 1\n\n")].concat())
            .await
            .ok()?;
        None
    })
    .await;
    let front = public(&upstream);
    let mut client = Client::plain(front.plain).await;
    client.send("GET", "/a/x", &[], b"").await.unwrap();
    client.head().await;
    assert!(soon(client.wire.chunk()).await.unwrap().is_some());
    assert!(soon(client.wire.chunk()).await.is_err());
}

#[tokio::test]
async fn servers_answer_over_tls_and_h2_with_one_connection_for_many() {
    let server = super::secure::H2Server::start().await;
    let front = Front::start(Setup {
        workers: 1,
        ..Setup::default()
    });
    front.apply([Server::new("/a", &server.url("/")).public().passthrough()]);
    let mut client = Client::plain(front.plain).await;
    for _ in 0..20 {
        let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
        assert_eq!((reply.status(), reply.text()), (200, LIST));
    }
    assert_eq!(server.connections(), 1);
    let big = vec![b'x'; 3 * 1024 * 1024];
    let reply = client.ask("PUT", "/a/up", &[], &big).await;
    assert!(reply.status() == 200 && reply.body == big);
    let targets = server.targets();
    assert_eq!(targets[0], format!("https://{}/mcp", server.authority()));
    // It may close; the next request finds another.
    server.close_connections();
    for _ in 0..5 {
        let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.status(), 200);
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_a_502() {
    let server = super::secure::H2Server::start().await;
    let front = Front::routing([Server::new("/a", &server.url("/")).public().checked()]);
    let reply = called(&front).await;
    assert_eq!(
        (reply.status(), reply.reason().as_str()),
        (502, "upstream_tls")
    );
    assert_eq!(server.connections(), 0);
}
