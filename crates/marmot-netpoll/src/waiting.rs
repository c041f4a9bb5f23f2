//! How many wait for a descriptor, and whether anybody looks.
//!
//! ```text
//!   one that begins to wait           the last runtime that leaves
//!   ───────────────────────           ────────────────────────────
//!   begun += 1     (announce)         drivers -= 1       (announce)
//!   fence                             fence
//!   drivers == 0?  (look again)       begun > ended?     (look again)
//!   then start the fallback           then start the fallback
//! ```
//!
//! Both announce and then look, so that at least one of them sees the other: nobody is left
//! waiting with no one at the poller.
//!
//! Every wait is counted, so each P has counters of its own, of which one counts beginnings and one
//! ends, wherever they began. Who wants the number reads all ends and after them all beginnings:
//! one that waits is never missed, whatever begins and ends meanwhile.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use crate::loom::{AtomicUsize, SHARDS, fence};

/// Counters on a cache line of their own.
#[derive(Debug)]
#[repr(align(128))]
struct Shard {
    /// Waits that began here.
    begun: AtomicUsize,
    /// Waits that ended here: those who waited have been woken, or have left by themselves.
    ended: AtomicUsize,
}

#[derive(Debug)]
pub(crate) struct Waiting {
    shards: [Shard; SHARDS],
    /// Runtimes whose machines look at the poller.
    drivers: AtomicUsize,
}

/// Those of this thread's P.
#[inline]
fn own() -> usize {
    marmot_wait::lane().map_or(0, |lane| lane as usize % SHARDS)
}

impl Waiting {
    pub(crate) fn new() -> Waiting {
        Waiting {
            shards: std::array::from_fn(|_| Shard {
                begun: AtomicUsize::new(0),
                ended: AtomicUsize::new(0),
            }),
            drivers: AtomicUsize::new(0),
        }
    }

    /// One more waits. Says whether somebody looks at the poller for it.
    #[must_use]
    pub(crate) fn begin(&self) -> bool {
        self.begin_at(own())
    }

    #[must_use]
    pub(crate) fn begin_at(&self, shard: usize) -> bool {
        // ORDERING: Relaxed; the fence below orders it.
        self.shards[shard].begun.fetch_add(1, Relaxed);
        // ORDERING: SeqCst fence, the pair of the one in `remove_driver`. Of the two fences
        // one is first: if this one, the driver that leaves reads our count; if the other
        // one, we read that no driver is left. Without it each could read the other's old
        // value, since each side writes one place and reads the other, and the descriptor
        // would be watched by nobody.
        fence(SeqCst);
        // ORDERING: Relaxed; the fence above orders it.
        self.drivers.load(Relaxed) > 0
    }

    /// So many wait no longer: they have been woken, or have left by themselves.
    pub(crate) fn end(&self, how_many: usize) {
        if how_many > 0 {
            self.end_at(own(), how_many);
        }
    }

    pub(crate) fn end_at(&self, shard: usize, how_many: usize) {
        // ORDERING: Release, the pair of the Acquire in `count`: who counts these ends finds what
        // the wakers queued before them, and counts their beginnings too.
        self.shards[shard].ended.fetch_add(how_many, Release);
    }

    /// Those in some source's lines and slots, and those being woken.
    pub(crate) fn count(&self) -> usize {
        // ORDERING: Acquire, the pair of the Release in `end`. It also keeps the loads below after
        // these: beginnings read first would lack one that begins and ends in between, and its end
        // would stand for that of one that still waits.
        let ended = self.sum(|shard| shard.ended.load(Acquire));
        // ORDERING: Relaxed; a beginning is before its end, which the Acquire above has seen.
        let begun = self.sum(|shard| shard.begun.load(Relaxed));
        begun.wrapping_sub(ended)
    }

    fn sum(&self, of: impl Fn(&Shard) -> usize) -> usize {
        let add = |sum: usize, shard| sum.wrapping_add(of(shard));
        self.shards.iter().fold(0, add)
    }

    pub(crate) fn add_driver(&self) {
        // ORDERING: Relaxed; who reads the old value starts a fallback that finds the new one
        // under its lock.
        self.drivers.fetch_add(1, Relaxed);
    }

    /// One runtime looks no longer. Says whether somebody waits with nobody looking now.
    #[must_use]
    pub(crate) fn remove_driver(&self) -> bool {
        // ORDERING: Relaxed; the fence below orders it.
        let before = self.drivers.fetch_sub(1, Relaxed);
        debug_assert!(before > 0, "a driver that was added is removed");
        // ORDERING: SeqCst fence, the pair of the one in `begin`; the reason stands there.
        fence(SeqCst);
        before == 1 && self.count() > 0
    }

    pub(crate) fn drivers(&self) -> usize {
        // ORDERING: Relaxed, for questions only.
        self.drivers.load(Relaxed)
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use super::Waiting;

    #[test]
    fn the_last_driver_that_leaves_learns_of_one_who_waits_and_no_other() {
        let waiting = Waiting::new();
        assert!(!waiting.begin(), "nobody looks");
        waiting.add_driver();
        waiting.add_driver();
        assert!(waiting.begin(), "two look");
        assert!(!waiting.remove_driver(), "one looks still");
        assert!(waiting.begin());
        assert!(waiting.remove_driver(), "three wait, and nobody looks");
        waiting.end(3);
        waiting.add_driver();
        assert!(!waiting.remove_driver(), "nobody waits");
    }

    #[test]
    fn a_wait_may_end_on_another_p_than_it_began_on() {
        let waiting = Waiting::new();
        let before = marmot_wait::lane();
        // Lanes have any numbers.
        for lane in [None, Some(0), Some(7), Some(4095)] {
            marmot_wait::set_lane(lane);
            let _nobody_looks = waiting.begin();
        }
        assert_eq!(waiting.count(), 4);
        marmot_wait::set_lane(Some(3));
        waiting.end(4);
        assert_eq!(waiting.count(), 0);
        marmot_wait::set_lane(before);
    }
}
