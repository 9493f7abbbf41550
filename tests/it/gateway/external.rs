//! An external auth server: what it is asked, what its answers mean, and that nothing passes without
//! its 200.

use std::sync::Arc;
use std::time::Duration;

use mcp::gateway::external::Settings;

use super::client::{Client, Field, JSON, LIST, ask};
use super::upstream::{Call, Unanswering, Upstream, answer};
use crate::support::front::{Front, READER, Server, Setup, revoke};
use mcp::domain::policy::ADMIN_SCOPE;
use mcp::domain::secret::Secret;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read"}}"#;
const WRITE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"write"}}"#;
const YES: &str = "HTTP/1.1 200 OK\r\nx-user: eve%40example.org\r\nx-username: Eve\r\n\
    x-scopes: a/read b\r\nx-client-id: cli\r\nx-auth-method: self_signed\r\ncontent-length: 2\r\n\r\n{}";
/// A token that only the auth server knows.
const FOREIGN: Field<'static> = ("authorization", "Bearer known-elsewhere");

fn settings(url: &str, ttl: Duration) -> Settings {
    Settings {
        url: url.parse().unwrap(),
        token: None,
        ttl,
        limit: Duration::from_millis(600),
        recheck: Duration::from_secs(30),
    }
}

/// A gateway that asks there about each call, without a snapshot.
fn asking(url: &str, ttl: Duration) -> Front {
    Front::start(Setup {
        external: Some(settings(url, ttl)),
        ..Setup::default()
    })
}

/// The same with two servers and no policy: the verdict alone decides.
fn left_to_verdict(auth: &Upstream, upstream: &Upstream, ttl: Duration) -> Front {
    let front = asking(&auth.url(""), ttl);
    let servers = [
        Server::new("/team/a", &upstream.url("/mcp")),
        Server::new("/open", &upstream.url("/mcp")).public(),
        Server::new("/through", &upstream.url("/mcp")).passthrough(),
    ];
    front.apply_snapshot(servers.map(Server::into_entry), None);
    front
}

/// The same with a policy that must agree.
fn with_policy(auth: &Upstream, upstream: &Upstream) -> Front {
    let front = asking(&auth.url(""), Duration::ZERO);
    front.apply([Server::new("/team/a", &upstream.url("/mcp"))]);
    front
}

