//! How many permits are free, and who gets the next ones.
//!
//! ```text
//!   state = free * 2 + QUEUED
//!
//!   acquire(n): free >= n and nobody in the line ── CAS ──▶ free - n
//!               else: set QUEUED, join the line
//!   release(n): CAS ──▶ free + n; if QUEUED: serve the line from the front while it fits
//! ```
//!
//! While `QUEUED` is set permits are only taken by `serve`, under the line's lock; so the
//! permits that a waiter was promised are taken off `free` on the spot. The line is strictly
//! first come, first served: a large request at the front is not starved by small ones
//! behind it. After `Weighted` of golang.org/x/sync/semaphore.

use std::task::{Context, Poll};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, budget};
use std::task::Waker;

use crate::line::{Place, enter, rearm};
use crate::loom::{AtomicUsize, InnerMutex, Ordering};

/// Somebody is in the line.
const QUEUED: usize = 1;
/// One permit.
const ONE: usize = 2;

/// The most permits there can be: one bit of the word is taken.
pub(crate) const MAX: usize = usize::MAX / ONE;

struct Waiter {
    /// `None` once it has its permits.
    waker: Option<Waker>,
    wants: usize,
}

pub(crate) struct RawSemaphore {
    state: AtomicUsize,
    total: usize,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    line: InnerMutex<WaitQueue<Waiter>>,
}

impl RawSemaphore {
    const_fn! {
        pub(crate) const fn new(total: usize) -> RawSemaphore {
            RawSemaphore {
                state: AtomicUsize::new(total * ONE),
                total,
                line: InnerMutex::new(WaitQueue::new()),
            }
        }
    }

    pub(crate) fn total(&self) -> usize {
        self.total
    }

    pub(crate) fn free(&self) -> usize {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        self.state.load(Ordering::Relaxed) / ONE
    }

    #[inline]
    pub(crate) fn try_acquire(&self, wants: usize) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        while state & QUEUED == 0 && state / ONE >= wants {
            // ORDERING: Acquire pairs with the Release of the `release` whose permits it
            // takes: what was done under them is seen.
            match self.state.compare_exchange_weak(
                state,
                state - wants * ONE,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[inline]
    pub(crate) fn poll_acquire(
        &self,
        wants: usize,
        place: &mut Place,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if place.key.is_none() {
            std::task::ready!(budget::poll_proceed(cx));
            if self.try_acquire(wants) {
                return Poll::Ready(());
            }
        }
        self.poll_acquire_slow(wants, place, cx)
    }

    #[cold]
    fn poll_acquire_slow(&self, wants: usize, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        // More than there is waits for ever, and holds up nobody.
        if wants > self.total {
            budget::refund();
            return place.pending(WaitReason::Semaphore, self);
        }
        let mut waker = Some(cx.waker().clone());
        let mut line = enter(&self.line);
        match place.key {
            Some(key) if !line.is_linked(key) => {
                // Its waker was taken when it was served: nothing is dropped here.
                line.remove(key);
                place.key = None;
                return Poll::Ready(());
            }
            Some(key) => {
                if let Some(waiter) = line.get_mut(key) {
                    rearm(&mut waiter.waker, &mut waker);
                }
            }
            None if self.take_or_announce(&line, wants) => return Poll::Ready(()),
            None => {
                budget::refund();
                let waker = waker.take();
                place.key = Some(line.push_back(Waiter { waker, wants }));
            }
        }
        drop(line);
        place.pending(WaitReason::Semaphore, self)
    }

    /// Takes the permits if nobody is before us and they are free, else says that somebody
    /// waits. Under the line's lock.
    fn take_or_announce(&self, line: &WaitQueue<Waiter>, wants: usize) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let fits = line.is_empty() && state / ONE >= wants;
            let next = if fits {
                state - wants * ONE
            } else {
                state | QUEUED
            };
            if next == state {
                // Announced already: whoever releases next sees it, and serves the line once
                // we are in it.
                return false;
            }
            // ORDERING: Acquire as in `try_acquire`. Announcing publishes nothing; what follows
            // is published by the line's lock.
            match self.state.compare_exchange_weak(
                state,
                next,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return fits,
                Err(now) => state = now,
            }
        }
    }

    /// Gives permits back; `false`, and nothing happens, if that would be more than there are.
    #[inline]
    pub(crate) fn release(&self, count: usize) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            if count > self.total - state / ONE {
                return false;
            }
            // ORDERING: Release pairs with the Acquire of whoever takes these permits.
            match self.state.compare_exchange_weak(
                state,
                state + count * ONE,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        if state & QUEUED != 0 {
            self.serve();
        }
        true
    }

    #[cold]
    fn serve(&self) {
        let mut owed = WakeList::new();
        let mut line = enter(&self.line);
        self.serve_line(&mut line, &mut owed);
        drop(line);
        owed.wake_all();
    }

    /// Gives permits to those at the front for whom there are enough. Under the line's lock.
    fn serve_line(&self, line: &mut WaitQueue<Waiter>, owed: &mut WakeList) {
        // ORDERING: Acquire pairs with the Release of every `release` whose permits are
        // given away here; the line's lock passes it on to whoever gets them.
        let mut free = self.state.load(Ordering::Acquire) / ONE;
        while let Some((key, front)) = line.front_mut()
            && front.wants <= free
        {
            free -= front.wants;
            // ORDERING: Relaxed: while QUEUED is set nobody else takes permits away.
            self.state.fetch_sub(front.wants * ONE, Ordering::Relaxed);
            if let Some(waker) = front.waker.take() {
                owed.push(waker);
            }
            line.detach(key);
        }
        if line.is_empty() {
            // ORDERING: Relaxed: a read-modify-write, which carries on the Releases before.
            self.state.fetch_and(!QUEUED, Ordering::Relaxed);
        }
    }

    /// A waiting future is dropped: what it was given goes back, and who now fits is served.
    #[cold]
    pub(crate) fn abandon(&self, key: Key) {
        let mut owed = WakeList::new();
        let mut line = enter(&self.line);
        let served = !line.is_linked(key);
        let gone = line.remove(key);
        if served {
            drop(line);
            // Always fits: they were taken off for this waiter.
            self.release(gone.map_or(0, |waiter| waiter.wants));
            return;
        }
        self.serve_line(&mut line, &mut owed);
        drop(line);
        drop(gone);
        owed.wake_all();
    }
}
