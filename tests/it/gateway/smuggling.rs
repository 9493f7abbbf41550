//! HTTP/1 that two readers may read differently: it is refused, or the server gets one request whose
//! framing is ours, and what follows is never taken for another request.
//!
//! Every request is followed by one to `/health` on the same connection, which tells whether the
//! connection went on. Fields that are refused for their meaning, hosts that disagree with the target
//! and heads that are too large are in `admission`, trailers in `identity`, targets in `targets`,
//! answers of hostile servers in `trouble`.

use super::client::{Client, tcp};
use super::upstream::Upstream;
use super::wire::{Wire, soon};
use crate::support::front::{Front, Server};

const LINE: &str = "POST /a/x HTTP/1.1\r\nHost: localhost\r\n";
const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const SMUGGLED: &str = "GET /a/smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// What came back: statuses, and whether the last answer is that of `/health`.
#[derive(Debug)]
struct Outcome {
    statuses: Vec<u16>,
    went_on: bool,
}

async fn gateway() -> (Upstream, Front) {
    let upstream = Upstream::ready().await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    (upstream, front)
}

/// Sends bytes and a request to `/health` behind them, and reads until the connection ends.
async fn send(front: &Front, bytes: &[u8]) -> Outcome {
    let mut wire = Wire::new(tcp(front.plain).await);
    // A connection that is closed early takes no more.
    let _: std::io::Result<()> = wire.send([bytes, HEALTH.as_bytes()].concat()).await;
    let answered = soon(wire.rest()).await;
    let text = String::from_utf8_lossy(&answered);
    let statuses = text
        .split("HTTP/1.")
        .skip(1)
        .map(|answer| answer.split(' ').nth(1).unwrap().parse().unwrap())
        .collect();
    Outcome {
        statuses,
        went_on: text.ends_with("\r\n\r\nOK"),
    }
}

