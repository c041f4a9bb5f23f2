//! How often a signal has come, on its way from the handler to whoever takes it on.
//!
//! ```text
//!   handler                                  dispatch
//!   ───────                                  ────────
//!   count += 1                               silence the bell, and wait for it again
//!   ring the bell                            take the count
//! ```
//!
//! One counts before he rings, the other silences before he takes: a signal that comes too late to
//! be taken rings a bell that somebody waits for.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, Release};

/// An atomic number: std's, or a model's. (A door to loom's as in other crates would not do:
/// handlers need statics, and these numbers cannot be made at compile time there.)
pub(super) trait Word {
    fn load(&self, order: Ordering) -> u32;
    fn swap(&self, new: u32, order: Ordering) -> u32;
    fn fetch_add(&self, more: u32, order: Ordering) -> u32;
}

impl Word for AtomicU32 {
    fn load(&self, order: Ordering) -> u32 {
        self.load(order)
    }

    fn swap(&self, new: u32, order: Ordering) -> u32 {
        self.swap(new, order)
    }

    fn fetch_add(&self, more: u32, order: Ordering) -> u32 {
        self.fetch_add(more, order)
    }
}

/// How often one has come since it was last asked.
#[derive(Debug)]
pub(super) struct Count<W>(W);

impl Count<AtomicU32> {
    pub(super) const fn new() -> Self {
        Count(AtomicU32::new(0))
    }
}

impl<W: Word> Count<W> {
    #[cfg(all(test, marmot_loom))]
    pub(super) const fn of(word: W) -> Self {
        Count(word)
    }

    /// One more. All of it is allowed in a signal handler.
    pub(super) fn arrive(&self) {
        // ORDERING: Release, the pair of the Acquire in `take`: whoever takes the count comes
        // after what was written before the signal was sent from this process. The byte that
        // follows is ordered by the kernel, but the count may be taken before the byte is read.
        self.0.fetch_add(1, Release);
    }

    /// How many since this was last asked.
    pub(super) fn take(&self) -> u32 {
        // ORDERING: Relaxed, a look that spares the swap. A count that it misses has rung the bell
        // after the bell was last silenced, so somebody will look again.
        if self.0.load(Relaxed) == 0 {
            return 0;
        }
        // ORDERING: Acquire, the pair of the Release in `arrive`.
        self.0.swap(0, Acquire)
    }
}

/// Whose turn it is to dispatch: one thread's at a time. Under the lock of the table.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Turn {
    taken: bool,
    /// Somebody else wanted it meanwhile.
    again: bool,
}

impl Turn {
    pub(super) const FREE: Turn = Turn {
        taken: false,
        again: false,
    };

    /// Takes the turn. `false`: another has it, and will go round once more.
    #[must_use]
    pub(super) fn begin(&mut self) -> bool {
        self.again = self.taken;
        !std::mem::replace(&mut self.taken, true)
    }

    /// Gives it back after a round, and is done; `false`: it has to go round once more.
    #[must_use]
    pub(super) fn end(&mut self) -> bool {
        let done = !std::mem::take(&mut self.again);
        self.taken = !done;
        done
    }

    /// Gives it back in a panic; whoever comes next does what is left.
    pub(super) fn abandon(&mut self) {
        *self = Turn::FREE;
    }
}
