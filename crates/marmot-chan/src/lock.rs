//! The lock of a channel: one word, taken with one locked instruction and released with a
//! plain store.
//!
//! ```text
//!              set the lowest bit: it was 0            + 1
//!     even ──────────────────────────────────▶ odd ─────────▶ even, and another than before
//!     free                                     held           free
//! ```
//!
//! Why not std's: its release is a second locked instruction (it has to look for sleepers),
//! about 2 of the 4.4 ns of an uncontended pair; and a select has to hold the locks of
//! channels of different element types at once, found at run time, which guards of different
//! types can't do without an allocation. What is done under it is a few dozen instructions
//! without foreign code, so whoever finds it held need not sleep.
//!
//! **Who finds it held stays away while it is in use.** A lock that is contended is most often
//! one that another core takes again and again. Each change of cores costs a dozen cache lines:
//! the state, the buffer, the waiters, the goroutines behind them; that is more than the
//! operation itself, and two cores that take turns get less done than one alone. So the second
//! one only looks now and then whether the word still changes, and comes back when it does not,
//! or when it has waited for long enough. Measured with eight senders, one receiver and two
//! cores far apart: taking turns, 590 ns a message at capacity 0 and 160 at 128; this way 70 and
//! 30. (kanal, whose lock sleeps: 90 and 25.)

#![expect(
    unsafe_code,
    reason = "lends what the lock protects to whoever holds it"
)]

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use crate::loom::{AtomicU32, Ordering, UnsafeCell, spin_loop};

/// Held or free: the lock without what it protects, so that those of channels of different
/// types can stand in one list.
#[cfg(not(marmot_loom))]
pub(crate) type Latch = Spin;
/// In models of what is built on it: one that blocks, since loom can't see that spinning ends.
#[cfg(marmot_loom)]
pub(crate) type Latch = crate::loom::Block;

/// The latch itself. Odd: held.
#[derive(Debug)]
#[cfg_attr(
    marmot_loom,
    allow(dead_code, unreachable_pub, reason = "only its model uses it")
)]
pub struct Spin(AtomicU32);

/// Turns of the processor's pause instruction, some 25 ns each, between the two looks that tell
/// whether the lock is in use: a few operations of somebody who uses it. With 10, who comes back
/// is often wrong, and throughput a third lower; with 200 it is no higher.
const GLANCE: u32 = 100;
/// Turns that the first stay away takes, 2 us; each is twice as long as the one before.
const AWAY: u32 = 80;
/// From this length on there are no more stays: it is ours all the same, after some 70 us.
const LONGEST: u32 = 3_200;
/// How often somebody whose turn it is spins before he offers his core, and then sleeps.
const SPIN: u32 = 40;
const YIELD: u32 = 120;

#[cfg_attr(
    marmot_loom,
    allow(dead_code, unreachable_pub, reason = "only its model uses it")
)]
impl Spin {
    fn new() -> Spin {
        Spin(AtomicU32::new(0))
    }

    /// Waits until it is free, and holds it.
    #[inline]
    pub(crate) fn acquire(&self) {
        if !self.try_acquire() {
            self.acquire_slow();
        }
    }

    /// The same for whoever holds another one, and keeps others waiting.
    #[inline]
    pub(crate) fn acquire_another(&self) {
        if !self.try_acquire() {
            self.acquire_soon();
        }
    }

    #[inline]
    fn try_acquire(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `release`: without it the value could
        // be read as it was before the last holder changed it.
        self.0.fetch_or(1, Ordering::Acquire) & 1 == 0
    }

    #[cold]
    fn acquire_slow(&self) {
        let mut away = AWAY;
        while away < LONGEST {
            // ORDERING: Relaxed, here and below: only hints whether it is worth trying; whoever
            // takes it acquires.
            let before = self.0.load(Ordering::Relaxed);
            pause(GLANCE);
            let now = self.0.load(Ordering::Relaxed);
            if now & 1 == 0 && now.wrapping_sub(before) <= 1 {
                // Its holder of a moment ago has left, and nobody has come since.
                if self.try_acquire() {
                    return;
                }
            } else if now == before {
                // Held all the time: its holder has lost its core.
                std::thread::yield_now();
            } else {
                pause(away);
            }
            away *= 2;
        }
        self.acquire_soon();
    }

