//! The policy on tools, wherever they are named: in calls and in lists.

use std::sync::Arc;

use tokio::sync::Notify;

use super::client::{Client, Field, JSON, LIST, Reply, ask};
use super::upstream::{EVENTS, Upstream, answer, chunk, json};
use super::wire::{Head, soon};
use crate::support::front::{Front, Server};

/// Three tools of which a reader may use one.
const TOOLS: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"write","x":{"name":"read"}}, {"name":"read"} ,{"name":"READ"}],"nextCursor":"c"}}"#;
const READERS: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"read"}],"nextCursor":"c"}}"#;

fn events(data: &[&str]) -> Vec<u8> {
    let chunks = data
        .iter()
        .flat_map(|data| chunk(format!("id: 7\ndata: {data}\n\n")));
    EVENTS.bytes().chain(chunks).chain(*b"0\r\n\r\n").collect()
}

async fn front(served: impl Into<Vec<u8>>) -> (Upstream, Front) {
    let upstream = Upstream::answering(served).await;
    let url = upstream.url("/mcp");
    let front = Front::routing([
        Server::new("/a", &url),
        Server::new("/through", &url).passthrough(),
        Server::new("/pub", &url).public(),
    ]);
    (upstream, front)
}

async fn asked(front: &Front, token: &str, method: &str, target: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    let fields = [JSON, ("authorization", bearer.as_str())];
    let body = if method == "POST" { LIST } else { "" };
    ask(front.plain, method, target, &fields, body.as_bytes()).await
}

#[tokio::test]
async fn a_reader_sees_their_tools_only_and_those_with_every_right_the_same_bytes() {
    let batch = format!("[{TOOLS},{{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{{}}}}, {TOOLS}]");
    let readers_batch =
        format!("[{READERS},{{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{{}}}}, {READERS}]");
    let other = r#"{"jsonrpc":"2.0","method":"notifications/tools/list_changed"}"#;
    let stream = |tools: &str| {
        format!("id: 7\ndata: {tools}\n\nid: 7\ndata: {other}\n\nid: 7\ndata: {tools}\n\n")
    };
    for (served, whole, cut) in [
        (json(TOOLS), TOOLS.to_owned(), READERS.to_owned()),
        (json(&batch), batch.clone(), readers_batch),
        (
            events(&[TOOLS, other, TOOLS]),
            stream(TOOLS),
            stream(READERS),
        ),
        // A status or a type of its own hides nothing.
        (
            answer("202 Accepted", "text/plain", TOOLS.as_bytes()),
            TOOLS.to_owned(),
            READERS.to_owned(),
        ),
        (
            answer("404 Not Found", "application/json", TOOLS.as_bytes()),
            TOOLS.to_owned(),
            READERS.to_owned(),
        ),
    ] {
        let (_upstream, front) = front(served).await;
        let (all, reader) = (front.token(), front.reader_token());
        for (target, method) in [
            ("/a", "POST"),
            ("/a/mcp", "GET"),
            ("/through", "POST"),
            ("/a", "DELETE"),
        ] {
            let reply = asked(&front, &reader, method, target).await;
            assert_eq!(reply.text(), cut, "{method} {target}");
            let reply = asked(&front, &all, method, target).await;
            assert_eq!(reply.text(), whole, "{method} {target}");
        }
        assert_eq!(
            asked(&front, "nonsense", "POST", "/pub").await.text(),
            whole
        );
    }
}

