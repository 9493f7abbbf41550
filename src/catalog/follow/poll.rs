//! Polling the list of servers, where there is no watch.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::header::{ACCEPT, ETAG, HeaderValue, IF_NONE_MATCH, LINK};
use reqwest::{Response, StatusCode};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use url::Url;

use super::listing::{self, Entry};
use super::meters::{self, Poll};
use super::pace::jittered;
use super::session::Session;
use super::trouble::Trouble;
use super::watch::is_html;
use crate::catalog::snapshot::Routes;

/// What is remembered from poll to poll.
#[derive(Default)]
pub(super) struct Poller {
    etag: Option<HeaderValue>,
    /// The last answer said that there is no server, and was not believed yet.
    emptied: bool,
    /// How the registry takes `wait`.
    holding: Holding,
    /// What was skipped, as logged.
    skipped: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Holding {
    #[default]
    Untried,
    /// It answers at once.
    Ignored,
    /// It holds the request until something changes.
    Honoured,
}

/// A whole answer.
enum Answer {
    Unchanged,
    List {
        etag: Option<HeaderValue>,
        entries: Vec<Entry>,
    },
}

impl Session<'_> {
    /// Polls until then, or forever.
    pub(super) async fn poll_until(&mut self, until: Option<Instant>) {
        loop {
            let started = Instant::now();
            let pause = match self.poll().await {
                Ok(result) => {
                    self.pace.reset();
                    self.well(result);
                    self.rest(started)
                }
                Err(trouble @ Trouble::Emptied) => {
                    self.note(&trouble);
                    self.follower.poll_interval
                }
                Err(trouble) => {
                    self.note(&trouble);
                    self.pause_after(&trouble)
                }
            };
            match until {
                Some(until) if Instant::now() + pause >= until => return sleep_until(until).await,
                Some(_) | None => sleep(pause).await,
            }
        }
    }

    /// How long until the next poll, after a good one.
    fn rest(&mut self, started: Instant) -> Duration {
        let conditional = self.poller.etag.is_some();
        match self.poller.holding {
            Holding::Honoured if conditional => SHORTEST_ROUND.saturating_sub(started.elapsed()),
            Holding::Untried if conditional => Duration::ZERO,
            Holding::Honoured | Holding::Untried | Holding::Ignored => {
                jittered(self.follower.poll_interval)
            }
        }
    }

    async fn poll(&mut self) -> Result<Poll, Trouble> {
        let wait = self.poller.etag.is_some().then(|| {
            Duration::from_secs(self.follower.poll_interval.as_secs().clamp(1, LONGEST_WAIT))
        });
        let limit = self.follower.answer_limit + wait.unwrap_or_default();
        let started = Instant::now();
        let answer = timeout(limit, self.fetch(wait))
            .await
            .map_err(|_| Trouble::Timeout)??;
        match answer {
            Answer::Unchanged => {
                if let Some(wait) = wait {
                    let held = started.elapsed() >= wait.mul_f64(HELD_SHARE);
                    self.poller.holding = if held {
                        Holding::Honoured
                    } else {
                        Holding::Ignored
                    };
                }
                Ok(self.unchanged())
            }
            Answer::List { etag, entries } => self.changed(etag, entries),
        }
    }

    fn unchanged(&mut self) -> Poll {
        if std::mem::take(&mut self.poller.emptied) && self.accept_polled(Routes::new()) {
            return Poll::Applied;
        }
        Poll::Unchanged
    }

    fn changed(&mut self, etag: Option<HeaderValue>, entries: Vec<Entry>) -> Result<Poll, Trouble> {
        let current = self.follower.current();
        if entries.is_empty() && current.as_ref().is_some_and(|held| !held.routes.is_empty()) {
            let told_apart =
                matches!((&self.poller.etag, &etag), (Some(old), Some(new)) if old != new);
            if !told_apart && !self.poller.emptied {
                self.poller.emptied = true;
                self.poller.etag = etag;
                return Err(Trouble::Emptied);
            }
        }
        let reading = listing::read(
            entries,
            &self.follower.identity.default_host,
            current.as_deref(),
        )?;
        self.name_skipped(reading.skipped);
        self.poller.emptied = false;
        self.poller.etag = etag;
        if self.accept_polled(reading.routes) {
            Ok(Poll::Applied)
        } else {
            Ok(Poll::Unchanged)
        }
    }