    /// As soon as it is free.
    #[cold]
    fn acquire_soon(&self) {
        let mut turn = 0;
        loop {
            // ORDERING: Relaxed, as in `acquire_slow`.
            if self.0.load(Ordering::Relaxed) & 1 == 0 && self.try_acquire() {
                return;
            }
            if turn < SPIN {
                spin_loop();
            } else if turn < YIELD {
                std::thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(50));
            }
            turn += 1;
        }
    }

    /// Gives it back.
    ///
    /// # Safety
    ///
    /// The caller took it with [`acquire`](Spin::acquire), has not given it back since, and
    /// keeps no reference to what it protects.
    #[inline]
    pub(crate) unsafe fn release(&self) {
        // ORDERING: Relaxed; while it is held the word does not change.
        let held = self.0.load(Ordering::Relaxed);
        // ORDERING: Release publishes what this holder wrote to the next one's Acquire. (A try
        // that comes between only sets the bit that is set.)
        self.0.store(held.wrapping_add(1), Ordering::Release);
    }
}

fn pause(turns: u32) {
    (0..turns).for_each(|_| spin_loop());
}

/// A value that one thread at a time may touch, for a very short while.
#[expect(
    missing_debug_implementations,
    reason = "nobody outside can reach one; its value may be in use"
)]
pub struct Lock<T> {
    latch: Latch,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is only reached through `Guard` or `locked`, that is by the one thread
// that holds the latch, and the latch's Acquire and Release order their accesses. So sharing
// the lock moves the value between threads at most, which `T: Send` allows.
unsafe impl<T: Send> Sync for Lock<T> {}

impl<T> Lock<T> {
    /// A free lock around a value.
    pub(crate) fn new(value: T) -> Lock<T> {
        Lock {
            latch: Latch::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock until the guard is dropped.
    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.latch.acquire();
        Guard { lock: self }
    }

    /// For whoever has to hold several locks at once.
    #[inline]
    pub(crate) fn latch(&self) -> &Latch {
        &self.latch
    }

    /// What the lock protects.
    ///
    /// # Safety
    ///
    /// The caller holds the latch for as long as the closure runs, and is in no other
    /// `locked` of this lock.
    #[inline]
    pub(crate) unsafe fn locked<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(not(marmot_loom))]
        let pointer = self.value.get();
        #[cfg(not(marmot_loom))]
        // SAFETY: the pointer comes from the cell, so it is valid and aligned; the caller
        // holds the latch and has no other reference, so this one is the only one.
        let result = f(unsafe { &mut *pointer });
        #[cfg(marmot_loom)]
        let result = self.value.with_mut(|pointer| {
            // SAFETY: as above; loom checks that nobody else is inside.
            f(unsafe { &mut *pointer })
        });
        result
    }
}

/// The lock, held.
pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
}

#[cfg(not(marmot_loom))]
impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the lock, and the borrow of the guard keeps `deref_mut`
        // from handing out a second reference.
        unsafe { &*self.lock.value.get() }
    }
}

#[cfg(not(marmot_loom))]
impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the lock, and it is borrowed mutably, so there is no other
        // reference to the value.
        unsafe { &mut *self.lock.value.get() }
    }
}

#[cfg(marmot_loom)]
impl<T> Deref for Guard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: as without loom; the lock's own atomics order the accesses, which loom
        // checks at the moment the reference is made.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

#[cfg(marmot_loom)]
impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as without loom.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: `lock` made this guard right after `acquire`, and references from it have
        // ended, since they borrow it.
        unsafe { self.lock.latch.release() }
    }
}

#[cfg(all(test, marmot_loom))]
mod models {
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;
    use loom::thread;

    use super::Spin;

    struct Counter(Spin, UnsafeCell<u32>);

    // SAFETY: the cell is only reached with the latch held, which is what the model checks.
    unsafe impl Sync for Counter {}

    /// Whether it found the latch free. (Loom can't see that spinning ends, so nobody spins.)
    fn add(counter: &Counter) -> u32 {
        if !counter.0.try_acquire() {
            return 0;
        }
        // SAFETY: loom reports it if anybody else is inside.
        counter.1.with_mut(|n| unsafe { *n += 1 });
        // SAFETY: taken above.
        unsafe { counter.0.release() };
        1
    }

    /// Fails with Relaxed in place of the Acquire, and of the Release.
    #[test]
    fn one_at_a_time_and_each_sees_what_the_last_did() {
        loom::model(|| {
            let counter = Arc::new(Counter(Spin::new(), UnsafeCell::new(0)));
            let other = Arc::clone(&counter);
            let thread = thread::spawn(move || add(&other) + add(&other));
            let added = add(&counter) + add(&counter);
            let added = added + thread.join().unwrap();
            // SAFETY: the other thread has ended.
            assert_eq!(counter.1.with(|n| unsafe { *n }), added);
        });
    }
}
