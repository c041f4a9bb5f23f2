//! A lock for a few dozen instructions, released with a plain store.
//!
//! ```text
//!              swap(true) gave false                store(false)
//!     free  ───────────────────────────▶  held  ───────────────────▶  free
//! ```
//!
//! std's mutex has to look for sleepers when it is released, with a second locked instruction;
//! where next to nothing is done inside, that is half of the price. Here nobody sleeps in line:
//! whoever finds it held spins, then offers its core, then sleeps for a while. So no code of
//! the program may run inside, and nothing that waits.

#![expect(
    unsafe_code,
    reason = "lends what the latch protects to whoever holds it"
)]

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::{RefUnwindSafe, UnwindSafe};

#[cfg(not(all(test, marmot_loom)))]
use std::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering},
};

#[cfg(all(test, marmot_loom))]
use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, Ordering},
};

/// A value that one thread at a time may touch, for a very short while.
///
/// # Examples
///
/// ```
/// use marmot_wait::Latch;
///
/// let count = Latch::new(1);
/// *count.lock() += 1;
/// assert_eq!(*count.lock(), 2);
/// ```
pub struct Latch<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is only reached through a guard, that is by the one thread that holds the
// latch, whose Acquire and Release order their accesses. So sharing a latch moves the value
// between threads at most, which `T: Send` allows.
unsafe impl<T: Send> Sync for Latch<T> {}

// No code of the program runs inside, so a panic of it finds the value whole.
impl<T> UnwindSafe for Latch<T> {}
impl<T> RefUnwindSafe for Latch<T> {}

impl<T> Latch<T> {
    /// A free latch around a value.
    #[cfg(not(all(test, marmot_loom)))]
    pub const fn new(value: T) -> Latch<T> {
        Latch {
            held: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// A free latch around a value.
    #[cfg(all(test, marmot_loom))]
    pub(crate) fn new(value: T) -> Latch<T> {
        Latch {
            held: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Waits until the latch is free, and holds it until the guard is dropped.
    #[inline]
    pub fn lock(&self) -> LatchGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => self.lock_slow(),
        }
    }

    /// Holds the latch if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<LatchGuard<'_, T>> {
        // ORDERING: Acquire pairs with the Release in `drop` of the guard: without it the value
        // could be read as it was before the last holder changed it.
        let held = self.held.swap(true, Ordering::Acquire);
        // Lazily: a guard that is made and dropped would release it.
        (!held).then(|| LatchGuard {
            latch: self,
            value: PhantomData,
        })
    }

    #[cold]
    fn lock_slow(&self) -> LatchGuard<'_, T> {
        loop {
            pause_while(&self.held);
            if let Some(guard) = self.try_lock() {
                return guard;
            }
        }
    }
}

/// Waits a little for somebody who will be done soon, longer from turn to turn: in the processor's
/// pause instruction for about a microsecond, then by offering the core, since the other has lost
/// its own, then asleep.
///
/// # Examples
///
/// ```
/// let mut turn = 0;
/// while turn < 3 {
///     marmot_wait::pause(turn);
///     turn += 1;
/// }
/// ```
pub fn pause(turn: u32) {
    /// Turns in the pause instruction: longer than what is done inside of a latch.
    const SPIN: u32 = 40;
    /// From then on, turns that offer the core.
    const YIELD: u32 = 80;

    match turn {
        0..SPIN => std::hint::spin_loop(),
        SPIN..YIELD => std::thread::yield_now(),
        _ => std::thread::sleep(std::time::Duration::from_micros(50)),
    }
}

/// Lets whoever holds it go on, until it looks free.
#[cfg(not(all(test, marmot_loom)))]
fn pause_while(held: &AtomicBool) {
    let mut turn = 0;
    // ORDERING: Relaxed, only a hint that it is worth trying; whoever takes it acquires.
    while held.load(Ordering::Relaxed) {
        pause(turn);
        turn += 1;
    }
}

#[cfg(all(test, marmot_loom))]
fn pause_while(_: &AtomicBool) {
    loom::thread::yield_now();
}

impl<T> fmt::Debug for Latch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Latch").finish_non_exhaustive()
    }
}

/// A [`Latch`], held.
#[derive(Debug)]
#[must_use = "dropping the guard releases the latch at once"]
pub struct LatchGuard<'a, T> {
    latch: &'a Latch<T>,
    /// The guard is as good as a `&mut T`: it is `Sync` only if `T` is.
    value: PhantomData<&'a mut T>,
}

#[cfg(not(all(test, marmot_loom)))]
impl<T> Deref for LatchGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard holds the latch, so no other guard exists; this borrow of it keeps
        // `deref_mut` out.
        unsafe { &*self.latch.value.get() }
    }
}

#[cfg(not(all(test, marmot_loom)))]
impl<T> DerefMut for LatchGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard holds the latch, so no other guard exists, and it is borrowed
        // mutably, so no other reference from it does.
        unsafe { &mut *self.latch.value.get() }
    }
}

#[cfg(all(test, marmot_loom))]
impl<T> Deref for LatchGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: as without loom, which checks it at the moment the reference is made.
        self.latch.value.with(|value| unsafe { &*value })
    }
}

#[cfg(all(test, marmot_loom))]
impl<T> DerefMut for LatchGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as without loom.
        self.latch.value.with_mut(|value| unsafe { &mut *value })
    }
}

impl<T> Drop for LatchGuard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: Release publishes what this holder wrote to the next one's Acquire.
        self.latch.held.store(false, Ordering::Release);
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::Latch;

    #[test]
    fn threads_that_fight_for_it_come_in_one_by_one() {
        const TIMES: usize = 10_000;
        let count = Arc::new(Latch::new(0));
        let add = |count: &Latch<usize>| (0..TIMES).for_each(|_| *count.lock() += 1);
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let count = Arc::clone(&count);
                thread::spawn(move || add(&count))
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(*count.lock(), 4 * TIMES);
    }

    #[test]
    fn a_guard_dropped_by_a_panic_gives_it_back() {
        let latch = Latch::new(());
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _guard = latch.lock();
            panic!("under the latch");
        }));
        assert!(ended.is_err() && latch.try_lock().is_some());
        let held = latch.lock();
        assert!(latch.try_lock().is_none());
        drop(held);
    }
}

#[cfg(all(test, marmot_loom))]
mod models {
    use std::sync::Arc;

    use loom::thread;

    use super::Latch;

    /// Fails with Relaxed in place of the Acquire, and of the Release, and if a try that fails
    /// makes a guard and drops it. (Loom can't see that
    /// spinning ends, so nobody spins.)
    #[test]
    fn one_at_a_time_and_each_sees_what_the_last_did() {
        fn add(count: &Latch<u32>) -> u32 {
            count.try_lock().map_or(0, |mut count| {
                *count += 1;
                1
            })
        }
        loom::model(|| {
            let count = Arc::new(Latch::new(0));
            let other = Arc::clone(&count);
            let thread = thread::spawn(move || add(&other) + add(&other));
            let added = add(&count) + add(&count);
            let added = added + thread.join().unwrap();
            // SAFETY: the other thread has ended.
            assert_eq!(count.value.with(|n| unsafe { *n }), added);
        });
    }
}
