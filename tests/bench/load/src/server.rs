//! The server behind the proxies. It costs little, so that what is measured is the proxy.
//!
//! | target | answer |
//! |---|---|
//! | `…/auth/validate` | 200 with identity headers when there is an `Authorization`, else 401 |
//! | `…/sse` | an event stream without end, an event in each interval, carrying when it was sent |
//! | `…/big` | 100 MB |
//! | all else | the request's body is taken; 600 bytes of JSON |

use crate::clock;
use crate::http::{self, Body};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(clap::Args)]
pub struct Options {
    /// Milliseconds between the events of a stream.
    #[arg(long, default_value_t = 1000)]
    interval: u64,
    /// File with the whole answer to a plain request.
    #[arg(long)]
    answer: std::path::PathBuf,
}

/// Serves until it is killed.
pub async fn run(options: Options) -> io::Result<()> {
    let answer: &'static [u8] = std::fs::read(&options.answer)?.leak();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("PORT {}", listener.local_addr()?.port());
    let mut accepted = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                accepted += 1;
                let connection = Connection {
                    stream,
                    answer,
                    interval: options.interval,
                    number: accepted,
                };
                tokio::task::spawn_local(async move { connection.serve().await.ok() });
            }
            // Out of descriptors, most likely.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

struct Connection {
    stream: TcpStream,
    answer: &'static [u8],
    interval: u64,
    number: u64,
}

impl Connection {
    async fn serve(mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        let mut data = Vec::with_capacity(2048);
        loop {
            let head = loop {
                if let Some(head) = http::head(&data) {
                    break head;
                }
                if self.stream.read_buf(&mut data).await? == 0 {
                    return Ok(());
                }
            };
            let body = data.split_off(head.bytes);
            let target = data
                .split(|byte| *byte == b' ')
                .nth(1)
                .unwrap_or_default()
                .to_vec();
            if target.ends_with(b"/sse") {
                drop((data, body, target));
                return self.events().await;
            }
            let known = http::field(&data, "authorization").is_some();
            data.clear();
            self.take(head.body, &body).await?;
            if target.ends_with(b"/big") {
                self.bulk().await?;
            } else if target.ends_with(b"/auth/validate") {
                self.stream
                    .write_all(if known { KNOWN } else { UNKNOWN })
                    .await?;
            } else {
                self.stream.write_all(self.answer).await?;
            }
        }
    }

    /// Takes the rest of a body of which `begun` is there. Nobody here sends a request before the last one is answered.
    async fn take(&mut self, body: Body, begun: &[u8]) -> io::Result<()> {
        let mut buffer = Vec::new();
        let mut taken = begun.len();
        let mut tail = begun.to_vec();
        while match body {
            Body::Length(length) => taken < length,
            Body::Chunked => !tail.ends_with(b"0\r\n\r\n"),
        } {
            buffer.resize(BULK, 0);
            let read = self.stream.read(&mut buffer).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            taken += read;
            tail.drain(..tail.len().saturating_sub(5));
            tail.extend_from_slice(&buffer[read.saturating_sub(5)..read]);
        }
        Ok(())
    }

    async fn bulk(&mut self) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {BULK_BYTES}\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes()).await?;
        let chunk = vec![b'x'; BULK];
        let mut left = BULK_BYTES;
        while left > 0 {
            let now = left.min(BULK);
            self.stream.write_all(&chunk[..now]).await?;
            left -= now;
        }
        Ok(())
    }

    async fn events(mut self) -> io::Result<()> {
        self.stream.write_all(EVENTS_HEAD).await?;
        // Spread over the interval, so that events do not come in bursts.
        tokio::time::sleep(Duration::from_micros(
            self.number.wrapping_mul(7919) % (self.interval * 1000),
        ))
        .await;
        let mut ticks = tokio::time::interval(Duration::from_millis(self.interval));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let event = format!(
                "event: message\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"t\":{:020}}}\n\n",
                clock::now()
            );
            self.stream
                .write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())
                .await?;
        }
    }
}

const BULK: usize = 256 * 1024;
const BULK_BYTES: usize = 100_000_000;
const KNOWN: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-User: alice\r\nX-Scopes: mcp:read mcp:call\r\nX-Auth-Method: jwt\r\n\r\n";
const UNKNOWN: &[u8] =
    b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nWWW-Authenticate: Bearer\r\n\r\n";
const EVENTS_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
