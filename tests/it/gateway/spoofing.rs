//! Generated attempts to bring an identity along: none reaches a server, whatever the spelling, the
//! place, the number, the protocol and the kind of server.

use super::client::{Client, Field, H2, JSON, LIST};
use super::identity::FORGED;
use super::upstream::{Call, Upstream, chunk, json};
use super::wire::soon;
use crate::support::front::{Front, Server};

/// Stands in every forged value and nowhere else.
const MARK: &str = "forged-9c1f";
/// More names that systems behind a gateway are known to believe.
const MORE: &[&str] = &[
    "X-Auth-User",
    "X-Auth-Request-User",
    "X-Auth-Request-Groups",
    "X-User-Pool-Id",
    "X-Client-Id-Auth",
    "X-Region",
    "X-Body",
    "X-Original-Method",
    "X-Original-Forwarded-For",
    "X-Forwarded-Uri",
    "X-Forwarded-Method",
    "X-Forwarded-Port",
    "X-Internal-Token",
    "X-HTTP-Method-Override",
];
/// What a server gets of the caller, each once.
const OURS: [Field<'static>; 5] = [
    ("x-user", "Ann%20%C3%84"),
    ("x-username", "Ann%20%C3%84"),
    ("x-auth-method", "token"),
    ("x-client-id", "client%201"),
    ("x-forwarded-for", "127.0.0.1"),
];
const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";
const ASKING: [Field<'static>; 3] = [
    ("upgrade", "websocket"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];

fn names() -> impl Iterator<Item = &'static str> {
    FORGED
        .iter()
        .map(|(name, _)| *name)
        .chain(MORE.iter().copied())
}

fn spellings(name: &str) -> [String; 4] {
    let mixed = name.char_indices().map(|(at, letter)| {
        if at % 2 == 0 {
            letter.to_ascii_uppercase()
        } else {
            letter.to_ascii_lowercase()
        }
    });
    [
        name.to_owned(),
        name.to_lowercase(),
        name.to_uppercase(),
        mixed.collect(),
    ]
}

/// One way to bring a field.
#[derive(Clone, Copy, Debug)]
struct Way {
    first: bool,
    times: usize,
    named_by_connection: bool,
}

impl Way {
    fn all() -> impl Iterator<Item = Self> {
        (0..8).map(|bits| Self {
            first: bits & 1 == 0,
            times: if bits & 2 == 0 { 1 } else { 3 },
            named_by_connection: bits & 4 == 0,
        })
    }

    /// The request's fields with the forged ones among them.
    fn fields<'f>(self, own: &[Field<'f>], name: &'f str, connection: &'f str) -> Vec<Field<'f>> {
        let mut forged = vec![(name, MARK); self.times];
        if self.named_by_connection || connection.starts_with("upgrade") {
            forged.push(("connection", connection));
        }
        if self.first {
            [&forged, own].concat()
        } else {
            [own, &forged].concat()
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Private,
    Public,
    Below,
    WebSocket,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Private, Self::Public, Self::Below, Self::WebSocket];

    const fn target(self) -> &'static str {
        match self {
            Self::Private | Self::WebSocket => "/team/a",
            Self::Public => "/pub",
            Self::Below => "/through/x",
        }
    }
}

struct Bench {
    upstream: Upstream,
    front: Front,
    bearer: String,
    client: Client,
    sent: usize,
}

impl Bench {
    async fn new() -> Self {
        let upstream = Upstream::scripted(|call, mut wire| async move {
            if call.head.one("upgrade").is_some() {
                wire.send(SWITCHING).await.ok()?;
                return None;
            }
            wire.send(json("{}")).await.ok()?;
            Some(wire)
        })
        .await;
        let url = upstream.url("/mcp");
        let front = Front::routing([
            Server::new("/team/a", &url),
            Server::new("/pub", &url).public(),
            Server::new("/through", &url).passthrough(),
        ]);
        let client = Client::plain(front.plain).await;
        Self {
            bearer: format!("Bearer {}", front.token()),
            upstream,
            front,
            client,
            sent: 0,
        }
    }

    fn judge(&mut self, kind: Kind, what: &dyn std::fmt::Debug) {
        self.sent += 1;
        let calls = self.upstream.calls();
        assert_eq!(calls.len(), self.sent, "{what:?}");
        clean(calls.last().unwrap(), kind, what);
    }

    async fn try_h1(&mut self, kind: Kind, name: &str, way: Way) {
        let own = [JSON, ("authorization", self.bearer.as_str())];
        let what = (kind, name, way);
        if kind == Kind::WebSocket {
            let own = [&ASKING[..], &own[1..]].concat();
            let connection = if way.named_by_connection {
                format!("upgrade, {name}")
            } else {
                "upgrade".to_owned()
            };
            let fields = way.fields(&own, name, &connection);
            let mut client = Client::plain(self.front.plain).await;
            client
                .send("GET", kind.target(), &fields, b"")
                .await
                .unwrap();
            assert_eq!(client.head().await.word(1), "101", "{what:?}");
        } else {
            let connection = format!("keep-alive, {name}");
            let fields = way.fields(&own, name, &connection);
            let asked = self
                .client
                .ask("POST", kind.target(), &fields, LIST.as_bytes());
            assert_eq!(asked.await.status(), 200, "{what:?}");
        }
        self.judge(kind, &what);
    }
}

