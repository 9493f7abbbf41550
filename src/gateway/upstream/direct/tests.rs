//! Exchanges over real sockets with a scripted server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::{Answer, Pool, PoolLimits};
use super::{JOINED, Outgoing, send};
use crate::config::NetworkConfig;
use crate::domain::endpoint::UpstreamUrl;
use crate::domain::server::UpstreamTls;
use crate::gateway::origin::{Origin, Origins};
use crate::gateway::reason::Reason;
use crate::net::dial::Dialer;
use crate::net::guard::AddressGuard;

struct Server {
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    fn origin(&self) -> Arc<Origin> {
        let url = UpstreamUrl::parse(&format!("http://{}/", self.address)).unwrap();
        Origins::for_tests()
            .intern(&url, &UpstreamTls::default())
            .unwrap()
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }
}

fn pool() -> Arc<Pool> {
    let guard = Arc::new(AddressGuard::new(&NetworkConfig {
        registry_ca_file: None,
        extra_ca_file: None,
        strict: false,
        allowed_ranges: Vec::new(),
        blocked_ports: Vec::new(),
    }));
    let limits = PoolLimits {
        connect: Duration::from_secs(5),
        keep_alive: Duration::from_mins(1),
        idle_per_origin: 4,
    };
    Pool::new(Arc::new(Dialer::new(guard)), limits)
}

fn post(body: &[u8]) -> Outgoing {
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: h\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Outgoing {
        method: Method::POST,
        head: head.into_bytes(),
        body: Bytes::copy_from_slice(body),
    }
}

/// Reads one request to the end of a body of `length` bytes.
async fn take_request(wire: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut came = Vec::new();
    loop {
        let head = came.windows(4).position(|end| end == b"\r\n\r\n");
        if head.is_some_and(|head| came.len() >= head + 4 + length) {
            return came;
        }
        let mut part = vec![0; 65_536];
        let count = wire.read(&mut part).await.unwrap();
        assert!(count > 0, "closed within the request");
        came.extend_from_slice(&part[..count]);
    }
}

async fn text(answer: Answer) -> Vec<u8> {
    answer.body.collect().await.unwrap().to_bytes().to_vec()
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn one_connection_serves_one_exchange_after_the_other() {
    let (server, pool) = (Server::start().await, pool());
    let origin = server.origin();
    let serving = async {
        let mut wire = server.accept().await;
        for answer in [
            OK,
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nok",
        ] {
            let request = take_request(&mut wire, 5).await;
            assert!(request.ends_with(b"\r\n\r\nhello"));
            wire.write_all(answer).await.unwrap();
        }
    };
    let calling = async {
        for _ in 0..3 {
            let answer = send(&pool, &origin, post(b"hello")).await.unwrap();
            assert_eq!(text(answer).await, b"ok");
        }
    };
    tokio::join!(serving, calling);
}

#[tokio::test]
async fn a_connection_that_said_more_or_closed_is_not_used_again() {
    let (server, pool) = (Server::start().await, pool());
    let origin = server.origin();
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let serving = async {
            let mut wire = server.accept().await;
            take_request(&mut wire, 1).await;
            wire.write_all(answer).await.unwrap();
            wire
        };
        let (_wire, answer) = tokio::join!(serving, send(&pool, &origin, post(b"x")));
        assert_eq!(text(answer.unwrap()).await, b"ok");
        assert!(pool.take_wire(origin.id).is_none());
    }
}

#[tokio::test]
async fn bytes_that_come_while_it_waits_end_a_kept_connection() {
    let (server, pool) = (Server::start().await, pool());
    let origin = server.origin();
    let serving = async {
        let mut wire = server.accept().await;
        take_request(&mut wire, 1).await;
        wire.write_all(OK).await.unwrap();
        wire
    };
    let (mut wire, answer) = tokio::join!(serving, send(&pool, &origin, post(b"x")));
    assert_eq!(text(answer.unwrap()).await, b"ok");
    // An answer to a question that nobody asked yet.
    wire.write_all(OK).await.unwrap();
    let serving = async {
        let mut wire = server.accept().await;
        take_request(&mut wire, 1).await;
        wire.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        wire
    };
    // The early answer is there once the connection reads as no longer idle.
    let mut kept = pool.take_wire(origin.id).unwrap();
    while kept.is_idle() {
        tokio::task::yield_now().await;
    }
    pool.keep_wire(origin.id, kept);
    let (_wire, answer) = tokio::join!(serving, send(&pool, &origin, post(b"x")));
    assert_eq!(answer.unwrap().status, 201);
}

