//! Hostile spellings of targets: what is decided on is what is forwarded, or nothing is.

use mcp::gateway::ControlPlane;

use super::client::{Client, ask_raw};
use super::upstream::Upstream;
use crate::support::front::{Front, Server, Setup};

/// What somebody may hope that one reader resolves and another does not.
const TRICKS: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    ".%2e",
    "%2E%2e",
    "%2e",
    "..;",
    "..;x=1",
    ".;",
    ";",
    ";x=1",
    "%3b",
    "%2f",
    "%2F",
    "/",
    "//",
    "%5c",
    "\\",
    "..\\",
    "..%2f",
    "%2e%2e%2f",
    "%252e%252e",
    "%252f",
    "%25252e",
    "%c0%ae%c0%ae",
    "%c0%af",
    "%e0%80%af",
    "%00",
    "..%00",
    "%0d%0a",
    "%09",
    "%20",
    "%u002e",
    "%",
    "%2",
    "%zz",
    "%ef%bc%8f",
    "\u{ff0e}\u{ff0e}",
    "\u{2215}",
    "?",
    "%3f",
    "#",
    "%23",
    "*",
    "~",
    "'",
    "@",
    ":",
    "%7e",
    "%61",
];

const PLACES: &[&str] = &[
    "/pub/{}/priv",
    "/pub/{}priv",
    "/pub{}priv",
    "/pub{}",
    "/pub/x/{}/{}/priv",
    "/{}/priv",
    "/{}priv",
    "/{}/pub/../priv",
    "/priv/{}/pub",
    "/priv{}/pub",
    "/priv/mcp{}",
    "/priv{}",
    "/priv?{}/pub",
    "/priv#{}/pub",
    "http://localhost/pub/{}/priv",
    "http://localhost/priv{}/pub",
];

/// What the most obliging reader makes of a path: every layer of escapes resolved, parameters
/// dropped, either slash taken, dot segments walked.
fn obligingly_read(path: &str) -> String {
    let mut bytes = path.as_bytes().to_vec();
    for _ in 0..4 {
        bytes = percent_encoding::percent_decode(&bytes).collect();
    }
    let text = String::from_utf8_lossy(&bytes).replace('\\', "/");
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split('/') {
        match segment.split(';').next().unwrap_or_default() {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    format!("/{}", segments.join("/"))
}

#[tokio::test]
async fn no_spelling_gets_past_the_server_that_was_decided_on() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([
        Server::new("/pub", &upstream.url("/pub"))
            .public()
            .passthrough(),
        Server::new("/priv", &upstream.url("/priv")).passthrough(),
    ]);
    for place in PLACES {
        for trick in TRICKS {
            let target = place.replace("{}", trick);
            let before = upstream.calls().len();
            let request =
                format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let status = ask_raw(front.plain, request)
                .await
                .map_or(0, |reply| reply.status());
            let calls = upstream.calls();
            let Some(call) = calls.get(before) else {
                assert!([400, 401, 404, 503].contains(&status), "{target}: {status}");
                continue;
            };
            assert_eq!(status, 200, "{target}");
            let path = call.target().split('?').next().unwrap_or_default();
            let read = obligingly_read(path);
            assert!(
                read == "/pub" || read.starts_with("/pub/"),
                "{target} was decided on as public and forwarded as {path}"
            );
        }
    }
}

#[tokio::test]
async fn an_escaped_name_is_the_name_itself_and_is_forwarded_as_such() {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/fininfo", &upstream.url("/base"))
        .public()
        .passthrough()]);
    let mut client = Client::plain(front.plain).await;
    for (index, (target, forwarded)) in [
        ("/%66ininfo/a", "/base/a"),
        ("/fininfo/%61%7e", "/base/a~"),
        ("/fininfo/a%c3%a9", "/base/a%C3%A9"),
        ("/fininfo/a%3ab", "/base/a%3Ab"),
        ("/fininfo/a:b", "/base/a:b"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(client.ask("GET", target, &[], b"").await.status(), 200);
        assert_eq!(upstream.call(index).await.target(), forwarded, "{target}");
    }
}

#[tokio::test]
async fn the_registrys_paths_cannot_be_spelled_around() {
    let registry = Upstream::ready().await;
    let upstream = Upstream::ready().await;
    let front = Front::start(Setup {
        control_plane: ControlPlane::Local(registry.local_peer()),
        ..Setup::default()
    });
    front.apply([Server::new("/pub", &upstream.url("/"))
        .public()
        .passthrough()]);
    for target in [
        "/api/../api/gateway/watch",
        "/api/./gateway/watch",
        "/api//gateway/watch",
        "/api/%67ateway/watch",
        "/api/gateway%2fwatch",
        "/api/gateway/",
        "/%61pi/gateway/report",
        "/api/x/..%2fgateway/watch",
        "/api/%2e%2e/api/gateway/watch",
        "/api/gateway;x/watch",
        "/pub/../api/gateway/watch",
    ] {
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let reply = ask_raw(front.plain, request).await.unwrap();
        let arrived = registry.calls().pop().map(|call| call.target().to_owned());
        let harmless = arrived
            .as_deref()
            .is_none_or(|path| !obligingly_read(path).starts_with("/api/gateway/"));
        assert!(harmless, "{target} arrived as {arrived:?}");
        assert!([200, 400, 404].contains(&reply.status()), "{target}");
    }
    assert!(upstream.calls().is_empty());
}
