//! A client that goes away takes its upstream request with it, in every era and over every pair of
//! protocols, before and inside the answer. Closing the response is how the modern era cancels; in
//! the legacy era it is not, so that nothing may be said in the client's name.
//!
//! That nothing is left behind after a thousand of them is in `streams`.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::client::{Client, Field, H2, JSON};
use super::h2_upstream::{self, H2Upstream};
use super::upstream::{EVENTS, Upstream, chunk};
use super::wire::soon;
use crate::support::front::{Front, Server};

const EVENT: &str = ": alive\n\n";
/// How soon the server must know.
const PROMPTLY: Duration = Duration::from_secs(1);

/// A request of one era that is answered with a stream.
struct Request {
    method: &'static str,
    fields: &'static [Field<'static>],
    body: &'static str,
}

const REQUESTS: &[Request] = &[
    Request {
        method: "POST",
        fields: &[
            JSON,
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/list"),
        ],
        body: r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#,
    },
    Request {
        method: "POST",
        fields: &[
            JSON,
            ("mcp-protocol-version", "2025-11-25"),
            ("mcp-session-id", "s-1"),
        ],
        body: r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
    },
    Request {
        method: "GET",
        fields: &[
            ("accept", "text/event-stream"),
            ("mcp-protocol-version", "2025-11-25"),
            ("mcp-session-id", "s-1"),
        ],
        body: "",
    },
];

#[derive(Clone, Copy, Debug)]
enum Leaving {
    /// HTTP/1: the connection is closed.
    H1,
    /// HTTP/2: the stream is reset.
    Stream,
    /// HTTP/2: the connection is closed.
    H2,
}

/// What the server tells: that a request came, and then how it learned that nobody waits any more.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Asked(Vec<u8>),
    Closed { after: Vec<u8> },
    Reset(Option<h2::Reason>),
}

/// Answers `/early` with nothing, everything else with a stream of one comment.
async fn h1_server(tell: mpsc::Sender<Told>) -> Upstream {
    Upstream::scripted(move |call, mut wire| {
        let tell = tell.clone();
        async move {
            if call.target() != "/early" {
                wire.send([EVENTS.as_bytes(), &chunk(EVENT)].concat())
                    .await
                    .ok()?;
            }
            tell.send(Told::Asked(call.body)).await.ok()?;
            let after = wire.rest().await;
            tell.send(Told::Closed { after }).await.ok()?;
            None
        }
    })
    .await
}

async fn h2_server(tell: mpsc::Sender<Told>) -> H2Upstream {
    H2Upstream::scripted(move |mut stream| {
        let tell = tell.clone();
        async move {
            let asked = stream.whole_body().await.unwrap();
            let reason = if stream.head.uri().path() == "/early" {
                tell.send(Told::Asked(asked)).await.unwrap();
                stream.reset().await
            } else {
                let mut body = stream.open("text/event-stream");
                let event = Bytes::from_static(EVENT.as_bytes());
                body.send_data(event, false).unwrap();
                tell.send(Told::Asked(asked)).await.unwrap();
                h2_upstream::reset(&mut body).await
            };
            tell.send(Told::Reset(reason)).await.unwrap();
        }
    })
    .await
}

/// Makes the request and leaves, once its answer has begun or, before one, once the server has it.
async fn ask_and_leave(
    front: &Front,
    leaving: Leaving,
    target: &str,
    request: &Request,
    told: &mut mpsc::Receiver<Told>,
) {
    let early = target == "/early";
    let body = request.body.as_bytes();
    let asked = Told::Asked(body.to_vec());
    if matches!(leaving, Leaving::H1) {
        let mut client = Client::plain(front.plain).await;
        let sent = client.send(request.method, target, request.fields, body);
        sent.await.unwrap();
        assert_eq!(soon(told.recv()).await, Some(asked));
        if !early {
            assert_eq!(client.head().await.word(1), "200");
            let event = soon(client.wire.chunk()).await.unwrap();
            assert_eq!(event.as_deref(), Some(EVENT.as_bytes()));
        }
        return;
    }
    let mut client = H2::plain(front.plain).await;
    let answer = client.send(request.method, target, request.fields, body);
    if early {
        tokio::select! {
            answer = answer => panic!("nobody answered: {answer:?}"),
            came = soon(told.recv()) => assert_eq!(came, Some(asked)),
        }
    } else {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(soon(told.recv()).await, Some(asked));
        if matches!(leaving, Leaving::H2) {
            client = H2::plain(front.plain).await;
        }
        drop(answer);
    }
    // A connection that goes on serves others.
    if matches!(leaving, Leaving::Stream) {
        assert_eq!(client.ask("GET", "/health", &[], b"").await.0, 200);
    }
}

#[tokio::test]
async fn a_server_hears_promptly_that_nobody_waits_and_nothing_else() {
    for is_h2_server in [false, true] {
        let (tell, mut told) = mpsc::channel(8);
        let (h1, h2) = if is_h2_server {
            (None, Some(h2_server(tell).await))
        } else {
            (Some(h1_server(tell).await), None)
        };
        let url = |path: &str| match (&h1, &h2) {
            (Some(server), _) => server.url(path),
            (None, Some(server)) => server.url(path),
            (None, None) => String::new(),
        };
        let front = Front::routing([
            Server::new("/early", &url("/early")).public(),
            Server::new("/late", &url("/late")).public(),
        ]);
        let mut asked = 0;
        for target in ["/early", "/late"] {
            for leaving in [Leaving::H1, Leaving::Stream, Leaving::H2] {
                for request in REQUESTS {
                    ask_and_leave(&front, leaving, target, request, &mut told).await;
                    asked += 1;
                    let case = format!(
                        "{target} {leaving:?} {} {:?}",
                        request.method, request.fields
                    );
                    let heard = timeout(PROMPTLY, told.recv()).await;
                    let expected = if is_h2_server {
                        Told::Reset(Some(h2::Reason::CANCEL))
                    } else {
                        Told::Closed { after: Vec::new() }
                    };
                    assert_eq!(heard, Ok(Some(expected)), "{case}");
                }
            }
        }
        // No message was made up, on no connection.
        assert!(told.try_recv().is_err());
        if let Some(server) = h1 {
            assert_eq!((server.calls().len(), server.connections()), (asked, asked));
        }
        if let Some(server) = h2 {
            assert_eq!(server.streams(), asked);
            // The connection outlives its streams; each worker has one.
            assert!(server.connections() <= 2, "{}", server.connections());
        }
    }
}
