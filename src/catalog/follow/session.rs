//! The loop: watch, else poll, else wait; and what was said of it in the log.

use std::time::Duration;

use tokio::sync::watch::Sender;
use tokio::time::{Instant, sleep};

use super::meters::{self, Poll};
use super::pace::Pace;
use super::poll::Poller;
use super::trouble::Trouble;
use super::watch::End;
use super::{Follower, held};
use crate::catalog::wire::Position;

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
        let (Some(url), Some(token)) = (&self.follower.urls.watch, &self.follower.token) else {
            tracing::info!(
                "following by polling: the watch needs REGISTRY_API_TOKEN and an address that ends in /servers"
            );
            return self.poll_until(None).await;
        };
        loop {
            match self.watch(url, token).await {
                End::Unsupported(why) => {
                    self.say_unwatched(why);
                    self.poll_until(Some(Instant::now() + self.follower.poll_interval))
                        .await;
                }
                End::Lost(trouble) => {
                    self.note(&trouble);
                    let pause = self.pause_after(&trouble);
                    sleep(pause).await;
                }
            }
        }
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
            tracing::info!("the registry offers a watch again; polling ends");
        }
    }

    fn say_unwatched(&mut self, why: String) {
        if self.unwatched.as_ref() != Some(&why) {
            tracing::warn!(reason = %why, every = ?self.follower.poll_interval, "the registry offers no watch; polling its list of servers");
            self.unwatched = Some(why);
        }
    }
}

const LONGEST_WITHOUT_SNAPSHOT: Duration = Duration::from_secs(2);
/// A registry that comes back is found soon, whatever the poll interval is.
const LONGEST: Duration = Duration::from_secs(5);
