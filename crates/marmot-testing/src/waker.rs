//! A waker that counts its calls.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

/// Counts how often it is woken, and does nothing else.
///
/// # Examples
///
/// ```
/// use marmot_testing::CountingWaker;
///
/// let counter = CountingWaker::new();
/// let waker = counter.waker();
/// waker.wake_by_ref();
/// waker.wake();
/// assert_eq!(counter.wakes(), 2);
/// assert_eq!(counter.take(), 2);
/// assert_eq!(counter.take(), 0);
/// ```
#[derive(Debug, Default)]
pub struct CountingWaker {
    wakes: AtomicUsize,
}

impl CountingWaker {
    /// A counter at zero.
    #[must_use]
    pub fn new() -> Arc<CountingWaker> {
        Arc::default()
    }

    /// A waker that counts here.
    #[must_use]
    pub fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    /// How many wakers (and other handles, this one too) still lead here: a future that has
    /// been dropped must not keep its waker.
    #[must_use]
    pub fn handles(self: &Arc<Self>) -> usize {
        Arc::strong_count(self)
    }

    /// How often it was woken since the last [`take`](CountingWaker::take).
    #[must_use]
    pub fn wakes(&self) -> usize {
        // ORDERING: Acquire pairs with the Release in `wake_by_ref`, so that a test that
        // sees the wake sees what the waker's caller did before it.
        self.wakes.load(Ordering::Acquire)
    }

    /// The count, which begins again at zero.
    pub fn take(&self) -> usize {
        // ORDERING: Acquire as in `wakes`; the zero written publishes nothing.
        self.wakes.swap(0, Ordering::Acquire)
    }
}

impl Wake for CountingWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // ORDERING: Release pairs with the Acquire in `wakes` and `take`.
        self.wakes.fetch_add(1, Ordering::Release);
    }
}
