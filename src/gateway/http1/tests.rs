use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use std::time::Duration;

use http::StatusCode;
use http_body_util::{BodyExt as _, Full};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::Instant;

use super::*;

const LIMITS: HeadLimits = HeadLimits {
    fields: 20,
    bytes: 4 * 1024,
};

/// Answers by path: `/echo` with the body, `/late` with what it was told to wait for, `/deaf`
/// without reading, `/upgrade` with 101, anything else with the path.
#[derive(Clone, Default)]
struct Answers {
    /// Answers of `/late` that were dropped before they came.
    given_up: Arc<AtomicUsize>,
    upgraded: Arc<Mutex<Option<OnUpgrade>>>,
}

struct Late(Arc<AtomicUsize>);

impl Drop for Late {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Answer for Answers {
    type Body = Full<Bytes>;

    fn answer(&self, head: RequestHead, mut body: Body) -> Answering<Full<Bytes>> {
        let this = self.clone();
        Box::pin(async move {
            let path = head.raw_path().to_owned();
            match &*path {
                "/echo" => match body.collect().await {
                    Ok(body) => Reply::new(StatusCode::OK, Full::new(body.to_bytes())),
                    Err(error) => Reply::new(StatusCode::OK, Full::from(error.to_string())),
                },
                "/late" => {
                    let _late = Late(this.given_up);
                    std::future::pending().await
                }
                "/upgrade" => {
                    *this.upgraded.lock().unwrap() = body.take_upgrade();
                    Reply::new(StatusCode::SWITCHING_PROTOCOLS, Full::default())
                }
                _ => Reply::new(StatusCode::OK, Full::from(path)),
            }
        })
    }
}

fn connection(answers: &Answers) -> (DuplexStream, Http1<DuplexStream, Answers>) {
    let (near, far) = duplex(1 << 16);
    (near, Http1::new(far, answers.clone(), LIMITS))
}

#[expect(clippy::disallowed_methods, reason = "the test waits for it")]
fn in_background(server: Http1<DuplexStream, Answers>) -> tokio::task::JoinHandle<io::Result<()>> {
    tokio::spawn(server)
}

/// Sends parts one after the other, then ends its side; what came back, without dates.
async fn talk(parts: &[&[u8]]) -> String {
    let (mut client, server) = connection(&Answers::default());
    let client = async {
        let mut answered = Vec::new();
        for part in parts {
            // Once the connection has ended it takes no more.
            let _: io::Result<()> = client.write_all(part).await;
            tokio::task::yield_now().await;
        }
        client.read_to_end(&mut answered).await.unwrap();
        String::from_utf8(answered).unwrap()
    };
    let (answered, ended) = tokio::join!(client, server);
    ended.unwrap();
    without_dates(&answered)
}

fn without_dates(text: &str) -> String {
    text.split_inclusive("\r\n")
        .filter(|line| !line.starts_with("date: "))
        .collect()
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn last(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

const END: &[u8] = b"GET /end HTTP/1.1\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let answered = talk(&[
        b"GET /a HTTP/1.1\r\n\r\nPOST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
        b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        END,
    ])
    .await;
    assert_eq!(answered, ok("/a") + &ok("hi") + &ok("x") + &last("/end"));
}

