//! Tokens that were good, by their fingerprint: a fixed table of small sets.
//!
//! # Why
//! Only good tokens get in, so nobody can fill it without being known. A set-associative table has
//! a fixed size, needs no list of what was used when, and a hit takes one uncontended lock of eight
//! entries. A full set gives up the entry that ends first.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::Fingerprint;
use super::claims::Checked;
use crate::domain::time::Timestamp;

pub(super) struct Cache {
    sets: Box<[Mutex<[Option<Entry>; WAYS]>]>,
}

struct Entry {
    hash: Fingerprint,
    generation: u64,
    since: Timestamp,
    until: Timestamp,
    checked: Arc<Checked>,
}

impl Cache {
    /// Room for `entries`, rounded up to whole sets; 0 remembers nothing.
    pub(super) fn new(entries: usize) -> Self {
        let sets = entries.div_ceil(WAYS);
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
        }
    }

    /// What was found when this token was checked with this generation of keys. A clock that went
    /// back makes a miss, so that no jump keeps an entry longer than it was meant to live.
    pub(super) fn find(
        &self,
        hash: &Fingerprint,
        generation: u64,
        now: Timestamp,
    ) -> Option<Arc<Checked>> {
        let set = self
            .set(hash)?
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let entry = set.iter().flatten().find(|entry| entry.hash == *hash)?;
        (entry.generation == generation && entry.since <= now && now < entry.until)
            .then(|| Arc::clone(&entry.checked))
    }

    /// Remembers a good token.
    pub(super) fn keep(
        &self,
        hash: Fingerprint,
        generation: u64,
        since: Timestamp,
        until: Timestamp,
        checked: Arc<Checked>,
    ) {
        let Some(set) = self.set(&hash) else { return };
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let place = set.iter_mut().min_by_key(|slot| match slot {
            Some(entry) if entry.hash == hash => (0, Timestamp::default()),
            None => (1, Timestamp::default()),
            Some(entry) if entry.generation != generation => (2, entry.until),
            Some(entry) => (3, entry.until),
        });
        if let Some(slot) = place {
            *slot = Some(Entry {
                hash,
                generation,
                since,
                until,
                checked,
            });
        }
    }

    /// Where a token may lie. The fingerprint is uniform, and its maker cannot choose it cheaply.
    fn set(&self, hash: &Fingerprint) -> Option<&Mutex<[Option<Entry>; WAYS]>> {
        let (head, _) = hash.split_first_chunk::<8>()?;
        let index = u64::from_le_bytes(*head).checked_rem(u64::try_from(self.sets.len()).ok()?)?;
        self.sets.get(usize::try_from(index).ok()?)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.sets
            .iter()
            .map(|set| set.lock().unwrap().iter().flatten().count())
            .sum()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cache")
            .field("sets", &self.sets.len())
            .finish_non_exhaustive()
    }
}

const WAYS: usize = 8;
