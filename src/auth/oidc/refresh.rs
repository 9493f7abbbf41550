//! Keys on demand: a token may be signed with a key that was published a moment ago.
//!
//! # Why
//! Who sends tokens with made-up key ids must not turn us against the provider: it is asked once per
//! cool-down, by a task of its own, whoever waits for it and whoever goes away meanwhile. The
//! cool-down is shorter than a request waits, so that even then no good token is refused.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;
use url::Url;

use super::{fetch, jwks};
use crate::auth::verify::{Place, Rejection, Verifier};
use crate::domain::issuer::{IssuerKey, TrustedIssuer};
use crate::domain::principal::Principal;
use crate::domain::trust::Trust;
use crate::net::outbound::GuardedClient;

/// Keys, once they are there.
pub type Fetching = Pin<Box<dyn Future<Output = Option<Vec<IssuerKey>>> + Send>>;

/// Where keys come from.
pub trait KeySource: fmt::Debug + Send + Sync {
    /// The keys that are published at this address now.
    fn fetch(&self, url: &str) -> Fetching;
}

impl KeySource for GuardedClient {
    fn fetch(&self, url: &str) -> Fetching {
        let (client, url) = (self.clone(), url.to_owned());
        Box::pin(async move {
            let text = fetch::get(&client, &Url::parse(&url).ok()?).await;
            let text = text
                .inspect_err(|error| {
                    tracing::warn!(
                        error = error as &dyn std::error::Error,
                        url,
                        "could not fetch the identity provider's keys"
                    );
                })
                .ok()?;
            jwks::parse(&text)
                .inspect_err(
                    |error| tracing::warn!(%error, url, "ignored the identity provider's keys"),
                )
                .ok()
        })
    }
}

/// Fetches keys that are asked for by tokens.
pub struct KeyFetcher {
    source: Arc<dyn KeySource>,
    verifier: Arc<Verifier>,
    tasks: TaskTracker,
    fetches: Mutex<HashMap<String, Fetch>>,
}

/// The last fetch from one issuer.
struct Fetch {
    started: Instant,
    ended: watch::Receiver<bool>,
}

impl KeyFetcher {
    /// What it fetches, `verifier` uses.
    pub fn new(source: Arc<dyn KeySource>, verifier: Arc<Verifier>) -> Self {
        Self {
            source,
            verifier,
            tasks: TaskTracker::new(),
            fetches: Mutex::default(),
        }
    }

    /// Checks a token again that was refused for want of a key, once the keys were fetched. Waits two
    /// seconds at most.
    ///
    /// # Errors
    /// Why it does not count.
    pub async fn verify(
        &self,
        trust: &Trust,
        token: &str,
        place: Option<Place<'_>>,
        first: Rejection,
    ) -> Result<Arc<Principal>, Rejection> {
        self.retry(trust, first, || {
            self.verifier.verify_at(trust, token, place)
        })
        .await
    }

    /// Does something again that failed for want of a key, once the keys were fetched.
    ///
    /// # Errors
    /// Why it failed in the end.
    pub async fn retry<T>(
        &self,
        trust: &Trust,
        first: Rejection,
        again: impl Fn() -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let mut last = first;
        let waiting = async {
            // A fetch that is under way may have been answered before the key was published.
            for _ in 0..2 {
                let issuer = last.wants_keys().and_then(|place| trust.issuers.get(place));
                let Some(issuer) = issuer else { break };
                if !self.refresh(issuer).await {
                    break;
                }
                match again() {
                    Ok(done) => return Some(done),
                    Err(rejection) => last = rejection,
                }
            }
            None
        };
        let done = timeout(PATIENCE, waiting).await.ok().flatten();
        done.ok_or(last)
    }

    /// Waits for a fetch; whether there was one.
    async fn refresh(&self, issuer: &Arc<TrustedIssuer>) -> bool {
        let Some(url) = &issuer.keys_url else {
            return false;
        };
        loop {
            match self.join_or_start(issuer, url) {
                Ok(mut ended) => return ended.wait_for(|ended| *ended).await.is_ok(),
                Err(cool) => sleep_until(cool).await,
            }
        }
    }

    /// The fetch under way, or a new one; else when one may start.
    fn join_or_start(
        &self,
        issuer: &Arc<TrustedIssuer>,
        url: &str,
    ) -> Result<watch::Receiver<bool>, Instant> {
        let now = Instant::now();
        let mut fetches = self.fetches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fetch) = fetches.get(&issuer.issuer) {
            let running = !*fetch.ended.borrow() && fetch.ended.has_changed().is_ok();
            if running {
                return Ok(fetch.ended.clone());
            }
            if now < fetch.started + COOL_DOWN {
                return Err(fetch.started + COOL_DOWN);
            }
        }
        let (end, ended) = watch::channel(false);
        let fetch = Fetch {
            started: now,
            ended: ended.clone(),
        };
        fetches.insert(issuer.issuer.clone(), fetch);
        let (fetching, verifier) = (self.source.fetch(url), Arc::clone(&self.verifier));
        let issuer = Arc::clone(issuer);
        self.tasks.spawn(async move {
            if let Some(keys) = fetching.await {
                verifier.learn(&issuer, &keys);
            }
            end.send_replace(true);
        });
        Ok(ended)
    }
}

