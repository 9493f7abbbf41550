//! A hundred thousand events of two callers at two gateways: each reaches its own stream, in order and
//! once, whatever the other caller tries with the first one's ids. The servers behind trust every id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use super::client::{Client, Field, JSON, LIST, ask};
use super::legacy::{Legacy, Stream, bearer, replica, text};
use super::upstream::{Call, EVENTS, RESULT, Upstream, answer, chunk, json};
use super::wire::Wire;
use crate::support::front::{Front, Server};

/// Two callers, two gateways, two transports: 8 flows with so many rounds of a hundred events each.
const ROUNDS: usize = 125;
const BURST: usize = 100;

/// The events of each session, for everybody who names it.
#[derive(Default)]
struct Kept {
    sessions: Mutex<HashMap<String, watch::Sender<Vec<String>>>>,
}

impl Kept {
    fn session(&self, id: &str) -> watch::Sender<Vec<String>> {
        let mut sessions = self.sessions.lock().unwrap();
        sessions.entry(id.to_owned()).or_default().clone()
    }
}

/// A Streamable HTTP server that can resume: a message comes back as [`BURST`] events of its session.
async fn resumable() -> Upstream {
    let kept = Arc::new(Kept::default());
    Upstream::scripted(move |call, wire| {
        let kept = Arc::clone(&kept);
        async move { serve(&kept, &call, wire).await }
    })
    .await
}

async fn serve(kept: &Kept, call: &Call, mut wire: Wire) -> Option<Wire> {
    let Some(id) = call.head.one("mcp-session-id") else {
        let id = format!("s-{}", kept.sessions.lock().unwrap().len());
        kept.session(&id);
        let given = String::from_utf8(json(RESULT)).ok()?;
        let given = given.replacen("\r\n", &format!("\r\nmcp-session-id: {id}\r\n"), 1);
        wire.send(given).await.ok()?;
        return Some(wire);
    };
    let session = kept.session(id);
    if call.method() == "POST" {
        let message = String::from_utf8(call.body.clone()).ok()?;
        session.send_modify(|events| events.extend(vec![message; BURST]));
        wire.send(answer("202 Accepted", "text/plain", b""))
            .await
            .ok()?;
        return Some(wire);
    }
    let seen = call.head.one("last-event-id");
    let mut next = seen.map_or(0, |id| id.parse().unwrap_or(0) + 1);
    let mut events = session.subscribe();
    wire.send(EVENTS).await.ok()?;
    loop {
        let new: Vec<u8> = {
            let events = events.borrow_and_update();
            let from = next;
            next = events.len();
            let event = |(at, data): (usize, &String)| chunk(format!("id: {at}\ndata: {data}\n\n"));
            events
                .iter()
                .enumerate()
                .skip(from)
                .flat_map(event)
                .collect()
        };
        wire.send(new).await.ok()?;
        tokio::select! {
            changed = events.changed() => changed.ok()?,
            more = wire.fill() => if !matches!(more, Ok(true)) {
                return None;
            },
        }
    }
}

fn message(flow: &str, round: usize) -> String {
    // The end of the token, which is its caller's alone, and the gateway.
    let (_, flow) = flow.split_at(flow.len() - 40);
    format!(
        r#"{{"jsonrpc":"2.0","id":{round},"method":"a hundred times","params":{{"from":"{flow}"}}}}"#
    )
}

/// What `other` may try with a session's id: nothing of it passes, at either gateway.
async fn foreign(gateways: [&Front; 2], token: &str, session: &str, event: &str) {
    for gateway in gateways {
        for (method, last) in [
            ("POST", None),
            ("GET", None),
            ("GET", Some(event)),
            ("DELETE", None),
        ] {
            let mut fields = vec![JSON, ("authorization", token), ("mcp-session-id", session)];
            fields.extend(last.map(|id| ("last-event-id", id)));
            let body = if method == "POST" { LIST } else { "" };
            let reply = ask(gateway.plain, method, "/new", &fields, body.as_bytes()).await;
            assert_eq!(
                (reply.status(), &*reply.reason()),
                (404, "session_not_found")
            );
        }
        let fields = [("authorization", token), ("last-event-id", event)];
        let reply = ask(gateway.plain, "GET", "/new", &fields, b"").await;
        assert_eq!(reply.status(), 404);
    }
}

