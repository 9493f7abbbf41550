//! How much one caller may ask of one server: calls by a token bucket, open streams by number.
//!
//! Promises: off by default, and free of cost then; memory has a bound however many callers there
//! are; a refusal says when to come back. Must not: know who a caller is – a key is all it needs.
//! Start at [`CallLimit::take`].
//!
//! # Why our own
//! A bucket is one number: the time at which it is full again. Forgetting those that are full loses
//! nothing, which bounds the memory; the packages for this keep every key until they are told to
//! look for old ones, and none of them has a bound.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;

/// So many calls a minute, with a burst.
#[derive(Debug)]
pub struct CallLimit {
    /// Nanoseconds for one call.
    interval: u64,
    burst: u64,
    hasher: RandomState,
    shards: [Mutex<HashMap<u64, u64, RandomState>>; SHARDS],
}

impl CallLimit {
    /// `None` where there is no limit: `per_minute` is 0. A `burst` of 0 is a minute's worth.
    pub fn new(per_minute: u32, burst: u32) -> Option<Self> {
        let interval = MINUTE.checked_div(u64::from(per_minute))?;
        Some(Self {
            interval: interval.max(1),
            burst: u64::from(if burst == 0 { per_minute } else { burst }),
            hasher: RandomState::default(),
            shards: std::array::from_fn(|_| Mutex::default()),
        })
    }

    /// Takes `calls` from a caller's bucket for a server; more than a burst counts as a burst. `now`
    /// is the time since any fixed moment.
    ///
    /// # Errors
    /// After how long that many are there.
    pub fn take(
        &self,
        caller: &[u8],
        server: &str,
        calls: usize,
        now: Duration,
    ) -> Result<(), Duration> {
        let key = self.hasher.hash_one((caller, server));
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let calls = u64::try_from(calls).unwrap_or(u64::MAX).min(self.burst);
        let most = self.interval.saturating_mul(self.burst);
        let cost = self.interval.saturating_mul(calls);
        let Some(shard) = self.shards.get(usize::from(key.to_le_bytes()[0]) % SHARDS) else {
            return Ok(());
        };
        let mut full_at = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let before = full_at.get(&key).copied().unwrap_or(now).max(now);
        let after = before.saturating_add(cost);
        let over = (after - now).saturating_sub(most);
        if over > 0 {
            return Err(Duration::from_nanos(over));
        }
        if full_at.len() >= ENTRIES && !full_at.contains_key(&key) {
            make_room(&mut full_at, now);
        }
        full_at.insert(key, after);
        Ok(())
    }
}

/// Forgets the buckets that are full, which loses nothing; where none is, the fullest half.
fn make_room(full_at: &mut HashMap<u64, u64, RandomState>, now: u64) {
    full_at.retain(|_, at| *at > now);
    if full_at.len() < ENTRIES {
        return;
    }
    let mut times: Vec<u64> = full_at.values().copied().collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    full_at.retain(|_, at| *at > median);
}

/// So many open streams a caller.
#[derive(Debug)]
pub struct StreamLimit {
    most: usize,
    open: Mutex<HashMap<Box<[u8]>, usize>>,
}

/// A caller's place for one stream; free again when the last clone is gone.
#[derive(Debug)]
pub struct Place {
    limit: Arc<StreamLimit>,
    caller: Box<[u8]>,
}

impl StreamLimit {
    /// `None` where there is no limit: `most` is 0.
    pub fn new(most: usize) -> Option<Arc<Self>> {
        (most > 0).then(|| {
            Arc::new(Self {
                most,
                open: Mutex::default(),
            })
        })
    }

    /// A place for one more stream of this caller; `None` when there is none left.
    pub fn place(self: &Arc<Self>, caller: &[u8]) -> Option<Arc<Place>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(caller.into()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Arc::new(Place {
            limit: Arc::clone(self),
            caller: caller.into(),
        }))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self
            .limit
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.caller) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.caller);
            }
        }
    }
}

const MINUTE: u64 = 60_000_000_000;
const SHARDS: usize = 64;
/// Buckets in one shard.
const ENTRIES: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(limit: &CallLimit, caller: &str, now: u64) -> Result<(), Duration> {
        limit.take(caller.as_bytes(), "a", 1, Duration::from_secs(now))
    }

    #[test]
    fn a_burst_passes_and_then_one_each_interval() {
        assert!(CallLimit::new(0, 9).is_none());
        let limit = CallLimit::new(60, 3).unwrap();
        for _ in 0..3 {
            assert_eq!(takes(&limit, "ann", 5), Ok(()));
        }
        assert_eq!(takes(&limit, "ann", 5), Err(Duration::from_secs(1)));
        assert_eq!(takes(&limit, "bob", 5), Ok(()));
        assert_eq!(limit.take(b"ann", "b", 1, Duration::from_secs(5)), Ok(()));
        assert_eq!(takes(&limit, "ann", 6), Ok(()));
        assert!(takes(&limit, "ann", 6).is_err());
        for _ in 0..3 {
            assert_eq!(takes(&limit, "ann", 1_000), Ok(()));
        }
        assert!(takes(&limit, "ann", 1_000).is_err());
    }

    #[test]
    fn a_batch_costs_what_is_in_it_and_never_more_than_a_burst() {
        let limit = CallLimit::new(60, 4).unwrap();
        let take = |calls, now| limit.take(b"ann", "a", calls, Duration::from_secs(now));
        assert_eq!(take(3, 0), Ok(()));
        assert_eq!(take(3, 0), Err(Duration::from_secs(2)));
        assert_eq!(take(usize::MAX, 10), Ok(()));
        assert_eq!(take(1, 10), Err(Duration::from_secs(1)));
    }

    #[test]
    fn memory_has_a_bound_and_those_at_their_limit_are_remembered() {
        let limit = CallLimit::new(60, 2).unwrap();
        assert_eq!(limit.take(b"ann", "a", 2, Duration::ZERO), Ok(()));
        for number in 0..200_000 {
            assert_eq!(takes(&limit, &number.to_string(), 0), Ok(()));
        }
        let held = limit.shards.iter().map(|shard| shard.lock().unwrap().len());
        assert!(held.max().unwrap() <= ENTRIES);
        assert!(takes(&limit, "ann", 0).is_err());
    }

    #[test]
    fn a_place_is_free_again_when_its_stream_is_gone() {
        assert!(StreamLimit::new(0).is_none());
        let limit = StreamLimit::new(2).unwrap();
        let first = limit.place(b"ann").unwrap();
        let _second = limit.place(b"ann").unwrap();
        assert!(limit.place(b"ann").is_none());
        assert!(limit.place(b"bob").is_some());
        let kept = Arc::clone(&first);
        drop(first);
        assert!(limit.place(b"ann").is_none());
        drop(kept);
        assert!(limit.place(b"ann").is_some());
        assert_eq!(limit.open.lock().unwrap().len(), 1);
    }
}
