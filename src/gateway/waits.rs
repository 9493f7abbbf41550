//! Limits of waiting, without a timer for each call.
//!
//! Promises: what waits longer than its limit is told so within [`TICK`] afterwards, never before. Costs
//! one entry of a list per wait; what is there at once costs nothing.
//!
//! # Why
//! Nearly every call waits for its server once, and hardly any for too long. A timer of the runtime is
//! put into a wheel, may wake the thread that waits for sockets, and is taken out again, which costs more
//! than reading the request. Here a worker's calls are in one list that is looked through a few times a
//! second, and only while there is something in it.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// What waits on one worker.
#[derive(Debug, Default)]
pub struct Waits {
    list: Mutex<List>,
    /// Somebody looks through the list.
    watched: AtomicBool,
    begun: Notify,
}

#[derive(Debug, Default)]
struct List {
    places: Vec<Place>,
    /// Places that nobody has.
    free: Vec<usize>,
    /// How often the list was looked through.
    ticks: u64,
    /// Places were taken since the last look.
    used: bool,
}

#[derive(Debug, Default)]
struct Place {
    /// The look at which the wait is over; 0: nobody waits, or it was told.
    due: u64,
    waker: Option<Waker>,
}

impl Waits {
    /// Nothing waits.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Gives up on `future` when it takes longer than `limit`.
    pub const fn limit<F: Future + Unpin>(
        self: &Arc<Self>,
        limit: Duration,
        future: F,
    ) -> Limited<'_, F> {
        Limited {
            waits: self,
            limit,
            future,
            place: None,
        }
    }

    /// Looks through the list for ever; to be dropped when its worker ends.
    pub async fn watch(&self) {
        // Who watched before may have been dropped on the way.
        self.rest();
        loop {
            self.begun.notified().await;
            let mut idle = 0;
            let mut before = Instant::now();
            while idle < IDLE_LOOKS {
                sleep(TICK).await;
                // A thread that was held up looks as often as it should have.
                let now = Instant::now();
                let passed = now.duration_since(before).as_millis() / TICK.as_millis();
                before = now;
                idle = if self.look(u64::try_from(passed).unwrap_or(1).max(1)) {
                    0
                } else {
                    idle + 1
                };
            }
            self.rest();
        }
    }

    /// No looks until somebody waits. Who came in between has seen that somebody looks.
    fn rest(&self) {
        self.watched.store(false, Ordering::Release);
        if !self.locked().is_empty() {
            self.ask_for_looks();
        }
    }

    /// Tells those whose wait is over; whether anybody waits or waited since the last time.
    fn look(&self, ticks: u64) -> bool {
        let mut list = self.locked();
        list.ticks += ticks;
        let now = list.ticks;
        for place in &mut list.places {
            if place.due != 0 && place.due <= now {
                place.due = 0;
                if let Some(waker) = place.waker.take() {
                    waker.wake();
                }
            }
        }
        std::mem::take(&mut list.used) || !list.is_empty()
    }

    fn begin(&self, limit: Duration, waker: &Waker) -> usize {
        let ticks = u64::try_from(limit.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u64::MAX);
        let place = {
            let mut list = self.locked();
            let place = Place {
                // The next look may come at once: one more.
                due: list.ticks.saturating_add(ticks).saturating_add(1),
                waker: Some(waker.clone()),
            };
            list.used = true;
            list.take(place)
        };
        self.ask_for_looks();
        place
    }

    fn ask_for_looks(&self) {
        if !self.watched.load(Ordering::Acquire) && !self.watched.swap(true, Ordering::AcqRel) {
            self.begun.notify_one();
        }
    }

    fn locked(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    fn take(&mut self, place: Place) -> usize {
        if let Some(at) = self.free.pop()
            && let Some(free) = self.places.get_mut(at)
        {
            *free = place;
            return at;
        }
        self.places.push(place);
        self.places.len() - 1
    }

    const fn is_empty(&self) -> bool {
        self.places.len() == self.free.len()
    }
}

/// A wait with a limit; `Err` when it is over.
#[derive(Debug)]
pub struct Limited<'w, F> {
    waits: &'w Arc<Waits>,
    limit: Duration,
    future: F,
    place: Option<usize>,
}

/// The limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl<F: Future + Unpin> Future for Limited<'_, F> {
    type Output = Result<F::Output, TooLong>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(done) = Pin::new(&mut self.future).poll(context) {
            return Poll::Ready(Ok(done));
        }
        let Some(at) = self.place else {
            let at = self.waits.begin(self.limit, context.waker());
            self.place = Some(at);
            return Poll::Pending;
        };
        let mut list = self.waits.locked();
        let Some(place) = list.places.get_mut(at) else {
            return Poll::Pending;
        };
        if place.due == 0 {
            return Poll::Ready(Err(TooLong));
        }
        let same = place
            .waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(context.waker()));
        if !same {
            place.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl<F> Drop for Limited<'_, F> {
    fn drop(&mut self) {
        let Some(at) = self.place else { return };
        let mut list = self.waits.locked();
        let waker = list.places.get_mut(at).map(std::mem::take);
        list.free.push(at);
        drop(list);
        drop(waker);
    }
}

/// How often the list is looked through, while there is something in it.
pub const TICK: Duration = Duration::from_millis(50);
/// So many looks without anybody waiting, and they end until somebody does.
const IDLE_LOOKS: u32 = 20;

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::pin::pin;

    use super::*;

    /// Runs a future beside the looks.
    async fn beside<T>(waits: &Arc<Waits>, future: impl Future<Output = T>) -> T {
        tokio::select! {
            done = future => done,
            () = waits.watch() => panic!("the looks have no end"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_there_waits_for_nothing() {
        let waits = Waits::new();
        assert_eq!(waits.limit(Duration::ZERO, ready(1)).await, Ok(1));
        assert!(waits.locked().places.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn waits_end_soon_behind_their_limit_and_never_before() {
        let waits = Waits::new();
        for milliseconds in [0, 1, 50, 249, 250, 1_000, 60_000] {
            let limit = Duration::from_millis(milliseconds);
            let began = Instant::now();
            let waited = beside(&waits, waits.limit(limit, pending::<()>())).await;
            assert_eq!(waited, Err(TooLong));
            let took = began.elapsed();
            assert!(
                took >= limit && took <= limit + 2 * TICK,
                "{took:?} for {limit:?}"
            );
        }
        assert!(waits.locked().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_ends_leaves_the_others_alone() {
        let waits = Waits::new();
        let short = waits.limit(Duration::from_millis(100), pending::<()>());
        let long = pin!(sleep(Duration::from_secs(2)));
        let long = waits.limit(Duration::from_secs(3), long);
        let both = async { tokio::join!(short, long) };
        assert_eq!(beside(&waits, both).await, (Err(TooLong), Ok(())));
        // Its place serves again, also after the looks had ended.
        beside(&waits, sleep(Duration::from_secs(10))).await;
        let again = waits.limit(Duration::from_millis(100), pending::<()>());
        assert_eq!(beside(&waits, again).await, Err(TooLong));
        assert_eq!(waits.locked().places.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_looks_rest_while_nobody_waits() {
        let waits = Waits::new();
        let short = waits.limit(TICK, pending::<()>());
        assert_eq!(beside(&waits, short).await, Err(TooLong));
        beside(&waits, sleep(Duration::from_mins(10))).await;
        assert!(waits.locked().ticks < 100);
        assert!(!waits.watched.load(Ordering::Acquire));
    }
}
