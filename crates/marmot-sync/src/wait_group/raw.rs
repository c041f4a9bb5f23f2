//! How many are still at work, and who waits for them.
//!
//! ```text
//!   state = count * 2 + QUEUED        (as a signed number, so that below zero is seen)
//!
//!   add(n):  fetch_add(2n);  below zero: undone, panic
//!                            zero and QUEUED: everybody in the line is released
//!   wait:    zero: done;     else set QUEUED, join the line
//! ```
//!
//! After Go's `sync.WaitGroup`. A wait is over at the moment the count is zero, even if it is
//! polled only after more work was added.

use std::task::{Context, Poll, Waker};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList};

use crate::line::{Fresh, Place};
use crate::loom::{AtomicU64, Latch, Ordering};

/// Somebody is in the line.
const QUEUED: u64 = 1;

/// The most that is added or taken at once. Twice as much is what fits: so the sum of this and of
/// what was there before is either right or negative.
const MOST: u64 = 1 << 61;

/// What `add` found wrong. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misuse {
    /// More were done than there were; or there are more than can be counted, which Go takes for
    /// the same.
    Negative,
    /// Work was added while the last was ending and somebody waited for that.
    Concurrent,
}

impl Misuse {
    /// Go's words.
    pub(super) fn text(self) -> &'static str {
        match self {
            Misuse::Negative => "sync: negative WaitGroup counter",
            Misuse::Concurrent => "sync: WaitGroup misuse: Add called concurrently with Wait",
        }
    }
}

pub(super) struct RawWaitGroup {
    state: AtomicU64,
    /// Those who wait; `None` once released. Under this lock no waker is called, cloned or
    /// dropped.
    line: Latch<WaitQueue<Option<Waker>>>,
}

fn count(state: u64) -> i64 {
    state.cast_signed() >> 1
}

impl RawWaitGroup {
    const_fn! {
        pub(super) const fn new() -> RawWaitGroup {
            RawWaitGroup {
                state: AtomicU64::new(0),
                line: Latch::new(WaitQueue::new()),
            }
        }
    }

    pub(super) fn count(&self) -> i64 {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        count(self.state.load(Ordering::Relaxed))
    }

    #[inline]
    pub(super) fn add(&self, n: i64) -> Result<(), Misuse> {
        if n.unsigned_abs() > MOST {
            return Err(Misuse::Negative);
        }
        let step = n.wrapping_mul(2).cast_unsigned();
        // ORDERING: Release publishes what this goroutine did to the wait that its step lets
        // go; Acquire, for the step to zero, takes in what all the others published, to be
        // passed on through the line's lock. Pairs with the load in `is_done` and with itself.
        let before = self.state.fetch_add(step, Ordering::AcqRel);
        let after = before.wrapping_add(step);
        if before & QUEUED == 0 && count(after) >= 0 {
            return Ok(());
        }
        self.add_slow(before, step)
    }

    #[cold]
    fn add_slow(&self, before: u64, step: u64) -> Result<(), Misuse> {
        let after = before.wrapping_add(step);
        let misuse = if count(after) < 0 {
            Misuse::Negative
        } else if count(before) == 0 && step != 0 {
            Misuse::Concurrent
        } else {
            if count(after) == 0 {
                self.release_all();
            }
            return Ok(());
        };
        // ORDERING: Relaxed, takes back a step that publishes nothing.
        self.state.fetch_sub(step, Ordering::Relaxed);
        Err(misuse)
    }

    fn release_all(&self) {
        let mut owed = WakeList::new();
        let mut line = self.line.lock();
        while let Some((_, waker)) = line.detach_front() {
            if let Some(waker) = waker.take() {
                owed.push(waker);
            }
        }
        // ORDERING: Relaxed: those released learn of everything through the line's lock.
        self.state.fetch_and(!QUEUED, Ordering::Relaxed);
        drop(line);
        owed.wake_all();
    }

    #[inline]
    fn is_done(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of every step in `add`: they are one
        // chain of read-modify-writes, so zero shows the work of all.
        count(self.state.load(Ordering::Acquire)) == 0
    }

    #[inline]
    pub(super) fn poll_wait(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        if place.key.is_none() && self.is_done() {
            return Poll::Ready(());
        }
        self.poll_wait_slow(place, cx)
    }

    #[cold]
    fn poll_wait_slow(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        Fresh::poll(place, cx, |place, fresh| {
            let mut line = self.line.lock();
            match place.key {
                Some(key) if !line.is_linked(key) => {
                    // Its waker was taken when it was released: nothing is dropped here.
                    line.remove(key);
                    place.key = None;
                    return Some(Poll::Ready(()));
                }
                Some(key) => {
                    if let Some(slot) = line.get_mut(key) {
                        fresh.rearm(slot)?;
                    }
                }
                None if self.done_or_announce() => return Some(Poll::Ready(())),
                None => place.key = Some(line.push_back(fresh.take())),
            }
            drop(line);
            Some(place.pending(WaitReason::WaitGroupWait, self))
        })
    }

    /// Whether the count is zero; if not, says that somebody waits. Under the line's lock.
    fn done_or_announce(&self) -> bool {
        // ORDERING: Acquire as in `is_done`.
        let mut state = self.state.load(Ordering::Acquire);
        while count(state) != 0 {
            if state & QUEUED != 0 {
                // Announced already: the step to zero sees it, and releases the line once we
                // are in it.
                return false;
            }
            // ORDERING: Acquire as above, for the failure that shows a step to zero. Announcing
            // takes nothing in and publishes nothing: what follows, the line's lock does.
            match self.state.compare_exchange_weak(
                state,
                state | QUEUED,
                Ordering::Relaxed,
                Ordering::Acquire,
            ) {
                Ok(_) => return false,
                Err(now) => state = now,
            }
        }
        true
    }

    /// A waiting future is dropped.
    #[cold]
    pub(super) fn abandon(&self, key: Key) {
        let gone;
        let mut line = self.line.lock();
        gone = line.remove(key);
        if line.is_empty() {
            // ORDERING: Relaxed: a step that still sees QUEUED finds an empty line.
            self.state.fetch_and(!QUEUED, Ordering::Relaxed);
        }
        drop(line);
        drop(gone);
    }
}
