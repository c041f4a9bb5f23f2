//! Guards whose lock can be taken again.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use crate::line::Place;
use crate::mutex::{Lock, LockOwned, Mutex, MutexGuard, OwnedMutexGuard};
use crate::rwlock::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, Read, ReadOwned, RwLock, RwLockReadGuard,
    RwLockWriteGuard, Write, WriteOwned,
};

/// A guard that a [`Cond`](super::Cond) can release and take again: Go's `sync.Locker`.
///
/// The guards of [`Mutex`] and [`RwLock`] are; nothing else can be.
pub trait Relock: Sized + Unpin + sealed::Sealed {
    /// The way back to the lock.
    #[doc(hidden)]
    type Locker: Unpin;
    /// Waits for the lock.
    #[doc(hidden)]
    type Lock: Future<Output = Self> + Unpin;

    /// The way back to the lock.
    #[doc(hidden)]
    fn locker(&self) -> Self::Locker;
    /// Waits for the lock, as asked from that line of the program.
    #[doc(hidden)]
    fn lock(locker: Self::Locker, caller: &'static Location<'static>) -> Self::Lock;
}

mod sealed {
    /// Only guards of this crate.
    pub trait Sealed {}
}

macro_rules! relock {
    ($guard:ident <$life:lifetime>, $lock:ident, $future:ident, $way:ident) => {
        impl<$life, T: ?Sized> sealed::Sealed for $guard<$life, T> {}

        impl<$life, T: ?Sized> Relock for $guard<$life, T> {
            type Locker = &$life $lock<T>;
            type Lock = $future<$life, T>;

            fn locker(&self) -> Self::Locker {
                $guard::$way(self)
            }

            fn lock(locker: Self::Locker, caller: &'static Location<'static>) -> Self::Lock {
                $future::at(locker, Place::at(caller))
            }
        }
    };
    ($guard:ident, $lock:ident, $future:ident, $way:ident) => {
        impl<T: ?Sized> sealed::Sealed for $guard<T> {}

        impl<T: ?Sized> Relock for $guard<T> {
            type Locker = Arc<$lock<T>>;
            type Lock = $future<T>;

            fn locker(&self) -> Self::Locker {
                Arc::clone($guard::$way(self))
            }

            fn lock(locker: Self::Locker, caller: &'static Location<'static>) -> Self::Lock {
                $future::at(locker, Place::at(caller))
            }
        }
    };
}

relock!(MutexGuard<'a>, Mutex, Lock, mutex);
relock!(OwnedMutexGuard, Mutex, LockOwned, mutex);
relock!(RwLockReadGuard<'a>, RwLock, Read, rwlock);
relock!(RwLockWriteGuard<'a>, RwLock, Write, rwlock);
relock!(OwnedRwLockReadGuard, RwLock, ReadOwned, rwlock);
relock!(OwnedRwLockWriteGuard, RwLock, WriteOwned, rwlock);
