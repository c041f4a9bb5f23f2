//! The futures that wait for a mutex.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::Mutex;
use super::guard::{MutexGuard, OwnedMutexGuard};
use crate::holder::Guard;
use crate::line::Place;

/// Waits for a [`Mutex`]: what [`lock`](Mutex::lock) gives.
///
/// # Cancel safety
///
/// May be dropped at any time; see [`lock`](Mutex::lock).
#[must_use = "a future does nothing unless it is awaited"]
pub struct Lock<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
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
        Lock { mutex, place }
    }
}

impl<'a, T: ?Sized> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mutex = self.mutex;
        ready!(mutex.raw.poll_lock(Guard::Borrowed, &mut self.place, cx));
        Poll::Ready(MutexGuard::new(mutex))
    }
}

impl<T: ?Sized> Drop for Lock<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(key) = self.place.key.take() {
            self.mutex.raw.abandon(key);
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
/// # Cancel safety
///
/// May be dropped at any time; see [`lock`](Mutex::lock).
#[must_use = "a future does nothing unless it is awaited"]
pub struct LockOwned<T: ?Sized> {
    mutex: Arc<Mutex<T>>,
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
        LockOwned { mutex, place }
    }
}

impl<T: ?Sized> Future for LockOwned<T> {
    type Output = OwnedMutexGuard<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        ready!(this.mutex.raw.poll_lock(Guard::Owned, &mut this.place, cx));
        Poll::Ready(OwnedMutexGuard::new(Arc::clone(&this.mutex)))
    }
}

impl<T: ?Sized> Drop for LockOwned<T> {
    fn drop(&mut self) {
        if let Some(key) = self.place.key.take() {
            self.mutex.raw.abandon(key);
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
