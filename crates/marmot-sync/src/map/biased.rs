//! A lock for what is looked at much more often than it is changed.
//!
//! ```text
//!             every fifth change      as many looks by the latch as there are slots
//!      BIASED ────────────▶ not BIASED ───────────────────────────────────────────▶ BIASED
//!
//!   look while BIASED    slot := this lock ── still BIASED? ── look ── slot := nothing
//!   look else            take the latch ── look
//!   change               take the latch ── not BIASED ── wait for the slots ── change ── as it was
//! ```
//!
//! Who looks says so in a slot of its own, and then asks again whether the lock is biased; who
//! changes takes the bias away, and then looks at the slots. At least one sees the other. So
//! those who only look write nothing that others use, and pay for one locked instruction, as
//! does a change where nobody looks.
//!
//! After BRAVO (Dice and Kogan, *Biased Locking for Reader-Writer Locks*, 2019). There a clock
//! says when the bias comes back. Here looks that had to take the latch do, as many as a change
//! has slots to go through; a few changes later it has to be earned again. So neither side loses
//! much more by a wrong guess than the other has lost before.
//!
//! What runs inside must not wait, nor use what is locked again: that is found out, and panics.

#![expect(
    unsafe_code,
    reason = "lends what the lock protects to those who look, or to whoever changes it"
)]

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::ptr;

use crate::here::{here, processors};
use crate::loom::{AtomicBool, AtomicUsize, Latch, LatchGuard, Ordering, UnsafeCell, fence};
use crate::loom::{fence_in_models, pause};

/// Where those who look say at what: one slot for each P. Several locks share them.
pub(super) struct Readers(Box<[Slot]>);

/// The address of a lock, or 0, on cache lines of its own: two, because processors fetch them
/// in pairs.
#[repr(align(128))]
pub(super) struct Slot(AtomicUsize);

impl Readers {
    /// So many slots that goroutines on different Ps seldom share one.
    pub(super) fn new() -> Readers {
        Readers::with_slots(processors().next_power_of_two())
    }

    /// A power of two of them.
    pub(super) fn with_slots(count: usize) -> Readers {
        Readers((0..count).map(|_| Slot(AtomicUsize::new(0))).collect())
    }

    #[inline]
    fn slot(&self) -> &Slot {
        self.at(here())
    }

    #[inline]
    pub(super) fn at(&self, number: usize) -> &Slot {
        &self.0[number & (self.0.len() - 1)]
    }

    /// What tells them from others.
    #[inline]
    fn address(&self) -> usize {
        self.0.as_ptr().addr()
    }
}

/// What many may look at, or one may change.
pub(super) struct Biased<T> {
    /// Who looks need not take the latch. Changed only by whoever holds that.
    biased: AtomicBool,
    latch: Latch<Looks>,
    value: UnsafeCell<T>,
}

/// Whether it is worth while to be biased.
struct Looks {
    /// How many took the latch since the last change.
    slow: usize,
    /// How many more changes leave the bias as it is.
    kept: u32,
}

/// How many changes leave the bias as it is, once it has come back. With 9 looks for a change
/// a look takes a tenth less than with 0; 8 is no better.
const KEPT: u32 = 4;

// SAFETY: `value` is lent as `&T` to several threads (`T: Sync`), or as `&mut T` to one
// (`T: Send`), never both at a time: see `look_from` and `write`.
unsafe impl<T: Send + Sync> Sync for Biased<T> {}

impl<T> Biased<T> {
    pub(super) fn new(value: T) -> Biased<T> {
        Biased {
            biased: AtomicBool::new(true),
            latch: Latch::new(Looks { slow: 0, kept: 0 }),
            value: UnsafeCell::new(value),
        }
    }

    /// What stands in the slot of whoever looks.
    #[inline]
    fn address(&self) -> usize {
        ptr::from_ref(&self.biased).addr()
    }

    /// Looks at the value.
    #[inline]
    pub(super) fn read<R>(&self, readers: &Readers, look: impl FnOnce(&T) -> R) -> R {
        self.look_from(readers, readers.slot(), look)
    }

    #[inline]
    pub(super) fn look_from<R>(
        &self,
        readers: &Readers,
        slot: &Slot,
        look: impl FnOnce(&T) -> R,
    ) -> R {
        Visit::check(readers);
        let Some(_inside) = self.enter(slot) else {
            return self.look_slow(readers, look);
        };
        let _visit = Visit::begin(readers);
        // SAFETY: our slot names this lock, and it was biased after that: whoever changes the
        // value waits for our slot first.
        self.value.with(|value| look(unsafe { &*value }))
    }

