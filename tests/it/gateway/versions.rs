//! The version header against the body: what is refused for telling two stories, what passes, and
//! whose error a client gets.
//!
//! `Mcp-Method` and `Mcp-Name` are compared in `identity`, every form of their values beside the code.

use super::client::{Client, Field, H2, JSON};
use super::upstream::{Upstream, answer};
use crate::support::front::{Front, Server};

/// What a server answers that does not know the revision asked for.
const UNSUPPORTED: &str = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"Unsupported protocol version","data":{"supported":["2025-11-25","2026-07-28"],"requested":"x"}}}"#;

/// Answers with [`UNSUPPORTED`] where the header names neither of its revisions.
async fn server() -> Upstream {
    Upstream::scripted(|call, mut wire| async move {
        let bytes = match call.head.one("mcp-protocol-version") {
            None | Some("2025-06-18" | "2025-11-25" | "2026-07-28") => super::upstream::json("{}"),
            Some(_) => answer("400 Bad Request", JSON.1, UNSUPPORTED.as_bytes()),
        };
        wire.send(bytes).await.ok()?;
        Some(wire)
    })
    .await
}

enum Verdict {
    /// The server answered 200.
    Passes,
    /// The server's own refusal.
    Theirs,
    /// Ours: 400 with -32020, and the server hears nothing.
    Mismatch,
}

use Verdict::{Mismatch, Passes, Theirs};

/// Header, revision in the body, `Mcp-Method`, and what comes of it.
type Row = (
    Option<&'static str>,
    Option<&'static str>,
    Option<&'static str>,
    Verdict,
);

const MATRIX: &[Row] = &[
    // Before 2025-06-18 there was no header, and absence is no error after it.
    (None, None, None, Passes),
    (None, None, Some("tools/list"), Passes),
    // The server's to judge: what we decide on is the body alone.
    (None, Some("2026-07-28"), Some("tools/list"), Passes),
    (Some("2025-06-18"), None, None, Passes),
    (Some("2025-11-25"), None, None, Passes),
    (Some(" 2025-11-25\t"), None, None, Passes),
    (Some("2025-11-25"), Some("2025-11-25"), None, Passes),
    (
        Some("2026-07-28"),
        Some("2026-07-28"),
        Some("tools/list"),
        Passes,
    ),
    (Some("2026-07-28"), None, Some("tools/list"), Passes),
    // Revisions that nobody here knows yet, or ever.
    (Some("2024-01-01"), None, None, Theirs),
    (Some("1900-01-01"), None, None, Theirs),
    (Some("DRAFT-2026-v1"), None, None, Theirs),
    (Some("banana"), None, None, Theirs),
    (Some("2026-7-28"), None, None, Theirs),
    (
        Some("2027-01-01"),
        Some("2027-01-01"),
        Some("tools/list"),
        Theirs,
    ),
    (Some("9999-12-31"), None, Some("tools/list"), Theirs),
    // Two stories.
    (
        Some("2026-07-28"),
        Some("2025-11-25"),
        Some("tools/list"),
        Mismatch,
    ),
    (
        Some("2025-11-25"),
        Some("2026-07-28"),
        Some("tools/list"),
        Mismatch,
    ),
    (Some("2025-11-25"), Some("2026-07-28"), None, Mismatch),
    (
        Some("2027-01-01"),
        Some("2026-07-28"),
        Some("tools/list"),
        Mismatch,
    ),
    (
        Some("banana"),
        Some("2026-07-28"),
        Some("tools/list"),
        Mismatch,
    ),
    (
        Some("2026-07-28"),
        Some("2026-07-28 "),
        Some("tools/list"),
        Mismatch,
    ),
    // The modern era mirrors the method.
    (Some("2026-07-28"), Some("2026-07-28"), None, Mismatch),
    (Some("2026-07-28"), None, Some("tools/call"), Mismatch),
    (Some("2026-07-28"), None, Some("Tools/List"), Mismatch),
    (Some("2027-01-01"), None, None, Mismatch),
];

/// Ids as clients write them.
const IDS: [&str; 5] = ["1", "-7", "\"a\\\"b\\u00e9\"", "9007199254740993", "\"\""];

fn body(id: &str, version: Option<&str>) -> String {
    let meta = version.map_or_else(String::new, |version| {
        format!(
            r#","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}","io.modelcontextprotocol/clientCapabilities":{{}}}}}}"#
        )
    });
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"{meta}}}"#)
}

#[tokio::test]
async fn a_version_passes_or_is_refused_by_who_must_refuse_it() {
    let upstream = server().await;
    let front = Front::routing([
        Server::new("/pub", &upstream.url("/")).public(),
        Server::new("/private", &upstream.url("/")),
    ]);
    let bearer = format!("Bearer {}", front.token());
    let mut client = Client::plain(front.plain).await;
    let mut h2 = H2::plain(front.plain).await;
    for (header, in_body, method, verdict) in MATRIX {
        for target in ["/pub", "/private"] {
            for id in IDS {
                let body = body(id, *in_body);
                let mut fields: Vec<Field<'_>> = vec![JSON, ("authorization", &bearer)];
                fields.extend(header.map(|value| ("mcp-protocol-version", value)));
                fields.extend(method.map(|value| ("mcp-method", value)));
                let case = format!("{target} {header:?} {method:?} {body}");
                let before = upstream.calls().len();
                let reply = client.ask("POST", target, &fields, body.as_bytes()).await;
                let served = upstream.calls().len() - before;
                match verdict {
                    Passes => assert_eq!((reply.status(), served), (200, 1), "{case}"),
                    Theirs => {
                        assert_eq!((reply.status(), served), (400, 1), "{case}");
                        assert_eq!(reply.text(), UNSUPPORTED, "{case}");
                    }
                    Mismatch => {
                        assert_eq!((reply.status(), served), (400, 0), "{case}");
                        assert_eq!(reply.json()["error"]["code"], -32_020, "{case}");
                        let echoed = format!(r#"{{"jsonrpc":"2.0","id":{id},"#);
                        assert!(
                            reply.text().starts_with(&echoed),
                            "{case}: {}",
                            reply.text()
                        );
                    }
                }
                // The same over HTTP/2, where blanks around a value cannot be sent.
                fields.retain(|(_, value)| value.trim() == *value);
                if fields.len() == 2 + usize::from(header.is_some()) + usize::from(method.is_some())
                {
                    let answer = h2.ask("POST", target, &fields, body.as_bytes()).await;
                    assert_eq!(answer.0, reply.status(), "{case}");
                    assert!(
                        matches!(verdict, Mismatch) || answer.1 == reply.body,
                        "{case}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_version_that_is_no_text_is_a_mismatch() {
    let upstream = server().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public()]);
    for value in ["2026-07-28\u{e9}", "\u{ff12}026-07-28"] {
        let mut client = Client::plain(front.plain).await;
        let fields = [JSON, ("mcp-protocol-version", value)];
        let reply = client
            .ask("POST", "/a", &fields, body("1", None).as_bytes())
            .await;
        assert_eq!(reply.status(), 400, "{value}");
        assert_eq!(reply.json()["error"]["code"], -32_020, "{value}");
    }
    assert!(upstream.calls().is_empty());
}
