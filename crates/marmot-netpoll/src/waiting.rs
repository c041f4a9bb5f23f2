//! How many wait for a descriptor, and whether anybody looks.
//!
//! ```text
//!   one that begins to wait           the last runtime that leaves
//!   ───────────────────────           ────────────────────────────
//!   waiting += 1   (announce)         drivers -= 1   (announce)
//!   fence                             fence
//!   drivers == 0?  (look again)       waiting > 0?   (look again)
//!   then start the fallback           then start the fallback
//! ```
//!
//! Both announce and then look, so that at least one of them sees the other: nobody is left
//! waiting with no one at the poller.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};

use crate::loom::{AtomicUsize, fence};

/// A counter on a cache line of its own: every wait writes it.
#[derive(Debug)]
#[repr(align(128))]
struct Alone(AtomicUsize);

#[derive(Debug)]
pub(crate) struct Waiting {
    /// Waiters in some source's lines and slots, and those being woken.
    waiters: Alone,
    /// Runtimes whose machines look at the poller.
    drivers: AtomicUsize,
}

impl Waiting {
    pub(crate) fn new() -> Waiting {
        Waiting {
            waiters: Alone(AtomicUsize::new(0)),
            drivers: AtomicUsize::new(0),
        }
    }

    /// One more waits. Says whether somebody looks at the poller for it.
    #[must_use]
    pub(crate) fn begin(&self) -> bool {
        // ORDERING: Relaxed; the fence below orders it.
        self.waiters.0.fetch_add(1, Relaxed);
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
            // ORDERING: Release, the pair of the Acquire in `count`: who reads the lower
            // count finds what the wakers queued before it.
            self.waiters.0.fetch_sub(how_many, Release);
        }
    }

    pub(crate) fn count(&self) -> usize {
        // ORDERING: Acquire, the pair of the Release in `end`.
        self.waiters.0.load(Acquire)
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
        // ORDERING: Relaxed; the fence above orders it.
        before == 1 && self.waiters.0.load(Relaxed) > 0
    }

    pub(crate) fn drivers(&self) -> usize {
        // ORDERING: Relaxed, for questions only.
        self.drivers.load(Relaxed)
    }
}
