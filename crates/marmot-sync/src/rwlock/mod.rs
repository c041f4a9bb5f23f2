//! A lock for many readers or one writer, whose waiters cost no thread.

#![expect(
    unsafe_code,
    reason = "lends the value to whoever holds the lock that RawRwLock gives out"
)]

mod guard;
mod lines;
mod lock;
#[cfg(all(test, marmot_loom))]
mod models;
mod owned;
mod raw;

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use marmot_wait::{held, park};

use crate::fatal::fatal;
use crate::holder::Guard;
use raw::RawRwLock;

pub use guard::{RwLockReadGuard, RwLockWriteGuard};
pub use lock::{Read, ReadOwned, Write, WriteOwned};
pub use owned::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard};

/// Many may read the value at a time, or one may write it.
///
/// A writer that waits holds back new readers, and the readers that waited for a writer go
/// before the next one, as in Go: neither side starves. A goroutine that reads must
/// therefore not read again before it has dropped its guard: a writer between the two would
/// wait for the first and hold back the second.
///
/// A goroutine that is running may take a free lock ahead of those that have been woken for it, as
/// with [`Mutex`](crate::Mutex); whoever has waited for a millisecond gets it next.
///
/// Never poisoned: a guard that a panic drops releases the lock.
///
/// # Examples
///
/// ```
/// use marmot_sync::RwLock;
///
/// # marmot_wait::park::block_on(async {
/// let config = RwLock::new(String::from("old"));
/// {
///     let one = config.read().await;
///     let two = config.read().await;
///     assert_eq!(*one, *two);
/// }
/// *config.write().await = String::from("new");
/// # });
/// ```
pub struct RwLock<T: ?Sized> {
    raw: RawRwLock,
    value: UnsafeCell<T>,
}

// SAFETY: through a shared `RwLock` the value is reached by holders of the raw lock only:
// by one writer, which moves it between threads at most (`T: Send`), or by several readers
// at once, which share it (`T: Sync`). The raw lock orders writers and readers.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwLock<T> {}

impl<T> RwLock<T> {
    const_fn! {
        /// A free lock around a value.
        #[must_use]
        pub const fn new(value: T) -> RwLock<T> {
            RwLock {
                raw: RawRwLock::new(),
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

impl<T: ?Sized> RwLock<T> {
    /// Waits until no writer holds the lock or waits for it, and takes it to read.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the line; a lock already given to it is released.
    ///
    /// # Complexity
    ///
    /// One atomic operation if no writer is about; O(1) otherwise. Allocates only to wait.
    #[inline]
    #[track_caller]
    pub fn read(&self) -> Read<'_, T> {
        Read::new(self)
    }

    /// Waits until nobody holds the lock and takes it to write.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the line; a lock already given to it goes on, and readers that
    /// it held back come in.
    ///
    /// # Complexity
    ///
    /// One atomic operation if nobody is about; O(1) otherwise. Allocates only to wait.
    #[inline]
    #[track_caller]
    pub fn write(&self) -> Write<'_, T> {
        Write::new(self)
    }

    /// Takes the lock to read if no writer holds it or waits for it.
    ///
    /// # Examples
    ///
    /// ```
    /// let lock = marmot_sync::RwLock::new(1);
    /// let one = lock.try_read().expect("free");
    /// assert!(lock.try_read().is_some() && lock.try_write().is_none());
    /// # drop(one);
    /// ```
    #[inline]
    #[must_use]
    pub fn try_read(&self) -> Option<RwLockReadGuard<'_, T>> {
        self.raw.try_read().then(|| RwLockReadGuard::new(self))
    }

    /// Takes the lock to write if nobody holds it or waits for it.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn try_write(&self) -> Option<RwLockWriteGuard<'_, T>> {
        self.raw
            .try_write(Guard::Borrowed, Location::caller())
            .then(|| RwLockWriteGuard::new(self))
    }

    /// As [`read`](RwLock::read), with a guard that keeps the lock alive and borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// As [`read`](RwLock::read).
    #[inline]
    #[track_caller]
    pub fn read_owned(self: &Arc<Self>) -> ReadOwned<T> {
        ReadOwned::new(Arc::clone(self))
    }

