//! An external auth server (`AUTH_SERVER_URL`) that must agree with each call.
//!
//! Promises: without its 200 nothing passes; whatever else it answers, or does not answer, is a
//! refusal. A policy in reach must agree beside it; where the registry offers none, its verdict
//! decides. What it says is remembered only for the same credential, address, HTTP method and
//! messages' methods and tools, for a short while, and never longer by being asked for. It is told
//! what was called and by which credential, and nothing else of the caller. Must not be asked about
//! public servers.
//!
//! Start with [`External::judge`]; `ask` is one question and its answer, `verdicts` what is
//! remembered, `standing` what becomes of streams when a verdict is taken back.

mod ask;
mod standing;
mod verdicts;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderValue;
use http::uri::PathAndQuery;
use metrics::{Counter, counter};

pub use self::ask::{Question, as_field};
pub use self::standing::Standing;
pub use self::verdicts::Verdict;
use self::verdicts::Verdicts;
use super::origin::{Origin, Origins};
use super::reason::Reason;
use super::session::random_key;
use super::upstream::Pool;
use super::waits::{TooLong, Waits};
use crate::catalog::snapshot::{Access, Snapshot};
use crate::domain::endpoint::UpstreamUrl;
use crate::domain::secret::Secret;
use crate::domain::server::UpstreamTls;
use crate::net::roots::Roots;

/// How the auth server is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its base, asked at [`PATH`], or a whole address.
    pub url: url::Url,
    /// Shown as `X-Gateway-Authorization`.
    pub token: Option<Secret<String>>,
    /// How long a verdict is remembered; 0: never.
    pub ttl: Duration,
    /// How long it may take.
    pub limit: Duration,
    /// Between two questions about what is open; without a usable answer for as long again it ends.
    pub recheck: Duration,
}

/// The auth server, and what it said lately.
#[derive(Debug)]
pub struct External {
    origin: Arc<Origin>,
    path: PathAndQuery,
    host: HeaderValue,
    token: Option<HeaderValue>,
    limit: Duration,
    verdicts: Verdicts,
    /// Seconds between two questions about what is open.
    recheck: i64,
    /// Held by who asks about what is open.
    reviewing: tokio::sync::Mutex<()>,
    /// In force where the registry offers no policy.
    alone: Arc<Access>,
    /// It gave no usable answer when last asked.
    failing: AtomicBool,
    /// It agreed without naming anybody, and that was told.
    nameless: AtomicBool,
    counters: Counters,
}

