//! A registry that does what the test says, on a real socket.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::PATIENCE;

/// What was asked.
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    head: String,
    pub(super) body: String,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(super) fn is_watch(&self) -> bool {
        self.target.starts_with("/api/gateway/watch")
    }
}

type Lines = std::pin::Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// What is answered.
pub(super) enum Reply {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes, then silence.
    Hang(Vec<u8>),
    /// A head, then lines as they come.
    Lines(Lines),
    /// Nothing until the signal, then these bytes.
    Held(tokio::sync::oneshot::Receiver<()>, Vec<u8>),
}

pub(super) fn status(code: u16) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 {code} X\r\ncontent-length: 0\r\n\r\n").into_bytes())
}

/// A whole answer; `headers` end with CRLF each.
pub(super) fn ok(headers: &str, body: &str) -> Reply {
    let length = body.len();
    Reply::Bytes(
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n{headers}\r\n{body}").into_bytes(),
    )
}

pub(super) fn json(body: &str) -> Reply {
    ok("content-type: application/json\r\n", body)
}

pub(super) fn tagged(etag: &str, body: &str) -> Reply {
    ok(
        &format!("content-type: application/json\r\netag: \"{etag}\"\r\n"),
        body,
    )
}

pub(super) const LINES_HEAD: &str =
    "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n";

pub(super) fn lines(lines: impl Stream<Item = Bytes> + Send + 'static) -> Reply {
    Reply::Lines(Box::pin(lines))
}

/// A line, then silence.
pub(super) fn line_then_silence(line: &[u8]) -> Reply {
    Reply::Hang([LINES_HEAD.as_bytes(), line].concat())
}

type Script = Box<dyn FnMut(&Request) -> Reply + Send>;

pub(super) struct Registry {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
    asked: watch::Sender<usize>,
    tasks: JoinSet<()>,
}

impl Registry {
    pub(super) async fn start(script: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut registry = Self {
            address: listener.local_addr().unwrap(),
            script: Arc::new(Mutex::new(Box::new(script))),
            asked: watch::Sender::new(0),
            tasks: JoinSet::new(),
        };
        registry.accept(listener);
        registry
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/api/servers", self.address)
    }

    /// From now on.
    pub(super) fn script(&self, script: impl FnMut(&Request) -> Reply + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// Waits until so many more requests were answered.
    pub(super) async fn asked(&self, more: usize) {
        let mut asked = self.asked.subscribe();
        let goal = *asked.borrow() + more;
        let waiting = asked.wait_for(|count| *count >= goal);
        tokio::time::timeout(PATIENCE, waiting)
            .await
            .expect("is asked")
            .unwrap();
    }

    /// Dies, with all connections; its port is free.
    pub(super) async fn kill(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Comes back at the same port.
    pub(super) async fn revive(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.accept(listener);
    }

    fn accept(&mut self, listener: TcpListener) {
        let script = Arc::clone(&self.script);
        let asked = self.asked.clone();
        self.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, asked) = (Arc::clone(&script), asked.clone());
                connections.spawn(async move { serve(stream, &script, &asked).await });
            }
        });
    }
}

async fn serve(mut stream: TcpStream, script: &Mutex<Script>, asked: &watch::Sender<usize>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let reply = (script.lock().unwrap())(&request);
    asked.send_modify(|count| *count += 1);
    // The follower may hang up at any time.
    let _ = match reply {
        Reply::Bytes(bytes) => stream.write_all(&bytes).await,
        Reply::Hang(bytes) => match stream.write_all(&bytes).await {
            Ok(()) => std::future::pending().await,
            failed => failed,
        },
        Reply::Lines(mut lines) => {
            let mut written = stream.write_all(LINES_HEAD.as_bytes()).await;
            while written.is_ok() {
                let Some(line) = lines.next().await else {
                    break;
                };
                written = stream.write_all(&line).await;
            }
            written
        }
        Reply::Held(signal, bytes) => {
            let _ = signal.await;
            stream.write_all(&bytes).await
        }
    };
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let mut request = Request {
                method: head.split(' ').next()?.to_owned(),
                target: head.split(' ').nth(1)?.to_owned(),
                head: head.to_owned(),
                body: body.to_owned(),
            };
            let length = request
                .header("content-length")
                .map_or(0, |text| text.parse().unwrap());
            if body.len() >= length {
                request.body.truncate(length);
                return Some(request);
            }
        }
        let mut chunk = [0; 4096];
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}
