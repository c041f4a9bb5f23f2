//! Who sleeps until when, and who has to be told of an earlier timer.
//!
//! ```text
//!   the one that goes to sleep            the one that arms a timer
//!   ──────────────────────────            ─────────────────────────
//!   until := ever      (announce)         deadline := mine   (announce)
//!   fence                                 fence
//!   read all deadlines (look again)       read until         (look again)
//!   until := earliest of them             earlier than that? then interrupt
//! ```
//!
//! Both announce and then look, with a fence between, so that at least one of them sees the
//! other: a timer that the sleeper has not seen finds `until` at *ever* or at what the
//! sleeper chose without it, and interrupts if it is earlier. The price is an interrupt too
//! many now and then, never one too few.
//!
//! The same shape as the scheduler's idle protocol. Models: `models.rs`.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use crate::loom::{AtomicU64, fence};

/// No timer is waited for; and nobody sleeps for shorter than this.
pub(crate) const EVER: u64 = u64::MAX;
/// Nobody sleeps: no deadline is earlier than this.
const AWAKE: u64 = 0;

/// Until when the sleeper of a group sleeps.
#[derive(Debug)]
pub(crate) struct Sleeper {
    until: AtomicU64,
}

impl Sleeper {
    pub(crate) fn new() -> Sleeper {
        Sleeper {
            until: AtomicU64::new(AWAKE),
        }
    }

    /// Says that one is about to sleep, before it looks at the deadlines.
    pub(crate) fn announce(&self) {
        // ORDERING: Relaxed; the fence below orders it.
        self.until.store(EVER, Relaxed);
        // ORDERING: SeqCst fence, the pair of the one in `lower`. Of the two fences one is
        // first: if this one, whoever arms a timer reads EVER (or a later value); if the
        // other one, the look that follows reads its deadline. Without it both could read
        // the old values, and the timer would be late by a whole sleep. Acquire and release
        // cannot forbid that: each side writes one place and reads the other.
        fence(SeqCst);
    }

    /// Says until when one really sleeps, having looked.
    pub(crate) fn sleep_until(&self, earliest: u64) {
        // ORDERING: Relaxed. Whoever still reads EVER interrupts once too often. Nobody can
        // read a value from before `announce` that the fence there did not account for,
        // because one place's values are read in the order they were written.
        self.until.store(earliest.max(AWAKE + 1), Relaxed);
    }

    /// Says that one is awake again.
    pub(crate) fn awake(&self) {
        // ORDERING: Relaxed; read too late it causes one interrupt too many.
        self.until.store(AWAKE, Relaxed);
    }

    /// Puts a lane's earliest deadline forward; says whether the sleeper must be interrupted.
    ///
    /// To be called under the lane's lock, which keeps the writes of the cell in order.
    #[must_use]
    pub(crate) fn lower(&self, cell: &AtomicU64, deadline: u64) -> bool {
        // ORDERING: Relaxed; the fence below orders it.
        cell.store(deadline, Relaxed);
        // ORDERING: SeqCst fence, the pair of the one in `announce`; the reason stands there.
        fence(SeqCst);
        // ORDERING: Relaxed; the fence above orders it.
        deadline < self.until.load(Relaxed)
    }
}

/// A lane's earliest deadline, as one who does not hold its lock sees it.
pub(crate) fn look(cell: &AtomicU64) -> u64 {
    // ORDERING: Relaxed; in the protocol above the fence of `announce` orders it, elsewhere
    // a value too old is only a hint too old.
    cell.load(Relaxed)
}
