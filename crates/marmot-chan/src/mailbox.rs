//! Where the waiter in the channel itself has its value, and finds, without the channel's
//! lock, that it was served.
//!
//! ```text
//!          join (lock)            serve (lock)
//!     Free ──────────▶ Taken ──────────────────▶ Served
//!      ▲ ◀── leave (lock) ─┘                        │
//!      └────────── collect (the waiter's owner) ────┘
//! ```
//!
//! Free or Taken, the value is the lock holder's; Served, it is the owner's of the waiter, who
//! alone ends that state. So a wait that ends well takes the lock once, to begin. Go: the
//! `elem` of a `sudog`, which the peer copies to under the lock and the owner reads after it.

#![expect(
    unsafe_code,
    reason = "a value that changes hands without a lock of its own"
)]

use crate::loom::{AtomicU8, AtomicU32, Ordering, UnsafeCell};

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const SERVED: u8 = 2;

/// The place of one waiter's value.
pub(crate) struct Mailbox<T> {
    word: AtomicU8,
    /// How many stand in the line that it belongs to; written by lock holders alone.
    pub(crate) waiting: AtomicU32,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: the value is only reached by the one who owns it at the time, the lock's holder or
// the waiter's owner; the lock, and Release and Acquire of `word`, order their accesses. So
// sharing a mailbox moves the value between threads at most, which `T: Send` allows.
unsafe impl<T: Send> Sync for Mailbox<T> {}

impl<T> Mailbox<T> {
    pub(crate) fn new() -> Mailbox<T> {
        Mailbox {
            word: AtomicU8::new(FREE),
            waiting: AtomicU32::new(0),
            value: UnsafeCell::new(None),
        }
    }

    /// Whether somebody stands in the line: at a glance, without the lock.
    #[inline]
    pub(crate) fn is_awaited(&self) -> bool {
        // ORDERING: Relaxed: a hint, as in `Glance`.
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether nobody has it. For the lock's holder, who alone changes that.
    #[inline]
    pub(crate) fn is_free(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `collect`: the next value is put in
        // after the last owner took his out.
        self.word.load(Ordering::Acquire) == FREE
    }

    /// Whether its waiter was served and has not collected yet.
    #[inline]
    pub(crate) fn is_served(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `serve`: the value that was given is
        // there for the owner.
        self.word.load(Ordering::Acquire) == SERVED
    }

    /// A waiter has it from now on, with this value.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, and the mailbox is free.
    #[inline]
    pub(crate) unsafe fn join(&self, value: Option<T>) {
        // SAFETY: free, so the value is our caller's, who holds the lock.
        unsafe { self.with(|place| *place = value) };
        // ORDERING: Relaxed: only lock holders act on this state, and the lock orders them.
        self.word.store(TAKEN, Ordering::Relaxed);
    }

    /// The waiter has left, unserved.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, and the mailbox is taken and not served.
    #[inline]
    pub(crate) unsafe fn leave(&self) -> Option<T> {
        // SAFETY: taken, so the value is our caller's, who holds the lock.
        let value = unsafe { self.with(Option::take) };
        // ORDERING: Relaxed: as in `join`.
        self.word.store(FREE, Ordering::Relaxed);
        value
    }

    /// Gives the value to the owner of the waiter, who may collect it at once.
    ///
    /// # Safety
    ///
    /// The caller holds the lock, and the mailbox is taken and not served.
    #[inline]
    pub(crate) unsafe fn serve(&self) {
        // ORDERING: Release publishes the value to the owner's Acquire in `is_served`.
        self.word.store(SERVED, Ordering::Release);
    }

    /// The owner of the waiter takes what it was given. `None`: it has not been served.
    ///
    /// # Safety
    ///
    /// The waiter that has the mailbox is the caller's, who collects or removes it once.
    #[inline]
    pub(crate) unsafe fn collect(&self) -> Option<Option<T>> {
        if !self.is_served() {
            return None;
        }
        // SAFETY: served, so the value is the owner's: our caller's.
        let value = unsafe { self.with(Option::take) };
        // ORDERING: Release pairs with the Acquire in `is_free`: we have left the value alone
        // before the next waiter puts his in.
        self.word.store(FREE, Ordering::Release);
        Some(value)
    }

    /// Lends the value.
    ///
    /// # Safety
    ///
    /// The value is the caller's, as the head of this file says, and stays so while the
    /// closure runs, which does not come here again.
    #[inline]
    pub(crate) unsafe fn with<R>(&self, f: impl FnOnce(&mut Option<T>) -> R) -> R {
        #[cfg(not(marmot_loom))]
        let pointer = self.value.get();
        #[cfg(not(marmot_loom))]
        // SAFETY: the pointer comes from the cell, so it is valid and aligned; the value is
        // our caller's alone, so this reference is the only one.
        let result = f(unsafe { &mut *pointer });
        #[cfg(marmot_loom)]
        let result = self.value.with_mut(|pointer| {
            // SAFETY: as above; loom checks that nobody else is inside.
            f(unsafe { &mut *pointer })
        });
        result
    }
}

#[cfg(all(test, marmot_loom))]
mod models {
    use loom::sync::Arc;
    use loom::thread;

    use super::Mailbox;

    /// Fails with Relaxed in `serve`, and in `is_served`.
    #[test]
    fn what_was_given_is_there_for_its_owner() {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::new());
            // SAFETY: nobody else knows it.
            unsafe { mailbox.join(None) };
            let peer = Arc::clone(&mailbox);
            let peer = thread::spawn(move || {
                // SAFETY: this thread plays the lock's holder; it is taken.
                unsafe { peer.with(|place| *place = Some(Box::new(1))) };
                // SAFETY: as above.
                unsafe { peer.serve() };
            });
            // SAFETY: this thread plays the owner.
            let early = unsafe { mailbox.collect() };
            peer.join().unwrap();
            // SAFETY: as above.
            let late = unsafe { mailbox.collect() };
            assert_ne!(early.is_some(), late.is_some());
            assert_eq!(early.or(late), Some(Some(Box::new(1))));
        });
    }

    /// Fails with Relaxed in the store of `collect`, and in `is_free`.
    #[test]
    fn the_next_waiter_comes_after_the_last_has_collected() {
        loom::model(|| {
            let mailbox = Arc::new(Mailbox::new());
            // SAFETY: nobody else knows it.
            unsafe { mailbox.join(Some(Box::new(1))) };
            // SAFETY: as above; it is taken.
            unsafe { mailbox.serve() };
            let owner = Arc::clone(&mailbox);
            let owner = thread::spawn(move || {
                // SAFETY: this thread plays the owner.
                let value = unsafe { owner.collect() };
                assert_eq!(value, Some(Some(Box::new(1))));
            });
            // Loom would not look at what happens if the owner is first.
            thread::yield_now();
            if mailbox.is_free() {
                // SAFETY: this thread plays the lock's holder; it is free.
                unsafe { mailbox.join(Some(Box::new(2))) };
            }
            owner.join().unwrap();
        });
    }
}
