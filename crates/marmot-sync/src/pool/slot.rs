//! A place for one thing, filled by one thread and emptied by any.
//!
//! ```text
//!               put (the owner)                 take (anybody)
//!     EMPTY ───────────────────────▶ FULL ───────────────────────▶ TAKEN
//!       ▲                                                            │
//!       └─────────────────────── it has been moved out ──────────────┘
//! ```
//!
//! Only the owner leaves EMPTY, so it needs no locked instruction for that; a take is one
//! compare-and-swap. Ours; half of it is what Go does with a P's private thing, which nobody else
//! can take.

#![expect(
    unsafe_code,
    reason = "moves what a slot holds in and out, as its state allows"
)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use crate::here::own_number;
use crate::loom::{AtomicUsize, Ordering, UnsafeCell};

const EMPTY: usize = 0;
const FULL: usize = 1;
const TAKEN: usize = 2;

/// On cache lines of its own: two, because processors fetch them in pairs.
#[repr(align(128))]
pub(super) struct Slot<T> {
    state: AtomicUsize,
    /// There is a value while the state is FULL or TAKEN.
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: the value moves between threads (`T: Send`) and is never lent. It is written by the
// owner in EMPTY and read by the one who made it TAKEN, in turn: see `put` and `take`.
unsafe impl<T: Send> Sync for Slot<T> {}

impl<T> Slot<T> {
    pub(super) fn new() -> Slot<T> {
        Slot {
            state: AtomicUsize::new(EMPTY),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Takes what is there.
    #[inline]
    pub(super) fn take(&self) -> Option<T> {
        // ORDERING: Relaxed, only a hint that it is worth trying.
        if self.state.load(Ordering::Relaxed) != FULL {
            return None;
        }
        // ORDERING: Acquire pairs with the Release in `put`: the whole value is seen. If
        // somebody else was faster nothing was learned: Relaxed.
        self.state
            .compare_exchange(FULL, TAKEN, Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        // SAFETY: it was FULL, so there is a value, and we alone made it TAKEN: nobody else
        // reads it, and the owner does not write before it is EMPTY.
        let value = self.value.with(|place| unsafe { place.cast::<T>().read() });
        // ORDERING: Release pairs with the Acquire in `put`: it is out before another comes in.
        self.state.store(EMPTY, Ordering::Release);
        Some(value)
    }

    /// Puts something in, or gives it back if there is no room.
    ///
    /// # Safety
    ///
    /// One thread at a time, each having seen what the one before did.
    #[inline]
    pub(super) unsafe fn put(&self, value: T) -> Result<(), T> {
        // ORDERING: Acquire pairs with the Release in `take`: the last one is out.
        if self.state.load(Ordering::Acquire) != EMPTY {
            return Err(value);
        }
        // SAFETY: nobody reads while it is EMPTY, and we are the only one to change that.
        self.value
            .with_mut(|place| unsafe { (*place).write(value) });
        // ORDERING: Release publishes the value; pairs with the Acquire in `take`.
        self.state.store(FULL, Ordering::Release);
        Ok(())
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

/// One slot for each of some threads.
pub(super) struct Slots<T>(Box<[Slot<T>]>);

impl<T> Slots<T> {
    pub(super) fn new(count: usize) -> Slots<T> {
        Slots((0..count).map(|_| Slot::new()).collect())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot<T>> {
        self.0.iter()
    }

    /// The slot of this thread, if it has one.
    #[inline]
    pub(super) fn own(&self) -> Option<Own<'_, T>> {
        let slot = self.0.get(own_number())?;
        Some(Own {
            slot,
            thread: PhantomData,
        })
    }
}

/// The slot of this thread. It stays on it.
pub(super) struct Own<'a, T> {
    slot: &'a Slot<T>,
    thread: PhantomData<*const ()>,
}

impl<T> Own<'_, T> {
    #[inline]
    pub(super) fn take(&self) -> Option<T> {
        self.slot.take()
    }

    #[inline]
    pub(super) fn put(&self, value: T) -> Result<(), T> {
        // SAFETY: no other thread that lives has our number, and we have it until we end: whoever
        // has it next has seen what we did (`own_number`).
        unsafe { self.slot.put(value) }
    }
}
