//! Generated attempts to bring an identity along, at any gateway: by spelling, place, number,
//! protocol and kind of server. What a recording server received is judged, not what was answered.
//!
//! Start with [`Bench`].

use std::net::SocketAddr;

use super::client::{Client, Field, H2, JSON, LIST};
use super::upstream::{Call, Upstream, chunk, json};
use super::wire::soon;

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
/// Everything of the identity family that a caller may try to bring.
pub(crate) const FORGED: &[Field<'static>] = &[
    ("X-User", "root"),
    ("x-user", "root"),
    ("X-USERNAME", "root"),
    ("X-Scopes", "forged-scope"),
    ("x-Auth-Method", "magic"),
    ("X-Auth-Request-Email", "root@example.org"),
    ("X-Client-Id", "root"),
    ("X-Server-Name", "other"),
    ("X-Tool-Name", "other"),
    ("X-MCP-Identity", "e30.e30.e30"),
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Proto", "gopher"),
    ("X-Forwarded-Prefix", "/evil"),
    ("X-Forwarded-User", "root"),
    ("Forwarded", "for=6.6.6.6"),
    ("X-Real-IP", "6.6.6.6"),
    ("X-Original-URL", "/admin"),
    ("X-Rewrite-URL", "/admin"),
    ("X-Remote-User", "root"),
    ("Remote-User", "root"),
    ("X-Groups", "root"),
    ("X-Request-ID", "forged"),
    ("X-Gateway-Authorization", "Bearer forged"),
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

/// A gateway under attack that has the private `/team/a`, the public `/pub` and `/through`, which
/// passes its sub-paths on, all three at a server that [`recording`] made.
pub(crate) struct Bench {
    upstream: Upstream,
    address: SocketAddr,
    bearer: String,
    /// What a server is told of the caller, each once.
    ours: Vec<Field<'static>>,
    client: Client,
    looked_at: usize,
    /// Attempts so far that were let through, without what they brought.
    pub(crate) sent: usize,
}

/// Answers everything, and keeps what it got.
pub(crate) async fn recording() -> Upstream {
    Upstream::scripted(|call, mut wire| async move {
        if call.head.one("upgrade").is_some() {
            wire.send(SWITCHING).await.ok()?;
            return None;
        }
        wire.send(json("{}")).await.ok()?;
        Some(wire)
    })
    .await
}

impl Bench {
    /// With a token that may do everything there; what arrived before is not judged.
    pub(crate) async fn new(
        upstream: Upstream,
        address: SocketAddr,
        token: &str,
        ours: &[Field<'static>],
    ) -> Self {
        Self {
            looked_at: upstream.calls().len(),
            upstream,
            address,
            bearer: format!("Bearer {token}"),
            ours: ours.to_vec(),
            client: Client::plain(address).await,
            sent: 0,
        }
    }

    /// Nothing forged is in what the server received since, and what is ours stands there once.
    #[track_caller]
    fn judge(&mut self, kind: Kind, what: &dyn std::fmt::Debug) {
        let calls = self.upstream.calls();
        let new = &calls[self.looked_at..];
        self.looked_at = calls.len();
        self.sent += 1;
        assert!(!new.iter().any(holds_mark), "{what:?}: {new:?}");
        // A registry may look at the server by itself.
        let mut proxied = new.iter().filter(|call| call.head.one("via").is_some());
        self.clean(proxied.next().unwrap(), kind, what);
        assert!(proxied.next().is_none(), "{what:?}");
    }

    #[track_caller]
    fn clean(&self, call: &Call, kind: Kind, what: &dyn std::fmt::Debug) {
        for (name, value) in &self.ours {
            let expected = (kind != Kind::Public || *name == "x-forwarded-for").then_some(*value);
            assert_eq!(call.head.one(name), expected, "{what:?} {name}");
        }
        assert_eq!(call.head.one("via"), Some("1.1 mcp-gateway"), "{what:?}");
        for name in ["authorization", "x-authorization", "trailer"] {
            assert_eq!(call.head.one(name), None, "{what:?} {name}");
        }
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
            let mut client = Client::plain(self.address).await;
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

    /// Every spelling at the private server, one of them at each other kind.
    pub(crate) async fn over_http_1(&mut self) {
        for name in names() {
            for (at, way) in Way::all().enumerate() {
                for (nth, spelled) in spellings(name).iter().enumerate() {
                    // Every spelling at a private server, one of them at each other kind.
                    for kind in Kind::ALL {
                        if kind == Kind::Private || nth == at % 4 {
                            self.try_h1(kind, spelled, way).await;
                        }
                    }
                }
            }
        }
    }

    pub(crate) async fn over_http_2(&mut self) {
        let mut h2 = H2::plain(self.address).await;
        let bearer = self.bearer.clone();
        let own = [JSON, ("authorization", bearer.as_str())];
        for name in names().map(str::to_lowercase) {
            for way in Way::all().filter(|way| !way.named_by_connection) {
                for kind in [Kind::Private, Kind::Public, Kind::Below] {
                    let fields = way.fields(&own, &name, "");
                    let answer = h2.ask("POST", kind.target(), &fields, LIST.as_bytes());
                    assert_eq!(answer.await.0, 200, "{name}");
                    self.judge(kind, &(kind, &name, way));
                }
            }
        }
    }

    pub(crate) async fn in_trailers(&mut self) {
        for name in names() {
            for kind in [Kind::Private, Kind::Public, Kind::Below] {
                let body = [chunk(LIST), b"0\r\n".to_vec()].concat();
                let body = String::from_utf8(body).unwrap();
                let request = format!(
                    "POST {} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: {}\r\ntrailer: {name}\r\ntransfer-encoding: chunked\r\n\r\n{body}{name}: {MARK}\r\n\r\n",
                    kind.target(),
                    self.bearer,
                );
                self.client.wire.send(request).await.unwrap();
                assert_eq!(self.client.reply("POST").await.unwrap().status(), 200);
                self.judge(kind, &(kind, name));
            }
        }
    }

    /// These are refused; nothing of them arrives.
    pub(crate) async fn with_underscores(&self) {
        for name in names().map(|name| name.replace('-', "_")) {
            if !name.contains('_') {
                continue;
            }
            for kind in Kind::ALL {
                let own = [
                    JSON,
                    ("authorization", self.bearer.as_str()),
                    (&*name, MARK),
                ];
                let mut client = Client::plain(self.address).await;
                let asked = client.ask("POST", kind.target(), &own, LIST.as_bytes());
                assert_eq!(soon(asked).await.status(), 400, "{name}");
            }
        }
        let calls = self.upstream.calls();
        assert!(!calls.iter().any(holds_mark), "{calls:?}");
    }
}

fn holds_mark(call: &Call) -> bool {
    let head = format!("{:?}", call.head).to_ascii_lowercase();
    head.contains(MARK) || String::from_utf8_lossy(&call.body).contains(MARK)
}