/// What is refused: the connection ends, and no server hears of it.
#[rustfmt::skip]
const REFUSED: &[(&str, &str)] = &[
    ("two lengths", "Content-Length: 1\r\nContent-Length: 2\r\n\r\na"),
    ("a list of lengths", "Content-Length: 1, 1\r\n\r\na"),
    ("a list of two lengths", "Content-Length: 1, 2\r\n\r\na"),
    ("a length with a sign", "Content-Length: +1\r\n\r\na"),
    ("a negative length", "Content-Length: -1\r\n\r\na"),
    ("a length in hex", "Content-Length: 0x1\r\n\r\na"),
    ("a length with a fraction", "Content-Length: 1.0\r\n\r\na"),
    ("a length of blanks", "Content-Length: \r\n\r\na"),
    ("a length with an inner blank", "Content-Length: 1 1\r\n\r\na"),
    ("a length of twenty digits", "Content-Length: 18446744073709551617\r\n\r\na"),
    ("an unknown coding", "Transfer-Encoding: cow\r\n\r\n0\r\n\r\n"),
    ("no coding", "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    ("a coding before chunked", "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    ("a coding behind chunked", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("chunked twice", "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("chunked on two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("a stray comma", "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"),
    ("a leading comma", "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
    ("a parameter", "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    ("quotes", "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    ("a blank before the colon", "Content-Length : 1\r\n\r\na"),
    ("a tab before the colon", "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    ("a folded line", "X-A: b\r\n c\r\n\r\n"),
    ("a folded coding", "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ("a first line that is folded", " X-A: b\r\n\r\n"),
    ("no colon", "X-A\r\n\r\n"),
    ("no name", ": a\r\n\r\n"),
    ("an underscore", "Content_Length: 1\r\n\r\n"),
    ("a zero byte", "X-A: b\0c\r\n\r\n"),
    ("a bare return in a value", "X-A: b\rX-B: c\r\n\r\n"),
    ("a bare return at the end", "X-A: b\r\r\n\r\n"),
    ("a control byte in a name", "X-\x01A: b\r\n\r\n"),
    ("a chunk size in C", "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n"),
    ("a chunk size with a sign", "Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n"),
    ("a negative chunk size", "Transfer-Encoding: chunked\r\n\r\n-1\r\na\r\n0\r\n\r\n"),
    ("a chunk size with an underscore", "Transfer-Encoding: chunked\r\n\r\n0_1\r\na\r\n0\r\n\r\n"),
    ("no chunk size", "Transfer-Encoding: chunked\r\n\r\n\r\na\r\n0\r\n\r\n"),
    ("a chunk size that overflows", "Transfer-Encoding: chunked\r\n\r\nf0000000000000001\r\na\r\n0\r\n\r\n"),
    ("a longer chunk than its size", "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"),
    ("a chunk without its end", "Transfer-Encoding: chunked\r\n\r\n1\r\na0\r\n\r\n"),
    ("a bare feed behind a chunk", "Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n"),
    ("a bare feed in an extension", "Transfer-Encoding: chunked\r\n\r\n1;a\nb\r\na\r\n0\r\n\r\n"),
];

#[tokio::test]
async fn ambiguous_framing_ends_the_connection_and_reaches_nobody() {
    let (upstream, front) = gateway().await;
    for (what, rest) in REFUSED {
        for path in ["/a/x", "/a"] {
            let request = LINE.replace("/a/x", path) + "Content-Type: application/json\r\n" + rest;
            let outcome = send(&front, request.as_bytes()).await;
            // A body that breaks off below a server may have begun to flow before it broke.
            let refused = match outcome.statuses[..] {
                [] => true,
                [status] => matches!(status, 400 | 501),
                _ => false,
            };
            assert!(refused && !outcome.went_on, "{what} at {path}: {outcome:?}");
        }
    }
    assert!(upstream.calls().is_empty(), "{:?}", upstream.calls());
}

#[tokio::test]
async fn request_lines_that_are_none_are_refused() {
    let (upstream, front) = gateway().await;
    for line in [
        "GET /a/x",
        "GET /a/x HTTP/0.9",
        "GET /a/x HTTP/1.2",
        "GET /a/x HTTP/1.32",
        "GET /a/x HTTP/3.0",
        "GET /a/x http/1.1",
        "GET /a/x HTTP/1.1 ",
        "GET  /a/x HTTP/1.1",
        "GET /a/x  HTTP/1.1",
        "GET\t/a/x\tHTTP/1.1",
        " GET /a/x HTTP/1.1",
        "GET /a/x y HTTP/1.1",
        "G(T /a/x HTTP/1.1",
        "GET\0 /a/x HTTP/1.1",
        "/a/x HTTP/1.1",
        "GET HTTP/1.1",
        "GET * HTTP/1.1",
        "GET a/x HTTP/1.1",
        "GET localhost:80 HTTP/1.1",
    ] {
        let request = format!("{line}\r\nHost: localhost\r\n\r\n");
        let outcome = send(&front, request.as_bytes()).await;
        let first = outcome.statuses.first().copied().unwrap_or(400);
        assert!(
            matches!(first, 400 | 403 | 404 | 405 | 505),
            "{line:?}: {outcome:?}"
        );
    }
    assert!(upstream.calls().is_empty());
}

#[tokio::test]
async fn a_length_beside_chunks_is_refused_and_ends_the_connection() {
    let (upstream, front) = gateway().await;
    for lengths in [["5", ""], ["", "5"], ["999", ""], ["", "999"], ["0", "0"]] {
        let [before, behind] = lengths.map(|length| {
            if length.is_empty() {
                String::new()
            } else {
                format!("Content-Length: {length}\r\n")
            }
        });
        let request = format!(
            "{LINE}{before}Transfer-Encoding: chunked\r\n{behind}\r\n3\r\nabc\r\n0\r\n\r\n"
        );
        let outcome = send(&front, format!("{request}{SMUGGLED}").as_bytes()).await;
        assert_eq!(
            (&outcome.statuses[..], outcome.went_on),
            (&[400][..], false),
            "{outcome:?}"
        );
    }
    assert!(upstream.calls().is_empty());
}

/// A byte in every place of a line that may hide it from one reader and not from the other.
fn mutations() -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for byte in 0..=255_u8 {
        for [before, behind] in [
            ["", "Transfer-Encoding: chunked"],
            ["Transfer-Encoding", ": chunked"],
            ["Transfer-Encoding:", "chunked"],
            ["Transfer-Encoding: chunked", ""],
            ["Transfer", "Encoding: chunked"],
            ["X: x", "Transfer-Encoding: chunked"],
            ["X: x\r", "Transfer-Encoding: chunked"],
        ] {
            lines.push([before.as_bytes(), &[byte], behind.as_bytes()].concat());
        }
    }
    for line in [
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, cow",
        "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-encoding: cow",
        "TrAnSfEr-EnCoDiNg: ChUnKeD",
        "Transfer-Encoding:\r\n\tchunked",
        "Transfer-Encoding: \u{212a}chunked",
        "Content-Encoding: chunked",
        "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked",
        "Connection: Content-Length",
    ] {
        lines.push(line.as_bytes().to_vec());
    }
    lines
}

#[tokio::test]
async fn no_hidden_coding_makes_two_requests_of_one() {
    let (upstream, front) = gateway().await;
    let body = format!("0\r\n\r\n{SMUGGLED}");
    let mut reached = 0;
    for line in mutations() {
        let request = [
            LINE.as_bytes(),
            format!("Content-Length: {}\r\n", body.len()).as_bytes(),
            &line,
            b"\r\n\r\n",
            body.as_bytes(),
        ]
        .concat();
        let before = upstream.calls().len();
        let outcome = send(&front, &request).await;
        let calls = upstream.calls().split_off(before);
        let case = format!(
            "{:?}: {outcome:?} {calls:?}",
            String::from_utf8_lossy(&line)
        );
        assert!(outcome.statuses.len() <= 2, "{case}");
        match &calls[..] {
            [] => {}
            [call] => {
                reached += 1;
                assert_eq!(call.target(), "/x", "{case}");
                let (length, coding) = (
                    call.head.all("content-length").len(),
                    call.head.all("transfer-encoding").len(),
                );
                assert_eq!(length + coding, 1, "{case}");
                // Who reads a length reads all of it; beside chunks it was refused, and so was a
                // line that ends in a bare line feed.
                assert_eq!((coding, &call.body[..]), (0, body.as_bytes()), "{case}");
                assert!(!line.contains(&b'\n') || line.contains(&b'\r'), "{case}");
            }
            _ => panic!("two requests: {case}"),
        }
    }
    assert!(reached > 0);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order_and_reach_their_server_once() {
    let upstream = Upstream::scripted(|call, mut wire| async move {
        let path = call.target().to_owned();
        wire.send(super::upstream::json(&format!("\"{path}\"")))
            .await
            .ok()?;
        Some(wire)
    })
    .await;
    let front = Front::routing([Server::new("/a", &upstream.url("/")).public().passthrough()]);
    let mut requests = String::new();
    let mut targets = Vec::new();
    for number in 0..50 {
        let (length, chunked) = ("Content-Length: 3\r\n\r\nabc", number % 3 == 0);
        let body = if chunked {
            "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n"
        } else if number % 3 == 1 {
            length
        } else {
            "\r\n"
        };
        let target = format!("/a/{number}");
        requests.extend(["PUT ", &target, " HTTP/1.1\r\nHost: localhost\r\n", body]);
        targets.push(format!("/{number}"));
    }
    for pieces in [1, requests.len() / 7, requests.len()] {
        let before = upstream.calls().len();
        let mut client = Client::plain(front.plain).await;
        let pieces: Vec<&[u8]> = requests.as_bytes().chunks(pieces.max(13)).collect();
        for piece in pieces {
            client.wire.send(piece).await.unwrap();
        }
        for target in &targets {
            let reply = client.reply("PUT").await.unwrap();
            assert_eq!(
                (reply.status(), reply.json().as_str()),
                (200, Some(target.as_str()))
            );
        }
        let calls = upstream.calls().split_off(before);
        let reached: Vec<_> = calls.iter().map(|call| call.target().to_owned()).collect();
        assert_eq!(reached, targets);
        for call in calls {
            assert!(call.body.is_empty() || call.body == b"abc");
            assert!(!format!("{:?}", call.head).contains("x-trailer"));
        }
    }
}

#[tokio::test]
async fn bytes_behind_an_end_of_the_connection_are_never_a_request() {
    let (upstream, front) = gateway().await;
    let closing = "GET /a/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let old = "GET /a/x HTTP/1.0\r\nHost: localhost\r\n\r\n";
    for first in [closing, old] {
        let before = upstream.calls().len();
        let outcome = send(&front, format!("{first}{SMUGGLED}").as_bytes()).await;
        assert_eq!(
            (&outcome.statuses[..], outcome.went_on),
            (&[200][..], false)
        );
        assert_eq!(upstream.calls().len(), before + 1);
    }
}
