//! WebSocket frames through a tunnel: close codes, ends of connections, slow readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};
use tokio_util::task::TaskTracker;

use super::client::{Client, Field, ask, tcp, tls};
use super::upstream::{Upstream, answer};
use super::wire::{Io, soon};
use crate::support::front::{Front, Server, server_tls};

/// A server's listening socket and the gateway in front of it.
async fn listening() -> (TcpListener, Front) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/ws", listener.local_addr().unwrap());
    (listener, Front::routing([Server::new("/a", &url).public()]))
}

async fn connect<S: Io>(stream: S) -> WebSocketStream<S> {
    let request = "ws://localhost/a".into_client_request().unwrap();
    let (socket, answer) = soon(client_async(request, stream)).await.unwrap();
    assert_eq!(answer.status(), 101);
    socket
}

/// Both ends of a tunnel.
async fn pair(
    listener: &TcpListener,
    front: &Front,
) -> (WebSocketStream<TcpStream>, WebSocketStream<TcpStream>) {
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        accept_async(stream).await.unwrap()
    };
    tokio::join!(connect(tcp(front.plain).await), async {
        soon(server).await
    })
}

fn closing(code: u16, reason: &str) -> Message {
    Message::Close(Some(CloseFrame {
        code: CloseCode::from(code),
        reason: reason.into(),
    }))
}

#[tokio::test]
async fn frames_of_every_kind_pass_both_ways() {
    let (listener, front) = listening().await;
    let (mut client, mut server) = pair(&listener, &front).await;
    let frames = [
        Message::text("{\"jsonrpc\":\"2.0\"}"),
        Message::binary(vec![0, 255, 10, 13]),
        Message::binary(vec![7; 300_000]),
        Message::Ping("ping".into()),
        Message::Pong("pong".into()),
    ];
    for frame in frames {
        let both = async { tokio::join!(client.send(frame.clone()), server.next()) };
        let (sent, received) = soon(both).await;
        sent.unwrap();
        assert_eq!(received.unwrap().unwrap(), frame);
    }
    // The ping was answered meanwhile.
    server.send(Message::text("back")).await.unwrap();
    let received = soon(async {
        loop {
            match client.next().await.unwrap().unwrap() {
                Message::Pong(_) => {}
                other => return other,
            }
        }
    });
    assert_eq!(received.await, Message::text("back"));
}

#[tokio::test]
async fn close_codes_and_reasons_pass_as_they_were_said() {
    let (listener, front) = listening().await;
    for code in [1000, 1001, 1008, 1011, 3000, 4999] {
        for client_closes in [true, false] {
            let (client, server) = pair(&listener, &front).await;
            let (mut closer, mut other) = if client_closes {
                (client, server)
            } else {
                (server, client)
            };
            let close = closing(code, "why: ä");
            closer.send(close.clone()).await.unwrap();
            assert_eq!(soon(other.next()).await.unwrap().unwrap(), close);
            // The other side's library answers with the same code.
            let _ = soon(other.flush()).await;
            assert_eq!(soon(closer.next()).await.unwrap().unwrap(), close);
        }
    }
}

/// A handshake by hand; the socket stands behind it.
async fn upgraded(listener: &TcpListener, front: &Front) -> (TcpStream, TcpStream) {
    let mut client = tcp(front.plain).await;
    let request = "GET /a HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let (mut server, _) = soon(listener.accept()).await.unwrap();
    until_blank_line(&mut server).await;
    let switching =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    server.write_all(switching.as_bytes()).await.unwrap();
    until_blank_line(&mut client).await;
    (client, server)
}

async fn until_blank_line(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(soon(stream.read_u8()).await.unwrap());
    }
}

/// A close frame of a server: 1011.
const CLOSE: &[u8] = b"\x88\x02\x03\xf3";

async fn rest(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut all = Vec::new();
    soon(stream.read_to_end(&mut all)).await?;
    Ok(all)
}

#[tokio::test]
async fn a_close_frame_arrives_though_its_sender_is_gone_and_the_other_side_still_sends() {
    let (listener, front) = listening().await;
    for _ in 0..20 {
        for server_closes in [true, false] {
            let (client, server) = upgraded(&listener, &front).await;
            let (mut closer, mut other) = if server_closes {
                (server, client)
            } else {
                (client, server)
            };
            // Unread bytes make the kernel send a reset right behind the frame.
            other.write_all(&[1; 10_000]).await.unwrap();
            soon(closer.peek(&mut [0])).await.unwrap();
            closer.write_all(CLOSE).await.unwrap();
            drop(closer);
            other.write_all(&[2; 10_000]).await.ok();
            assert_eq!(rest(&mut other).await.unwrap(), CLOSE);
        }
    }
}

