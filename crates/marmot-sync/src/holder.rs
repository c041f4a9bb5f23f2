//! Who holds a lock: the goroutine's number in the lock's word, the line of the program beside
//! it, and both in the process's table while somebody waits.

#![expect(unsafe_code, reason = "keeps places as raw pointers")]

use std::panic::Location;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

#[cfg(marmot_loom)]
pub(crate) use modelled::HolderRow;
#[cfg(not(marmot_loom))]
pub(crate) use table::HolderRow;

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

#[cfg(not(marmot_loom))]
mod table {
    use std::sync::OnceLock;

    use marmot_wait::held::{Holder, Row};

    /// The row of a lock in the table of what is held, from when somebody first waited for it.
    #[derive(Debug)]
    pub(crate) struct HolderRow(OnceLock<Row>);

    impl HolderRow {
        pub(crate) const fn new() -> HolderRow {
            HolderRow(OnceLock::new())
        }

        /// Takes a row if there is none yet. Under the line's lock, so that whoever changes the
        /// holder after it found somebody in line finds the row too.
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
}

#[cfg(marmot_loom)]
mod modelled {
    use loom::sync::atomic::{AtomicU64, Ordering};
    use marmot_wait::held::Holder;

    const NOT_TAKEN: u64 = 0;
    const NOBODY: u64 = 1;
    const SOMEBODY: u64 = 2;
    const MOVABLE: u64 = 4;

    /// A row with nothing of its own that orders anything: a model sees whether the lock does.
    pub(crate) struct HolderRow(AtomicU64);

    impl HolderRow {
        pub(crate) fn new() -> HolderRow {
            HolderRow(AtomicU64::new(NOT_TAKEN))
        }

        pub(crate) fn take(&self, _object: usize) {
            if self.0.load(Ordering::Relaxed) == NOT_TAKEN {
                self.0.store(NOBODY, Ordering::Relaxed);
            }
        }

        pub(crate) fn set(&self, holder: Holder) {
            let row = match holder {
                Holder::NONE => NOBODY,
                Holder { movable: true, .. } => SOMEBODY | MOVABLE,
                _ => SOMEBODY,
            };
            if self.0.load(Ordering::Relaxed) != NOT_TAKEN {
                self.0.store(row, Ordering::Relaxed);
            }
        }

        /// Whether it says that somebody holds the lock, and if so, with an owned guard.
        #[cfg(test)]
        pub(crate) fn says(&self) -> Option<bool> {
            let row = self.0.load(Ordering::Relaxed);
            (row & SOMEBODY != 0).then_some(row & MOVABLE != 0)
        }
    }
}
