//! Session ids of Streamable HTTP: bound to who was given them.

use super::client::{Client, JSON, LIST, Reply, ask};
use super::upstream::{Call, EVENTS, RESULT, Upstream, json};
use super::wire::Wire;
use crate::support::front::{Front, Server, Setup};

/// The id that the server gives.
const OWN: &str = "0f9a.~session/1";

fn with_id(ids: &[&str]) -> Vec<u8> {
    let fields: String = ids
        .iter()
        .flat_map(|id| ["\r\nmcp-session-id: ", *id])
        .collect();
    let answer = String::from_utf8(json(RESULT)).unwrap();
    answer
        .replacen("\r\n", &format!("{fields}\r\n"), 1)
        .into_bytes()
}

/// Gives an id to those that show none.
async fn server() -> Upstream {
    Upstream::scripted(|call: Call, mut wire: Wire| async move {
        let known = call.head.one("mcp-session-id").is_some();
        let answer = match (call.method(), known) {
            ("GET", _) => format!("{EVENTS}0\r\n\r\n").into_bytes(),
            (_, true) => json(RESULT),
            (_, false) => with_id(&[OWN]),
        };
        wire.send(answer).await.ok()?;
        Some(wire)
    })
    .await
}

fn bearer(front: &Front, user: &str) -> String {
    format!("Bearer {}", front.issuer.token_of(user))
}

async fn ask_with(
    front: &Front,
    method: &str,
    target: &str,
    token: &str,
    fields: &[(&str, &str)],
) -> Reply {
    let fields = [&[JSON, ("authorization", token)], fields].concat();
    let body = if method == "POST" { LIST } else { "" };
    ask(front.plain, method, target, &fields, body.as_bytes()).await
}

/// A session of `user`, as the client knows it.
async fn begin(front: &Front, target: &str, token: &str) -> String {
    let reply = ask_with(front, "POST", target, token, &[]).await;
    assert_eq!(reply.status(), 200);
    reply.head.one("mcp-session-id").unwrap().to_owned()
}

#[tokio::test]
async fn a_session_goes_on_at_every_replica_and_the_server_sees_its_own_id() {
    let upstream = server().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/mcp"))]);
    let other = Front::start(Setup::default());
    other.apply_with([Server::new("/a", &upstream.url("/mcp"))], |access| {
        access.trust = front.issuer.trust.clone();
    });
    let token = bearer(&front, "ann");
    let id = begin(&front, "/a", &token).await;
    assert_ne!(id, OWN);
    assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
    let session = [("mcp-session-id", id.as_str())];
    let resuming = [session[0], ("last-event-id", "e-7")];
    for gateway in [&front, &other] {
        for (method, fields) in [
            ("POST", &session[..]),
            ("GET", &resuming),
            ("DELETE", &session),
        ] {
            let reply = ask_with(gateway, method, "/a/mcp", &token, fields).await;
            assert_eq!(reply.status(), 200, "{method}");
            let call = upstream.calls().pop().unwrap();
            assert_eq!(call.method(), method);
            assert_eq!(call.head.one("mcp-session-id"), Some(OWN));
            let event = (method == "GET").then_some("e-7");
            assert_eq!(call.head.one("last-event-id"), event);
        }
    }
}

#[tokio::test]
async fn a_session_of_another_caller_or_server_is_a_404_and_reaches_nobody() {
    let upstream = server().await;
    let url = upstream.url("/mcp");
    let front = Front::routing([Server::new("/a", &url), Server::new("/b", &url)]);
    let (ann, bob) = (bearer(&front, "ann"), bearer(&front, "bob"));
    let id = begin(&front, "/a", &ann).await;
    let (cut, _) = id.split_at(id.len() - 1);
    for (target, token, id) in [
        ("/a", &bob, id.as_str()),
        ("/b", &ann, id.as_str()),
        ("/a", &ann, cut),
        ("/a", &ann, OWN),
        ("/a", &ann, "x"),
    ] {
        for method in ["POST", "GET", "DELETE"] {
            let fields = [("mcp-session-id", id), ("last-event-id", "e-7")];
            let reply = ask_with(&front, method, target, token, &fields).await;
            assert_eq!(
                (reply.status(), &*reply.reason()),
                (404, "session_not_found")
            );
        }
    }
    // Events are somebody's: without a session nobody can be told to be that one.
    let reply = ask_with(&front, "GET", "/a", &ann, &[("last-event-id", "e-7")]).await;
    assert_eq!(
        (reply.status(), &*reply.reason()),
        (404, "session_not_found")
    );
    assert_eq!(upstream.calls().len(), 1);
}

#[tokio::test]
async fn a_public_servers_ids_pass_as_they_are() {
    let upstream = server().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/mcp")).public()]);
    let id = begin(&front, "/a", "").await;
    assert_eq!(id, OWN);
    let fields = [("mcp-session-id", "any"), ("last-event-id", "e-7")];
    assert_eq!(
        ask_with(&front, "GET", "/a", "", &fields).await.status(),
        200
    );
    let call = upstream.call(1).await;
    assert_eq!(call.head.one("mcp-session-id"), Some("any"));
    assert_eq!(call.head.one("last-event-id"), Some("e-7"));
}

#[tokio::test]
async fn an_id_is_learned_from_any_answer_and_only_if_it_is_one() {
    for (status, ids, wanted) in [
        ("400 Bad", &["s"][..], 400),
        ("200 OK", &["a", "b"], 502),
        ("200 OK", &["a b"], 502),
        ("200 OK", &[""], 502),
    ] {
        let answer = String::from_utf8(with_id(ids)).unwrap();
        let upstream = Upstream::answering(answer.replace("200 OK", status)).await;
        let front = Front::routing([Server::new("/a", &upstream.url("/mcp"))]);
        let token = bearer(&front, "ann");
        let reply = ask_with(&front, "POST", "/a", &token, &[]).await;
        assert_eq!(reply.status(), wanted, "{ids:?}");
        if wanted == 400 {
            let id = reply.head.one("mcp-session-id").unwrap();
            assert_eq!(id.rsplit('.').next(), Some("s"));
        }
    }
}

#[tokio::test]
async fn requests_of_the_era_without_sessions_carry_none() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/mcp"))]);
    let token = bearer(&front, "ann");
    let message = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
    let fields = [
        JSON,
        ("authorization", token.as_str()),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/list"),
        ("mcp-session-id", "stray"),
        ("last-event-id", "e-7"),
    ];
    let mut client = Client::plain(front.plain).await;
    let reply = client.ask("POST", "/a", &fields, message.as_bytes()).await;
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let call = upstream.only_call();
    assert_eq!(call.head.one("mcp-session-id"), None);
    assert_eq!(call.head.one("last-event-id"), None);
}

#[tokio::test]
async fn another_key_ends_all_sessions() {
    let upstream = server().await;
    let server = Server::new("/a", &upstream.url("/mcp"));
    let front = Front::routing([server.clone()]);
    let token = bearer(&front, "ann");
    let id = begin(&front, "/a", &token).await;
    let session = [("mcp-session-id", id.as_str())];
    front.apply([server.clone()]);
    assert_eq!(
        ask_with(&front, "POST", "/a", &token, &session)
            .await
            .status(),
        200
    );
    front.apply_with([server], |access| {
        access.session_key = mcp::catalog::SessionKey(mcp::domain::secret::Secret::new([8; 32]));
    });
    assert_eq!(
        ask_with(&front, "POST", "/a", &token, &session)
            .await
            .status(),
        404
    );
}
