//! Who holds a lock: the goroutine's number in the lock's word, the line of the program beside
//! it, and both in the process's table while somebody waits.

#![expect(unsafe_code, reason = "keeps places as raw pointers")]

#[cfg(marmot_loom)]
mod modelled;
#[cfg(not(marmot_loom))]
mod row;

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

#[cfg(marmot_loom)]
pub(crate) use modelled::HolderRow;
#[cfg(not(marmot_loom))]
pub(crate) use row::HolderRow;

/// The kind of guard that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    Borrowed,
    /// Made to be moved: whoever took the lock need not be the one that gives it back.
    Owned,
}

/// A place that one thread writes and others read: the line where a lock was taken last.
#[derive(Debug)]
pub(crate) struct LockedAt(AtomicPtr<Location<'static>>);

impl LockedAt {
    pub(crate) const fn new() -> LockedAt {
        LockedAt(AtomicPtr::new(ptr::null_mut()))
    }

    #[inline]
    pub(crate) fn set(&self, place: &'static Location<'static>) {
        // ORDERING: Relaxed, words for reports; a location never changes.
        self.0
            .store(ptr::from_ref(place).cast_mut(), Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> Option<&'static Location<'static>> {
        // ORDERING: Relaxed, as in `set`.
        let place = self.0.load(Ordering::Relaxed);
        // SAFETY: null, or from a `&'static Location` through `set`.
        unsafe { place.as_ref() }
    }
}
