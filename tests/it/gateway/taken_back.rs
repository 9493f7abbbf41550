//! What an external auth server takes back reaches what is open.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcp::gateway::external::Settings;

use super::client::{Client, Field, JSON};
use super::rights::{Begun, call, end, waiting};
use super::upstream::{Upstream, answer};
use super::wire::soon;
use crate::support::front::{Front, Server, Setup};

/// Seconds between two questions about what is open.
const RECHECK: i64 = 30;

/// What [`Bench::begin`] begins is about so many questions: GET, and one tool.
const KINDS: usize = 2;

/// An auth server that says what the test says.
struct Auth {
    said: Arc<Mutex<Vec<u8>>>,
    server: Upstream,
}

impl Auth {
    async fn agreeing() -> Self {
        let said = Arc::new(Mutex::new(yes("eve")));
        let saying = Arc::clone(&said);
        let server = Upstream::scripted(move |_, mut wire| {
            let said = saying.lock().unwrap().clone();
            async move {
                wire.send(&said).await.ok()?;
                Some(wire)
            }
        })
        .await;
        Self { said, server }
    }

    fn says(&self, said: Vec<u8>) {
        *self.said.lock().unwrap() = said;
    }

    fn asked(&self) -> usize {
        self.server.calls().len()
    }
}

fn yes(user: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nx-user: {user}\r\ncontent-length: 2\r\n\r\n{{}}").into_bytes()
}

fn status(status: &str) -> Vec<u8> {
    answer(status, "application/json", b"{}")
}

/// Something under way at `/a` of a gateway that asks there.
struct Bench {
    auth: Auth,
    upstream: Upstream,
    front: Front,
    token: String,
}

impl Bench {
    /// With the gateway's own policy beside the verdict, or without.
    async fn new(policy: bool, ttl: Duration) -> Self {
        let (auth, upstream) = (Auth::agreeing().await, waiting().await);
        let front = Front::start(Setup {
            external: Some(Settings {
                url: auth.server.url("").parse().unwrap(),
                token: None,
                ttl,
                limit: Duration::from_secs(5),
                recheck: Duration::from_secs(RECHECK.unsigned_abs()),
            }),
            ..Setup::default()
        });
        let server = Server::new("/a", &upstream.url("/mcp"));
        let token = if policy {
            front.apply([server]);
            format!("Bearer {}", front.token())
        } else {
            front.apply_snapshot([server.into_entry()], None);
            "Bearer known-elsewhere".to_owned()
        };
        Self {
            auth,
            upstream,
            front,
            token,
        }
    }

