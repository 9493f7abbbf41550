//! From ready to the end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::child::{Listeners, Process};
use crate::support::deployment::{Admin, folder, full, gateway};
use crate::support::http::{Connection, Reply, get};
use crate::support::until;
use crate::support::upstream::Upstream;
use tempfile::TempDir;

const TO_MCP: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", "2025-06-18"),
];
const CALL: &[u8] = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}}"#;

/// A full deployment in front of a server that the test plays.
struct Slow {
    process: Process,
    at: Listeners,
    upstream: Upstream,
    _data: TempDir,
}

impl Slow {
    fn start(drain: &str) -> Self {
        let (data, upstream) = (folder(), Upstream::new());
        let process = full(data.path())
            .env("MCP__GATEWAY__TIMEOUTS__DRAIN", drain)
            .spawn();
        let at = process.ready(data.path());
        Admin::login(at.http.unwrap()).add(&json!({
            "server_name": "slow", "path": "/slow", "public": true,
            "proxy_pass_url": format!("http://{}/mcp", upstream.address),
        }));
        Self {
            process,
            at,
            upstream,
            _data: data,
        }
    }

    fn front(&self) -> SocketAddr {
        self.at.http.unwrap()
    }

    fn call(&self) -> Connection {
        let mut connection = Connection::open(self.front()).unwrap();
        connection.send("POST", "/slow/mcp", &TO_MCP, CALL).unwrap();
        connection
    }
}

fn head(connection: &mut Connection) -> Reply {
    let head = connection.head().unwrap();
    assert_eq!(head.status, 200, "{head:?}");
    head
}

#[test]
fn a_stop_lets_an_open_call_and_its_stream_finish_and_ends_with_0() {
    let slow = Slow::start("30s");
    let mut call = slow.call();
    let waiting = slow.upstream.next();
    let mut stream = slow.call();
    let mut streaming = slow.upstream.next();
    streaming.open_stream();
    streaming.event("1");
    head(&mut stream);
    assert_eq!(stream.chunk().unwrap().unwrap(), b"data: 1\n\n");
    let mut idle = Connection::open(slow.front()).unwrap();
    assert_eq!(idle.call("GET", "/health", &[], &[]).unwrap().status, 200);

    slow.process.terminate();
    // Not ready first; the listeners close while what is open goes on.
    until("not ready", || {
        (get(slow.at.ops, "/ready").ok()?.status == 503).then_some(())
    });
    assert!(
        get(slow.at.ops, "/ready")
            .unwrap()
            .text()
            .contains("stopping")
    );
    for address in [slow.front(), slow.at.registry.unwrap()] {
        until("new connections refused", || {
            Connection::open(address).is_err().then_some(())
        });
    }
    assert!(idle.is_closed());
    streaming.event("2");
    assert_eq!(stream.chunk().unwrap().unwrap(), b"data: 2\n\n");
    waiting.answer(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#);
    let reply = call.reply().unwrap();
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (200, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#)
    );
    assert_eq!(reply.header("connection"), Some("close"), "{reply:?}");
    assert!(call.is_closed());
    streaming.end_stream();
    assert_eq!(stream.chunk().unwrap(), None, "a clean end");
    let (status, said) = slow.process.end();
    assert!(status.success(), "{status}\n{said}");
}

#[test]
fn a_stop_ends_a_stream_without_end_at_once_and_cleanly() {
    let slow = Slow::start("30s");
    let mut stream = Connection::open(slow.front()).unwrap();
    let headers = [
        ("accept", "text/event-stream"),
        ("mcp-protocol-version", "2025-06-18"),
    ];
    stream.send("GET", "/slow/mcp", &headers, &[]).unwrap();
    let mut streaming = slow.upstream.next();
    assert_eq!(streaming.method, "GET");
    streaming.open_stream();
    streaming.event("1");
    head(&mut stream);
    assert_eq!(stream.chunk().unwrap().unwrap(), b"data: 1\n\n");
    let told = Instant::now();
    slow.process.terminate();
    assert_eq!(
        stream.chunk().unwrap(),
        None,
        "a clean end, so that the client comes back"
    );
    assert!(streaming.is_given_up());
    let (status, said) = slow.process.end();
    assert!(status.success(), "{status}\n{said}");
    assert!(
        told.elapsed() < Duration::from_secs(10),
        "it waited for a stream that never ends"
    );
}

#[test]
fn a_stop_waits_no_longer_than_its_limit() {
    let slow = Slow::start("500ms");
    let mut call = slow.call();
    let mut waiting = slow.upstream.next();
    let told = Instant::now();
    slow.process.terminate();
    let (status, said) = slow.process.end();
    assert!(status.success(), "{status}\n{said}");
    let took = told.elapsed();
    assert!(
        (Duration::from_millis(500)..Duration::from_secs(5)).contains(&took),
        "{took:?}"
    );
    assert!(waiting.is_given_up());
    assert!(call.reply().is_err());
}

#[test]
fn a_second_signal_stops_at_once() {
    let slow = Slow::start("30s");
    let mut call = slow.call();
    let mut waiting = slow.upstream.next();
    slow.process.terminate();
    slow.process.says("stopping: open requests may finish");
    let told = Instant::now();
    slow.process.signal(rustix::process::Signal::INT);
    let (status, said) = slow.process.end();
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
    assert!(
        status.code().is_some(),
        "ended by itself, not by the signal: {status}\n{said}"
    );
    assert!(waiting.is_given_up());
    assert!(call.reply().is_err());
}

#[test]
fn a_gateway_is_ready_only_when_it_serves() {
    let data = folder();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let process = gateway(data.path(), &format!("http://{closed}/api/servers")).spawn();
    let at = process.listening(data.path());
    let ready = get(at.ops, "/ready").unwrap();
    assert_eq!(ready.status, 503, "{}", ready.text());
    assert!(
        !ready.json()["reasons"].as_array().unwrap().is_empty(),
        "{}",
        ready.text()
    );
    assert_eq!(get(at.ops, "/health").unwrap().status, 200);
    process.stop();
}