impl fmt::Debug for KeyFetcher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyFetcher").finish_non_exhaustive()
    }
}

/// How long a request waits.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two questions to a provider. A request has time for two of them and their answers: the first
/// may have been answered before its key was published.
const COOL_DOWN: Duration = Duration::from_millis(750);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::domain::time::{Clock, Timestamp};

    /// Answers after this time, with no key that helps.
    #[derive(Debug, Default)]
    struct Slow {
        takes: Duration,
        asked: AtomicUsize,
    }

    impl KeySource for Slow {
        fn fetch(&self, _: &str) -> Fetching {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let takes = self.takes;
            Box::pin(async move {
                tokio::time::sleep(takes).await;
                Some(Vec::new())
            })
        }
    }

    fn fetcher(takes: Duration) -> (Arc<Slow>, Arc<KeyFetcher>, Arc<Trust>) {
        let slow = Arc::new(Slow {
            takes,
            ..Slow::default()
        });
        let clock = Clock::manual(Timestamp::from_unix(0));
        let verifier = Arc::new(Verifier::new(clock, Duration::from_mins(1), 16));
        let issuer = TrustedIssuer {
            issuer: "https://idp".into(),
            keys_url: Some("https://idp/keys".into()),
            ..TrustedIssuer::default()
        };
        let trust = Trust {
            issuers: vec![Arc::new(issuer)],
            ..Trust::default()
        };
        let source = Arc::clone(&slow) as Arc<dyn KeySource>;
        (
            slow,
            Arc::new(KeyFetcher::new(source, verifier)),
            Arc::new(trust),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_storm_of_unknown_keys_asks_once_per_cool_down() {
        let (slow, fetcher, trust) = fetcher(Duration::from_millis(50));
        let started = Instant::now();
        let tasks = TaskTracker::new();
        for number in 0..500_u64 {
            let (fetcher, trust) = (Arc::clone(&fetcher), Arc::clone(&trust));
            tasks.spawn(async move {
                tokio::time::sleep(Duration::from_millis(number * 20)).await;
                let refused = Rejection::NewKey(0);
                let again = || Err::<(), _>(refused);
                assert_eq!(fetcher.retry(&trust, refused, again).await, Err(refused));
            });
        }
        tasks.close();
        tasks.wait().await;
        let seconds = started.elapsed().as_secs();
        let asked = slow.asked.load(Ordering::Relaxed);
        assert!((10..=13).contains(&seconds), "{seconds}");
        assert!((12..=17).contains(&asked), "{asked} in {seconds} s");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_two_seconds_and_the_fetch_goes_on() {
        let (slow, fetcher, trust) = fetcher(Duration::from_secs(4));
        let refused = Rejection::NoKeys(0);
        let again = || Err::<(), _>(refused);
        for _ in 0..2 {
            let started = Instant::now();
            assert_eq!(fetcher.retry(&trust, refused, again).await, Err(refused));
            assert_eq!(started.elapsed().as_secs(), 2);
        }
        assert_eq!(slow.asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_published_while_a_fetch_was_under_way_is_found() {
        let (slow, fetcher, trust) = fetcher(Duration::from_millis(10));
        let tries = AtomicUsize::new(0);
        let refused = Rejection::NewKey(0);
        let again = || match tries.fetch_add(1, Ordering::Relaxed) {
            0 => Err(refused),
            _ => Ok(()),
        };
        let first = fetcher.retry(&trust, refused, || Ok::<_, Rejection>(()));
        assert_eq!(first.await, Ok(()));
        // Right behind a question, and the next one is answered before the key is published.
        let started = Instant::now();
        assert_eq!(fetcher.retry(&trust, refused, again).await, Ok(()));
        assert!(started.elapsed() < PATIENCE);
        assert!(slow.asked.load(Ordering::Relaxed) <= 4);
    }

    #[tokio::test(start_paused = true)]
    async fn keys_from_a_file_are_not_fetched() {
        let (slow, fetcher, trust) = fetcher(Duration::ZERO);
        let issuer = TrustedIssuer {
            keys_url: None,
            ..(*trust.issuers[0]).clone()
        };
        let trust = Trust {
            issuers: vec![Arc::new(issuer)],
            ..Trust::default()
        };
        let refused = Rejection::NewKey(0);
        let again = || Ok(());
        assert_eq!(fetcher.retry(&trust, refused, again).await, Err(refused));
        assert_eq!(slow.asked.load(Ordering::Relaxed), 0);
    }
}