#[tokio::test]
async fn a_cut_answer_is_private_and_an_uncut_one_keeps_its_bytes() {
    let with_tag = |body: &str| {
        let answer = String::from_utf8(json(body)).unwrap();
        let tag = "\r\netag: \"1\"\r\ncache-control: public, max-age=60\r\n";
        answer.replacen("\r\n", tag, 1).into_bytes()
    };
    let seen = r#"{"jsonrpc":"2.0","id":1, "result":{"tools":[ {"name":"read"} ] }}"#;
    let none = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"the \"tools\" \u00e9 \ud83d"}]}}"#;
    for (body, cache, tag) in [
        (TOOLS, "private, no-store", None),
        (seen, "private, no-store", Some("\"1\"")),
        (none, "public, max-age=60", Some("\"1\"")),
    ] {
        let (_upstream, front) = front(with_tag(body)).await;
        let reply = asked(&front, &front.reader_token(), "POST", "/a").await;
        let expected = if body == TOOLS { READERS } else { body };
        assert_eq!(reply.text(), expected);
        assert_eq!(reply.head.one("cache-control"), Some(cache), "{body}");
        assert_eq!(reply.head.one("etag"), tag, "{body}");
    }
    let public = TOOLS.replace("\"nextCursor\"", "\"cacheScope\":\"public\",\"nextCursor\"");
    let (_upstream, front) = front(json(&public)).await;
    let reply = asked(&front, &front.reader_token(), "POST", "/a").await;
    assert_eq!(reply.json()["result"]["cacheScope"], "private");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_refused_to_those_with_part_of_the_rights_only() {
    let field = |name: &str| {
        let answer = String::from_utf8(json(TOOLS)).unwrap();
        answer
            .replacen("\r\n", &format!("\r\n{name}\r\n"), 1)
            .into_bytes()
    };
    let twice = TOOLS.replace("\"tools\":[", "\"tools\":[],\"tools\":[");
    let huge = TOOLS.replace("\"c\"", &format!("\"{}\"", "c".repeat(5 << 20)));
    for (served, reason) in [
        (field("content-encoding: gzip"), "answer_unreadable"),
        (
            answer("206 Partial Content", "application/json", b"{\"name\":\"wr"),
            "answer_unreadable",
        ),
        (
            answer("200 OK", "application/json; charset=utf-16", b"x"),
            "answer_unreadable",
        ),
        (json(&twice), "answer_unreadable"),
        (
            json(&TOOLS.replace("\"tools\"", "\"Tools\"")),
            "answer_unreadable",
        ),
        (json(&format!("{TOOLS}{TOOLS}")), "answer_unreadable"),
        (json(&huge), "answer_too_large"),
    ] {
        let (_upstream, front) = front(served).await;
        let reply = asked(&front, &front.reader_token(), "POST", "/a").await;
        assert_eq!((reply.status(), reply.reason().as_str()), (502, reason));
        assert_eq!(reply.json()["id"], 1);
        let reply = asked(&front, &front.token(), "POST", "/a").await;
        assert!(reply.status() < 300, "{reason}");
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_read_or_held_breaks_the_stream_off() {
    let twice = TOOLS.replace("\"tools\":[", "\"tools\":[],\"tools\":[");
    let huge = TOOLS.replace("\"c\"", &format!("\"{}\"", "c".repeat(5 << 20)));
    for bad in [twice, huge] {
        let gate = Arc::new(Notify::new());
        let (read, bad) = (Arc::clone(&gate), Arc::<str>::from(bad));
        let upstream = Upstream::scripted(move |_, mut wire| {
            let (read, bad) = (Arc::clone(&read), Arc::clone(&bad));
            async move {
                wire.send(EVENTS).await.ok()?;
                wire.send(chunk(format!("data: {TOOLS}\n\n"))).await.ok()?;
                read.notified().await;
                let rest = format!(": last\n\ndata: {bad}\n\ndata: {TOOLS}\n\n");
                wire.send(chunk(rest)).await.ok()?;
                wire.send("0\r\n\r\n").await.ok()?;
                Some(wire)
            }
        })
        .await;
        let front = Front::routing([Server::new("/a", &upstream.url("/mcp"))]);
        let bearer = format!("Bearer {}", front.reader_token());
        let mut client = Client::plain(front.plain).await;
        let fields = [("authorization", bearer.as_str())];
        client.send("GET", "/a", &fields, b"").await.unwrap();
        assert_eq!(client.head().await.word(1), "200");
        let first = soon(client.wire.chunk()).await.unwrap().unwrap();
        assert_eq!(first, format!("data: {READERS}\n\n").as_bytes());
        gate.notify_one();
        let rest = String::from_utf8(soon(client.wire.rest()).await).unwrap();
        assert!(!rest.contains("write"), "{rest}");
        assert!(!rest.ends_with("0\r\n\r\n"), "it must not look complete");
    }
}

#[tokio::test]
async fn a_resumed_stream_is_cut_like_the_first_one() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        let served = if call.method() == "POST" {
            let answer = String::from_utf8(json("{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}"));
            let field = "\r\nmcp-session-id: s1\r\n";
            answer.unwrap().replacen("\r\n", field, 1).into_bytes()
        } else {
            events(&[TOOLS])
        };
        wire.send(served).await.ok()?;
        Some(wire)
    })
    .await;
    let front = Front::routing([Server::new("/a", &upstream.url("/mcp"))]);
    let token = front.reader_token();
    let begun = asked(&front, &token, "POST", "/a").await;
    let session = begun.head.one("mcp-session-id").unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let fields = [
        ("authorization", bearer.as_str()),
        ("mcp-session-id", session.as_str()),
        ("last-event-id", "6"),
    ];
    let resumed = ask(front.plain, "GET", "/a", &fields, b"").await;
    assert_eq!(resumed.text(), format!("id: 7\ndata: {READERS}\n\n"));
    assert_eq!(upstream.call(1).await.head.one("last-event-id"), Some("6"));
}

#[tokio::test]
async fn a_legacy_stream_is_cut_behind_its_endpoint_event() {
    let endpoint = chunk("event: endpoint\ndata: /messages?s=1\n\n");
    let list = chunk(format!("event: message\ndata: {TOOLS}\n\n"));
    let served = [EVENTS.as_bytes(), &endpoint, &list, b"0\r\n\r\n"].concat();
    let upstream = Upstream::answering(served).await;
    let front = Front::routing([Server::new("/a", &upstream.url("/sse"))]);
    let reply = asked(&front, &front.reader_token(), "GET", "/a/sse").await;
    let (first, list) = reply.text().split_once("\n\n").unwrap();
    assert!(
        first.starts_with("event: endpoint\ndata: /a/message?s="),
        "{first}"
    );
    assert_eq!(list, format!("event: message\ndata: {READERS}\n\n"));
}

