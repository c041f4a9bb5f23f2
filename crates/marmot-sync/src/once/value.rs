//! A value with the recipe to make it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use marmot_wait::{WaitReason, park};

use super::cell::OnceCell;
use super::quick::Quick;
use crate::panics::Echo;

type Making<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A value that is made when it is first asked for, by what [`new`](OnceValue::new) was given.
///
/// After Go's `sync.OnceValue`. What made it, and all that held, is dropped as soon as the
/// value is there.
///
/// # Examples
///
/// ```
/// use marmot_sync::OnceValue;
///
/// # marmot_wait::park::block_on(async {
/// let sum = OnceValue::new(async || (0..1000).sum::<u32>());
/// assert_eq!(*sum.get().await, 499_500);
/// assert_eq!(*sum.get().await, 499_500);
/// # });
/// ```
pub struct OnceValue<T> {
    value: OnceCell<Result<T, Echo>>,
    /// What makes it, except while somebody polls it or once it has ended. Nothing is polled
    /// or dropped under this lock.
    making: Mutex<Option<Making<T>>>,
}

impl<T> OnceValue<T> {
    /// A value that `f` will make, once somebody asks.
    #[must_use]
    pub fn new<F, Fut>(f: F) -> OnceValue<T>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
    {
        let making: Making<T> = Box::pin(async move { f().await });
        OnceValue {
            value: OnceCell::new(),
            making: Mutex::new(Some(making)),
        }
    }

    /// The value, made now if nobody has asked before.
    ///
    /// # Panics
    ///
    /// If making it panicked: this time and every time, with the same words, as in Go.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the making where it is; the next one to ask goes on with it.
    ///
    /// # Complexity
    ///
    /// One load once there is a value; it allocates nothing.
    #[inline]
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = &T> {
        let caller = Location::caller();
        Quick::new(
            || self.value.get().and_then(|made| made.as_ref().ok()),
            move || self.get_slow(caller),
        )
    }

    async fn get_slow(&self, caller: &'static Location<'static>) -> &T {
        let mut own = None;
        let make = async || {
            let made = self.make().await;
            made.map_err(|payload| {
                let echo = Echo::of(&*payload);
                own = Some(payload);
                echo
            })
        };
        let made = self
            .value
            .get_or_init_at(make, caller, WaitReason::Once)
            .await;
        match (made, own) {
            (Ok(value), _) => value,
            (Err(_), Some(payload)) => resume_unwind(payload),
            (Err(echo), None) => echo.again(),
        }
    }

    async fn make(&self) -> thread::Result<T> {
        let mut lent = Lent {
            home: &self.making,
            making: lock(&self.making).take(),
        };
        poll_fn(|cx| lent.poll(cx)).await
    }

    /// As [`get`](OnceValue::get), for a plain thread; legal inside a goroutine too.
    ///
    /// # Panics
    ///
    /// If making it panicked.
    #[track_caller]
    pub fn get_blocking(&self) -> &T {
        park::block_on(self.get())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing that can panic runs under it.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The making, taken out to be polled; it goes back if it has not ended.
struct Lent<'a, T> {
    home: &'a Mutex<Option<Making<T>>>,
    making: Option<Making<T>>,
}

impl<T> Lent<'_, T> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<thread::Result<T>> {
        let making = self.making.as_mut().expect("not polled after its end");
        // Nobody looks into the future after it has panicked; it is only dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| making.as_mut().poll(cx)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(payload),
        };
        self.making = None;
        Poll::Ready(ended)
    }
}

impl<T> Drop for Lent<'_, T> {
    fn drop(&mut self) {
        *lock(self.home) = self.making.take();
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceValue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceValue")
            .field(&self.value.get().and_then(|made| made.as_ref().ok()))
            .finish()
    }
}
