//! An answer that is given before the request's body has come.

use std::net::SocketAddr;

use serde_json::json;

use crate::support::deployment::{Pair, status};
use crate::support::http::Connection;

/// Reads the whole refusal, only then sends the body, and asks again on the same connection.
fn refused(at: SocketAddr, target: &str, headers: &[(&str, &str)], wanted: u16, length: usize) {
    let mut connection = Connection::open(at).unwrap();
    connection
        .announce("POST", target, headers, length)
        .unwrap();
    let refusal = connection.reply().unwrap();
    assert_eq!(refusal.status, wanted, "{target}: {}", refusal.text());
    // In pieces, as a client that streams it would.
    for _ in 0..4 {
        connection.write(&vec![b' '; length / 4]).unwrap();
    }
    let health = connection.call("GET", "/health", &[], &[]);
    assert_eq!(
        health.expect("the connection serves on").status,
        200,
        "{target}"
    );
}

#[test]
fn a_refusal_before_the_body_reaches_the_client_and_keeps_the_connection() {
    let pair = Pair::start();
    let json = ("content-type", "application/json");
    pair.admin.add(&pair.example.definition("/closed"));
    crate::support::deployment::until_status(pair.http(), "/closed", None, 401);
    pair.admin.ok(
        "PATCH",
        "/api/servers/currenttime",
        &json!({"enabled": false}),
    );
    crate::support::deployment::until_status(pair.http(), "/currenttime", None, 404);
    for length in [4_000, 400_000] {
        refused(pair.http(), "/closed/mcp", &[json], 401, length);
        refused(pair.http(), "/currenttime/mcp", &[json], 404, length);
        refused(pair.http(), "/no-such-server/mcp", &[json], 404, length);
        refused(pair.registry_at, "/api/servers", &[json], 401, length);
    }
}

#[test]
fn a_refused_body_without_end_costs_the_connection_but_nothing_else() {
    let pair = Pair::start();
    let mut connection = Connection::open(pair.http()).unwrap();
    let json = ("content-type", "application/json");
    connection
        .announce("POST", "/no-such-server/mcp", &[json], 1 << 40)
        .unwrap();
    assert_eq!(connection.reply().unwrap().status, 404);
    let piece = vec![b' '; 64 * 1024];
    let sent = (0..)
        .take_while(|_| connection.write(&piece).is_ok())
        .take(10_000)
        .count();
    assert!(sent < 10_000, "the gateway swallowed {sent} pieces");
    assert_eq!(status(pair.http(), "/currenttime/mcp", None), 200);
}