/// What a reader must not get through, in every wrapping.
#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table of one family of attacks")]
async fn no_wrapping_gets_a_forbidden_call_past_the_policy() {
    let (upstream, front) = front(json(TOOLS)).await;
    let bearer = format!("Bearer {}", front.reader_token());
    let call = |params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{params}}}"#)
    };
    let method = |name: &str, params: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":7,"method":"{name}","params":{params}}}"#)
    };
    let write = call(r#"{"name":"write"}"#);
    let rest = write.strip_prefix('{').unwrap();
    let bodies = [
        (write.clone(), 403),
        (call(r#"{"name":"\u0077rite"}"#), 403),
        (call(r#"{"na\u006de":"write"}"#), 403),
        (write.replace("tools/call", "tools\\/c\\u0061ll"), 403),
        (call(r#"{"name":"Read"}"#), 403),
        (call(r#"{"name":"read "}"#), 403),
        (call(r#"{"name":"read\u0000"}"#), 403),
        (call(r#"{"name":""}"#), 403),
        (call("{}"), 403),
        (call("null"), 403),
        (call(r#"{"name":["write"]}"#), 400),
        (call(r#"["write"]"#), 400),
        (call(r#"{"name":"read","name":"write"}"#), 400),
        (call(r#"{"name":"read","n\u0061me":"write"}"#), 400),
        (call(r#"{"name":"read","NAME":"write"}"#), 400),
        (format!("{{\"method\":\"tools/list\",{rest}"), 400),
        (format!("{{\"Method\":\"tools/list\",{rest}"), 400),
        (format!("[{LIST},{write}]"), 403),
        (format!("[{write}]"), 403),
        (format!("[[{write}]]"), 400),
        (format!("[{LIST},{write}"), 400),
        (format!("{LIST}\n{write}"), 400),
        (format!("\u{feff}{write}"), 400),
        (write.replace(r#""id":7,"#, ""), 403),
        (write.replace("tools/call", "Tools/Call"), 403),
        (method("prompts/get", r#"{"name":"read"}"#), 403),
        (method("resources/read", r#"{"uri":"file:///read"}"#), 403),
        (method("tasks/get", r#"{"taskId":"1"}"#), 403),
        (method("tasks/cancel", r#"{"taskId":"1"}"#), 403),
        (method("completion/complete", "{}"), 403),
    ];
    let token = ("authorization", bearer.as_str());
    let send = async |target: &str, fields: &[Field<'_>], body: &str| {
        let fields = [&[token], fields].concat();
        ask(front.plain, "POST", target, &fields, body.as_bytes()).await
    };
    for (body, status) in &bodies {
        for target in ["/a", "/a/", "/a/mcp", "/through", "/through/mcp"] {
            let reply = send(target, &[JSON], body).await;
            assert_eq!(reply.status(), *status, "{target} {body}");
        }
    }
    for kind in [
        "text/plain",
        "application/json-rpc",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/json",
        "",
    ] {
        let reply = send("/a", &[("content-type", kind)], &write).await;
        assert_eq!(reply.status(), 415, "{kind}");
    }
    assert_eq!(send("/a", &[], LIST).await.status(), 415);
    for encoding in ["gzip", "identity", "br, gzip", "x"] {
        let reply = send("/a", &[JSON, ("content-encoding", encoding)], LIST).await;
        assert_eq!(reply.status(), 415, "{encoding}");
    }
    let read = call(r#"{"name":"read"}"#);
    for mirrored in [
        vec![("mcp-method", "tools/list")],
        vec![("mcp-method", "tools/call"), ("mcp-name", "write")],
        vec![("mcp-method", "tools/call"), ("mcp-name", "READ")],
        vec![("mcp-name", "read"), ("mcp-name", "write")],
    ] {
        let modern = [
            &[JSON, ("mcp-protocol-version", "2026-07-28")],
            &mirrored[..],
        ]
        .concat();
        let reply = send("/a", &modern, &read).await;
        let code = reply.json()["error"]["code"].as_i64();
        assert_eq!((reply.status(), code), (400, Some(-32_020)), "{mirrored:?}");
    }
    // What is not parsed needs every right.
    assert_eq!(send("/through/other", &[JSON], &read).await.status(), 403);
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        token,
    ];
    for target in ["/a", "/through", "/through/other"] {
        let reply = ask(front.plain, "GET", target, &upgrade, b"").await;
        assert_eq!(reply.status(), 403, "{target}");
    }
    assert!(upstream.calls().is_empty(), "{:?}", upstream.calls());
    // The same callers get what they may.
    assert_eq!(send("/a", &[JSON], &read).await.status(), 200);
    let named = [JSON, ("mcp-method", "tools/call"), ("mcp-name", "read")];
    assert_eq!(send("/a", &named, &read).await.status(), 200);
    let heads: Vec<Head> = upstream.calls().into_iter().map(|call| call.head).collect();
    assert_eq!(heads[0].one("x-tool-name"), Some("read"));
}
