//! Long bodies: the same bytes at the other end, and what becomes of a connection whose body is too
//! long.
//!
//! Bodies of other sizes are in `bodies`; that none is stored on the way is in `backpressure`.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt as _;
use tokio_util::task::TaskTracker;

use super::client::{Client, Field, H2, JSON, LIST, tcp};
use super::h2_upstream::{self, H2Upstream};
use super::upstream::{Upstream, chunk, json};
use super::wire::soon;
use crate::support::front::{Front, Server};
use crate::support::noise::Flow;

const LENGTH: usize = 100 * 1000 * 1000;
/// Of a message that is held.
const LIMIT: usize = 4 * 1024 * 1024;

/// Sends [`LENGTH`] bytes for a GET; reads as many of a PUT, which must be the same.
async fn h1_server() -> Upstream {
    Upstream::with_open_bodies(|call, mut wire| async move {
        let mut flow = Flow::new();
        match (call.method(), call.target()) {
            ("GET", "/length") => {
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
                wire.send(head).await.ok()?;
                wire.send_flow(&mut flow, LENGTH).await.ok()?;
            }
            ("GET", _) => {
                wire.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
                    .await
                    .ok()?;
                while flow.at() < LENGTH {
                    let piece = flow.piece(LENGTH);
                    wire.send(chunk(&piece)).await.ok()?;
                    flow.advance(piece.len());
                }
                wire.send("0\r\n\r\n").await.ok()?;
            }
            _ => {
                if call.head.one("content-length").is_some() {
                    wire.expect_flow(&mut flow, LENGTH).await.ok()?;
                } else {
                    while let Some(chunk) = wire.chunk().await.ok()? {
                        flow.expect(&chunk);
                    }
                }
                wire.send(json(&flow.at().to_string())).await.ok()?;
            }
        }
        Some(wire)
    })
    .await
}

async fn h2_server() -> H2Upstream {
    H2Upstream::scripted(|mut stream| async move {
        let mut flow = Flow::new();
        if stream.head.method() == "GET" {
            let mut body = stream.open("application/octet-stream");
            if h2_upstream::send_flow(&mut body, &mut flow, LENGTH).await {
                body.send_data(Bytes::new(), true).unwrap();
            }
        } else {
            h2_upstream::expect_flow(&mut stream.body, &mut flow, LENGTH).await;
            stream.json(&flow.at().to_string());
        }
    })
    .await
}