    async fn send(&self, method: &str, more: &[Field<'_>], body: &str) -> Client {
        let mut client = Client::plain(self.front.plain).await;
        let fields = [&[JSON, ("authorization", self.token.as_str())], more].concat();
        let sent = client.send(method, "/a", &fields, body.as_bytes()).await;
        sent.unwrap();
        client
    }

    async fn stream(&self) -> Begun {
        let mut client = self.send("GET", &[], "").await;
        assert_eq!(client.head().await.word(1), "200");
        soon(client.wire.chunk()).await.unwrap().unwrap();
        Begun::Stream(client)
    }

    /// A stream, a call that waits, half an answer, and a tunnel where one may be opened.
    async fn begin(&self, tunnel: bool) -> Vec<Begun> {
        let mut begun = vec![self.stream().await];
        let mut client = self.send("POST", &[], &call("partly")).await;
        assert_eq!(client.head().await.word(1), "200");
        begun.push(Begun::Answer(client));
        if tunnel {
            let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
            let mut client = self.send("GET", &upgrade, "").await;
            assert_eq!(client.head().await.word(1), "101");
            begun.push(Begun::Tunnel(client));
        }
        begun.push(Begun::Call(self.send("POST", &[], &call("never")).await));
        self.upstream.call(begun.len() - 1).await;
        begun
    }

    /// Lets time pass, and waits for questions that it brings and until their answers are taken.
    async fn pass(&self, seconds: i64, questions: usize) {
        let asked = self.auth.asked();
        self.front.clock.advance(seconds);
        for number in 0..questions {
            soon(self.auth.server.call(asked + number)).await;
        }
        soon(async {
            while !self.front.gateway.due_verdicts().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn a_refusal_ends_everything_under_way() {
    for (policy, said, expected) in [
        (true, "401 Unauthorized", 401),
        (true, "403 Forbidden", 403),
        (false, "401 Unauthorized", 401),
        (false, "403 Forbidden", 403),
    ] {
        let bench = Bench::new(policy, Duration::ZERO).await;
        let begun = bench.begin(policy).await;
        assert_eq!(bench.auth.asked(), begun.len());
        bench.auth.says(status(said));
        bench.front.clock.advance(RECHECK);
        soon(end(begun, expected)).await;
    }
}

#[tokio::test]
async fn the_question_is_the_one_that_was_agreed_to() {
    let bench = Bench::new(false, Duration::ZERO).await;
    let begun = Begun::Call(bench.send("POST", &[], &call("never")).await);
    let first = bench.auth.server.call(0).await;
    bench.upstream.call(0).await;
    // What takes longer than a moment is asked about again, and not before its time.
    bench.pass(RECHECK - 1, 0).await;
    bench.pass(1, 1).await;
    let again = bench.auth.server.call(1).await;
    assert_eq!(again.head.fields, first.head.fields);
    assert_eq!(
        (again.method(), again.target()),
        (first.method(), first.target())
    );
    bench.auth.says(status("403 Forbidden"));
    bench.front.clock.advance(RECHECK);
    soon(end(vec![begun], 403)).await;
}

#[tokio::test]
async fn a_server_that_stumbles_ends_nothing_and_one_that_stays_away_does() {
    let bench = Bench::new(true, Duration::ZERO).await;
    let begun = bench.begin(true).await;
    bench.auth.says(status("500 Internal Server Error"));
    bench.pass(RECHECK, KINDS).await;
    // It is asked again soon, and agrees: from then on time counts anew.
    bench.auth.says(yes("eve"));
    bench.pass(5, KINDS).await;
    bench.pass(RECHECK, KINDS).await;
    bench.auth.says(status("403 Forbidden"));
    bench.front.clock.advance(RECHECK);
    soon(end(begun, 403)).await;

    let bench = Bench::new(true, Duration::ZERO).await;
    let begun = bench.begin(true).await;
    bench.auth.says(status("500 Internal Server Error"));
    bench.pass(RECHECK, KINDS).await;
    bench.front.clock.advance(RECHECK);
    soon(end(begun, 503)).await;
}

#[tokio::test]
async fn an_agreement_for_somebody_else_is_none() {
    let bench = Bench::new(false, Duration::ZERO).await;
    let begun = bench.begin(false).await;
    bench.auth.says(yes("mallory"));
    bench.front.clock.advance(RECHECK);
    soon(end(begun, 401)).await;
}

#[tokio::test]
async fn streams_of_one_question_are_asked_about_once() {
    let bench = Bench::new(false, Duration::ZERO).await;
    let mut begun = Vec::new();
    for _ in 0..5 {
        begun.push(bench.stream().await);
    }
    assert_eq!(bench.auth.asked(), 5);
    bench.auth.says(status("403 Forbidden"));
    bench.front.clock.advance(RECHECK);
    soon(end(begun, 403)).await;
    assert_eq!(bench.auth.asked(), 6);
}

#[tokio::test]
async fn what_is_remembered_does_not_outlive_the_question() {
    for (said, code) in [("403 Forbidden", "403"), ("401 Unauthorized", "401")] {
        let bench = Bench::new(false, Duration::from_mins(10)).await;
        let begun = vec![bench.stream().await, bench.stream().await];
        assert_eq!(bench.auth.asked(), 1, "remembered");
        bench.auth.says(status(said));
        bench.front.clock.advance(RECHECK);
        soon(end(begun, 0)).await;
        let mut refused = bench.send("GET", &[], "").await;
        assert_eq!(refused.head().await.word(1), code);
    }
}