    /// As [`write`](RwLock::write), with a guard that keeps the lock alive and borrows nothing.
    ///
    /// # Cancel safety
    ///
    /// As [`write`](RwLock::write).
    #[inline]
    #[track_caller]
    pub fn write_owned(self: &Arc<Self>) -> WriteOwned<T> {
        WriteOwned::new(Arc::clone(self))
    }

    /// As [`try_read`](RwLock::try_read), with a guard that keeps the lock alive.
    #[must_use]
    pub fn try_read_owned(self: &Arc<Self>) -> Option<OwnedRwLockReadGuard<T>> {
        self.raw
            .try_read()
            .then(|| OwnedRwLockReadGuard::new(Arc::clone(self)))
    }

    /// As [`try_write`](RwLock::try_write), with a guard that keeps the lock alive.
    #[must_use]
    #[track_caller]
    pub fn try_write_owned(self: &Arc<Self>) -> Option<OwnedRwLockWriteGuard<T>> {
        self.raw
            .try_write(Guard::Owned, Location::caller())
            .then(|| OwnedRwLockWriteGuard::new(Arc::clone(self)))
    }

    /// As [`read`](RwLock::read), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn read_blocking(&self) -> RwLockReadGuard<'_, T> {
        match self.try_read() {
            Some(guard) => guard,
            None => park::block_on(self.read()),
        }
    }

    /// As [`write`](RwLock::write), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn write_blocking(&self) -> RwLockWriteGuard<'_, T> {
        match self.try_write() {
            Some(guard) => guard,
            None => park::block_on(self.write()),
        }
    }

    /// As [`read_owned`](RwLock::read_owned), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn read_owned_blocking(self: &Arc<Self>) -> OwnedRwLockReadGuard<T> {
        match self.try_read_owned() {
            Some(guard) => guard,
            None => park::block_on(self.read_owned()),
        }
    }

    /// As [`write_owned`](RwLock::write_owned), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn write_owned_blocking(self: &Arc<Self>) -> OwnedRwLockWriteGuard<T> {
        match self.try_write_owned() {
            Some(guard) => guard,
            None => park::block_on(self.write_owned()),
        }
    }

    /// Releases the lock of one reader without its guard.
    ///
    /// If nobody reads the process ends with Go's words, `fatal error: sync: RUnlock of
    /// unlocked RWMutex`, and status 2.
    ///
    /// # Safety
    ///
    /// The guard of one reader must have been forgotten, and no reference from it may be in
    /// use: after this call somebody may change the value.
    pub unsafe fn force_unlock_read(&self) {
        if self.raw.readers() == 0 {
            fatal("sync: RUnlock of unlocked RWMutex");
        }
        self.raw.unlock_read();
    }

    /// Releases the lock of a writer without its guard.
    ///
    /// If nobody writes the process ends with Go's words, `fatal error: sync: Unlock of
    /// unlocked RWMutex`, and status 2.
    ///
    /// # Safety
    ///
    /// The guard of the writer must have been forgotten, and no reference from it may be in
    /// use: after this call somebody else may reach the value.
    pub unsafe fn force_unlock_write(&self) {
        if !self.raw.is_written() {
            fatal("sync: Unlock of unlocked RWMutex");
        }
        self.raw.unlock_write();
    }

    /// The number of the goroutine that took the lock to write; 0 if nobody has, or a plain
    /// thread.
    #[must_use]
    pub fn holder(&self) -> u64 {
        held::goroutine_of(self.raw.holder())
    }

    /// The line of the program where the lock was taken to write, if somebody writes.
    ///
    /// A hint, for reports: at the moment of a change of hands it may be that of the last writer.
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

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T> From<T> for RwLock<T> {
    fn from(value: T) -> Self {
        RwLock::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RwLock");
        match self.try_read() {
            Some(guard) => shown.field("value", &&*guard),
            None => shown.field("value", &format_args!("<locked>")),
        };
        shown.finish()
    }
}