/// Nothing forged is in what a server received, and what is ours stands there once.
#[track_caller]
fn clean(call: &Call, kind: Kind, what: &dyn std::fmt::Debug) {
    let head = format!("{:?}", call.head).to_ascii_lowercase();
    assert!(!head.contains(MARK), "{what:?}: {head}");
    assert!(!String::from_utf8_lossy(&call.body).contains(MARK));
    for (name, value) in OURS {
        let expected = (kind != Kind::Public || name == "x-forwarded-for").then_some(value);
        assert_eq!(call.head.one(name), expected, "{what:?} {name}");
    }
    assert_eq!(call.head.one("via"), Some("1.1 mcp-gateway"), "{what:?}");
    for name in ["authorization", "x-authorization", "trailer"] {
        assert_eq!(call.head.one(name), None, "{what:?} {name}");
    }
}

#[tokio::test]
async fn no_spelling_place_or_number_brings_an_identity_over_http_1() {
    let mut bench = Bench::new().await;
    for name in names() {
        for (at, way) in Way::all().enumerate() {
            for (nth, spelled) in spellings(name).iter().enumerate() {
                // Every spelling at a private server, one of them at each other kind.
                for kind in Kind::ALL {
                    if kind == Kind::Private || nth == at % 4 {
                        bench.try_h1(kind, spelled, way).await;
                    }
                }
            }
        }
    }
    assert!(bench.sent >= 1_500, "{}", bench.sent);
}

#[tokio::test]
async fn no_field_or_number_brings_an_identity_over_http_2() {
    let mut bench = Bench::new().await;
    let mut h2 = H2::plain(bench.front.plain).await;
    let bearer = bench.bearer.clone();
    let own = [JSON, ("authorization", bearer.as_str())];
    for name in names().map(str::to_lowercase) {
        for way in Way::all().filter(|way| !way.named_by_connection) {
            for kind in [Kind::Private, Kind::Public, Kind::Below] {
                let fields = way.fields(&own, &name, "");
                let answer = h2.ask("POST", kind.target(), &fields, LIST.as_bytes());
                assert_eq!(answer.await.0, 200, "{name}");
                bench.judge(kind, &(kind, &name, way));
            }
        }
    }
    assert!(bench.sent >= 400, "{}", bench.sent);
}

#[tokio::test]
async fn no_trailer_brings_an_identity() {
    let mut bench = Bench::new().await;
    for name in names() {
        for kind in [Kind::Private, Kind::Public, Kind::Below] {
            let body = [chunk(LIST), b"0\r\n".to_vec()].concat();
            let body = String::from_utf8(body).unwrap();
            let request = format!(
                "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: {}\r\ntrailer: {name}\r\ntransfer-encoding: chunked\r\n\r\n{body}{name}: {MARK}\r\n\r\n",
                kind.target(),
                bench.bearer,
            );
            bench.client.wire.send(request).await.unwrap();
            assert_eq!(bench.client.reply("POST").await.unwrap().status(), 200);
            bench.judge(kind, &(kind, name));
        }
    }
}

#[tokio::test]
async fn names_with_an_underscore_go_nowhere() {
    let bench = Bench::new().await;
    for name in names().map(|name| name.replace('-', "_")) {
        if !name.contains('_') {
            continue;
        }
        for kind in Kind::ALL {
            let own = [
                JSON,
                ("authorization", bench.bearer.as_str()),
                (&*name, MARK),
            ];
            let mut client = Client::plain(bench.front.plain).await;
            let asked = client.ask("POST", kind.target(), &own, LIST.as_bytes());
            assert_eq!(soon(asked).await.status(), 400, "{name}");
        }
    }
    assert!(bench.upstream.calls().is_empty());
}

#[tokio::test]
async fn a_request_that_comes_back_to_the_gateway_is_stopped() {
    let front = Front::routing([]);
    // Its own address: each round goes one deeper.
    let url = format!("http://{}/loop/mcp", front.plain);
    front.apply([Server::new("/loop", &url).public()]);
    let mut client = Client::plain(front.plain).await;
    let reply = client.ask("POST", "/loop", &[JSON], LIST.as_bytes()).await;
    assert_eq!((reply.status(), &*reply.reason()), (508, "loop"));
    let upstream = Upstream::ready().await;
    front.apply([Server::new("/a", &upstream.url("/")).public()]);
    let via = "1.1 other, 1.0 mcp-gateway, 2 mcp-gateway (x)";
    let fields = [JSON, ("via", via), ("via", "1.1 mcp-gateway")];
    let reply = client.ask("POST", "/a", &fields, LIST.as_bytes()).await;
    assert_eq!(reply.status(), 200);
    let passed = upstream.only_call().head.one("via").unwrap().to_owned();
    assert_eq!(passed, ["1.1 mcp-gateway"; 4].join(", "));
}
