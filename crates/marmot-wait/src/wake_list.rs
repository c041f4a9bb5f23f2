//! Wakers gathered under a lock and called after it is released.

use std::fmt;
use std::task::Waker;

use crate::prefetch;

/// How many wakers fit without an allocation.
const INLINE: usize = 16;

/// Wakers that are owed a call.
///
/// Gather them under the lock, drop the guard, then call [`wake_all`](WakeList::wake_all).
/// A waker is foreign code: it may take locks of its own, run the goroutine at once, or
/// panic. Dropping the list wakes what is left, so that a panic in one waker loses none.
///
/// # Examples
///
/// ```
/// use marmot_wait::WakeList;
/// use std::task::Waker;
///
/// let mut owed = WakeList::new();
/// owed.push(Waker::noop().clone());
/// owed.wake_all();
/// ```
#[derive(Default)]
pub struct WakeList {
    inline: [Option<Waker>; INLINE],
    used: usize,
    more: Vec<Waker>,
}

impl WakeList {
    /// A list without wakers. Allocates only above sixteen.
    #[must_use]
    pub fn new() -> WakeList {
        WakeList::default()
    }

    /// Adds a waker to be called.
    pub fn push(&mut self, waker: Waker) {
        // What it points to is touched when it is called, and has not been for a while: of a
        // crowd one is fetched while others are gathered.
        prefetch::fetch(waker.data());
        if self.used < INLINE {
            self.inline[self.used] = Some(waker);
            self.used += 1;
        } else {
            self.more.push(waker);
        }
    }

    /// How many are owed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.used + self.more.len()
    }

    /// Whether none is owed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Calls them in the order they were added. To be called with no lock held.
    pub fn wake_all(mut self) {
        self.wake_rest();
    }

    fn wake_rest(&mut self) {
        let used = std::mem::take(&mut self.used);
        let rest = Rest {
            first: self.inline[..used].iter_mut(),
            more: self.more.drain(..),
        };
        drop(rest);
    }
}

impl Drop for WakeList {
    fn drop(&mut self) {
        if !self.is_empty() {
            self.wake_rest();
        }
    }
}

impl fmt::Debug for WakeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WakeList")
            .field("len", &self.len())
            .finish()
    }
}

/// Wakes from its destructor, so that one waker's panic does not keep the rest asleep: the
/// unwinding drops the inner guard, which goes on.
struct Rest<'a> {
    first: std::slice::IterMut<'a, Option<Waker>>,
    more: std::vec::Drain<'a, Waker>,
}

impl Rest<'_> {
    fn next(&mut self) -> Option<Waker> {
        self.first
            .by_ref()
            .find_map(Option::take)
            .or_else(|| self.more.next())
    }
}

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        struct Again<'a, 'b>(&'a mut Rest<'b>);
        impl Drop for Again<'_, '_> {
            fn drop(&mut self) {
                // Only reached with wakers left if one of them panicked: the others are
                // woken while that panic unwinds; a second panic ends the process.
                while let Some(waker) = self.0.next() {
                    waker.wake();
                }
            }
        }
        let again = Again(self);
        while let Some(waker) = again.0.next() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::{INLINE, WakeList};

    struct Count(AtomicUsize, bool);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
            assert!(!self.1, "this waker panics");
        }
    }

    #[test]
    fn more_wakers_than_fit_inline_are_all_called() {
        let count = Arc::new(Count(AtomicUsize::new(0), false));
        let mut list = WakeList::new();
        for _ in 0..INLINE * 3 {
            list.push(Waker::from(Arc::clone(&count)));
        }
        assert_eq!(list.len(), INLINE * 3);
        list.wake_all();
        assert_eq!(count.0.load(Ordering::Relaxed), INLINE * 3);
    }

    #[test]
    fn a_panicking_waker_does_not_keep_the_others_asleep() {
        let good = Arc::new(Count(AtomicUsize::new(0), false));
        let bad = Arc::new(Count(AtomicUsize::new(0), true));
        let mut list = WakeList::new();
        for turn in 0..INLINE * 2 {
            let who = if turn == 3 { &bad } else { &good };
            list.push(Waker::from(Arc::clone(who)));
        }
        let ended = catch_unwind(AssertUnwindSafe(|| list.wake_all()));
        assert!(ended.is_err());
        assert_eq!(good.0.load(Ordering::Relaxed), INLINE * 2 - 1);
    }
}