#[tokio::test]
async fn an_answer_that_ends_too_early_is_an_error() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok"[..],
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let (server, pool) = (Server::start().await, pool());
        let origin = server.origin();
        let serving = async {
            let mut wire = server.accept().await;
            take_request(&mut wire, 1).await;
            wire.write_all(answer).await.unwrap();
        };
        let ((), answer) = tokio::join!(serving, send(&pool, &origin, post(b"x")));
        assert!(answer.unwrap().body.collect().await.is_err());
        assert!(pool.take_wire(origin.id).is_none());
    }
}

#[tokio::test]
async fn a_body_without_length_ends_with_its_connection() {
    let (server, pool) = (Server::start().await, pool());
    let origin = server.origin();
    let serving = async {
        let mut wire = server.accept().await;
        take_request(&mut wire, 1).await;
        wire.write_all(b"HTTP/1.1 200 OK\r\n\r\nall there is")
            .await
            .unwrap();
    };
    let ((), answer) = tokio::join!(serving, send(&pool, &origin, post(b"x")));
    assert_eq!(text(answer.unwrap()).await, b"all there is");
}

#[tokio::test]
async fn a_connection_without_any_answer_is_a_protocol_error() {
    let (server, pool) = (Server::start().await, pool());
    let origin = server.origin();
    let serving = async {
        let mut wire = server.accept().await;
        take_request(&mut wire, 1).await;
    };
    let ((), answer) = tokio::join!(serving, send(&pool, &origin, post(b"x")));
    assert_eq!(answer.unwrap_err(), Reason::UpstreamProtocol);
}

#[tokio::test]
async fn a_refusal_is_heard_while_the_message_still_goes_out() {
    let (server, pool) = (Server::start().await, pool());
    let origin = server.origin();
    let large = vec![b'x'; 16 * 1024 * 1024];
    let serving = async {
        let mut wire = server.accept().await;
        let mut some = [0; 1024];
        wire.read_exact(&mut some).await.unwrap();
        wire.write_all(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\n\r\n")
            .await
            .unwrap();
        wire
    };
    let (_wire, answer) = tokio::join!(serving, send(&pool, &origin, post(&large)));
    assert_eq!(answer.unwrap().status, 413);
    // Half a request is on it.
    assert!(pool.take_wire(origin.id).is_none());
}

#[tokio::test]
async fn a_large_message_arrives_as_it_was_held() {
    let (server, pool) = (Server::start().await, pool());
    let origin = server.origin();
    for length in [JOINED, JOINED + 1, 3_000_000] {
        let body: Vec<u8> = (0..=250).cycle().take(length).collect();
        let serving = async {
            let mut wire = server.accept().await;
            let request = take_request(&mut wire, length).await;
            wire.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
                .await
                .unwrap();
            request
        };
        let (request, answer) = tokio::join!(serving, send(&pool, &origin, post(&body)));
        assert_eq!(text(answer.unwrap()).await, b"ok");
        assert!(request.ends_with(&body), "{length}");
    }
}

#[tokio::test]
async fn an_exchange_that_nobody_waits_for_closes_its_connection() {
    let (server, pool) = (Server::start().await, pool());
    let origin = server.origin();
    let mut wire = {
        let mut sending = std::pin::pin!(send(&pool, &origin, post(b"x")));
        let mut wire = tokio::select! {
            _ = sending.as_mut() => panic!("nothing was answered"),
            wire = server.accept() => wire,
        };
        tokio::select! {
            _ = sending.as_mut() => panic!("nothing was answered"),
            _ = take_request(&mut wire, 1) => {}
        }
        wire
    };
    assert_eq!(wire.read(&mut [0; 1]).await.unwrap_or(0), 0);
}