    #[inline]
    fn enter<'a>(&self, slot: &'a Slot) -> Option<Inside<'a>> {
        // ORDERING: Relaxed, only a hint that it is worth trying.
        if !self.biased.load(Ordering::Relaxed) {
            return None;
        }
        // ORDERING: SeqCst: this write and the look at `biased` below must not change places,
        // or a change that begins meanwhile would overlook us, and we it. A fence between
        // them, as elsewhere, would be a second locked instruction; by the rules of C++20
        // accesses that are SeqCst are ordered against the fence in `revoke` as well. If the
        // slot is taken nothing was learned: Relaxed.
        slot.0
            .compare_exchange(0, self.address(), Ordering::SeqCst, Ordering::Relaxed)
            .ok()?;
        let inside = Inside(slot);
        fence_in_models();
        // ORDERING: SeqCst as above; and it acquires what was changed before the bias came
        // back, from the Release in `look_slow` or in `drop` of `Writing`.
        self.biased.load(Ordering::SeqCst).then_some(inside)
    }

    #[cold]
    #[inline(never)]
    fn look_slow<R>(&self, readers: &Readers, look: impl FnOnce(&T) -> R) -> R {
        let mut looks = self.latch.lock();
        let _visit = Visit::begin(readers);
        looks.slow += 1;
        // ORDERING: Relaxed, it is changed under the latch only.
        if looks.slow >= readers.0.len() && !self.biased.load(Ordering::Relaxed) {
            looks.kept = KEPT;
            // ORDERING: Release publishes what was changed under the latch to those who will
            // look without it; pairs with the second look at it in `enter`.
            self.biased.store(true, Ordering::Release);
        }
        // SAFETY: we hold the latch, so nobody changes it.
        self.value.with(|value| look(unsafe { &*value }))
    }

    /// Waits until nobody looks at the value, and keeps everybody out.
    #[inline]
    pub(super) fn write(&self, readers: &Readers) -> Writing<'_, T> {
        Visit::check(readers);
        let mut looks = self.latch.lock();
        let visit = Visit::begin(readers);
        looks.slow = 0;
        // ORDERING: Relaxed, it is changed under the latch only.
        let biased = self.biased.load(Ordering::Relaxed);
        if biased {
            self.revoke(readers);
        }
        Writing {
            lock: self,
            biased_after: biased && looks.keep(),
            _visit: visit,
            _latch: looks,
        }
    }

    #[inline(never)]
    fn revoke(&self, readers: &Readers) {
        // ORDERING: Relaxed, the fence orders it.
        self.biased.store(false, Ordering::Relaxed);
        // ORDERING: SeqCst, between the write above and the looks below; pairs with the two
        // accesses in `enter`. Without it both could go ahead, each not seeing the other.
        fence(Ordering::SeqCst);
        for slot in &readers.0 {
            let mut turn = 0;
            // ORDERING: Acquire pairs with the Release in `drop` of `Inside`: they have looked
            // before we change anything.
            while slot.0.load(Ordering::Acquire) == self.address() {
                pause(turn);
                turn += 1;
            }
        }
    }
}

/// A slot that names a lock.
struct Inside<'a>(&'a Slot);

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        // ORDERING: Release: we have looked before whoever sees this changes anything.
        self.0.0.store(0, Ordering::Release);
    }
}

impl Looks {
    /// Whether this change leaves the bias as it is.
    #[inline]
    fn keep(&mut self) -> bool {
        let left = self.kept.checked_sub(1);
        self.kept = left.unwrap_or(0);
        left.is_some()
    }
}

/// The value, to be changed.
pub(super) struct Writing<'a, T> {
    lock: &'a Biased<T>,
    biased_after: bool,
    _visit: Visit,
    _latch: LatchGuard<'a, Looks>,
}

impl<T> Drop for Writing<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if self.biased_after {
            // ORDERING: Release, as in `look_slow`: who looks without the latch sees the change.
            self.lock.biased.store(true, Ordering::Release);
        }
    }
}

impl<T> Deref for Writing<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: we hold the latch and have taken the bias away, so nobody else is inside;
        // this borrow keeps `deref_mut` out.
        self.lock.value.with(|value| unsafe { &*value })
    }
}

impl<T> DerefMut for Writing<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: nobody else is inside, as above, and we are borrowed mutably.
        self.lock.value.with_mut(|value| unsafe { &mut *value })
    }
}

per_thread! {
    /// Inside of whose locks this thread is: the address of the [`Readers`].
    static VISITED: Cell<usize> = Cell::new(0);
}

/// This thread is inside.
struct Visit {
    before: usize,
}

impl Visit {
    /// Whoever comes in a second time would wait for itself.
    #[inline]
    fn check(readers: &Readers) {
        if VISITED.with(Cell::get) == readers.address() {
            comes_again();
        }
    }

    /// Not before the locked instruction: that would have to wait for what is written here.
    #[inline]
    fn begin(readers: &Readers) -> Visit {
        Visit {
            before: VISITED.with(|visited| visited.replace(readers.address())),
        }
    }
}

impl Drop for Visit {
    #[inline]
    fn drop(&mut self) {
        VISITED.with(|visited| visited.set(self.before));
    }
}

#[cold]
fn comes_again() -> ! {
    panic!(
        "a Map is used while it compares keys, or clones or compares values that need no drop: \
         their Eq, Clone and PartialEq must not use it"
    )
}
