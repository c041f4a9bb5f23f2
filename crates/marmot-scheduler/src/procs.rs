//! The Ps of a runtime: a table that grows and is read without a lock.

use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use crate::processor::Processor;

/// As many Ps as a runtime can have.
pub(crate) const MAX_PROCS: usize = 1024;

/// The Ps, by number. One that was made stays, in use or retired.
pub(crate) struct Procs {
    table: Box<[AtomicPtr<Processor>]>,
    slots: AtomicUsize,
    active: AtomicUsize,
}

impl Procs {
    pub(crate) fn new() -> Procs {
        let table = (0..MAX_PROCS).map(|_| AtomicPtr::new(null_mut())).collect();
        Procs {
            table,
            slots: AtomicUsize::new(0),
            active: AtomicUsize::new(0),
        }
    }

    /// How many have been made.
    #[inline]
    pub(crate) fn slots(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `add`: the slots below are filled.
        self.slots.load(Ordering::Acquire)
    }

    /// How many are in use, or are about to be once those to retire have.
    #[inline]
    pub(crate) fn active(&self) -> usize {
        // ORDERING: Relaxed, a number to divide by.
        self.active.load(Ordering::Relaxed)
    }

    /// Under the scheduler's lock.
    pub(crate) fn set_active(&self, count: usize) {
        self.active.store(count, Ordering::Relaxed);
    }

    #[expect(unsafe_code, reason = "Ps live for ever")]
    pub(crate) fn get(&self, slot: usize) -> Option<&'static Processor> {
        // ORDERING: Acquire pairs with the Release in `add`.
        let proc = self.table.get(slot)?.load(Ordering::Acquire);
        // SAFETY: null, or leaked by `add`: Ps live as long as the process.
        unsafe { proc.as_ref() }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'static Processor> {
        (0..self.slots()).filter_map(|slot| self.get(slot))
    }

    /// Adds a P. Under the scheduler's lock.
    pub(crate) fn add(&self, proc: Processor) -> &'static Processor {
        let slot = self.slots();
        let proc: &'static Processor = Box::leak(Box::new(proc));
        // ORDERING: Release publishes the P, then the count that includes it.
        self.table[slot].store(std::ptr::from_ref(proc).cast_mut(), Ordering::Release);
        self.slots.store(slot + 1, Ordering::Release);
        proc
    }
}
