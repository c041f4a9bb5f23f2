//! Who holds a lock: the goroutine's number in the lock's word, the line of the program beside
//! it, and both in the process's table while somebody waits.

#![expect(unsafe_code, reason = "keeps places as raw pointers")]

use std::panic::Location;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use marmot_wait::held::{Holder, Row};

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

/// The row of a lock in the table of what is held, from when somebody first waited for it.
#[derive(Debug)]
pub(crate) struct HolderRow(OnceLock<Row>);

impl HolderRow {
    pub(crate) const fn new() -> HolderRow {
        HolderRow(OnceLock::new())
    }

    /// Takes a row if there is none yet. Before anybody can know that somebody waits: who
    /// changes the holder then finds the row.
    pub(crate) fn take(&self, object: usize) {
        self.0.get_or_init(|| Row::new(object));
    }

    /// Says who holds it, if anybody ever waited for it.
    pub(crate) fn set(&self, holder: Holder) {
        if let Some(row) = self.0.get() {
            row.set(holder);
        }
    }
}
