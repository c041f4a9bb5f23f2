//! A weighted semaphore.

mod given;
#[cfg(all(test, marmot_loom))]
mod models;
mod permit;
mod raw;

use std::fmt;
use std::sync::Arc;

use marmot_wait::park;

pub use permit::{Acquire, AcquireOwned, OwnedPermit, Permit};
use raw::RawSemaphore;

/// So many permits, of which each user takes as many as it needs.
///
/// Strictly first come, first served: a large request at the front of the line is not
/// overtaken by small ones that would fit. After `Weighted` of golang.org/x/sync/semaphore.
///
/// # Examples
///
/// At most two at a time:
///
/// ```
/// use marmot_sync::Semaphore;
///
/// # marmot_wait::park::block_on(async {
/// let slots = Semaphore::new(2);
/// let permit = slots.acquire(1).await;
/// // ... work ...
/// drop(permit);
/// let both = slots.acquire(2).await;
/// assert!(slots.try_acquire(1).is_none());
/// # drop(both);
/// # });
/// ```
pub struct Semaphore {
    raw: RawSemaphore,
}

impl Semaphore {
    /// The most permits a semaphore can have.
    pub const MAX_PERMITS: usize = raw::MAX;

    const_fn! {
        /// A semaphore of so many permits, all free.
        ///
        /// # Panics
        ///
        /// Above [`MAX_PERMITS`](Semaphore::MAX_PERMITS).
        #[must_use]
        #[track_caller]
        pub const fn new(permits: usize) -> Semaphore {
            assert!(permits <= Semaphore::MAX_PERMITS, "too many permits");
            Semaphore {
                raw: RawSemaphore::new(permits),
            }
        }
    }

    /// Waits until `n` permits are free and nobody is before us, and takes them.
    ///
    /// More than the semaphore has waits for ever, without holding up others.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the line; permits already given to it go back, and those
    /// behind it whose turn it is now are served.
    ///
    /// # Complexity
    ///
    /// One atomic operation if the permits are free, O(1) otherwise. Allocates only to wait.
    ///
    /// # Examples
    ///
    /// ```
    /// # marmot_wait::park::block_on(async {
    /// let memory = marmot_sync::Semaphore::new(1024);
    /// let permit = memory.acquire(100).await;
    /// assert_eq!(memory.available(), 924);
    /// # drop(permit);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire(&self, n: usize) -> Acquire<'_> {
        Acquire::new(self, n)
    }

    /// Takes `n` permits if they are free and nobody waits.
    ///
    /// # Examples
    ///
    /// ```
    /// let slots = marmot_sync::Semaphore::new(1);
    /// let permit = slots.try_acquire(1);
    /// assert!(permit.is_some() && slots.try_acquire(1).is_none());
    /// ```
    #[inline]
    #[must_use]
    pub fn try_acquire(&self, n: usize) -> Option<Permit<'_>> {
        self.raw.try_acquire(n).then(|| Permit::new(self, n))
    }

    /// As [`acquire`](Semaphore::acquire), with a permit that keeps the semaphore alive and
    /// borrows nothing, to be moved into another goroutine.
    ///
    /// # Cancel safety
    ///
    /// As [`acquire`](Semaphore::acquire).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// # marmot_wait::park::block_on(async {
    /// let slots = Arc::new(marmot_sync::Semaphore::new(1));
    /// let permit = slots.acquire_owned(1).await;
    /// std::thread::spawn(move || drop(permit)).join().expect("the thread ends well");
    /// assert_eq!(slots.available(), 1);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn acquire_owned(self: &Arc<Self>, n: usize) -> AcquireOwned {
        AcquireOwned::new(Arc::clone(self), n)
    }

    /// As [`try_acquire`](Semaphore::try_acquire), with a permit that keeps the semaphore alive.
    #[must_use]
    pub fn try_acquire_owned(self: &Arc<Self>, n: usize) -> Option<OwnedPermit> {
        self.raw
            .try_acquire(n)
            .then(|| OwnedPermit::new(Arc::clone(self), n))
    }

    /// As [`acquire`](Semaphore::acquire), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn acquire_blocking(&self, n: usize) -> Permit<'_> {
        match self.try_acquire(n) {
            Some(permit) => permit,
            None => park::block_on(self.acquire(n)),
        }
    }

    /// As [`acquire_owned`](Semaphore::acquire_owned), for a plain thread; legal inside a
    /// goroutine too.
    #[track_caller]
    pub fn acquire_owned_blocking(self: &Arc<Self>, n: usize) -> OwnedPermit {
        match self.try_acquire_owned(n) {
            Some(permit) => permit,
            None => park::block_on(self.acquire_owned(n)),
        }
    }

    /// Gives back permits that were [forgotten](Permit::forget).
    ///
    /// # Panics
    ///
    /// "semaphore: released more than held", with nothing changed, if fewer are out.
    ///
    /// # Examples
    ///
    /// ```
    /// let slots = marmot_sync::Semaphore::new(2);
    /// slots.try_acquire(2).expect("both are free").forget();
    /// slots.release(1);
    /// assert_eq!(slots.available(), 1);
    /// ```
    #[inline]
    #[track_caller]
    pub fn release(&self, n: usize) {
        self.raw.loosen();
        if !self.raw.release(n) {
            released_too_many();
        }
    }

    /// How many permits are free at this moment.
    #[must_use]
    pub fn available(&self) -> usize {
        self.raw.free()
    }

    /// How many permits there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.raw.total()
    }

    /// A permit is dropped. It can be refused only after somebody released permits that were
    /// not theirs; that must not turn a panic in progress into the end of the process.
    fn give_back(&self, n: usize) {
        if !self.raw.release(n) && !std::thread::panicking() {
            released_too_many();
        }
    }
}

#[cold]
#[track_caller]
fn released_too_many() -> ! {
    panic!("semaphore: released more than held")
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore")
            .field("available", &self.available())
            .field("total", &self.total())
            .finish()
    }
}
