//! The futures that wait for a read-write lock.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use crate::holder::Guard;
use crate::line::{Place, finish, unfinished};

/// A future: which lock, by reference or kept alive, which guard, which way in and out.
macro_rules! waits {
    (
        $(#[$doc:meta])*
        $name:ident $(<$life:lifetime>)?, $lock:ty, $guard:ty,
        $poll:ident $(($kind:expr))?, $abandon:ident
    ) => {
        $(#[$doc])*
        ///
        /// # Panics
        ///
        /// When polled again after it gave its guard.
        ///
        /// # Cancel safety
        ///
        /// May be dropped at any time and leaves nothing behind.
        #[must_use = "a future does nothing unless it is awaited"]
        pub struct $name<$($life,)? T: ?Sized> {
            /// `None` once it has the lock.
            lock: Option<$lock>,
            place: Place,
        }

        impl<$($life,)? T: ?Sized> $name<$($life,)? T> {
            #[inline]
            #[track_caller]
            pub(super) fn new(lock: $lock) -> Self {
                $name::at(lock, Place::new())
            }

            #[inline]
            pub(crate) fn at(lock: $lock, place: Place) -> Self {
                let lock = Some(lock);
                $name { lock, place }
            }
        }

        impl<$($life,)? T: ?Sized> Future for $name<$($life,)? T> {
            type Output = $guard;

            #[inline]
            fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<$guard> {
                let this = &mut *self;
                let raw = &unfinished(this.lock.as_deref()).raw;
                ready!(raw.$poll($($kind,)? &mut this.place, cx));
                Poll::Ready(<$guard>::new(finish(&mut this.lock)))
            }
        }

        impl<$($life,)? T: ?Sized> Drop for $name<$($life,)? T> {
            #[inline]
            fn drop(&mut self) {
                if let (Some(key), Some(lock)) = (self.place.key.take(), &self.lock) {
                    lock.raw.$abandon(key);
                }
            }
        }

        impl<$($life,)? T: ?Sized> fmt::Debug for $name<$($life,)? T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("place", &self.place)
                    .finish()
            }
        }
    };
}

waits! {
    /// Waits to read: what [`read`](RwLock::read) gives.
    Read<'a>, &'a RwLock<T>, RwLockReadGuard<'a, T>,
    poll_read, abandon_read
}

waits! {
    /// Waits to write: what [`write`](RwLock::write) gives.
    Write<'a>, &'a RwLock<T>, RwLockWriteGuard<'a, T>,
    poll_write(Guard::Borrowed), abandon_write
}

waits! {
    /// Waits to read and keeps the lock alive: what [`read_owned`](RwLock::read_owned) gives.
    ReadOwned, Arc<RwLock<T>>, OwnedRwLockReadGuard<T>,
    poll_read, abandon_read
}

waits! {
    /// Waits to write and keeps the lock alive: what [`write_owned`](RwLock::write_owned) gives.
    WriteOwned, Arc<RwLock<T>>, OwnedRwLockWriteGuard<T>,
    poll_write(Guard::Owned), abandon_write
}
