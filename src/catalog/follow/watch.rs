//! One connection of the watch.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::meters::{self, Poll};
use super::session::Session;
use super::trouble::Trouble;
use crate::catalog::snapshot::Snapshot;
use crate::catalog::wire::{self, Codec, Message, Position};
use crate::domain::secret::Secret;

/// How a watch ended.
pub(super) enum End {
    /// There is none here, or none that this program understands: poll.
    Unsupported(String),
    /// Try again.
    Lost(Trouble),
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Wire(error @ wire::Error::NewerFormat(_)) => {
                meters::rejected(error.reason());
                Self::Unsupported(error.to_string())
            }
            other => Self::Lost(other),
        }
    }
}

impl Session<'_> {
    /// Watches until that ends.
    pub(super) async fn watch(&mut self, url: &Url, token: &Secret<String>) -> End {
        let response = match self.open(url, token).await {
            Ok(response) => response,
            Err(end) => return end,
        };
        let started = Instant::now();
        let ended = self.read(response, Codec::new(token.clone())).await;
        self.connected.send_replace(false);
        if started.elapsed() >= self.idle_limit() {
            self.pace.reset();
        }
        ended.into()
    }

    async fn open(&self, url: &Url, token: &Secret<String>) -> Result<Response, End> {
        let started = Instant::now();
        let request = self
            .follower
            .client
            .get(url.clone())
            .bearer_auth(token.expose())
            .header(ACCEPT, "application/x-ndjson")
            .timeout(NO_TOTAL_LIMIT);
        let response = timeout(self.follower.answer_limit, request.send())
            .await
            .map_err(|_| Trouble::Timeout)?
            .map_err(Trouble::of_request)?;
        meters::answered(meters::Request::Watch, started.elapsed());
        match response.status() {
            status @ (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) => {
                Err(End::Unsupported(format!("{url} answers {status}")))
            }
            StatusCode::OK if is_html(response.headers()) => {
                Err(End::Unsupported(format!("{url} answers with a web page")))
            }
            StatusCode::OK => Ok(response),
            other => Err(Trouble::of_status(other).into()),
        }
    }

    /// Reads lines until one cannot be used; there is always such an end.
    async fn read(&mut self, response: Response, codec: Codec) -> Trouble {
        let mut lines = Lines::new(response, self.follower.limit, self.idle_limit());
        let mut base = None;
        loop {
            let line = match lines.next().await {
                Ok(Some(line)) => line,
                Ok(None) => return Trouble::Closed,
                Err(trouble) => return trouble,
            };
            if line.trim_ascii().is_empty() {
                continue;
            }
            if let Err(trouble) = self.take(&codec, &line, &mut base) {
                return trouble;
            }
        }
    }

    fn take(
        &mut self,
        codec: &Codec,
        line: &[u8],
        base: &mut Option<Arc<Snapshot>>,
    ) -> Result<(), Trouble> {
        let known = base.clone().or_else(|| self.follower.current());
        match codec.read(line, known.as_deref())? {
            Message::Full(snapshot) | Message::Delta(snapshot) => {
                self.accept_watched(&snapshot)?;
                *base = Some(snapshot);
                self.poller = super::poll::Poller::default();
                self.connected.send_replace(true);
                self.say_watched();
                self.well(Poll::Applied);
            }
            Message::Heartbeat(position) => {
                let Some(base) = base else { return Ok(()) };
                if position != Position::of(base) {
                    return Err(Trouble::Missed(position.revision));
                }
                self.well(Poll::Heartbeat);
            }
            Message::Unknown => {}
        }
        Ok(())
    }

    fn idle_limit(&self) -> Duration {
        self.follower.heartbeat.saturating_mul(HEARTBEATS_TO_MISS)
    }
}

/// Whether an answer is a web page.
pub(super) fn is_html(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| {
            let kind = value.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("text/html")
                || kind.eq_ignore_ascii_case("application/xhtml+xml")
        })
}

/// Cuts an answer into lines, each within limits of size and time.
struct Lines {
    response: Response,
    limit: usize,
    idle: Duration,
    buffer: Vec<u8>,
    /// So far no line feed was found.
    searched: usize,
    /// When the line that is being read must be complete.
    due: Option<Instant>,
}

impl Lines {
    const fn new(response: Response, limit: usize, idle: Duration) -> Self {
        Self {
            response,
            limit,
            idle,
            buffer: Vec::new(),
            searched: 0,
            due: None,
        }
    }

    /// The next line with its line feed; `None` at an orderly end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Trouble> {
        loop {
            if let Some(line) = self.cut() {
                return Ok(Some(line));
            }
            if self.buffer.len() > self.limit {
                return Err(Trouble::TooLarge);
            }
            let silence = Instant::now() + self.idle;
            let due = self.due.map_or(silence, |due| due.min(silence));
            let chunk = timeout_at(due, self.response.chunk())
                .await
                .map_err(|_| Trouble::Stalled)?
                .map_err(Trouble::of_body)?;
            match chunk {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Trouble::CutOff("in the middle of a line".to_owned())),
            }
            self.due.get_or_insert_with(|| Instant::now() + LINE_LIMIT);
        }
    }

    fn cut(&mut self) -> Option<Vec<u8>> {
        let unsearched = self.buffer.get(self.searched..)?;
        let Some(at) = memchr::memchr(b'\n', unsearched) else {
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(self.searched + at + 1);
        let line = std::mem::replace(&mut self.buffer, rest);
        self.searched = 0;
        self.due = (!self.buffer.is_empty()).then(|| Instant::now() + LINE_LIMIT);
        Some(line)
    }
}

const HEARTBEATS_TO_MISS: u32 = 3;
/// A line that drips in is given up, however steadily it drips.
const LINE_LIMIT: Duration = Duration::from_mins(1);
/// A watch has no end of its own; overrides what the client brings.
const NO_TOTAL_LIMIT: Duration = Duration::from_hours(24 * 365);
