//! Permits of a semaphore, and the futures that wait for them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Semaphore;
use crate::holder::Guard;
use crate::line::{Place, finish, unfinished};

/// So many permits of a [`Semaphore`]; dropping it gives them back.
#[must_use = "dropping the permit gives it back at once"]
pub struct Permit<'a> {
    semaphore: &'a Semaphore,
    count: usize,
}

impl<'a> Permit<'a> {
    #[inline]
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Permit<'a> {
        Permit { semaphore, count }
    }

    /// How many permits these are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Keeps the permits taken; somebody may [`release`](Semaphore::release) them later.
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.count != 0 {
            self.semaphore.give_back(self.count);
        }
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit")
            .field("count", &self.count)
            .finish()
    }
}

/// So many permits of a [`Semaphore`] that is kept alive; dropping it gives them back.
#[must_use = "dropping the permit gives it back at once"]
pub struct OwnedPermit {
    semaphore: Arc<Semaphore>,
    count: usize,
}

impl OwnedPermit {
    #[inline]
    pub(super) fn new(semaphore: Arc<Semaphore>, count: usize) -> OwnedPermit {
        OwnedPermit { semaphore, count }
    }

    /// How many permits these are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Keeps the permits taken; somebody may [`release`](Semaphore::release) them later.
    pub fn forget(mut self) {
        self.count = 0;
    }
}

impl Drop for OwnedPermit {
    #[inline]
    fn drop(&mut self) {
        if self.count != 0 {
            self.semaphore.give_back(self.count);
        }
    }
}

impl fmt::Debug for OwnedPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit")
            .field("count", &self.count)
            .finish()
    }
}

/// Waits for permits: what [`acquire`](Semaphore::acquire) gives.
///
/// # Panics
///
/// When polled again after it gave its permits.
///
/// # Cancel safety
///
/// May be dropped at any time; see [`acquire`](Semaphore::acquire).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Acquire<'a> {
    /// `None` once it has its permits.
    semaphore: Option<&'a Semaphore>,
    count: usize,
    place: Place,
}

impl<'a> Acquire<'a> {
    #[inline]
    #[track_caller]
    pub(super) fn new(semaphore: &'a Semaphore, count: usize) -> Acquire<'a> {
        Acquire {
            semaphore: Some(semaphore),
            count,
            place: Place::new(),
        }
    }
}

impl<'a> Future for Acquire<'a> {
    type Output = Permit<'a>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit<'a>> {
        let semaphore: &'a Semaphore = unfinished(self.semaphore);
        let count = self.count;
        ready!(
            semaphore
                .raw
                .poll_acquire(count, Guard::Borrowed, &mut self.place, cx)
        );
        self.semaphore = None;
        Poll::Ready(Permit::new(semaphore, count))
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(key), Some(semaphore)) = (self.place.key.take(), &self.semaphore) {
            semaphore.raw.abandon(key);
        }
    }
}

impl fmt::Debug for Acquire<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("count", &self.count)
            .field("place", &self.place)
            .finish()
    }
}

/// Waits for permits and keeps the semaphore alive: what
/// [`acquire_owned`](Semaphore::acquire_owned) gives.
///
/// # Panics
///
/// When polled again after it gave its permits.
///
/// # Cancel safety
///
/// May be dropped at any time; see [`acquire`](Semaphore::acquire).
#[must_use = "a future does nothing unless it is awaited"]
pub struct AcquireOwned {
    /// `None` once it has its permits.
    semaphore: Option<Arc<Semaphore>>,
    count: usize,
    place: Place,
}

impl AcquireOwned {
    #[inline]
    #[track_caller]
    pub(super) fn new(semaphore: Arc<Semaphore>, count: usize) -> AcquireOwned {
        AcquireOwned {
            semaphore: Some(semaphore),
            count,
            place: Place::new(),
        }
    }
}

impl Future for AcquireOwned {
    type Output = OwnedPermit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<OwnedPermit> {
        let this = &mut *self;
        let raw = &unfinished(this.semaphore.as_deref()).raw;
        ready!(raw.poll_acquire(this.count, Guard::Owned, &mut this.place, cx));
        Poll::Ready(OwnedPermit::new(finish(&mut this.semaphore), this.count))
    }
}

impl Drop for AcquireOwned {
    fn drop(&mut self) {
        if let (Some(key), Some(semaphore)) = (self.place.key.take(), &self.semaphore) {
            semaphore.raw.abandon(key);
        }
    }
}

impl fmt::Debug for AcquireOwned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcquireOwned")
            .field("count", &self.count)
            .field("place", &self.place)
            .finish()
    }
}
