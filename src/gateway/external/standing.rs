//! What was begun under a verdict, and asking about it again.
//!
//! Promises: what the auth server takes back ends what is open; so does a server that gives no usable
//! answer for as long again as lies between two questions, whoever asked how often. A question that
//! is asked again is letter for letter the one that was agreed to. Only so many are under way at a
//! time, and what several streams wait for is asked once. Start with [`External::review`].

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::stream::{self, StreamExt as _};
use http::{HeaderValue, Method};
use tokio::time::timeout;

use super::External;
use super::ask::Question;
use super::verdicts::{Key, Verdict};
use crate::domain::principal::{AuthMethod, Principal};
use crate::domain::time::{Clock, Timestamp};
use crate::gateway::account::RequestId;
use crate::gateway::reason::Reason;
use crate::gateway::streams::Stream;
use crate::gateway::upstream::Pool;
use crate::protocol::envelope::Envelope;

/// A question that was agreed to, for as long as what was begun by it goes on.
pub struct Standing {
    /// The field, and what stood in it.
    credential: Option<(&'static str, Box<[u8]>)>,
    url: HeaderValue,
    method: Method,
    message: Option<HeaderValue>,
    request_id: RequestId,
    /// Seconds between two questions.
    period: i64,
    agreed_at: AtomicI64,
    next_at: AtomicI64,
    lost: OnceLock<Reason>,
}

impl Standing {
    /// Of a question that was just agreed to.
    pub(super) fn new(question: &Question<'_>, period: i64, now: Timestamp) -> Self {
        let credential = question.credential.as_ref();
        Self {
            credential: credential.map(|(field, shown)| (*field, Box::from(*shown))),
            url: question.url.clone(),
            method: question.method.clone(),
            message: question.message.as_ref().map(|(field, _)| field.clone()),
            request_id: question.request_id,
            period,
            agreed_at: AtomicI64::new(now.unix()),
            next_at: AtomicI64::new(now.plus_seconds(period).unix()),
            lost: OnceLock::new(),
        }
    }

    /// Why it may not go on, where that is so by now.
    pub fn lost(&self, now: Timestamp) -> Option<Reason> {
        let agreed_at = Timestamp::from_unix(self.agreed_at.load(Ordering::Relaxed));
        if now >= agreed_at.plus_seconds(self.period.saturating_mul(2)) {
            // Whatever stood in the way of asking.
            self.end(Reason::AuthUnavailable);
        }
        self.lost.get().copied()
    }

    /// Whether it should be asked again.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now.unix() >= self.next_at.load(Ordering::Relaxed) && self.lost.get().is_none()
    }

    fn end(&self, reason: Reason) {
        // The first reason stays.
        let _ = self.lost.set(reason);
    }

    fn agreed(&self, asked_at: Timestamp) {
        self.agreed_at.fetch_max(asked_at.unix(), Ordering::Relaxed);
        let next = asked_at.plus_seconds(self.period);
        self.next_at.store(next.unix(), Ordering::Relaxed);
    }

    fn try_later(&self, asked_at: Timestamp) {
        let next = asked_at.plus_seconds(RETRY.min(self.period));
        self.next_at.store(next.unix(), Ordering::Relaxed);
    }
}

impl fmt::Debug for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Standing").finish_non_exhaustive()
    }
}

impl External {
    /// What is kept of a question that was agreed to.
    pub fn standing(&self, question: &Question<'_>, now: Timestamp) -> Arc<Standing> {
        Arc::new(Standing::new(question, self.recheck, now))
    }

    /// Asks again about these, unless somebody does so already; what may not go on is marked so.
    pub async fn review(&self, pool: &Arc<Pool>, due: Vec<Stream>, clock: &Clock) {
        let Ok(_one_at_a_time) = self.reviewing.try_lock() else {
            return;
        };
        let mut questions: HashMap<Key, Vec<Stream>> = HashMap::new();
        for begun in due {
            let key = begun.verdict.as_ref().and_then(|standing| standing.key());
            if let Some(key) = key {
                questions.entry(key).or_default().push(begun);
            }
        }
        stream::iter(questions)
            .for_each_concurrent(QUESTIONS, |(key, begun)| async move {
                self.review_one(pool, key, &begun, clock).await;
            })
            .await;
    }

