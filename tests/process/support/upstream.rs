//! An MCP server whose every byte the test decides.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use super::PATIENCE;

/// Hands each request to the test, which writes the answer when it likes.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Receiver<Exchange>,
}

/// A request that waits for its answer.
pub(crate) struct Exchange {
    pub(crate) method: String,
    stream: TcpStream,
}

impl Upstream {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let sender = sender.clone();
                std::thread::spawn(move || {
                    // A registry's health check may come and go; only whole requests count.
                    if let Some(exchange) = Exchange::read(stream) {
                        let _ = sender.send(exchange);
                    }
                });
            }
        });
        Self { address, requests }
    }

    /// The next request.
    pub(crate) fn next(&self) -> Exchange {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }
}

impl Exchange {
    fn read(stream: TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        let mut first = String::new();
        reader.read_line(&mut first).ok()?;
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            method: first.split(' ').next()?.to_owned(),
            stream,
        })
    }

    /// A whole JSON answer.
    pub(crate) fn answer(mut self, body: &str) {
        let text = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The head of an event stream.
    pub(crate) fn open_stream(&mut self) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes()).unwrap();
    }

    /// One event.
    pub(crate) fn event(&mut self, data: &str) {
        let event = format!("data: {data}\n\n");
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        self.stream.write_all(chunk.as_bytes()).unwrap();
    }

    /// The clean end of a stream.
    pub(crate) fn end_stream(&mut self) {
        self.stream.write_all(b"0\r\n\r\n").unwrap();
    }

    /// Claims that the gateway gave the request up, and waits for it.
    pub(crate) fn is_given_up(&mut self) -> bool {
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        matches!(self.stream.read(&mut [0]), Ok(0) | Err(_))
    }
}
