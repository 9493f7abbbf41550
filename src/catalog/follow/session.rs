//! The loop: watch, else poll, else wait; and what was said of it in the log.

use std::time::Duration;

use tokio::sync::watch::Sender;
use tokio::time::{Instant, sleep};
use url::Url;

use super::meters::{self, Poll};
use super::pace::Pace;
use super::poll::Poller;
use super::trouble::Trouble;
use super::watch::End;
use super::{Follower, held};
use crate::catalog::wire::Position;
use crate::domain::secret::Secret;

/// State of one run.
pub(super) struct Session<'f> {
    pub(super) follower: &'f Follower,
    /// Whether the watch is up.
    pub(super) connected: Sender<bool>,
    /// The newest position that a watch told.
    pub(super) watched: Option<Position>,
    pub(super) poller: Poller,
    pub(super) pace: Pace,
    /// The trouble that was logged and is not over.
    trouble: Option<&'static str>,
    /// Why there is no watch, as logged.
    unwatched: Option<String>,
}

impl<'f> Session<'f> {
    pub(super) fn new(follower: &'f Follower, connected: Sender<bool>) -> Self {
        Self {
            follower,
            connected,
            watched: held::watched(follower),
            poller: Poller::default(),
            pace: Pace::default(),
            trouble: None,
            unwatched: None,
        }
    }

    /// Forever.
    pub(super) async fn run(mut self) {
        loop {
            match (self.follower.token(), &self.follower.urls.watch) {
                (None, _) if self.follower.token.has_file() => self.await_token().await,
                (None, _) => {
                    self.say_unwatched("without REGISTRY_API_TOKEN there is no watch".to_owned());
                    self.poll_until(None).await;
                }
                (Some(_), None) => {
                    let why = "REGISTRY_API_URL does not end in /servers".to_owned();
                    self.say_unwatched(why);
                    self.poll_until(None).await;
                }
                (Some(token), Some(url)) => self.watch_or_poll(url, &token).await,
            }
        }
    }

    /// Watches; where there is no watch, polls for a while; and in trouble, waits.
    async fn watch_or_poll(&mut self, url: &Url, token: &Secret<String>) {
        match self.watch(url, token).await {
            End::Unsupported(why) => {
                self.say_unwatched(why);
                let until = Instant::now() + self.follower.poll_interval;
                self.poll_until(Some(until)).await;
            }
            End::Lost(trouble) => {
                self.note(&trouble);
                if matches!(trouble, Trouble::Unauthorized(_)) && self.follower.renew_token().await
                {
                    return;
                }
                let pause = self.pause_after(&trouble);
                sleep(pause).await;
            }
        }
    }

    /// The registry may not have made it yet.
    async fn await_token(&mut self) {
        if self.follower.renew_token().await {
            return;
        }
        let why = "there is no registry token yet";
        if self.unwatched.as_deref() != Some(why) {
            tracing::info!("waiting for the registry token's file");
            self.unwatched = Some(why.to_owned());
        }
        let pause = self
            .pace
            .next(LONGEST_WITHOUT_SNAPSHOT.min(self.follower.poll_interval));
        sleep(pause).await;
    }

    /// How long to leave the registry alone now.
    pub(super) fn pause_after(&mut self, trouble: &Trouble) -> Duration {
        let most = match (self.follower.current(), trouble) {
            (None, _) => LONGEST_WITHOUT_SNAPSHOT,
            (Some(_), Trouble::Unauthorized(_)) => Duration::MAX,
            (Some(_), _) => LONGEST,
        };
        self.pace.next(most.min(self.follower.poll_interval))
    }

    /// Logs trouble when it begins, counts it always.
    pub(super) fn note(&mut self, trouble: &Trouble) {
        meters::polled(Poll::Failed);
        if trouble.is_refusal() {
            meters::rejected(trouble.reason());
        }
        if self.trouble != Some(trouble.reason()) {
            self.trouble = Some(trouble.reason());
            let reason = trouble.reason();
            if self.follower.current().is_some() {
                tracing::warn!(reason, error = %trouble, "trouble with the registry; the last good configuration stays in use");
            } else {
                tracing::warn!(reason, error = %trouble, "trouble with the registry; no configuration yet");
            }
        }
    }

    /// The registry said something good.
    pub(super) fn well(&mut self, result: Poll) {
        meters::polled(result);
        self.follower.confirm();
        if self.trouble.take().is_some() {
            tracing::info!("the registry is well again");
        }
    }

    /// The watch is up.
    pub(super) fn say_watched(&mut self) {
        if self.unwatched.take().is_some() {
            tracing::info!("watching the registry");
        }
    }

    fn say_unwatched(&mut self, why: String) {
        if self.unwatched.as_ref() != Some(&why) {
            tracing::warn!(reason = %why, every = ?self.follower.poll_interval, "no watch of the registry; polling its list of servers");
            self.unwatched = Some(why);
        }
    }
}

const LONGEST_WITHOUT_SNAPSHOT: Duration = Duration::from_secs(2);
/// A registry that comes back is found soon, whatever the poll interval is.
const LONGEST: Duration = Duration::from_secs(5);
