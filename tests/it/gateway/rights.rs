//! What was begun ends with the right to it: streams, tunnels, and calls that take their time.

use std::collections::BTreeSet;

use mcp::catalog::snapshot::Access;
use mcp::domain::policy::{Names, Policy, Rules, ScopeRules, ServerRule};
use mcp::domain::time::Timestamp;

use super::client::{Client, Field, JSON, LIST};
use super::upstream::{EVENTS, Upstream, chunk, json};
use super::wire::soon;
use crate::support::front::{Front, NOW, Server, Setup, revoke};

const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n";

/// Streams what is asked for by GET, opens tunnels, answers `"partly"` with half of an answer and
/// other calls never.
pub(super) async fn waiting() -> Upstream {
    Upstream::scripted(move |call, mut wire| async move {
        let asks = |text: &[u8]| call.body.windows(text.len()).any(|part| part == text);
        if call.head.one("upgrade").is_some() {
            wire.send(SWITCHING).await.ok()?;
        } else if call.method() == "GET" || asks(b"\"stream\"") {
            wire.send(EVENTS).await.ok()?;
            wire.send(chunk("data: {}\n\n")).await.ok()?;
        } else if asks(b"\"partly\"") {
            let answer = json("{\"jsonrpc\":\"2.0\"}");
            wire.send(&answer[..answer.len() - 1]).await.ok()?;
        }
        wire.rest().await;
        None
    })
    .await
}

fn rules(scope: &[(&str, &[&str])]) -> Rules {
    let named = |names: &[&str]| {
        if names == ["*"] {
            Names::All
        } else {
            Names::Only(names.iter().map(ToString::to_string).collect())
        }
    };
    let [methods, tools] = ["methods", "tools"].map(|part| {
        let (_, given) = scope.iter().find(|(name, _)| *name == part).unwrap();
        named(given)
    });
    let rule = ServerRule {
        servers: Names::All,
        methods,
        tools,
    };
    let mut rules = Rules::default();
    let scope = ScopeRules {
        servers: vec![rule],
        ..ScopeRules::default()
    };
    rules.scopes.insert("some".to_owned(), scope);
    rules
}

fn allow(access: &mut Access, methods: &[&str], tools: &[&str]) {
    access.policy = Policy::new(rules(&[("methods", methods), ("tools", tools)]));
}

pub(super) fn call(id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{{"name":"a"}}}}"#)
}

/// Something that is under way, and how its end looks.
pub(super) enum Begun {
    Stream(Client),
    Tunnel(Client),
    /// No head yet.
    Call(Client),
    /// Half of an answer is there.
    Answer(Client),
}

struct Bench {
    upstream: Upstream,
    front: Front,
    server: Server,
    token: String,
}

impl Bench {
    async fn new(methods: &[&str], tools: &[&str]) -> Self {
        let upstream = waiting().await;
        let server = Server::new("/a", &upstream.url("/mcp"));
        let front = Front::routing([]);
        front.apply_with([server.clone()], |access| allow(access, methods, tools));
        let token = format!(
            "Bearer {}",
            front.issuer.token_until("t1", "some", NOW + 60)
        );
        Self {
            upstream,
            front,
            server,
            token,
        }
    }