async fn download_h1(client: &mut Client, target: &str, fields: &[Field<'_>]) {
    client.send("GET", target, fields, b"").await.unwrap();
    let head = client.head().await;
    let mut flow = Flow::new();
    if head.one("content-length").is_some() {
        let body = client.wire.expect_flow(&mut flow, LENGTH);
        soon(body).await.unwrap();
    } else {
        while let Some(chunk) = soon(client.wire.chunk()).await.unwrap() {
            flow.expect(&chunk);
        }
    }
    assert_eq!(flow.at(), LENGTH);
}

async fn download_h2(client: &mut H2, target: &str) {
    let answer = client.send("GET", target, &[], b"").await.unwrap();
    let mut body = answer.into_body();
    let mut flow = Flow::new();
    while let Some(frame) = soon(body.frame()).await {
        flow.expect(&frame.unwrap().into_data().unwrap());
    }
    assert_eq!(flow.at(), LENGTH);
}

async fn upload_h1(client: &mut Client, target: &str) {
    let length = LENGTH.to_string();
    let fields = [("content-length", length.as_str())];
    client.send("PUT", target, &fields, b"").await.unwrap();
    let mut flow = Flow::new();
    let body = client.wire.send_flow(&mut flow, LENGTH);
    soon(body).await.unwrap();
    assert_eq!(client.reply("PUT").await.unwrap().text(), length);
}

async fn upload_h2(front: &Front, target: &str) {
    let stream = tcp(front.plain).await;
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    let tasks = TaskTracker::new();
    tasks.spawn(connection);
    let mut sender = soon(sender.ready()).await.unwrap();
    let uri = format!("http://{}{target}", front.plain);
    let request = Request::put(uri).body(()).unwrap();
    let (answer, mut upload) = sender.send_request(request, false).unwrap();
    let mut flow = Flow::new();
    assert!(soon(h2_upstream::send_flow(&mut upload, &mut flow, LENGTH)).await);
    upload.send_data(Bytes::new(), true).unwrap();
    let mut body = soon(answer).await.unwrap().into_body();
    let told = soon(body.data()).await.unwrap().unwrap();
    assert_eq!(told, LENGTH.to_string());
}

#[tokio::test]
async fn a_long_answer_is_the_same_bytes() {
    let (h1, h2) = (h1_server().await, h2_server().await);
    let front = Front::routing([
        Server::new("/h1", &h1.url("/")).public().passthrough(),
        Server::new("/h2", &h2.url("/")).public().passthrough(),
    ]);
    let mut client = Client::plain(front.plain).await;
    let mut secure = H2::tls(front.tls, "localhost").await;
    for target in ["/h1/length", "/h1/chunks", "/h2/x"] {
        download_h1(&mut client, target, &[]).await;
        download_h2(&mut secure, target).await;
    }
    let mut secure = Client::tls(front.tls, "localhost").await;
    download_h1(&mut secure, "/h1/length", &[("host", "localhost")]).await;
}

#[tokio::test]
async fn a_long_upload_is_the_same_bytes() {
    let (h1, h2) = (h1_server().await, h2_server().await);
    let front = Front::routing([
        Server::new("/h1", &h1.url("/")).public().passthrough(),
        Server::new("/h2", &h2.url("/")).public().passthrough(),
    ]);
    let mut client = Client::plain(front.plain).await;
    for target in ["/h1/up", "/h2/up"] {
        upload_h1(&mut client, target).await;
        upload_h2(&front, target).await;
    }
}

#[tokio::test]
async fn a_client_that_sends_too_long_a_message_whole_is_told_so() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    for length in [LIMIT + 1, LIMIT + 512 * 1024, 8 * LIMIT] {
        for framing in ["content-length", "transfer-encoding"] {
            let body = vec![b' '; length];
            let announced = length.to_string();
            let (value, body) = if framing == "content-length" {
                (announced.as_str(), body)
            } else {
                ("chunked", [chunk(&body), b"0\r\n\r\n".to_vec()].concat())
            };
            let mut client = Client::plain(front.plain).await;
            // The whole body before a look at the answer; the rest of it may go nowhere.
            let fields = [JSON, (framing, value)];
            let sent = client.send("POST", "/a", &fields, &body);
            let _: std::io::Result<()> = soon(sent).await;
            let case = format!("{length} {framing}");
            let reply = client.reply("POST").await;
            let reply = reply.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert_eq!(reply.status(), 413, "{case}");
            assert_eq!(reply.head.one("content-type"), Some("application/json"));
            let error = reply.json();
            assert_eq!(error["jsonrpc"], "2.0");
            assert!(error["id"].is_null());
            assert_eq!(error["error"]["data"]["reason"], "body_too_large");
            // What is left of the body is never the next request.
            let health = client.send("GET", "/health", &[], b"").await;
            if health.is_ok()
                && let Ok(reply) = client.reply("GET").await
            {
                assert_eq!(reply.text(), "OK", "{case}");
            }
        }
    }
    assert_eq!(upstream.connections(), 0);
}

#[tokio::test]
async fn a_connection_whose_message_was_a_little_too_long_serves_on() {
    let upstream = Upstream::ready().await;
    let mut setup = crate::support::front::Setup::default();
    setup.limits.message_bytes = mcp::config::types::ByteSize::new(64 * 1024);
    let front = Front::start(setup);
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let long = vec![b' '; 64 * 1024 + 1];
    let mut client = Client::plain(front.plain).await;
    let mut h2 = H2::plain(front.plain).await;
    for _ in 0..3 {
        let reply = client.ask("POST", "/a", &[JSON], &long).await;
        assert_eq!(reply.status(), 413);
        let reply = client.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
        assert_eq!(reply.status(), 200);
        assert_eq!(h2.ask("POST", "/a", &[JSON], &long).await.0, 413);
        let answer = h2.ask("POST", "/a", &[JSON], LIST.as_bytes()).await;
        assert_eq!(answer.0, 200);
    }
    assert_eq!(upstream.calls().len(), 6);
}
