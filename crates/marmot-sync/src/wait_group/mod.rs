//! Waiting for several goroutines to end.

#[cfg(all(test, marmot_loom))]
mod models;
mod raw;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use marmot_wait::{ambient, park};

use crate::line::Place;
use crate::spawn::spawn;
use raw::RawWaitGroup;

/// Counts goroutines at work; [`wait`](WaitGroup::wait) ends when none is.
///
/// Clones share the count. What a goroutine did before its [`done`](WaitGroup::done) is seen
/// by whoever waited for it.
///
/// # Examples
///
/// ```
/// use marmot_sync::WaitGroup;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::sync::Arc;
///
/// # marmot_wait::park::block_on(async {
/// let group = WaitGroup::new();
/// let sum = Arc::new(AtomicU32::new(0));
/// for n in 1..=3 {
///     let sum = Arc::clone(&sum);
///     group.go(async move {
///         sum.fetch_add(n, Ordering::Relaxed);
///     });
/// }
/// group.wait().await;
/// assert_eq!(sum.load(Ordering::Relaxed), 6);
/// # });
/// ```
#[derive(Clone)]
pub struct WaitGroup {
    raw: Arc<RawWaitGroup>,
}

impl WaitGroup {
    /// A group of which nobody is at work.
    #[must_use]
    pub fn new() -> WaitGroup {
        WaitGroup {
            raw: Arc::new(RawWaitGroup::new()),
        }
    }

    /// Adds `n` to the count, or takes from it if `n` is negative.
    ///
    /// # Panics
    ///
    /// "sync: negative WaitGroup counter" if the count would fall below zero; and Go's
    /// "sync: WaitGroup misuse: Add called concurrently with Wait" if it catches the
    /// first of new work added while somebody waits for the last of the old to end. The count
    /// is then as it was.
    ///
    /// # Complexity
    ///
    /// One atomic operation; the one that ends the wait wakes those who wait.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = marmot_sync::WaitGroup::new();
    /// group.add(2);
    /// group.add(-1);
    /// group.done();
    /// group.wait_blocking();
    /// ```
    #[inline]
    #[track_caller]
    pub fn add(&self, n: isize) {
        if let Err(misuse) = self.raw.add(n as i64) {
            panic!("{}", misuse.text());
        }
    }

    /// Takes one from the count.
    ///
    /// # Panics
    ///
    /// "sync: negative WaitGroup counter" if it is zero.
    #[inline]
    #[track_caller]
    pub fn done(&self) {
        self.add(-1);
    }

    /// Adds one; dropping the guard calls [`done`](WaitGroup::done), while unwinding too.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = marmot_sync::WaitGroup::new();
    /// let guard = group.guard();
    /// std::thread::spawn(move || drop(guard));
    /// group.wait_blocking();
    /// ```
    #[track_caller]
    pub fn guard(&self) -> WaitGroupGuard {
        self.add(1);
        WaitGroupGuard {
            group: self.clone(),
        }
    }

    /// Runs a future as a goroutine of its own that the group waits for.
    ///
    /// It counts until it and everything in it is dropped, also if it panics or is cut off. It
    /// inherits what is ambient here. What the future gives is dropped.
    /// Outside a runtime it runs on a thread of its own.
    ///
    /// # Panics
    ///
    /// If, outside a runtime, the system has no thread left.
    #[track_caller]
    pub fn go<F>(&self, future: F)
    where
        F: Future + Send + 'static,
    {
        let counted = self.guard();
        if ambient::is_set() {
            counted.start(ambient::inherit(future), Location::caller());
        } else {
            counted.start(future, Location::caller());
        }
    }

    /// Waits until the count is zero.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves nothing behind.
    ///
    /// # Complexity
    ///
    /// One load if the count is zero. Allocates only to wait.
    #[inline]
    #[track_caller]
    pub fn wait(&self) -> Wait<'_> {
        let place = Place::new();
        let group = Some(self);
        Wait { group, place }
    }

    /// As [`wait`](WaitGroup::wait), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn wait_blocking(&self) {
        park::block_on(self.wait());
    }

    /// How many are at work at this moment.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::try_from(self.raw.count()).unwrap_or(0)
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        WaitGroup::new()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("count", &self.count())
            .finish()
    }
}

/// One at work in a [`WaitGroup`], until dropped.
#[must_use = "dropping the guard counts it as done at once"]
pub struct WaitGroupGuard {
    group: WaitGroup,
}

impl WaitGroupGuard {
    /// Runs a future as a goroutine of its own that counts until it is dropped.
    fn start<F>(self, future: F, place: &'static Location<'static>)
    where
        F: Future + Send + 'static,
    {
        let whole = async move {
            // Declared before the future is awaited, so dropped after it.
            let _counted = self;
            drop(future.await);
        };
        spawn(Box::pin(whole), place);
    }
}

impl Drop for WaitGroupGuard {
    fn drop(&mut self) {
        // It fails only after somebody called `done` once too often, which they were told
        // then, or will be by the next; a panic here could end the process.
        let _ = self.group.raw.add(-1);
    }
}

impl fmt::Debug for WaitGroupGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroupGuard")
            .field("group", &self.group)
            .finish()
    }
}

/// Waits for a [`WaitGroup`]: what [`wait`](WaitGroup::wait) gives.
///
/// It may be polled again after it was ready, and is ready then too.
///
/// # Cancel safety
///
/// May be dropped at any time and leaves nothing behind.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Wait<'a> {
    /// `None` once the count was zero.
    group: Option<&'a WaitGroup>,
    place: Place,
}

impl Future for Wait<'_> {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(group) = self.group else {
            return Poll::Ready(());
        };
        ready!(group.raw.poll_wait(&mut self.place, cx));
        self.group = None;
        Poll::Ready(())
    }
}

impl Drop for Wait<'_> {
    #[inline]
    fn drop(&mut self) {
        if let (Some(key), Some(group)) = (self.place.key.take(), self.group) {
            group.raw.abandon(key);
        }
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").field("place", &self.place).finish()
    }
}
