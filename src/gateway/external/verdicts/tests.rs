use std::future::{Ready, ready};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;
use tokio::time::advance;

use super::*;

const TTL: Duration = Duration::from_secs(5);

/// Counts how often it was asked.
#[derive(Default)]
struct Server {
    asked: AtomicUsize,
}

impl Server {
    fn say(&self, verdict: Result<Verdict, Reason>) -> Ready<Result<Verdict, Reason>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        ready(verdict)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

const YES: Result<Verdict, Reason> = Ok(Verdict::Allowed(None));
const UNKNOWN: Result<Verdict, Reason> = Ok(Verdict::Refused(Reason::Unauthenticated, None));
const FORBIDDEN: Result<Verdict, Reason> = Ok(Verdict::Refused(Reason::Forbidden, None));

#[tokio::test(start_paused = true)]
async fn a_verdict_is_remembered_for_its_time_and_no_longer() {
    let (verdicts, server) = (Verdicts::new(TTL), Server::default());
    for (wait, asked) in [(0, 1), (4_999, 1), (1, 2), (4_000, 2), (1_000, 3)] {
        advance(Duration::from_millis(wait)).await;
        let verdict = verdicts.of(|| [1; 32], || server.say(YES)).await;
        assert!(matches!(verdict, Ok(Verdict::Allowed(_))));
        assert_eq!(server.asked(), asked, "after {wait} ms more");
    }
}

#[tokio::test(start_paused = true)]
async fn being_asked_for_prolongs_nothing() {
    let (verdicts, server) = (Verdicts::new(TTL), Server::default());
    for _ in 0..20 {
        verdicts.of(|| [1; 32], || server.say(YES)).await.unwrap();
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(server.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_verdict_is_as_old_as_its_question() {
    let (verdicts, server) = (Verdicts::new(TTL), Server::default());
    let slow = || async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        server.say(YES).await
    };
    verdicts.of(|| [1; 32], slow).await.unwrap();
    advance(Duration::from_secs(1)).await;
    verdicts.of(|| [1; 32], || server.say(YES)).await.unwrap();
    assert_eq!(server.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_somebody_known_is_remembered_and_nothing_else_is() {
    for (said, asked) in [
        (FORBIDDEN, 1),
        (UNKNOWN, 3),
        (Err(Reason::AuthUnavailable), 3),
    ] {
        let (verdicts, server) = (Verdicts::new(TTL), Server::default());
        for _ in 0..3 {
            let _ = verdicts.of(|| [1; 32], || server.say(said.clone())).await;
        }
        assert_eq!(server.asked(), asked, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn other_keys_are_other_questions_and_only_so_many_are_kept() {
    let (verdicts, server) = (Verdicts::new(TTL), Server::default());
    for number in 0..20_000_u64 {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_le_bytes());
        verdicts.of(|| key, || server.say(YES)).await.unwrap();
    }
    assert_eq!(server.asked(), 20_000);
    assert!(verdicts.kept.len() <= ENTRIES);
    assert!(verdicts.flights.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_a_time_everything_is_asked() {
    let (verdicts, server) = (Verdicts::new(Duration::ZERO), Server::default());
    for _ in 0..3 {
        verdicts.of(|| [1; 32], || server.say(YES)).await.unwrap();
    }
    assert_eq!(server.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn one_question_serves_all_that_wait_even_when_the_first_goes_away() {
    let (verdicts, server) = (Arc::new(Verdicts::new(TTL)), Arc::new(Server::default()));
    let gate = Arc::new(Notify::new());
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..10 {
        let (verdicts, server, gate) = (
            Arc::clone(&verdicts),
            Arc::clone(&server),
            Arc::clone(&gate),
        );
        let first = waiting.spawn(async move {
            let ask = || async {
                gate.notified().await;
                server.say(UNKNOWN).await
            };
            verdicts.of(|| [1; 32], ask).await
        });
        tokio::task::yield_now().await;
        if number == 0 {
            // The one that asks; who waits next takes over.
            tokio::task::yield_now().await;
            first.abort();
        }
    }
    while waiting.len() > 1 {
        gate.notify_waiters();
        tokio::task::yield_now().await;
        while let Some(done) = waiting.try_join_next() {
            assert!(done.is_err() || matches!(done.unwrap(), Ok(Verdict::Refused(..))));
        }
        if waiting.is_empty() {
            break;
        }
    }
    while let Some(done) = waiting.join_next().await {
        assert!(done.is_err() || matches!(done.unwrap(), Ok(Verdict::Refused(..))));
    }
    assert_eq!(server.asked(), 1);
    assert!(verdicts.flights.lock().unwrap().is_empty());
}