    /// Names entries that cannot be used: each once, until it is mended.
    fn name_skipped(&mut self, skipped: BTreeMap<String, String>) {
        for (name, why) in &skipped {
            if self.poller.skipped.get(name) != Some(why) {
                tracing::warn!(server = %name, %why, "a polled server cannot be used and stays as it was; the others are applied");
            }
        }
        self.poller.skipped = skipped;
    }

    /// All pages of the list.
    async fn fetch(&self, wait: Option<Duration>) -> Result<Answer, Trouble> {
        let mut budget = self.follower.limit;
        let mut url = self.follower.urls.servers.clone();
        if let Some(wait) = wait {
            url.query_pairs_mut()
                .append_pair("wait", &wait.as_secs().to_string());
        }
        let response = self
            .ask(&url, self.poller.etag.as_ref(), wait.is_some())
            .await?;
        if response.status() == StatusCode::NOT_MODIFIED && self.poller.etag.is_some() {
            return Ok(Answer::Unchanged);
        }
        let mut etag = response.headers().get(ETAG).cloned();
        let (mut entries, mut next) = self.page(response, &mut budget).await?;
        for _ in 0..MOST_PAGES {
            let Some(url) = next else {
                return Ok(Answer::List { etag, entries });
            };
            let response = self.ask(&url, None, false).await?;
            let (more, after) = self.page(response, &mut budget).await?;
            entries.extend(more);
            next = after;
            // The first page's ETag says nothing of the others.
            etag = None;
        }
        Err(Trouble::TooLarge)
    }

    async fn ask(
        &self,
        url: &Url,
        etag: Option<&HeaderValue>,
        held: bool,
    ) -> Result<Response, Trouble> {
        let started = Instant::now();
        let mut request = self
            .follower
            .client
            .get(url.clone())
            .header(ACCEPT, "application/json");
        if let Some(token) = self.follower.token() {
            request = request.bearer_auth(token.expose());
        }
        if let Some(etag) = etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(Trouble::of_request)?;
        let kind = if held {
            meters::Request::HeldPoll
        } else {
            meters::Request::Poll
        };
        meters::answered(kind, started.elapsed());
        Ok(response)
    }

    /// One page and where the next one is.
    async fn page(
        &self,
        mut response: Response,
        budget: &mut usize,
    ) -> Result<(Vec<Entry>, Option<Url>), Trouble> {
        if response.status() != StatusCode::OK {
            return Err(Trouble::of_status(response.status()));
        }
        if is_html(response.headers()) {
            return Err(Trouble::Html);
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Trouble::of_body)? {
            *budget = budget.checked_sub(chunk.len()).ok_or(Trouble::TooLarge)?;
            body.extend_from_slice(&chunk);
        }
        let page = listing::parse(&body)?;
        let link = response
            .headers()
            .get(LINK)
            .and_then(|link| link.to_str().ok());
        let next = match page.next_offset {
            Some(offset) => Some(listing::at_offset(&self.follower.urls.servers, offset)),
            None => link.and_then(|link| listing::next_link(response.url(), link)),
        };
        Ok((page.entries, next))
    }
}

/// The registry's own limit for a held request, in seconds.
const LONGEST_WAIT: u64 = 25;
/// An answer that came after this share of `wait` was held on purpose.
const HELD_SHARE: f64 = 0.8;
/// Held polls that are answered at once are not asked more often.
const SHORTEST_ROUND: Duration = Duration::from_secs(1);
const MOST_PAGES: usize = 1_000;
