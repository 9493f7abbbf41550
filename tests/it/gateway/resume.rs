//! Resumption passes through: a stream that its server closes in the middle of a request goes on
//! where it stopped, since ids, delays and `Last-Event-ID` pass as they are.
//!
//! That each event passes before the next exists is in `streams`, what heads keep is in `passing`.

use super::client::{Client, Field, H2, JSON};
use super::upstream::{EVENTS, Upstream, answer, chunk};
use super::wire::soon;
use crate::support::front::{Front, Server};
use http_body_util::BodyExt as _;

/// The whole answer to one request, as its server keeps it to be replayed.
const STORED: [(&str, &str); 4] = [
    // Primes the client: an id, a delay, no data.
    ("a/1", "id: a/1\nretry: 20\ndata:\n\n"),
    (
        "a 2+",
        "id: a 2+\r\nevent: message\r\ndata: {\"method\":\"notifications/progress\"}\r\n\r\n",
    ),
    (
        "\u{e9}=3",
        ": comment\nid: \u{e9}=3\ndata: {\"half\":\ndata: true}\n\n",
    ),
    (
        "4",
        "id: 4\ndata: {\"jsonrpc\":\"2.0\",\"id\":7,\"result\":{}}\n\n",
    ),
];
const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"slow"}}"#;
const SESSION: [Field<'_>; 3] = [
    ("accept", "text/event-stream"),
    ("mcp-protocol-version", "2025-11-25"),
    ("mcp-session-id", "s-1"),
];

/// Sends one stored event for a request and closes the stream, so that it takes as many connections
/// as there are events; the last one ends the stream in order, the others break it off or end it.
async fn polling_server(breaks_off: bool) -> Upstream {
    Upstream::scripted(move |call, mut wire| async move {
        let seen = call.head.one("last-event-id");
        let next = match (call.method(), seen) {
            ("POST", None) => 0,
            ("GET", Some(id)) => {
                // Sent as bytes, recorded as text: what is not ASCII must be the same text.
                let Some(at) = STORED.iter().position(|(stored, _)| *stored == id) else {
                    let unknown = answer("404 Not Found", "text/plain", b"unknown event");
                    wire.send(unknown).await.ok()?;
                    return Some(wire);
                };
                at + 1
            }
            _ => {
                let refused = answer("405 Method Not Allowed", "text/plain", b"");
                wire.send(refused).await.ok()?;
                return Some(wire);
            }
        };
        let mut bytes = EVENTS.as_bytes().to_vec();
        if let Some((_, event)) = STORED.get(next) {
            bytes.extend(chunk(event));
        }
        if !breaks_off {
            bytes.extend(b"0\r\n\r\n");
        }
        wire.send(bytes).await.ok()?;
        (!breaks_off).then_some(wire)
    })
    .await
}

/// What a client reads until the stream ends, and whether it was told that it did.
async fn read_h1(client: &mut Client) -> (String, bool) {
    let head = client.head().await;
    assert_eq!(head.word(1), "200");
    assert_eq!(head.one("content-type"), Some("text/event-stream"));
    let mut text = Vec::new();
    loop {
        match soon(client.wire.chunk()).await {
            Ok(Some(chunk)) => text.extend(chunk),
            Ok(None) => return (String::from_utf8(text).unwrap(), true),
            Err(_) => return (String::from_utf8(text).unwrap(), false),
        }
    }
}

#[tokio::test]
async fn a_request_whose_stream_ends_early_is_resumed_to_its_result() {
    for breaks_off in [false, true] {
        let upstream = polling_server(breaks_off).await;
        let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
        let mut client = Client::plain(front.plain).await;
        let call = [&SESSION[..], &[JSON]].concat();
        client
            .send("POST", "/a", &call, CALL.as_bytes())
            .await
            .unwrap();
        let mut whole = String::new();
        for (id, event) in STORED {
            let (text, is_end) = read_h1(&mut client).await;
            assert_eq!((text.as_str(), is_end), (event, !breaks_off));
            whole += &text;
            if breaks_off {
                client = Client::plain(front.plain).await;
            }
            let fields = [&SESSION[..], &[("last-event-id", id)]].concat();
            client.send("GET", "/a", &fields, b"").await.unwrap();
        }
        assert!(whole.ends_with("\"result\":{}}\n\n"));
        // Nothing is left: the stream that follows the last event is empty.
        assert_eq!(read_h1(&mut client).await.0, "");
        let calls = upstream.calls();
        let ids: Vec<_> = calls
            .iter()
            .map(|call| call.head.one("last-event-id"))
            .collect();
        let expected: Vec<_> = [None]
            .into_iter()
            .chain(STORED.map(|(id, _)| Some(id)))
            .collect();
        assert_eq!(ids, expected);
        for call in &calls[1..] {
            assert_eq!(
                (call.method(), call.target(), call.body.len()),
                ("GET", "/mcp", 0)
            );
            for (name, value) in SESSION {
                assert_eq!(call.head.one(name), Some(value));
            }
        }
    }
}

#[tokio::test]
async fn resumption_over_h2_is_the_same_and_an_unknown_event_is_the_servers_answer() {
    let upstream = polling_server(false).await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    let mut client = H2::tls(front.tls, "localhost").await;
    for pair in STORED.windows(2) {
        let fields = [&SESSION[..], &[("last-event-id", pair[0].0)]].concat();
        if pair[0].0.is_ascii() {
            let (status, body) = client.ask("GET", "/a", &fields, b"").await;
            assert_eq!((status, body.as_ref()), (200, pair[1].1.as_bytes()));
        }
    }
    let fields = [&SESSION[..], &[("last-event-id", "of another stream")]].concat();
    let answer = client.send("GET", "/a", &fields, b"").await.unwrap();
    assert_eq!(answer.status(), 404);
    let body = soon(answer.into_body().collect()).await.unwrap();
    assert_eq!(body.to_bytes(), "unknown event");
}
