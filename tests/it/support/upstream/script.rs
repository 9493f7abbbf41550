//! What an upstream does on a connection.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Request;

/// The steps of one connection; after the last it is closed.
#[derive(Clone, Debug)]
pub struct Script(Arc<[Step]>);

/// One step.
#[derive(Clone)]
pub enum Step {
    /// Reads a whole request.
    Request,
    /// Reads the head of a request and leaves its body unread.
    Head,
    /// Sends bytes.
    Send(Vec<u8>),
    /// Sends bytes that follow from the last request.
    Answer(Answer),
    /// Sends the same bytes several times, with a pause in between.
    Repeat {
        /// What is sent.
        bytes: Vec<u8>,
        /// How often; `usize::MAX` is as good as endless.
        times: usize,
        /// The pause.
        pace: Option<Duration>,
    },
    /// Reads until the test calls [`super::Upstream::release`], once for each such step.
    Release,
    /// Sends back every byte that arrives, until the peer is gone.
    EchoBytes,
    /// Reads until the peer is gone.
    Gone,
    /// Closes the connection in order.
    Close,
    /// Resets the connection.
    Reset,
    /// Starts over.
    Again,
}

/// Makes the bytes of an answer from a request.
pub type Answer = Arc<dyn Fn(&Request) -> Vec<u8> + Send + Sync>;

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Request => "Request",
            Self::Head => "Head",
            Self::Send(bytes) => return write!(f, "Send({} bytes)", bytes.len()),
            Self::Answer(_) => "Answer",
            Self::Repeat { times, .. } => return write!(f, "Repeat({times} times)"),
            Self::Release => "Release",
            Self::EchoBytes => "EchoBytes",
            Self::Gone => "Gone",
            Self::Close => "Close",
            Self::Reset => "Reset",
            Self::Again => "Again",
        };
        f.write_str(name)
    }
}

impl Script {
    /// A script of one's own.
    pub fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Answers every request with itself as JSON, on as many requests as come.
    pub fn echo() -> Self {
        Self::answering(|request| ok("application/json", request.to_json().to_string().as_bytes()))
    }

    /// Answers every request with 200 and this body.
    pub fn answer(media_type: &str, body: &[u8]) -> Self {
        Self::raw(ok(media_type, body))
    }

    /// Answers every request with bytes made from it.
    pub fn answering(answer: impl Fn(&Request) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::new([Step::Request, Step::Answer(Arc::new(answer)), Step::Again])
    }