#[tokio::test]
async fn a_side_that_closed_its_own_still_hears_the_other() {
    let (listener, front) = listening().await;
    for client_closes in [true, false] {
        let (client, server) = upgraded(&listener, &front).await;
        let (mut closer, mut other) = if client_closes {
            (client, server)
        } else {
            (server, client)
        };
        closer.write_all(b"last words").await.unwrap();
        closer.shutdown().await.unwrap();
        assert_eq!(rest(&mut other).await.unwrap(), b"last words");
        other.write_all(&vec![7; 100_000]).await.unwrap();
        other.write_all(CLOSE).await.unwrap();
        drop(other);
        let heard = rest(&mut closer).await.unwrap();
        assert_eq!((heard.len(), heard.ends_with(CLOSE)), (100_004, true));
    }
}

#[tokio::test]
async fn a_reset_ends_the_other_side_too() {
    let (listener, front) = listening().await;
    for client_resets in [true, false] {
        let (client, server) = upgraded(&listener, &front).await;
        let (resetting, mut other) = if client_resets {
            (client, server)
        } else {
            (server, client)
        };
        socket2::SockRef::from(&resetting)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
        drop(resetting);
        assert_eq!(rest(&mut other).await.unwrap(), b"");
    }
    soon(async {
        while front.admission.open() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_reader_makes_the_sender_wait_and_loses_nothing() {
    // More than all kernels' buffers on the way hold, less than memory would.
    const WHOLE: usize = 96 << 20;
    const PART: usize = 64 << 10;
    let (listener, front) = listening().await;
    for server_sends in [true, false] {
        let (client, server) = upgraded(&listener, &front).await;
        let (mut sender, mut reader) = if server_sends {
            (server, client)
        } else {
            (client, server)
        };
        let sent = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&sent);
        let sending = TaskTracker::new();
        sending.spawn(async move {
            for part in 0..WHOLE / PART {
                let byte = u8::try_from(part % 251).unwrap();
                sender.write_all(&vec![byte; PART]).await.unwrap();
                counted.fetch_add(PART, Ordering::Relaxed);
            }
        });
        sending.close();
        // Until nothing moves any more, or everything was taken.
        let mut before = usize::MAX;
        while before != sent.load(Ordering::Relaxed) {
            before = sent.load(Ordering::Relaxed);
            let _ = tokio::time::timeout(Duration::from_millis(300), sending.wait()).await;
        }
        assert!(before < WHOLE / 2, "{before} bytes taken off the sender");
        let mut part = vec![0; PART];
        for number in 0..WHOLE / PART {
            soon(reader.read_exact(&mut part)).await.unwrap();
            let byte = u8::try_from(number % 251).unwrap();
            assert!(part.iter().all(|got| *got == byte), "part {number}");
        }
        soon(sending.wait()).await;
    }
}

#[tokio::test]
async fn a_servers_refusal_is_the_clients_answer() {
    let asking: [Field<'static>; 4] = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];
    for status in [
        "400 Bad Request",
        "403 Forbidden",
        "426 Upgrade Required",
        "503 Busy",
    ] {
        let upstream = Upstream::answering(answer(status, "text/plain", b"not today")).await;
        let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
        let reply = ask(front.plain, "GET", "/a", &asking, b"").await;
        assert_eq!(
            (status.split(' ').next().unwrap(), reply.text()),
            (&*reply.status().to_string(), "not today")
        );
        // The connection serves on.
        let mut client = Client::plain(front.plain).await;
        for _ in 0..2 {
            let reply = client.ask("GET", "/a", &asking, b"").await;
            assert_eq!(reply.text(), "not today");
        }
        assert!(front.gateway.streams.is_empty());
    }
}

#[tokio::test]
async fn a_tunnel_over_tls_on_both_sides_gets_http_1_though_both_speak_http_2() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("https://{}/ws", listener.local_addr().unwrap());
    let front = Front::routing([Server::new("/a", &url).public()]);
    let acceptor = tokio_rustls::TlsAcceptor::from(server_tls(&[b"h2", b"http/1.1"]));
    let server = async {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = acceptor.accept(stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        accept_async(stream).await.unwrap()
    };
    let client = connect(tls(front.tls, "localhost", &[b"http/1.1"]).await);
    let (mut client, mut server) = tokio::join!(client, soon(Box::pin(server)));
    client.send(Message::text("hello")).await.unwrap();
    assert_eq!(
        soon(server.next()).await.unwrap().unwrap(),
        Message::text("hello")
    );
    let close = closing(4001, "done");
    server.send(close.clone()).await.unwrap();
    assert_eq!(soon(client.next()).await.unwrap().unwrap(), close);
}
