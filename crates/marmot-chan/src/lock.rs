//! The lock of a channel: one byte, taken with one locked instruction and released with a
//! plain store.
//!
//! ```text
//!              swap(true) gave false                store(false)
//!     free  ───────────────────────────▶  held  ───────────────────▶  free
//! ```
//!
//! Why not std's: its release is a second locked instruction (it has to look for sleepers),
//! about 2 of the 4.4 ns of an uncontended pair; and a select has to hold the locks of
//! channels of different element types at once, found at run time, which guards of different
//! types can't do without an allocation. What is done under it is a few dozen instructions
//! without foreign code, so whoever finds it held spins, then offers its core, then sleeps.

#![expect(
    unsafe_code,
    reason = "lends what the lock protects to whoever holds it"
)]

use std::ops::{Deref, DerefMut};

use crate::loom::{AtomicBool, Ordering, UnsafeCell, pause_while};

/// Held or free: the lock without what it protects, so that those of channels of different
/// types can stand in one list.
#[cfg(not(marmot_loom))]
pub(crate) type Latch = Spin;
/// In models of what is built on it: one that blocks, since loom can't see that spinning ends.
#[cfg(marmot_loom)]
pub(crate) type Latch = crate::loom::Block;

/// The latch itself.
#[derive(Debug)]
#[cfg_attr(
    marmot_loom,
    allow(dead_code, unreachable_pub, reason = "only its model uses it")
)]
pub struct Spin(AtomicBool);

#[cfg_attr(
    marmot_loom,
    allow(dead_code, unreachable_pub, reason = "only its model uses it")
)]
impl Spin {
    fn new() -> Spin {
        Spin(AtomicBool::new(false))
    }

    /// Waits until it is free, and holds it.
    #[inline]
    pub(crate) fn acquire(&self) {
        if !self.try_acquire() {
            self.acquire_slow();
        }
    }

    #[inline]
    fn try_acquire(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `release`: without it the value could
        // be read as it was before the last holder changed it.
        !self.0.swap(true, Ordering::Acquire)
    }

    #[cold]
    fn acquire_slow(&self) {
        while !self.try_acquire() {
            pause_while(&self.0);
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
        // ORDERING: Release publishes what this holder wrote to the next one's Acquire.
        self.0.store(false, Ordering::Release);
    }
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

    /// What it protects, for whoever has it all to himself.
    #[inline]
    pub(crate) fn get_mut(&mut self) -> &mut T {
        #[cfg(not(marmot_loom))]
        let value = self.value.get_mut();
        #[cfg(marmot_loom)]
        // SAFETY: the lock is borrowed mutably, so nobody else can reach the value.
        let value = self.value.with_mut(|value| unsafe { &mut *value });
        value
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