    /// One question, and what its answer means for all that was begun by it.
    async fn review_one(&self, pool: &Arc<Pool>, key: Key, begun: &[Stream], clock: &Clock) {
        let asked_at = clock.now();
        let standings = || begun.iter().filter_map(|one| one.verdict.as_ref());
        let Some(first) = standings().next() else {
            return;
        };
        let asking = async {
            let asking = first.asking().ok_or(Reason::AuthUnavailable)?;
            let question = asking.question();
            let ask = || self.asked(pool, &question);
            self.verdicts.fresh(key, ask).await
        };
        let verdict = timeout(self.limit, asking).await.unwrap_or_else(|_| {
            self.note(Some("it did not answer in time"));
            Err(Reason::AuthUnavailable)
        });
        for one in begun {
            let Some(standing) = &one.verdict else {
                continue;
            };
            match &verdict {
                Ok(Verdict::Refused(reason, _)) => standing.end(*reason),
                Ok(Verdict::Allowed(named)) => match changed(one, named.as_deref()) {
                    Ok(None) => standing.agreed(asked_at),
                    Ok(Some(reason)) => standing.end(reason),
                    Err(Nobody) => standing.try_later(asked_at),
                },
                Err(_) => standing.try_later(asked_at),
            }
        }
    }
}

/// It agrees, but names nobody, and nobody else knows who it is.
struct Nobody;

/// Why an agreement is none for what was begun: the credential is somebody else's by now, or stands
/// for less where a policy goes by that.
fn changed(begun: &Stream, named: Option<&Principal>) -> Result<Option<Reason>, Nobody> {
    let caller = begun.caller.as_deref();
    let Some(caller) = caller.filter(|caller| caller.method == AuthMethod::External) else {
        return Ok(None);
    };
    let named = named.ok_or(Nobody)?;
    if named.subject != caller.subject {
        return Ok(Some(Reason::Unauthenticated));
    }
    let scopes_decide = begun
        .access
        .as_ref()
        .is_some_and(|access| !access.is_left_to_verdict());
    let less = scopes_decide && !caller.scopes.is_subset(&named.scopes);
    Ok(less.then_some(Reason::Forbidden))
}

/// A question put together again.
struct Asking<'s> {
    standing: &'s Standing,
    envelope: Option<(&'s HeaderValue, Envelope<'s>)>,
}

impl Asking<'_> {
    fn question(&self) -> Question<'_> {
        let standing = self.standing;
        let credential = standing.credential.as_ref();
        let message = self.envelope.as_ref();
        Question {
            credential: credential.map(|(field, shown)| (*field, &**shown)),
            url: standing.url.clone(),
            method: &standing.method,
            message: message.map(|(field, envelope)| ((*field).clone(), envelope)),
            request_id: standing.request_id,
        }
    }
}

impl Standing {
    /// `None` for a message that cannot be read, of which there is none.
    fn asking(&self) -> Option<Asking<'_>> {
        let message = self.message.as_ref();
        let envelope = message.map(|field| {
            let envelope = Envelope::parse(field.as_bytes()).ok()?;
            Some((field, envelope))
        });
        let envelope = match envelope {
            Some(read) => Some(read?),
            None => None,
        };
        Some(Asking {
            standing: self,
            envelope,
        })
    }

    fn key(&self) -> Option<Key> {
        Some(self.asking()?.question().key())
    }
}

/// Questions under way at a time.
const QUESTIONS: usize = 16;
/// Seconds after which a question without a usable answer is asked again.
const RETRY: i64 = 5;
