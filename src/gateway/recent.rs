//! What was found out lately: a fixed table of small sets, bounded by its size alone.
//!
//! Nothing is swept; a full set gives up the entry that ends first. A look takes one uncontended
//! lock of [`WAYS`] entries.

use std::fmt;
use std::sync::{Mutex, PoisonError};

/// An entry of such a table.
pub trait Entry {
    /// When it ends.
    type Until: Ord;

    /// When this one ends.
    fn until(&self) -> Self::Until;

    /// Whether this one takes the place of another.
    fn replaces(&self, other: &Self) -> bool;
}

/// Entries by their hash, which nobody outside may choose.
pub struct Recent<E>(Box<[Mutex<[Option<E>; WAYS]>]>);

impl<E: Entry> Recent<E> {
    /// Room for about so many.
    pub fn new(entries: usize) -> Self {
        let sets = entries.div_ceil(WAYS).max(1);
        Self((0..sets).map(|_| Mutex::default()).collect())
    }

    /// What `look` finds in the first entry in which it finds something.
    pub fn find<T>(&self, hash: u64, look: impl FnMut(&E) -> Option<T>) -> Option<T> {
        let set = self.set(hash)?;
        let set = set.lock().unwrap_or_else(PoisonError::into_inner);
        set.iter().flatten().find_map(look)
    }

    /// Remembers one.
    pub fn keep(&self, hash: u64, entry: E) {
        let Some(set) = self.set(hash) else { return };
        let mut set = set.lock().unwrap_or_else(PoisonError::into_inner);
        let place = set.iter_mut().min_by_key(|slot| match slot {
            Some(old) if entry.replaces(old) => (0, None),
            None => (1, None),
            Some(old) => (2, Some(old.until())),
        });
        if let Some(place) = place {
            *place = Some(entry);
        }
    }

    fn set(&self, hash: u64) -> Option<&Mutex<[Option<E>; WAYS]>> {
        let index = hash.checked_rem(u64::try_from(self.0.len()).ok()?)?;
        self.0.get(usize::try_from(index).ok()?)
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        let held = |set: &Mutex<[Option<E>; WAYS]>| set.lock().unwrap().iter().flatten().count();
        self.0.iter().map(held).sum()
    }
}

impl<E> fmt::Debug for Recent<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Recent")
            .field("sets", &self.0.len())
            .finish_non_exhaustive()
    }
}

/// Entries of one set.
const WAYS: usize = 4;