/// Why the auth server cannot be asked.
#[derive(Debug, thiserror::Error)]
#[error(
    "AUTH_SERVER_URL or AUTH_SERVER_TOKEN cannot be used: {0}; write an http or https address such as http://auth-server:8888"
)]
pub struct Unusable(&'static str);

impl External {
    /// The server of these settings, its certificate judged by these roots.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub fn new(settings: &Settings, roots: Roots) -> Result<Self, Unusable> {
        let url = UpstreamUrl::parse(settings.url.as_str())
            .map_err(|_| Unusable("the address is not one of a web server"))?;
        let parsed = url.as_url();
        let path = match (parsed.path(), parsed.query()) {
            ("/" | "", _) => PATH.to_owned(),
            (path, Some(query)) => format!("{path}?{query}"),
            (path, None) => path.to_owned(),
        };
        let host = parsed.host_str().unwrap_or_default();
        let host = match parsed.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let token = settings.token.as_ref().map(|token| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose()))
                .map_err(|_| Unusable("the token holds what a header field cannot"))?;
            value.set_sensitive(true);
            Ok(value)
        });
        let key = random_key().ok_or(Unusable("there is no randomness"))?;
        let origin = Origins::new(roots).intern(&url, &UpstreamTls::default());
        Ok(Self {
            origin: origin.ok_or(Unusable("the host cannot be sent to"))?,
            path: PathAndQuery::try_from(path).map_err(|_| Unusable("the path is none"))?,
            host: HeaderValue::try_from(host).map_err(|_| Unusable("the host is none"))?,
            token: token.transpose()?,
            limit: settings.limit,
            verdicts: Verdicts::new(settings.ttl),
            recheck: seconds(settings.recheck),
            reviewing: tokio::sync::Mutex::default(),
            alone: Arc::new(Access::left_to_verdict(key)),
            failing: AtomicBool::new(false),
            nameless: AtomicBool::new(false),
            counters: Counters::new(),
        })
    }

    /// A snapshot that can decide: where it has no policy, the verdict does.
    pub fn completed(&self, snapshot: &Arc<Snapshot>) -> Arc<Snapshot> {
        if snapshot.access.is_some() {
            return Arc::clone(snapshot);
        }
        let mut completed = (**snapshot).clone();
        completed.access = Some(Arc::clone(&self.alone));
        Arc::new(completed)
    }

    /// What it says to a question; asked once, however many callers have the same one at a time.
    ///
    /// # Errors
    /// [`Reason::AuthUnavailable`] where it says nothing that could be understood.
    pub async fn judge(
        &self,
        pool: &Arc<Pool>,
        waits: &Arc<Waits>,
        question: &Question<'_>,
    ) -> Result<Verdict, Reason> {
        let asking = pin!(
            self.verdicts
                .of(|| question.key(), || self.asked(pool, question))
        );
        let limited = waits.limit(self.limit, asking);
        let verdict = limited.await.unwrap_or_else(|TooLong| {
            self.note(Some("it did not answer in time"));
            Err(Reason::AuthUnavailable)
        });
        let counter = match &verdict {
            Ok(Verdict::Allowed(_)) => &self.counters.allowed,
            Ok(Verdict::Refused(..)) => &self.counters.refused,
            Err(_) => &self.counters.unavailable,
        };
        counter.increment(1);
        verdict
    }

    async fn asked(&self, pool: &Arc<Pool>, question: &Question<'_>) -> Result<Verdict, Reason> {
        self.counters.asked.increment(1);
        let answered = ask::ask(self, pool, question).await;
        self.note(answered.as_ref().err().copied());
        answered.map_err(|_| Reason::AuthUnavailable)
    }

    /// It agreed to a call, but named nobody, and nobody else knows who it is. Told once.
    pub fn named_nobody(&self) -> Reason {
        if !self.nameless.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "the auth server agrees to calls without naming the caller in X-User; they are refused"
            );
        }
        Reason::AuthUnavailable
    }

    /// Trouble is told when it begins and when it is over.
    fn note(&self, trouble: Option<&'static str>) {
        let failed_before = self.failing.swap(trouble.is_some(), Ordering::Relaxed);
        match (failed_before, trouble) {
            (false, Some(reason)) => {
                tracing::warn!(
                    reason,
                    "the auth server gave no usable answer; calls are refused"
                );
            }
            (true, None) => tracing::info!("the auth server answers again"),
            (true, Some(reason)) => {
                tracing::debug!(reason, "the auth server gave no usable answer");
            }
            (false, None) => {}
        }
    }
}

/// Whole ones, at least one.
fn seconds(period: Duration) -> i64 {
    i64::try_from(period.as_secs()).unwrap_or(i64::MAX).max(1)
}

#[derive(Debug)]
struct Counters {
    asked: Counter,
    allowed: Counter,
    refused: Counter,
    unavailable: Counter,
}

impl Counters {
    fn new() -> Self {
        metrics::describe_counter!(
            "mcp_gateway_auth_server_questions_total",
            "requests to the external auth server"
        );
        metrics::describe_counter!(
            "mcp_gateway_auth_server_verdicts_total",
            "calls that the external auth server had to agree with, by what became of them"
        );
        let verdict = |verdict: &'static str| counter!("mcp_gateway_auth_server_verdicts_total", "verdict" => verdict);
        Self {
            asked: counter!("mcp_gateway_auth_server_questions_total"),
            allowed: verdict("allowed"),
            refused: verdict("refused"),
            unavailable: verdict("unavailable"),
        }
    }
}

/// Where the auth server is asked whose address names no path.
pub const PATH: &str = "/auth/validate";
/// A message that is longer is not put into a field, and so refused.
pub const MAX_BODY_BYTES: usize = 32 * 1024;
