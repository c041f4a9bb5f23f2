#![doc = include_str!("README.md")]

use crate::loom::{AtomicU64, Ordering, fence};

#[cfg(all(test, marmot_loom))]
mod models;

/// One searching machine; idle Ps are counted below it.
const SEARCHER: u64 = 1 << 32;

/// The word.
#[derive(Debug)]
pub(crate) struct IdleWord(AtomicU64);

impl IdleWord {
    /// Nobody idle, nobody searching.
    pub(crate) fn new() -> IdleWord {
        IdleWord(AtomicU64::new(0))
    }

    /// Idle Ps and searching machines: a glance.
    #[inline]
    pub(crate) fn glance(&self) -> (u32, u32) {
        // ORDERING: Relaxed; callers that decide on it have a fence before, or look again.
        split(self.0.load(Ordering::Relaxed))
    }

    /// Whether somebody should be woken for work that has just been pushed.
    #[inline]
    pub(crate) fn wants_searcher(&self) -> bool {
        // ORDERING: SeqCst: the push before this fence, or the idle P announced before the
        // fence in `announce`, is seen by the other side's look. Without it both looks could
        // miss, and the work would lie beside a sleeping machine.
        fence(Ordering::SeqCst);
        let (idle, searching) = self.glance();
        idle > 0 && searching == 0
    }

    /// Becomes the one searcher to be woken. `false`: somebody else is, or no P is idle.
    pub(crate) fn try_begin_search(&self) -> bool {
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let (idle, searching) = split(word);
            if idle == 0 || searching > 0 {
                return false;
            }
            // ORDERING: Relaxed; the lock that hands the P over orders the rest.
            match self.0.compare_exchange_weak(
                word,
                word + SEARCHER,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// One more machine searches, whoever else does.
    pub(crate) fn begin_search(&self) {
        // ORDERING: Relaxed, as above.
        self.0.fetch_add(SEARCHER, Ordering::Relaxed);
    }

    /// One machine fewer searches. `true`: it was the last, and owes a look whether there is
    /// more to do.
    pub(crate) fn end_search(&self) -> bool {
        // ORDERING: Relaxed; the fence orders it before the caller's look at the queues.
        let before = self.0.fetch_sub(SEARCHER, Ordering::Relaxed);
        // ORDERING: SeqCst: pairs with the fence in `wants_searcher`: either a maker of work
        // sees that nobody searches any more, or the caller's look sees the work. Without it
        // each could leave the work to the other.
        fence(Ordering::SeqCst);
        split(before).1 == 1
    }

    /// A P has become idle, and its machine (a searcher, if `searched`) is about to look
    /// again before it sleeps. Under the scheduler's lock.
    pub(crate) fn announce(&self, searched: bool) {
        let change = if searched {
            1_u64.wrapping_sub(SEARCHER)
        } else {
            1
        };
        // ORDERING: Relaxed; the fence orders it before the caller's second look.
        self.0.fetch_add(change, Ordering::Relaxed);
        // ORDERING: SeqCst: pairs with the fence in `wants_searcher`, see there.
        fence(Ordering::SeqCst);
    }

    /// A P is idle no longer. Under the scheduler's lock.
    pub(crate) fn take(&self) {
        // ORDERING: Relaxed; Ps are counted under the scheduler's lock.
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// A P has become idle without anybody about to look again.
    pub(crate) fn add(&self) {
        // ORDERING: Relaxed, as above.
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the word's two halves")]
fn split(word: u64) -> (u32, u32) {
    (word as u32, (word >> 32) as u32)
}