#[tokio::test]
async fn what_nobody_reads_is_stepped_over_and_the_connection_serves_on() {
    let body = "x".repeat(100_000);
    for head in [
        format!(
            "POST /deaf HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
        format!(
            "POST /deaf HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        ),
    ] {
        let answered = talk(&[head.as_bytes(), END]).await;
        assert_eq!(answered, ok("/deaf") + &last("/end"));
    }
}

#[tokio::test]
async fn too_much_that_nobody_reads_ends_the_connection_behind_the_answer() {
    let (mut client, server) = connection(&Answers::default());
    let serving = in_background(server);
    let head = b"POST /deaf HTTP/1.1\r\nContent-Length: 90000000\r\n\r\n";
    client.write_all(head).await.unwrap();
    let mut answered = vec![0; 1024];
    let count = client.read(&mut answered).await.unwrap();
    assert!(answered[..count].starts_with(b"HTTP/1.1 200 OK\r\n"));
    let chunk = vec![b'x'; 1 << 16];
    let mut taken = 0;
    while client.write_all(&chunk).await.is_ok() {
        taken += chunk.len();
        assert!(taken < 8 << 20, "it never ends");
    }
    serving.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rest_that_does_not_come_is_not_waited_for() {
    let (mut client, server) = connection(&Answers::default());
    let head = b"POST /deaf HTTP/1.1\r\nContent-Length: 9\r\n\r\nab";
    client.write_all(head).await.unwrap();
    let begin = Instant::now();
    server.await.unwrap();
    assert!(begin.elapsed() <= Duration::from_secs(4));
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    assert!(answered.ends_with("/deaf"), "{answered}");
}

#[tokio::test]
async fn leave_to_send_is_given_when_somebody_reads() {
    let (mut client, server) = connection(&Answers::default());
    let serving = in_background(server);
    let head = b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n";
    client.write_all(head).await.unwrap();
    let mut leave = [0; 25];
    client.read_exact(&mut leave).await.unwrap();
    assert_eq!(&leave, b"HTTP/1.1 100 Continue\r\n\r\n");
    client.write_all(b"hi").await.unwrap();
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    assert_eq!(without_dates(&answered), last("hi"));
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_leave_the_connection_ends_behind_the_answer() {
    let head = b"POST /deaf HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
    let answered = talk(&[head]).await;
    assert!(answered.starts_with("HTTP/1.1 200 OK\r\n"), "{answered}");
    assert!(answered.ends_with("/deaf"), "{answered}");
}

#[tokio::test]
async fn a_client_that_leaves_ends_what_was_done_for_it() {
    let answers = Answers::default();
    let (mut client, server) = connection(&answers);
    let serving = in_background(server);
    client
        .write_all(b"GET /late HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    drop(client);
    serving.await.unwrap().unwrap_err();
    assert_eq!(answers.given_up.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_whole_one() {
    for head in [
        "POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    ] {
        let (mut client, server) = connection(&Answers::default());
        client.write_all(head.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        server.await.unwrap_err();
        let mut answered = Vec::new();
        client.read_to_end(&mut answered).await.unwrap();
        assert_eq!(answered, b"", "{head}");
    }
}

#[tokio::test]
async fn what_is_no_request_gets_one_answer_and_the_end() {
    for (request, status) in [
        ("GET / HTTP/1.1\nHost: x\n\n", "400 Bad Request"),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: br\r\n\r\n",
            "501 Not Implemented",
        ),
        ("GET / HTTP/3.0\r\n\r\n", "505 HTTP Version Not Supported"),
    ] {
        let answered = talk(&[request.as_bytes(), END]).await;
        let expected =
            format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        assert_eq!(answered, expected);
    }
}

#[tokio::test]
async fn an_old_client_gets_no_chunks_and_its_connection_ends() {
    let answered = talk(&[b"GET /old HTTP/1.0\r\n\r\n", END]).await;
    assert_eq!(answered, last("/old"));
    let kept = b"GET /old HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    let answered = talk(&[kept, END]).await;
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: keep-alive\r\n\r\n/old";
    assert_eq!(answered, first.to_owned() + &last("/end"));
}

#[tokio::test]
async fn a_head_answer_says_its_length_and_has_no_body() {
    let answered = talk(&[b"HEAD /abc HTTP/1.1\r\n\r\n", END]).await;
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
    assert_eq!(answered, head.to_owned() + &last("/end"));
}

#[tokio::test]
async fn behind_an_upgrade_all_bytes_belong_to_its_owner() {
    let answers = Answers::default();
    let (mut client, server) = connection(&answers);
    let request = b"GET /upgrade HTTP/1.1\r\nUpgrade: x\r\n\r\nearly";
    client.write_all(request).await.unwrap();
    server.await.unwrap();
    let on_upgrade = answers.upgraded.lock().unwrap().take().unwrap();
    let mut upgraded = on_upgrade.await.unwrap();
    upgraded.write_all(b"late").await.unwrap();
    upgraded.shutdown().await.unwrap();
    let mut early = [0; 5];
    upgraded.read_exact(&mut early).await.unwrap();
    assert_eq!(&early, b"early");
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    assert!(answered.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
    assert!(answered.ends_with("\r\n\r\nlate"), "{answered}");
}

#[tokio::test]
async fn winding_down_ends_an_idle_connection_at_once_and_a_busy_one_behind_its_answer() {
    let (mut client, mut server) = connection(&Answers::default());
    server.wind_down();
    server.await.unwrap();
    assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    let (mut client, mut server) = connection(&Answers::default());
    client
        .write_all(b"POST /echo HTTP/1.1\r\nContent-Length: 2\r\n\r\n")
        .await
        .unwrap();
    assert!(futures_util::poll!(&mut server).is_pending());
    server.wind_down();
    client.write_all(b"hi").await.unwrap();
    server.await.unwrap();
    let mut answered = String::new();
    client.read_to_string(&mut answered).await.unwrap();
    assert_eq!(without_dates(&answered), last("hi"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn requests_mean_the_same_wherever_they_are_cut(cuts in prop::collection::vec(0usize..200, 0..8)) {
        let wire = b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloPOST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nX: y\r\n\r\nGET /end HTTP/1.1\r\nConnection: close\r\n\r\n";
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(wire.len())).collect();
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let answered = runtime.block_on(talk(&parts));
        prop_assert_eq!(answered, ok("hello") + &ok("hello") + &last("/end"));
    }
}
