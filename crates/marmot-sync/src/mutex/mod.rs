//! A mutex whose waiters cost no thread.

#![expect(
    unsafe_code,
    reason = "lends the value to whoever holds the lock that RawMutex gives out"
)]

mod guard;
mod lock;
#[cfg(all(test, marmot_loom))]
mod models;
mod raw;

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use marmot_wait::{held, park};

use crate::fatal::fatal;
use crate::holder::Guard;
use raw::RawMutex;

pub use guard::{MutexGuard, OwnedMutexGuard};
pub use lock::{Lock, LockOwned};

/// One at a time may touch the value; the others wait without holding a thread.
///
/// Free to lock for whoever comes first, in the order of waiting for whoever has waited a
/// millisecond: a running goroutine may take the lock ahead of one that was woken for it,
/// but one that has waited that long is handed the lock next, as in Go.
///
/// Not re-entrant, and never poisoned: a guard that a panic drops releases the lock.
///
/// # Examples
///
/// ```
/// use marmot_sync::Mutex;
///
/// # marmot_wait::park::block_on(async {
/// let count = Mutex::new(0);
/// *count.lock().await += 1;
/// assert_eq!(*count.lock().await, 1);
/// # });
/// ```
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: `value` is reached through a shared `Mutex` only by whoever holds the raw lock,
// which is one at a time and orders their accesses; so sharing a `Mutex` does no more than
// move the value between threads, which `T: Send` allows.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}

impl<T> Mutex<T> {
    const_fn! {
        /// A free mutex around a value.
        ///
        /// # Examples
        ///
        /// ```
        /// static TOTAL: marmot_sync::Mutex<u64> = marmot_sync::Mutex::new(0);
        /// ```
        #[must_use]
        pub const fn new(value: T) -> Mutex<T> {
            Mutex {
                raw: RawMutex::new(),
                value: UnsafeCell::new(value),
            }
        }
    }

    /// Gives the value back.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until the lock is free and takes it.
    ///
    /// The guard releases it when dropped.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the line; a lock or a wake-up already given to it goes to the
    /// next. It does lose its place.
    ///
    /// # Complexity
    ///
    /// One atomic operation if the lock is free; O(1) otherwise. Allocates only to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # marmot_wait::park::block_on(async {
    /// let names = marmot_sync::Mutex::new(Vec::new());
    /// names.lock().await.push("ann");
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock(&self) -> Lock<'_, T> {
        Lock::new(self)
    }

    /// Takes the lock if it is free, past those who wait.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = marmot_sync::Mutex::new(1);
    /// let guard = mutex.try_lock().expect("nobody holds it");
    /// assert!(mutex.try_lock().is_none());
    /// # drop(guard);
    /// ```
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw
            .try_lock(Guard::Borrowed, Location::caller())
            .then(|| MutexGuard::new(self))
    }

    /// As [`lock`](Mutex::lock), with a guard that keeps the mutex alive and borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// As [`lock`](Mutex::lock).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// # marmot_wait::park::block_on(async {
    /// let mutex = Arc::new(marmot_sync::Mutex::new(1));
    /// let guard = mutex.lock_owned().await;
    /// drop(mutex);
    /// assert_eq!(*guard, 1);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn lock_owned(self: &Arc<Self>) -> LockOwned<T> {
        LockOwned::new(Arc::clone(self))
    }

    /// As [`try_lock`](Mutex::try_lock), with a guard that keeps the mutex alive.
    #[must_use]
    #[track_caller]
    pub fn try_lock_owned(self: &Arc<Self>) -> Option<OwnedMutexGuard<T>> {
        self.raw
            .try_lock(Guard::Owned, Location::caller())
            .then(|| OwnedMutexGuard::new(Arc::clone(self)))
    }

    /// As [`lock`](Mutex::lock), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn lock_blocking(&self) -> MutexGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => park::block_on(self.lock()),
        }
    }

    /// As [`lock_owned`](Mutex::lock_owned), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn lock_owned_blocking(self: &Arc<Self>) -> OwnedMutexGuard<T> {
        match self.try_lock_owned() {
            Some(guard) => guard,
            None => park::block_on(self.lock_owned()),
        }
    }

    /// Releases the lock without a guard: for one that was forgotten (`mem::forget`), as where
    /// one goroutine locks and another unlocks.
    ///
    /// If nobody holds the lock the process ends with Go's words, `fatal error: sync: unlock of
    /// unlocked mutex`, and status 2.
    ///
    /// # Safety
    ///
    /// The guard of whoever holds the lock must have been forgotten, and no reference from it
    /// may be in use: after this call somebody else may change the value.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = marmot_sync::Mutex::new(1);
    /// std::mem::forget(mutex.try_lock());
    /// // SAFETY: the only guard was forgotten above.
    /// unsafe { mutex.force_unlock() };
    /// assert!(mutex.try_lock().is_some());
    /// ```
    pub unsafe fn force_unlock(&self) {
        if !self.raw.is_locked() {
            fatal("sync: unlock of unlocked mutex");
        }
        self.raw.unlock();
    }

    /// Whether somebody holds the lock at this moment.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The number of the goroutine that took the lock; 0 if nobody has, or a plain thread.
    #[must_use]
    pub fn holder(&self) -> u64 {
        held::goroutine_of(self.raw.holder())
    }

    /// The line of the program where the lock was taken, if somebody holds it.
    ///
    /// A hint, for reports: at the moment of a change of hands it may be that of the last holder.
    ///
    /// # Examples
    ///
    /// ```
    /// let mutex = marmot_sync::Mutex::new(1);
    /// assert!(mutex.locked_at().is_none());
    /// let guard = mutex.try_lock();
    /// assert_eq!(mutex.locked_at().expect("locked").line(), line!() - 1);
    /// # drop(guard);
    /// ```
    #[must_use]
    pub fn locked_at(&self) -> Option<&'static Location<'static>> {
        self.raw.locked_at()
    }

    /// The value, reached through a borrow that proves that nobody else can.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Mutex");
        match self.try_lock() {
            Some(guard) => shown.field("value", &&*guard),
            None => shown.field("value", &format_args!("<locked>")),
        };
        shown.finish()
    }
}
