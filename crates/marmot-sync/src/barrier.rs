//! Several goroutines that go on together.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use marmot_wait::{WaitQueue, WaitReason, WakeList, budget, park};

use crate::line::{Fresh, Place, unfinished};
use crate::loom::Latch;

/// Holds goroutines back until so many have come; then they all go on.
///
/// It can be used again at once. Go has none; after `std::sync::Barrier`.
///
/// # Examples
///
/// ```
/// use marmot_sync::Barrier;
/// use std::sync::Arc;
///
/// let barrier = Arc::new(Barrier::new(2));
/// let there = Arc::clone(&barrier);
/// let other = std::thread::spawn(move || there.wait_blocking().is_leader());
/// let here = barrier.wait_blocking().is_leader();
/// assert!(here != other.join().expect("it ends well"), "one of them leads");
/// ```
pub struct Barrier {
    size: usize,
    /// Those held back; `None` once let go. Under this lock no waker is called, cloned or
    /// dropped.
    line: Latch<WaitQueue<Option<Waker>>>,
}

impl Barrier {
    const_fn! {
        /// A barrier for `size` goroutines; 0 holds nobody back, as 1 does.
        #[must_use]
        pub const fn new(size: usize) -> Barrier {
            Barrier {
                size,
                line: Latch::new(WaitQueue::new()),
            }
        }
    }

    /// Waits until so many have come, this one included. The last one to come leads.
    ///
    /// # Cancel safety
    ///
    /// A dropped future has not come: the barrier waits for another one.
    #[track_caller]
    pub fn wait(&self) -> BarrierWait<'_> {
        let place = Place::new();
        BarrierWait {
            barrier: Some(self),
            place,
        }
    }

    /// As [`wait`](Barrier::wait), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn wait_blocking(&self) -> BarrierWaitResult {
        park::block_on(self.wait())
    }

    fn poll_first(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        ready!(budget::poll_proceed(cx));
        let waker = cx.waker().clone();
        let mut owed = WakeList::new();
        let mut line = self.line.lock();
        if line.len() + 1 < self.size {
            budget::refund();
            place.key = Some(line.push_back(Some(waker)));
            drop(line);
            return place.pending(WaitReason::Barrier, self);
        }
        while let Some((_, slot)) = line.detach_front() {
            if let Some(waker) = slot.take() {
                owed.push(waker);
            }
        }
        drop(line);
        owed.wake_all();
        Poll::Ready(BarrierWaitResult { leads: true })
    }

    fn poll_again(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        Fresh::poll(place, cx, |place, fresh| {
            let mut line = self.line.lock();
            let slot = place.key.and_then(|key| line.get_mut(key));
            if let Some(slot @ Some(_)) = slot {
                fresh.rearm(slot)?;
                drop(line);
                return Some(place.pending(WaitReason::Barrier, self));
            }
            // Its waker was taken when it was let go: nothing is dropped here.
            place.key.take().map(|key| line.remove(key));
            Some(Poll::Ready(BarrierWaitResult { leads: false }))
        })
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.line.lock().len();
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .field("waiting", &waiting)
            .finish()
    }
}

/// How one came through a [`Barrier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult {
    leads: bool,
}

impl BarrierWaitResult {
    /// Whether this one came last and let the others go: one of each round.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leads
    }
}

/// Waits at a [`Barrier`]: what [`wait`](Barrier::wait) gives.
///
/// # Panics
///
/// When polled again after it gave its result.
///
/// # Cancel safety
///
/// May be dropped at any time; it has then not come.
#[must_use = "a future does nothing unless it is awaited"]
pub struct BarrierWait<'a> {
    /// `None` once it has come through.
    barrier: Option<&'a Barrier>,
    place: Place,
}

impl Future for BarrierWait<'_> {
    type Output = BarrierWaitResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        let barrier = unfinished(self.barrier);
        let result = ready!(match self.place.key {
            None => barrier.poll_first(&mut self.place, cx),
            Some(_) => barrier.poll_again(&mut self.place, cx),
        });
        self.barrier = None;
        Poll::Ready(result)
    }
}

impl Drop for BarrierWait<'_> {
    fn drop(&mut self) {
        if let (Some(key), Some(barrier)) = (self.place.key.take(), self.barrier) {
            // The lock is released at the end of this statement, before the waker is dropped.
            let gone = barrier.line.lock().remove(key);
            drop(gone);
        }
    }
}

impl fmt::Debug for BarrierWait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BarrierWait")
            .field("place", &self.place)
            .finish()
    }
}