    /// Answers every request with exactly these bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new([Step::Request, Step::Send(bytes.into()), Step::Again])
    }

    /// Answers with these bytes and closes.
    pub fn raw_then_close(bytes: impl Into<Vec<u8>>) -> Self {
        Self::new([Step::Request, Step::Send(bytes.into()), Step::Close])
    }

    /// Streams a number of events, `data: {"n":0}` and on, then ends the stream in order.
    pub fn sse(events: usize) -> Self {
        let mut steps = vec![Step::Request, Step::Send(sse_head())];
        steps.extend((0..events).map(|at| Step::Send(chunk(&event(at)))));
        steps.extend([Step::Send(b"0\r\n\r\n".to_vec()), Step::Again]);
        Self::new(steps)
    }

    /// Streams one event per release, and holds the stream open after the last until the peer goes.
    pub fn sse_by_release(events: usize) -> Self {
        let mut steps = vec![Step::Request, Step::Send(sse_head())];
        steps.extend((0..events).flat_map(|at| [Step::Release, Step::Send(chunk(&event(at)))]));
        steps.push(Step::Gone);
        Self::new(steps)
    }

    /// Streams a number of events at once, then holds the stream open until the peer goes.
    pub fn sse_held(events: usize) -> Self {
        let mut steps = vec![Step::Request, Step::Send(sse_head())];
        steps.extend((0..events).map(|at| Step::Send(chunk(&event(at)))));
        steps.push(Step::Gone);
        Self::new(steps)
    }

    /// Streams a line that never ends, a kibibyte at a time.
    pub fn sse_endless_line() -> Self {
        let bytes = chunk(&[b'x'; 1024]);
        Self::new([
            Step::Request,
            Step::Send(sse_head()),
            Step::Send(chunk(b"data: ")),
            Step::Repeat {
                bytes,
                times: usize::MAX,
                pace: None,
            },
        ])
    }

    /// Sends a body of so many bytes one by one.
    pub fn trickle(bytes: usize, pace: Duration) -> Self {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {bytes}\r\n\r\n"
        );
        let drops = Step::Repeat {
            bytes: b"x".to_vec(),
            times: bytes,
            pace: Some(pace),
        };
        Self::new([
            Step::Request,
            Step::Send(head.into_bytes()),
            drops,
            Step::Again,
        ])
    }

    /// Announces `length` bytes of body and resets the connection after `sent` of them, once the test releases it.
    pub fn reset_at(sent: usize, length: usize) -> Self {
        Self::new([
            Step::Request,
            Step::Send(partial(sent, length)),
            Step::Release,
            Step::Reset,
        ])
    }

    /// Announces `length` bytes of body and closes after `sent` of them: a content length that is too long.
    pub fn short_body(sent: usize, length: usize) -> Self {
        Self::raw_then_close(partial(sent, length))
    }

    /// Ends in the middle of a chunked body.
    pub fn cut_chunks() -> Self {
        Self::raw_then_close(
            *b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwo",
        )
    }

    /// Answers when it has seen the head; the body is read only afterwards.
    pub fn early_answer(status: &str) -> Self {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: 5\r\n\r\nearly");
        Self::new([Step::Head, Step::Send(head.into_bytes()), Step::Gone])
    }

    /// Frames its answer twice over.
    pub fn length_and_chunks() -> Self {
        Self::raw(*b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
    }

    /// Sends more than it announced: a whole answer that nobody asked for.
    pub fn surplus() -> Self {
        let mut bytes = ok("text/plain", b"first");
        bytes.extend_from_slice(&ok("text/plain", b"smuggled"));
        Self::raw(bytes)
    }

    /// Agrees to an upgrade that nobody asked for and then sends an answer as its stream.
    pub fn fake_101() -> Self {
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec();
        bytes.extend_from_slice(&ok("text/plain", b"tunnelled"));
        Self::new([Step::Request, Step::Send(bytes), Step::Gone])
    }

    /// Never stops announcing its answer.
    pub fn endless_1xx() -> Self {
        let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".to_vec();
        Self::new([
            Step::Request,
            Step::Repeat {
                bytes,
                times: usize::MAX,
                pace: None,
            },
        ])
    }

    /// Reads the request and never answers.
    pub fn silent() -> Self {
        Self::new([Step::Request, Step::Gone])
    }

    /// Answers once the test releases it.
    pub fn held(media_type: &str, body: &[u8]) -> Self {
        Self::new([
            Step::Request,
            Step::Release,
            Step::Send(ok(media_type, body)),
            Step::Again,
        ])
    }

    /// Closes when it has read the request.
    pub fn closes_unanswered() -> Self {
        Self::new([Step::Request, Step::Close])
    }

    /// Closes when a connection is opened.
    pub fn closes_at_once() -> Self {
        Self::new([Step::Close])
    }

    /// Closes after the head of its answer.
    pub fn closes_after_head() -> Self {
        Self::short_body(0, 100)
    }

    /// Answers once and closes the kept connection without a word, as a server whose idle time is over.
    pub fn closes_idle() -> Self {
        Self::raw_then_close(ok("text/plain", b"once"))
    }

    /// Sends a large body, a mebibyte at a time.
    pub fn large(mebibytes: usize) -> Self {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
            mebibytes << 20
        );
        let body = Step::Repeat {
            bytes: vec![b'x'; 1 << 20],
            times: mebibytes,
            pace: None,
        };
        Self::new([
            Step::Request,
            Step::Send(head.into_bytes()),
            body,
            Step::Again,
        ])
    }

    /// Agrees to a WebSocket upgrade and sends every byte back.
    pub fn websocket_echo() -> Self {
        Self::new([
            Step::Request,
            Step::Answer(Arc::new(|request| {
                let key = request.header("sec-websocket-key").unwrap_or_default();
                format!(
                    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Accept: {}\r\n\r\n",
                    accept_key(&key)
                )
                .into_bytes()
            })),
            Step::EchoBytes,
        ])
    }
}

/// A whole answer with status 200.
pub fn ok(media_type: &str, body: &[u8]) -> Vec<u8> {
    response("200 OK", &[("Content-Type", media_type)], body)
}

/// A whole answer with its length.
pub fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(format!("Content-Length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// The bytes of one event.
pub fn event(at: usize) -> Vec<u8> {
    format!("id: {at}\nevent: message\ndata: {{\"n\":{at}}}\n\n").into_bytes()
}

/// One chunk of a chunked body.
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// The head of an event stream.
pub fn sse_head() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n"
        .to_vec()
}

fn partial(sent: usize, length: usize) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes();
    bytes.resize(bytes.len() + sent, b'x');
    bytes
}

/// The answer to a `Sec-WebSocket-Key`.
fn accept_key(key: &str) -> String {
    use base64::Engine;
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        text.as_bytes(),
    );
    base64::engine::general_purpose::STANDARD.encode(digest.as_ref())
}