    async fn send(&self, method: &str, more: &[Field<'_>], body: &str) -> Client {
        let mut client = Client::plain(self.front.plain).await;
        let fields = [&[JSON, ("authorization", self.token.as_str())], more].concat();
        client
            .send(method, "/a", &fields, body.as_bytes())
            .await
            .unwrap();
        client
    }

    /// Everything that this caller may begin.
    async fn begin(&self, everything: bool) -> Vec<Begun> {
        let served = self.upstream.calls().len();
        let mut begun = Vec::new();
        for (method, body) in [("GET", String::new()), ("POST", call("stream"))] {
            let mut client = self.send(method, &[], &body).await;
            assert_eq!(client.head().await.word(1), "200");
            soon(client.wire.chunk()).await.unwrap().unwrap();
            begun.push(Begun::Stream(client));
        }
        if everything {
            let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
            let mut client = self.send("GET", &upgrade, "").await;
            assert_eq!(client.head().await.word(1), "101");
            begun.push(Begun::Tunnel(client));
            let mut client = self.send("POST", &[], &call("partly")).await;
            assert_eq!(client.head().await.word(1), "200");
            begun.push(Begun::Answer(client));
        }
        begun.push(Begun::Call(self.send("POST", &[], &call("never")).await));
        self.upstream.call(served + begun.len() - 1).await;
        begun
    }
}

/// All of them end, calls with this status.
pub(super) async fn end(begun: Vec<Begun>, status: u16) {
    for one in begun {
        match one {
            Begun::Stream(mut client) => {
                assert_eq!(soon(client.wire.chunk()).await.unwrap(), None);
            }
            Begun::Tunnel(mut client) => assert!(soon(client.wire.rest()).await.is_empty()),
            Begun::Answer(mut client) => {
                let rest = soon(client.wire.rest()).await;
                assert!(!rest.ends_with(b"}"), "it must not look complete");
            }
            Begun::Call(mut client) => {
                let reply = client.reply("POST").await.unwrap();
                assert_eq!(reply.status(), status, "{}", reply.text());
                assert_eq!(reply.json()["id"], "never");
            }
        }
    }
}

type Change = fn(&mut Access);

#[tokio::test]
async fn everything_under_way_ends_when_the_token_or_the_right_does() {
    let cases: [(&str, u16, Change); 6] = [
        ("the token is revoked", 401, |access| revoke(access, "t1")),
        ("the user is disabled", 401, |access| {
            let moment = Timestamp::from_unix(NOW);
            access.trust.not_before.insert("ann".to_owned(), moment);
        }),
        ("the key is no longer trusted", 401, |access| {
            access.trust.keys[0].kid = "k2".to_owned();
        }),
        ("another issuer", 401, |access| {
            access.trust.issuer = "other".into();
        }),
        ("the scope is gone", 403, |access| {
            access.policy = Policy::default();
        }),
        ("one tool less", 403, |access| {
            allow(access, &["*"], &["a", "b"]);
        }),
    ];
    for (case, status, change) in cases {
        let bench = Bench::new(&["*"], &["*"]).await;
        let begun = bench.begin(true).await;
        bench.front.apply_with([bench.server.clone()], |access| {
            allow(access, &["*"], &["*"]);
            change(access);
        });
        soon(end(begun, status)).await;
        println!("{case}: ended");
    }
}

#[tokio::test]
async fn everything_under_way_ends_with_its_server_and_with_its_token() {
    let bench = Bench::new(&["*"], &["*"]).await;
    let begun = bench.begin(true).await;
    bench.front.apply([]);
    end(begun, 404).await;
    let bench = Bench::new(&["*"], &["*"]).await;
    let begun = bench.begin(true).await;
    bench.front.clock.advance(61);
    end(begun, 401).await;
}

#[tokio::test]
async fn a_lost_tool_or_method_ends_what_was_begun_and_a_gained_one_does_not() {
    for (methods, tools) in [
        (&["tools/call"][..], &["a", "b"][..]),
        (&["tools/call", "tools/list"], &["a"]),
        (&["tools/call", "tools/list"], &[]),
    ] {
        let bench = Bench::new(&["tools/call", "tools/list"], &["a", "b"]).await;
        let begun = bench.begin(false).await;
        let server = || [bench.server.clone()];
        for wider in [&["a", "b"][..], &["a", "b", "c"], &["*"], &["b", "a"]] {
            bench.front.apply_with(server(), |access| {
                allow(access, &["prompts/get", "tools/call", "tools/list"], wider);
            });
            assert_eq!(bench.front.gateway.streams.len(), 2);
        }
        bench
            .front
            .apply_with(server(), |access| allow(access, methods, tools));
        soon(end(begun, 403)).await;
    }
}

#[tokio::test]
async fn rights_by_group_count_like_others() {
    let bench = Bench::new(&["*"], &["*"]).await;
    let begun = bench.begin(true).await;
    // The scope is there, but stands for nothing any more; a group gives what it gave to others.
    bench.front.apply_with([bench.server.clone()], |access| {
        let mut rules = rules(&[("methods", &["*"]), ("tools", &["*"])]);
        let scope = rules.scopes.remove("some").unwrap();
        rules.scopes.insert("other".to_owned(), scope);
        let scopes = BTreeSet::from(["other".to_owned()]);
        rules.groups.insert("people".to_owned(), scopes);
        access.policy = Policy::new(rules);
    });
    soon(end(begun, 403)).await;
}

#[tokio::test]
async fn a_message_that_came_slowly_is_judged_by_what_holds_at_its_end() {
    let bench = Bench::new(&["*"], &["*"]).await;
    let mut client = Client::plain(bench.front.plain).await;
    let head = format!(
        "POST /a HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{{",
        bench.token,
        LIST.len(),
    );
    client.wire.send(head).await.unwrap();
    soon(async {
        while bench.front.gateway.calls.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    bench.front.apply_with([bench.server.clone()], |access| {
        allow(access, &["*"], &["*"]);
        revoke(access, "t1");
    });
    assert_eq!(client.reply("POST").await.unwrap().status(), 401);
    assert!(bench.upstream.calls().is_empty());
}

#[tokio::test]
async fn calls_and_streams_of_a_caller_have_limits_where_they_are_set() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        if call.method() == "GET" {
            wire.send(EVENTS).await.ok()?;
            wire.rest().await;
            return None;
        }
        wire.send(json("{}")).await.ok()?;
        Some(wire)
    })
    .await;
    let mut setup = Setup::default();
    setup.limits.calls_per_minute = 1;
    setup.limits.calls_burst = 4;
    setup.limits.streams_per_caller = 1;
    let front = Front::start(setup);
    let url = upstream.url("/mcp");
    front.apply([Server::new("/a", &url), Server::new("/b", &url)]);
    let [ann, bob] = ["ann", "bob"].map(|user| format!("Bearer {}", front.issuer.token_of(user)));
    let mut client = Client::plain(front.plain).await;
    let mut post = async |token: &str, target: &str, body: &str| {
        let fields = [JSON, ("authorization", token)];
        client.ask("POST", target, &fields, body.as_bytes()).await
    };
    // A batch counts for what is in it.
    assert_eq!(
        post(&ann, "/a", &format!("[{LIST},{LIST},{LIST}]"))
            .await
            .status(),
        200
    );
    assert_eq!(post(&ann, "/a", LIST).await.status(), 200);
    let refused = post(&ann, "/a", LIST).await;
    assert_eq!(
        (refused.status(), &*refused.reason()),
        (429, "too_many_calls")
    );
    let wait = refused.head.one("retry-after").unwrap().parse::<u64>();
    assert!((1..=61).contains(&wait.unwrap()));
    assert_eq!(post(&bob, "/a", LIST).await.status(), 200);
    assert_eq!(post(&ann, "/b", LIST).await.status(), 200);
    let open = async || {
        let mut client = Client::plain(front.plain).await;
        let fields = [("authorization", ann.as_str())];
        client.send("GET", "/b", &fields, b"").await.unwrap();
        let status = client.head().await.word(1).to_owned();
        (client, status)
    };
    let (first, status) = open().await;
    assert_eq!(status, "200");
    assert_eq!(open().await.1, "429");
    drop(first);
    soon(async {
        while !front.gateway.streams.is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(open().await.1, "200");
}