/// One session, resumed at the other gateway again and again.
async fn streamable(gateways: [&Front; 2], [token, other]: [&str; 2]) -> usize {
    let flow = format!("{token} at {}", gateways[0].plain);
    let mut posts = Client::plain(gateways[0].plain).await;
    let own: [Field<'_>; 2] = [JSON, ("authorization", token)];
    let begun = posts.ask("POST", "/new", &own, LIST.as_bytes()).await;
    let session = begun.head.one("mcp-session-id").unwrap().to_owned();
    let own = [&own[..], &[("mcp-session-id", session.as_str())]].concat();
    let mut received: usize = 0;
    for round in 0..ROUNDS {
        let message = message(&flow, round);
        let reply = posts.ask("POST", "/new", &own, message.as_bytes()).await;
        assert_eq!(reply.status(), 202);
        // Each fifth stream ends in the middle of what was posted and goes on elsewhere.
        let pieces = if round % 5 == 0 {
            [BURST / 2, BURST / 2]
        } else {
            [BURST, 0]
        };
        for (piece, gateway) in pieces.into_iter().zip(gateways) {
            if piece == 0 {
                continue;
            }
            let last = received.checked_sub(1).map(|id| id.to_string());
            let mut stream = Stream::resume(gateway, "/new", &own, last.as_deref()).await;
            for _ in 0..piece {
                let event = stream.event().await;
                assert_eq!(event.id(), Some(received.to_string().as_bytes()));
                assert_eq!(text(&event), message, "{flow}");
                received += 1;
            }
        }
        if round % 25 == 0 {
            foreign(gateways, other, &session, &received.to_string()).await;
        }
    }
    received
}

/// One stream of 2024-11-05 whose messages go through both gateways.
async fn legacy(gateways: [&Front; 2], [token, other]: [&str; 2]) -> usize {
    let flow = format!("{token} at {}", gateways[0].plain);
    let mut stream = Stream::open(gateways[0], "/old/sse", token).await;
    let endpoint = stream.endpoint().await;
    let mut clients = [
        Client::plain(gateways[0].plain).await,
        Client::plain(gateways[1].plain).await,
    ];
    let mut received = 0;
    for round in 0..ROUNDS {
        let message = message(&flow, round);
        let client = &mut clients[round % 2];
        if round % 5 == 0 {
            let fields = [JSON, ("authorization", other)];
            let reply = client
                .ask("POST", &endpoint, &fields, message.as_bytes())
                .await;
            assert_eq!(reply.status(), 404);
        }
        let fields = [JSON, ("authorization", token)];
        let reply = client
            .ask("POST", &endpoint, &fields, message.as_bytes())
            .await;
        assert_eq!(reply.status(), 202);
        for _ in 0..BURST {
            assert_eq!(stream.message().await, message, "{flow}");
            received += 1;
        }
    }
    received
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_events_of_two_callers_never_meet() {
    let (new, old) = (resumable().await, Legacy::naming("/messages?id=ID").await);
    let servers = [
        Server::new("/new", &new.url("/mcp")),
        Server::new("/old", &old.upstream.url("/sse")),
    ];
    let front = Front::routing(servers.clone());
    let second = replica(&front, servers);
    let (ann, bob) = (bearer(&front, "ann"), bearer(&front, "bob"));
    let callers: [[&str; 2]; 2] = [[&ann, &bob], [&bob, &ann]];
    let flows = callers.into_iter().flat_map(|callers| {
        [[&front, &second], [&second, &front]].map(|gateways| (gateways, callers))
    });
    let talk = async |(gateways, callers)| {
        let both = (streamable(gateways, callers), legacy(gateways, callers));
        let (new, old) = tokio::join!(both.0, both.1);
        new + old
    };
    let counts = futures_util::future::join_all(flows.map(talk)).await;
    assert_eq!(counts.iter().sum::<usize>(), 100_000);
}
