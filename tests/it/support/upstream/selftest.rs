//! The scripted upstream does what its scripts say, and shows what it received.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::h2c::H2c;
use super::script::{chunk, event};
use super::{End, Script, Upstream};

const GET: &[u8] = b"GET /a?b HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nx-one:  2 \r\n\r\n";
const POST: &[u8] = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n";

async fn send(upstream: &Upstream, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(upstream.address()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Reads until a text is there, and returns everything so far.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    while !String::from_utf8_lossy(&read).contains(end) {
        assert_ne!(
            stream.read_buf(&mut read).await.unwrap(),
            0,
            "{:?}",
            String::from_utf8_lossy(&read)
        );
    }
    String::from_utf8(read).unwrap()
}

#[tokio::test]
async fn keeps_every_byte_and_reads_requests_one_by_one() {
    let upstream = Upstream::start(Script::echo()).await;
    let mut stream = send(&upstream, &[GET, POST].concat()).await;
    read_until(&mut stream, r#""target":"/"}"#).await;
    let requests = upstream.until_requests(2).await;
    assert_eq!(
        (requests[0].method(), requests[0].target()),
        ("GET".to_owned(), "/a?b".to_owned())
    );
    assert_eq!(requests[0].values("x-one"), ["1", "2"]);
    assert_eq!(requests[1].text(), "abc");
    assert_eq!(upstream.connections()[0].received, [GET, POST].concat());
    drop(stream);
    assert_eq!(upstream.until_ended(0).await, End::PeerClosed);
}

#[tokio::test]
async fn connections_follow_their_own_scripts() {
    let scripts = vec![
        Script::closes_unanswered(),
        Script::answer("text/plain", b"second"),
    ];
    let upstream = Upstream::sequence(scripts).await;
    let mut first = send(&upstream, GET).await;
    assert_eq!(first.read(&mut [0; 9]).await.unwrap(), 0);
    drop(first);
    for _ in 0..2 {
        let mut next = send(&upstream, GET).await;
        assert!(
            read_until(&mut next, "second")
                .await
                .starts_with("HTTP/1.1 200 OK\r\n")
        );
    }
    assert_eq!(upstream.until_ended(0).await, End::Closed);
    assert_eq!(upstream.connections().len(), 3);
}

#[tokio::test]
async fn events_come_when_they_are_released() {
    let upstream = Upstream::start(Script::sse_by_release(2)).await;
    let mut stream = send(&upstream, GET).await;
    read_until(&mut stream, "\r\n\r\n").await;
    for at in 0..2 {
        upstream.release();
        let read = read_until(&mut stream, "\n\n\r\n").await;
        assert_eq!(read.as_bytes(), chunk(&event(at)));
    }
    drop(stream);
    assert_eq!(upstream.until_ended(0).await, End::PeerClosed);
}

#[tokio::test]
async fn resets_are_resets() {
    let upstream = Upstream::start(Script::reset_at(3, 10)).await;
    let mut stream = send(&upstream, GET).await;
    assert!(
        read_until(&mut stream, "xxx")
            .await
            .contains("Content-Length: 10\r\n")
    );
    upstream.release();
    let error = stream.read(&mut [0; 9]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(upstream.until_ended(0).await, End::Reset);
}

#[tokio::test]
async fn early_answers_come_before_the_body() {
    let upstream = Upstream::start(Script::early_answer("413 Content Too Large")).await;
    let mut stream = send(&upstream, b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n").await;
    assert!(
        read_until(&mut stream, "early")
            .await
            .starts_with("HTTP/1.1 413 ")
    );
    stream.write_all(b"later").await.unwrap();
    upstream
        .until("the body", |all| all[0].received.ends_with(b"later"))
        .await;
    assert!(upstream.requests()[0].body.is_empty());
}

#[tokio::test]
async fn endless_answers_end_with_the_peer() {
    for script in [
        Script::endless_1xx(),
        Script::sse_endless_line(),
        Script::large(1 << 20),
    ] {
        let upstream = Upstream::start(script).await;
        let mut stream = send(&upstream, GET).await;
        read_until(&mut stream, "HTTP/1.1 ").await;
        drop(stream);
        assert!(matches!(
            upstream.until_ended(0).await,
            End::PeerGone | End::PeerClosed
        ));
    }
}

#[tokio::test]
async fn trickles_and_wrong_framings_are_sent_as_written() {
    for (script, end, parts) in [
        (
            Script::trickle(3, Duration::from_millis(1)),
            "xxx",
            &["Content-Length: 3\r\n"][..],
        ),
        (
            Script::length_and_chunks(),
            "0\r\n\r\n",
            &["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"],
        ),
        (
            Script::surplus(),
            "smuggled",
            &["\r\n\r\nfirstHTTP/1.1 200 OK\r\n"],
        ),
        (Script::fake_101(), "tunnelled", &["HTTP/1.1 101 "]),
        (
            Script::sse(2),
            "0\r\n\r\n",
            &["data: {\"n\":0}\n\n", "data: {\"n\":1}\n\n"],
        ),
        (Script::cut_chunks(), "wo", &["5\r\nhello\r\n5\r\nwo"]),
        (Script::short_body(2, 9), "xx", &["Content-Length: 9\r\n"]),
    ] {
        let upstream = Upstream::start(script).await;
        let mut stream = send(&upstream, GET).await;
        let read = read_until(&mut stream, end).await;
        for part in parts {
            assert!(read.contains(part), "{part:?} in {read:?}");
        }
    }
}

#[tokio::test]
async fn websockets_send_every_byte_back() {
    let upstream = Upstream::start(Script::websocket_echo()).await;
    let upgrade = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let mut stream = send(&upstream, upgrade).await;
    // The pair of key and answer is the example of RFC 6455.
    let head = read_until(&mut stream, "\r\n\r\n").await;
    assert!(
        head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"),
        "{head}"
    );
    stream.write_all(b"frame").await.unwrap();
    assert_eq!(read_until(&mut stream, "frame").await, "frame");
}

#[tokio::test]
async fn http2_upstream_echoes_and_keeps_requests() {
    let upstream = H2c::echo().await;
    let stream = TcpStream::connect(upstream.address()).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    let request = http::Request::post(upstream.url("/p?q"))
        .header("x-one", "1")
        .body(Full::new(Bytes::from("hi")));
    let exchange = async {
        let answer = sender.send_request(request.unwrap()).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()
    };
    let echo = tokio::select! {
        echo = exchange => echo,
        _ = connection => panic!("connection ended before the answer"),
    };
    assert_eq!(
        (&echo["method"], &echo["body"]),
        (&"POST".into(), &"hi".into())
    );
    let seen = upstream.seen();
    assert_eq!((seen.connections, seen.requests.len()), (1, 1));
    assert_eq!(seen.requests[0].0.uri.path(), "/p");
}
