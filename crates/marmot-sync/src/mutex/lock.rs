//! The futures that wait for a mutex.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Mutex;
use super::guard::{MutexGuard, OwnedMutexGuard};
use crate::holder::Guard;
use crate::line::{Place, finish, unfinished};

/// Waits for a [`Mutex`]: what [`lock`](Mutex::lock) gives.
///
/// # Panics
///
/// When polled again after it gave its guard.
///
/// # Cancel safety
///
/// May be dropped at any time; see [`lock`](Mutex::lock).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Lock<'a, T: ?Sized> {
    /// `None` once it has the lock.
    mutex: Option<&'a Mutex<T>>,
    place: Place,
}

impl<'a, T: ?Sized> Lock<'a, T> {
    #[inline]
    #[track_caller]
    pub(super) fn new(mutex: &'a Mutex<T>) -> Lock<'a, T> {
        Lock::at(mutex, Place::new())
    }

    #[inline]
    pub(crate) fn at(mutex: &'a Mutex<T>, place: Place) -> Lock<'a, T> {
        let mutex = Some(mutex);
        Lock { mutex, place }
    }
}

impl<'a, T: ?Sized> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mutex: &'a Mutex<T> = unfinished(self.mutex);
        ready!(mutex.raw.poll_lock(Guard::Borrowed, &mut self.place, cx));
        self.mutex = None;
        Poll::Ready(MutexGuard::new(mutex))
    }
}

impl<T: ?Sized> Drop for Lock<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(key), Some(mutex)) = (self.place.key.take(), &self.mutex) {
            mutex.raw.abandon(key);
        }
    }
}

impl<T: ?Sized> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("place", &self.place).finish()
    }
}

/// Waits for a [`Mutex`] and keeps it alive: what [`lock_owned`](Mutex::lock_owned) gives.
///
/// # Panics
///
/// When polled again after it gave its guard.
///
/// # Cancel safety
///
/// May be dropped at any time; see [`lock`](Mutex::lock).
#[must_use = "a future does nothing unless it is awaited"]
pub struct LockOwned<T: ?Sized> {
    /// `None` once it has the lock.
    mutex: Option<Arc<Mutex<T>>>,
    place: Place,
}

impl<T: ?Sized> LockOwned<T> {
    #[inline]
    #[track_caller]
    pub(super) fn new(mutex: Arc<Mutex<T>>) -> LockOwned<T> {
        LockOwned::at(mutex, Place::new())
    }

    #[inline]
    pub(crate) fn at(mutex: Arc<Mutex<T>>, place: Place) -> LockOwned<T> {
        let mutex = Some(mutex);
        LockOwned { mutex, place }
    }
}

impl<T: ?Sized> Future for LockOwned<T> {
    type Output = OwnedMutexGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let raw = &unfinished(this.mutex.as_deref()).raw;
        ready!(raw.poll_lock(Guard::Owned, &mut this.place, cx));
        Poll::Ready(OwnedMutexGuard::new(finish(&mut this.mutex)))
    }
}

impl<T: ?Sized> Drop for LockOwned<T> {
    fn drop(&mut self) {
        if let (Some(key), Some(mutex)) = (self.place.key.take(), &self.mutex) {
            mutex.raw.abandon(key);
        }
    }
}

impl<T: ?Sized> fmt::Debug for LockOwned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockOwned")
            .field("place", &self.place)
            .finish()
    }
}
