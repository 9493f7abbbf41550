//! HTTP/1 by hand: bytes out as given, bytes in with their framing checked.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::support::noise::Flow;

/// Waits for what must happen soon; fails loudly when it does not.
#[track_caller]
pub(crate) fn soon<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        tokio::time::timeout(PATIENCE, future)
            .await
            .unwrap_or_else(|_| panic!("nothing within {PATIENCE:?} at {place}"))
    }
}

/// Only a test that hangs waits so long; unoptimised builds on slow machines need some of it.
const PATIENCE: Duration = Duration::from_mins(1);
/// A sender who is not let on for so long is held back.
pub(crate) const STUCK: Duration = Duration::from_millis(500);

/// A stream of bytes both ways.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// One side of a connection.
pub(crate) struct Wire {
    io: Pin<Box<dyn Io>>,
    read: BytesMut,
}

/// A request's or a response's head.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) start: String,
    pub(crate) fields: Vec<(String, String)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let fields = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        Self { start, fields }
    }

    /// The values of a field, by lower-case name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.fields.iter().filter(|(field, _)| field == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a field that stands there at most once.
    #[track_caller]
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(
            all.len() <= 1,
            "{name} stands there more than once: {all:?}"
        );
        all.first().copied()
    }

    /// The `index`th word of the first line.
    pub(crate) fn word(&self, index: usize) -> &str {
        self.start.split(' ').nth(index).unwrap_or_default()
    }

    fn is_chunked(&self) -> bool {
        self.all("transfer-encoding").contains(&"chunked")
    }

    fn length(&self) -> Option<usize> {
        self.one("content-length")?.parse().ok()
    }
}

impl Wire {
    pub(crate) fn new(io: impl Io + 'static) -> Self {
        Self {
            io: Box::pin(io),
            read: BytesMut::new(),
        }
    }

    /// Writes and flushes.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.io.write_all(bytes.as_ref()).await?;
        self.io.flush().await
    }

    /// Sends on from where `flow` is, up to `end`, until the other side takes no more.
    pub(crate) async fn send_until_stuck(&mut self, flow: &mut Flow, end: usize) {
        while flow.at() < end {
            let piece = flow.piece(end);
            match tokio::time::timeout(STUCK, self.io.write(&piece)).await {
                Ok(Ok(count)) => flow.advance(count),
                Ok(Err(_)) | Err(_) => return,
            }
        }
    }

    /// Sends on from where `flow` is, up to `end`.
    pub(crate) async fn send_flow(&mut self, flow: &mut Flow, end: usize) -> io::Result<()> {
        while flow.at() < end {
            let piece = flow.piece(end);
            self.send(&piece).await?;
            flow.advance(piece.len());
        }
        Ok(())
    }

    /// Reads what must be `flow`, up to `end`.
    pub(crate) async fn expect_flow(&mut self, flow: &mut Flow, end: usize) -> io::Result<()> {
        while flow.at() < end {
            if self.read.is_empty() && !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let count = self.read.len().min(end - flow.at());
            flow.expect(&self.read.split_to(count));
        }
        Ok(())
    }

    /// Reads more; false at the end.
    pub(crate) async fn fill(&mut self) -> io::Result<bool> {
        Ok(self.io.read_buf(&mut self.read).await? > 0)
    }

    /// The next head; `None` when the other side is gone before one.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            if let Some(end) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = Head::parse(&self.read.split_to(end));
                self.read.advance(4);
                return Ok(Some(head));
            }
            if !self.fill().await? {
                return Ok(None);
            }
        }
    }

    /// Exactly so many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < count {
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.read.split_to(count).to_vec())
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(end) = self.read.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.read.split_to(end)).into_owned();
                self.read.advance(2);
                return Ok(line);
            }
            if !self.fill().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next chunk of a chunked body; `None` after the last.
    pub(crate) async fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        let line = self.line().await?;
        let length = usize::from_str_radix(&line, 16).map_err(io::Error::other)?;
        if length == 0 {
            while !self.line().await?.is_empty() {}
            return Ok(None);
        }
        let chunk = self.exactly(length).await?;
        self.exactly(2).await?;
        Ok(Some(chunk))
    }

    /// The body that belongs to a head; an error when it is broken off.
    pub(crate) async fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if head.is_chunked() {
            while let Some(chunk) = self.chunk().await? {
                body.extend(chunk);
            }
        } else if let Some(length) = head.length() {
            body = self.exactly(length).await?;
        } else if head.start.starts_with("HTTP/") {
            while self.fill().await? {}
            body = self.read.split().to_vec();
        }
        Ok(body)
    }

    /// Whatever comes until the other side closes or resets.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while matches!(self.fill().await, Ok(true)) {}
        self.read.split().to_vec()
    }
}
