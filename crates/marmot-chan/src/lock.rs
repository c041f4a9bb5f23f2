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

use crate::loom::{AtomicBool, Ordering, UnsafeCell, pause};

/// Held or free: the lock without what it protects, so that those of channels of different
/// types can stand in one list.
#[derive(Debug)]
pub struct Latch(AtomicBool);

impl Latch {
    fn new() -> Latch {
        Latch(AtomicBool::new(false))
    }

    /// Waits until it is free, and holds it.
    #[inline]
    pub(crate) fn acquire(&self) {
        // ORDERING: Acquire pairs with the Release in `release`: without it the value could
        // be read as it was before the last holder changed it.
        if self.0.swap(true, Ordering::Acquire) {
            self.acquire_slow();
        }
    }

    #[cold]
    fn acquire_slow(&self) {
        let mut turn = 0;
        // ORDERING: Acquire as in `acquire`; the load between only keeps the line shared
        // while somebody else holds the lock, so Relaxed is enough for it.
        while self.0.load(Ordering::Relaxed) || self.0.swap(true, Ordering::Acquire) {
            pause(turn);
            turn = turn.saturating_add(1);
        }
    }

    /// Gives it back.
    ///
    /// # Safety
    ///
    /// The caller took it with [`acquire`](Latch::acquire), has not given it back since, and
    /// keeps no reference to what it protects.
    #[inline]
    pub(crate) unsafe fn release(&self) {
        // ORDERING: Release publishes what this holder wrote to the next one's Acquire.
        self.0.store(false, Ordering::Release);
    }
}

/// A value that one thread at a time may touch, for a very short while.
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