async fn called(front: &Front, fields: &[Field<'_>], message: &str) -> super::client::Reply {
    let fields = [&[JSON], fields].concat();
    ask(front.plain, "POST", "/team/a", &fields, message.as_bytes()).await
}

#[tokio::test]
async fn the_auth_server_is_told_what_is_called_and_by_whom_and_nothing_else() {
    let (auth, upstream) = (Upstream::answering(YES).await, Upstream::ready().await);
    let front = Front::start(Setup {
        external: Some(Settings {
            token: Some(Secret::new("our-own".to_owned())),
            ..settings(&auth.url(""), Duration::ZERO)
        }),
        ..Setup::default()
    });
    let servers = [Server::new("/team/a", &upstream.url("/mcp"))];
    front.apply_snapshot(servers.map(Server::into_entry), None);
    let fields = [
        JSON,
        ("x-authorization", "Bearer known-elsewhere"),
        ("authorization", "Bearer for-the-server"),
        ("cookie", "mcp_gateway_session=x"),
        ("x-original-url", "http://h/other"),
        ("x-body", "{}"),
        ("x-user", "root"),
        ("x-gateway-authorization", "Bearer forged"),
        ("x-forwarded-uri", "/other"),
    ];
    let message = "{\"jsonrpc\":\"2.0\",\r\n\"id\":1,\n\"method\":\"tools/list\"}";
    let reply = ask(
        front.plain,
        "POST",
        "/team/a/mcp?q=1",
        &fields,
        message.as_bytes(),
    )
    .await;
    assert_eq!(reply.status(), 200);
    let asked = auth.only_call();
    assert_eq!((asked.method(), asked.target()), ("GET", "/auth/validate"));
    assert!(asked.body.is_empty());
    let host = auth.address().to_string();
    let url = format!("http://{}/team/a/mcp?q=1", front.plain);
    let body = message.replace(['\r', '\n'], " ");
    let expected = [
        ("host", &*host),
        ("x-original-url", &url),
        ("x-original-method", "POST"),
        ("x-body", &body),
        ("x-authorization", "Bearer known-elsewhere"),
        ("x-gateway-authorization", "Bearer our-own"),
        ("accept-encoding", "identity"),
    ];
    for (name, value) in expected {
        assert_eq!(asked.head.one(name), Some(value), "{name}");
    }
    assert!(asked.head.one("x-request-id").is_some());
    assert_eq!(asked.head.fields.len(), expected.len() + 1, "{asked:?}");
    // What is sent on is what came.
    assert_eq!(upstream.only_call().body, message.as_bytes());
}

#[tokio::test]
async fn an_address_with_a_path_is_used_as_it_is() {
    let (auth, upstream) = (Upstream::answering(YES).await, Upstream::ready().await);
    let front = asking(&auth.url("/validate?from=gw"), Duration::ZERO);
    let servers = [Server::new("/team/a", &upstream.url("/mcp"))];
    front.apply_snapshot(servers.map(Server::into_entry), None);
    assert_eq!(called(&front, &[FOREIGN], LIST).await.status(), 200);
    assert_eq!(auth.only_call().target(), "/validate?from=gw");
}

#[tokio::test]
async fn without_a_policy_the_verdict_decides_and_names_the_caller() {
    let (auth, upstream) = (Upstream::answering(YES).await, Upstream::ready().await);
    let front = left_to_verdict(&auth, &upstream, Duration::ZERO);
    let ready = ask(front.plain, "GET", "/ready", &[], b"").await;
    assert_eq!(ready.status(), 200);
    for message in [LIST, CALL, WRITE] {
        assert_eq!(called(&front, &[FOREIGN], message).await.status(), 200);
    }
    let call = upstream.call(2).await;
    for (name, value) in [
        ("x-user", "Eve"),
        ("x-username", "Eve"),
        ("x-scopes", "a/read b"),
        ("x-auth-method", "external"),
        ("x-client-id", "cli"),
        ("x-server-name", "team/a"),
        ("x-tool-name", "write"),
    ] {
        assert_eq!(call.head.one(name), Some(value), "{name}");
    }
    assert_eq!(call.head.one("authorization"), None);
}

#[tokio::test]
async fn a_refusal_is_passed_on_with_what_the_auth_server_asks_for() {
    let challenge = "Bearer resource_metadata=\"https://h/.well-known/x\"";
    for (status, expected, reason, challenges) in [
        ("401 Unauthorized", 401, "unauthenticated", true),
        ("401 Unauthorized", 401, "unauthenticated", false),
        ("403 Forbidden", 403, "forbidden", true),
        ("403 Forbidden", 403, "forbidden", false),
    ] {
        let asks = if challenges {
            format!("www-authenticate: {challenge}\r\n")
        } else {
            String::new()
        };
        let said = format!("HTTP/1.1 {status}\r\n{asks}x-user: eve\r\ncontent-length: 0\r\n\r\n");
        let (auth, upstream) = (Upstream::answering(said).await, Upstream::ready().await);
        let front = left_to_verdict(&auth, &upstream, Duration::ZERO);
        let reply = called(&front, &[FOREIGN], LIST).await;
        assert_eq!((reply.status(), &*reply.reason()), (expected, reason));
        assert_eq!(reply.json()["id"], 1);
        let shown = match (challenges, expected) {
            (true, _) => Some(challenge),
            (false, 401) => Some("Bearer error=\"invalid_token\""),
            (false, _) => None,
        };
        assert_eq!(reply.head.one("www-authenticate"), shown);
        assert!(upstream.calls().is_empty());
    }
}

/// Answers that let nobody in.
fn unusable() -> Vec<(&'static str, Vec<u8>)> {
    let status = |status: &str| answer(status, "application/json", b"{}");
    let with =
        |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}content-length: 0\r\n\r\n").into_bytes();
    let huge = vec![b'x'; 200 * 1024];
    let name = "n".repeat(2_000);
    vec![
        ("201", status("201 Created")),
        ("204", b"HTTP/1.1 204 No Content\r\nx-user: eve\r\n\r\n".to_vec()),
        ("400", status("400 Bad Request")),
        ("404", status("404 Not Found")),
        ("407", status("407 Proxy Authentication Required")),
        ("413", status("413 Content Too Large")),
        ("429", status("429 Too Many Requests")),
        ("431", status("431 Request Header Fields Too Large")),
        ("500", status("500 Internal Server Error")),
        ("502", status("502 Bad Gateway")),
        ("503", status("503 Service Unavailable")),
        (
            "302",
            b"HTTP/1.1 302 Found\r\nlocation: /ok\r\nx-user: eve\r\ncontent-length: 0\r\n\r\n".to_vec(),
        ),
        (
            "307",
            b"HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"
                .to_vec(),
        ),
        ("101", b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n".to_vec()),
        ("garbage", b"\x00\x01 nonsense\r\n\r\n".to_vec()),
        ("another protocol", b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()),
        ("no head", b"HTTP/1.1 200".to_vec()),
        ("huge body", answer("200 OK", "text/plain", &huge)),
        ("huge head", with(&format!("x-big: {}\r\n", "x".repeat(200_000)))),
        ("short body", b"HTTP/1.1 200 OK\r\nx-user: eve\r\ncontent-length: 10\r\n\r\nabc".to_vec()),
        ("nobody", with("")),
        ("empty name", with("x-user: \r\n")),
        ("two names", with("x-user: eve\r\nx-user: root\r\n")),
        ("two scope fields", with("x-user: eve\r\nx-scopes: a\r\nx-scopes: b\r\n")),
        ("bare CR", with("x-user: eve\rx-scopes: root\r\n")),
        ("folded", with("x-user: eve\r\n x-scopes: root\r\n")),
        ("NUL", with("x-user: e\0ve\r\n")),
        ("escaped CRLF", with("x-user: eve%0d%0ax-scopes:%20root\r\n")),
        ("escaped NUL", with("x-user: eve%00\r\n")),
        ("not UTF-8", b"HTTP/1.1 200 OK\r\nx-user: \xff\xfe\r\ncontent-length: 0\r\n\r\n".to_vec()),
        ("long name", with(&format!("x-user: {name}\r\n"))),
        ("two lengths", b"HTTP/1.1 200 OK\r\nx-user: eve\r\ncontent-length: 0\r\ncontent-length: 1\r\n\r\n".to_vec()),
    ]
}

#[tokio::test]
async fn whatever_is_not_a_plain_yes_lets_nobody_in() {
    let upstream = Upstream::ready().await;
    for (what, said) in unusable() {
        let said: Arc<[u8]> = said.into();
        // Closed behind each answer, so that one that is cut off ends.
        let auth = Upstream::scripted(move |_, mut wire| {
            let said = Arc::clone(&said);
            async move {
                wire.send(&said).await.ok();
                None
            }
        })
        .await;
        let front = left_to_verdict(&auth, &upstream, Duration::from_mins(1));
        for _ in 0..2 {
            let reply = called(&front, &[FOREIGN], LIST).await;
            assert_eq!(reply.status(), 503, "{what}: {}", reply.text());
            assert_eq!(reply.reason(), "auth_unavailable", "{what}");
            assert!(reply.head.one("retry-after").is_some());
        }
        // An agreement that names nobody is one, for callers that the gateway knows itself.
        let is_agreement = matches!(what, "nobody" | "empty name");
        let asked = if is_agreement { 1 } else { 2 };
        assert!(
            auth.calls().len() >= asked,
            "{what}: trouble is not remembered"
        );
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_server_that_is_silent_slow_closing_or_away_lets_nobody_in() {
    let upstream = Upstream::ready().await;
    let closing = Upstream::scripted(|_, wire| async move {
        drop(wire);
        None
    })
    .await;
    let silent = Upstream::scripted(|_, wire| async move {
        let _held = wire;
        std::future::pending::<()>().await;
        None
    })
    .await;
    let half = Upstream::scripted(|_, mut wire| async move {
        let head = "HTTP/1.1 200 OK\r\nx-user: eve\r\ncontent-length: 5\r\n\r\nab";
        wire.send(head).await.ok()?;
        std::future::pending::<()>().await;
        None
    })
    .await;
    let unanswering = Unanswering::new().await;
    for url in [
        closing.url(""),
        silent.url(""),
        half.url(""),
        format!("http://{}", unanswering.address),
        "http://127.0.0.1:1".to_owned(),
        format!("https://{}", silent.address()),
    ] {
        let front = asking(&url, Duration::from_mins(1));
        let servers = [Server::new("/team/a", &upstream.url("/mcp"))];
        front.apply_snapshot(servers.map(Server::into_entry), None);
        let reply = called(&front, &[FOREIGN], LIST).await;
        assert_eq!(reply.status(), 503, "{url}");
        assert_eq!(reply.reason(), "auth_unavailable", "{url}");
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_policy_in_reach_must_agree() {
    let said = YES.replace("a/read b", READER);
    let (auth, upstream) = (Upstream::answering(said).await, Upstream::ready().await);
    let front = with_policy(&auth, &upstream);
    // The policy judges by the scopes that the answer names.
    assert_eq!(called(&front, &[FOREIGN], CALL).await.status(), 200);
    let refused = called(&front, &[FOREIGN], WRITE).await;
    assert_eq!((refused.status(), &*refused.reason()), (403, "forbidden"));
    // A token that the gateway can check itself stands for what it stands for here.
    let bearer = format!("Bearer {}", front.reader_token());
    let own = [("authorization", &*bearer)];
    assert_eq!(called(&front, &own, CALL).await.status(), 200);
    assert_eq!(called(&front, &own, WRITE).await.status(), 403);
    assert_eq!(
        upstream.call(1).await.head.one("x-user"),
        Some("Ann%20%C3%84")
    );
    let bearer = format!("Bearer {}", front.token());
    let admin = [("authorization", &*bearer)];
    assert_eq!(called(&front, &admin, WRITE).await.status(), 200);
}

#[tokio::test]
async fn the_auth_server_must_agree_to_what_the_policy_allows() {
    let no = answer("403 Forbidden", "application/json", b"{}");
    let (auth, upstream) = (Upstream::answering(no).await, Upstream::ready().await);
    let front = with_policy(&auth, &upstream);
    let bearer = format!("Bearer {}", front.token());
    assert_eq!(
        called(&front, &[("authorization", &bearer)], LIST)
            .await
            .status(),
        403
    );
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn no_agreement_brings_a_revoked_ended_or_forged_token_of_ours_back() {
    let said = YES.replace("a/read b", ADMIN_SCOPE);
    let (auth, upstream) = (Upstream::answering(said).await, Upstream::ready().await);
    let front = with_policy(&auth, &upstream);
    front.apply_with([Server::new("/team/a", &upstream.url("/mcp"))], |access| {
        revoke(access, "t1");
    });
    let forged = {
        let token = front.token();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let turned: String = signature.chars().rev().collect();
        format!("{signed}.{turned}")
    };
    for token in [
        front.issuer.token("t1", ADMIN_SCOPE),
        front.issuer.token_until("t2", ADMIN_SCOPE, 1_000),
        forged,
        format!("mcpk_{}", "0".repeat(90)),
    ] {
        let bearer = format!("Bearer {token}");
        let reply = called(&front, &[("authorization", &bearer)], LIST).await;
        assert_eq!(reply.status(), 401);
    }
    assert!(auth.calls().is_empty() && upstream.calls().is_empty());
}

#[tokio::test]
async fn a_verdict_is_remembered_for_the_same_caller_and_tool_only() {
    let (auth, upstream) = (Upstream::answering(YES).await, Upstream::ready().await);
    let front = left_to_verdict(&auth, &upstream, Duration::from_mins(10));
    let other = ("authorization", "Bearer known-elsewhere-too");
    for (credential, message, asked) in [
        (FOREIGN, LIST, 1),
        (FOREIGN, LIST, 1),
        (FOREIGN, CALL, 2),
        (FOREIGN, CALL, 2),
        (FOREIGN, WRITE, 3),
        (other, WRITE, 4),
        (FOREIGN, WRITE, 4),
    ] {
        assert_eq!(called(&front, &[credential], message).await.status(), 200);
        assert_eq!(auth.calls().len(), asked);
    }
    assert_eq!(upstream.calls().len(), 7);
    let front = left_to_verdict(&auth, &upstream, Duration::ZERO);
    for asked in 5..8 {
        assert_eq!(called(&front, &[FOREIGN], LIST).await.status(), 200);
        assert_eq!(auth.calls().len(), asked, "a time of 0 remembers nothing");
    }
}

#[tokio::test]
async fn one_question_serves_all_callers_that_wait_for_the_same() {
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    let opened = Arc::clone(&gate);
    let auth = Upstream::scripted(move |_, mut wire| {
        let gate = Arc::clone(&opened);
        async move {
            gate.acquire().await.ok()?.forget();
            wire.send(YES).await.ok()?;
            Some(wire)
        }
    })
    .await;
    let upstream = Upstream::ready().await;
    let front = Front::start(Setup {
        external: Some(Settings {
            limit: Duration::from_secs(20),
            ..settings(&auth.url(""), Duration::from_mins(1))
        }),
        ..Setup::default()
    });
    let servers = [Server::new("/team/a", &upstream.url("/mcp"))];
    front.apply_snapshot(servers.map(Server::into_entry), None);
    let mut clients = Vec::new();
    for _ in 0..8 {
        let mut client = Client::plain(front.plain).await;
        let fields = [JSON, FOREIGN];
        client
            .send("POST", "/team/a", &fields, LIST.as_bytes())
            .await
            .unwrap();
        clients.push(client);
    }
    auth.call(0).await;
    gate.add_permits(1);
    for mut client in clients {
        assert_eq!(client.reply("POST").await.unwrap().status(), 200);
    }
    assert_eq!(auth.calls().len(), 1);
}

#[tokio::test]
async fn connections_to_the_auth_server_are_kept() {
    let (auth, upstream) = (Upstream::answering(YES).await, Upstream::ready().await);
    let front = Front::start(Setup {
        external: Some(settings(&auth.url(""), Duration::ZERO)),
        workers: 1,
        ..Setup::default()
    });
    let servers = [Server::new("/team/a", &upstream.url("/mcp"))];
    front.apply_snapshot(servers.map(Server::into_entry), None);
    for _ in 0..5 {
        assert_eq!(called(&front, &[FOREIGN], LIST).await.status(), 200);
    }
    assert_eq!((auth.calls().len(), auth.connections()), (5, 1));
}

#[tokio::test]
async fn public_servers_are_nobodys_question() {
    let no = answer("403 Forbidden", "application/json", b"{}");
    let (auth, upstream) = (Upstream::answering(no).await, Upstream::ready().await);
    let front = left_to_verdict(&auth, &upstream, Duration::ZERO);
    let reply = ask(
        front.plain,
        "POST",
        "/open",
        &[JSON, FOREIGN],
        LIST.as_bytes(),
    )
    .await;
    assert_eq!(reply.status(), 200);
    assert!(auth.calls().is_empty());
    assert_eq!(upstream.only_call().head.one("authorization"), None);
}

#[tokio::test]
async fn a_message_too_long_for_a_field_is_refused_unasked() {
    let (auth, upstream) = (Upstream::answering(YES).await, Upstream::ready().await);
    let front = left_to_verdict(&auth, &upstream, Duration::ZERO);
    let message = |length: usize| {
        let rest = length - CALL.len() + 1;
        format!(
            "{}{}}}",
            CALL.strip_suffix("}").unwrap(),
            " ".repeat(rest - 1)
        )
    };
    let fits = message(32 * 1024);
    assert_eq!(fits.len(), 32 * 1024);
    assert_eq!(called(&front, &[FOREIGN], &fits).await.status(), 200);
    assert_eq!(auth.only_call().head.one("x-body"), Some(&*fits));
    let longer = called(&front, &[FOREIGN], &message(32 * 1024 + 1)).await;
    assert_eq!(longer.status(), 413);
    assert_eq!((auth.calls().len(), upstream.calls().len()), (1, 1));
}

#[tokio::test]
async fn what_nobody_reads_does_not_pass_by_a_verdict_alone() {
    let (auth, upstream) = (Upstream::answering(YES).await, Upstream::ready().await);
    let front = left_to_verdict(&auth, &upstream, Duration::ZERO);
    let socket = [
        FOREIGN,
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
    ];
    let reply = ask(front.plain, "GET", "/team/a", &socket, b"").await;
    assert_eq!(reply.status(), 403);
    let below = ask(
        front.plain,
        "POST",
        "/through/x",
        &[JSON, FOREIGN],
        LIST.as_bytes(),
    )
    .await;
    assert_eq!(below.status(), 403);
    assert!(upstream.calls().is_empty());
    let read = ask(
        front.plain,
        "POST",
        "/through",
        &[JSON, FOREIGN],
        LIST.as_bytes(),
    )
    .await;
    assert_eq!(read.status(), 200);
    let asked: Vec<Call> = auth.calls();
    assert_eq!(asked[2].head.one("x-body"), Some(LIST));
}

#[tokio::test]
async fn streams_and_sessions_belong_to_whom_the_auth_server_names() {
    let auth = Upstream::scripted(|call, mut wire| async move {
        let user = call.head.one("authorization").unwrap_or("none");
        let user = user.trim_start_matches("Bearer ");
        let said = format!("HTTP/1.1 200 OK\r\nx-user: {user}\r\ncontent-length: 0\r\n\r\n");
        wire.send(said).await.ok()?;
        Some(wire)
    })
    .await;
    let begun = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nmcp-session-id: s1\r\n\
        content-length: 36\r\n\r\n{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}";
    let upstream = Upstream::answering(begun).await;
    let front = left_to_verdict(&auth, &upstream, Duration::from_mins(1));
    let ann = ("authorization", "Bearer ann");
    let begun = called(&front, &[ann], LIST).await;
    let session = begun.head.one("mcp-session-id").unwrap().to_owned();
    assert_ne!(session, "s1");
    let in_it = |who| [JSON, who, ("mcp-session-id", &*session)];
    let own = ask(front.plain, "POST", "/team/a", &in_it(ann), LIST.as_bytes()).await;
    assert_eq!(own.status(), 200);
    assert_eq!(
        upstream.call(1).await.head.one("mcp-session-id"),
        Some("s1")
    );
    let bob = ("authorization", "Bearer bob");
    let other = ask(front.plain, "POST", "/team/a", &in_it(bob), LIST.as_bytes()).await;
    assert_eq!(other.status(), 404);
    let opened = ask(front.plain, "GET", "/team/a", &in_it(ann), b"").await;
    assert_eq!(opened.status(), 200);
    let asked = auth.calls().pop().unwrap();
    assert_eq!(asked.head.one("x-original-method"), Some("GET"));
    assert_eq!(asked.head.one("x-body"), None);
}

#[tokio::test]
async fn a_batch_is_judged_as_a_whole_and_read_before_it_is_asked_about() {
    let (auth, upstream) = (Upstream::answering(YES).await, Upstream::ready().await);
    let front = left_to_verdict(&auth, &upstream, Duration::ZERO);
    for (body, status) in [("{", 400), ("[]", 400), (r#"{"a":1,"a":2}"#, 400)] {
        assert_eq!(called(&front, &[FOREIGN], body).await.status(), status);
    }
    assert!(
        auth.calls().is_empty(),
        "what cannot be read is nobody's question"
    );
    let batch = format!("[{LIST},{}]", CALL.replace("\"id\":1", "\"id\":2"));
    assert_eq!(called(&front, &[FOREIGN], &batch).await.status(), 200);
    assert_eq!(auth.only_call().head.one("x-body"), Some(&*batch));
}
