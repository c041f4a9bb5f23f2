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

use std::panic::Location;
use std::ptr;
use std::sync::atomic::AtomicBool;
use std::task::{Context, Poll, Waker};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, budget, note};

use super::given::Given;
use crate::holder::Guard;
use crate::line::{Fresh, Place};
use crate::loom::{AtomicUsize, Latch, Ordering};

/// Somebody is in the line.
const QUEUED: usize = 1;
/// One permit.
const ONE: usize = 2;

/// The most permits there can be: one bit of the word is taken.
pub(crate) const MAX: usize = usize::MAX / ONE;

/// In a line so short the least request is looked for at each service.
const SHORT: usize = 4;

struct Waiter {
    /// `None` once it has its permits.
    waker: Option<Waker>,
    wants: usize,
    /// The goroutine that polled it last; 0 if none, or if it is made to be moved to another.
    goroutine: u64,
    /// The line of the program that waits.
    place: &'static Location<'static>,
}

struct Line {
    queue: WaitQueue<Waiter>,
    given: Given,
}

pub(crate) struct RawSemaphore {
    state: AtomicUsize,
    total: usize,
    /// Permits were given back by hand: for reports, never taken back.
    loose: AtomicBool,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    line: Latch<Line>,
}

impl RawSemaphore {
    const_fn! {
        pub(crate) const fn new(total: usize) -> RawSemaphore {
            RawSemaphore {
                state: AtomicUsize::new(total * ONE),
                total,
                loose: AtomicBool::new(false),
                line: Latch::new(Line {
                    queue: WaitQueue::new(),
                    given: Given::new(),
                }),
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
        guard: Guard,
        place: &mut Place,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if place.key.is_none() {
            std::task::ready!(budget::poll_proceed(cx));
            if self.try_acquire(wants) {
                return Poll::Ready(());
            }
        }
        self.poll_acquire_slow(wants, guard, place, cx)
    }

    #[cold]
    fn poll_acquire_slow(
        &self,
        wants: usize,
        guard: Guard,
        place: &mut Place,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        // More than there is waits for ever, and holds up nobody.
        if wants > self.total {
            budget::refund();
            return place.pending(WaitReason::Semaphore, self);
        }
        let goroutine = match guard {
            Guard::Borrowed => note::whose(),
            Guard::Owned => 0,
        };
        Fresh::poll(place, cx, |place, fresh| {
            let mut line = self.line.lock();
            match place.key {
                Some(key) if !line.queue.is_linked(key) => {
                    // Its waker was taken when it was served: nothing is dropped here.
                    self.take_given(&mut line, key);
                    place.key = None;
                    return Some(Poll::Ready(()));
                }
                Some(key) => {
                    if let Some(waiter) = line.queue.get_mut(key) {
                        fresh.rearm(&mut waiter.waker)?;
                        waiter.goroutine = goroutine;
                    }
                }
                None if self.take_or_announce(&line.queue, wants) => {
                    return Some(Poll::Ready(()));
                }
                None => {
                    budget::refund();
                    line.given.asked(wants);
                    place.key = Some(line.queue.push_back(Waiter {
                        waker: fresh.take(),
                        wants,
                        goroutine,
                        place: place.caller(),
                    }));
                }
            }
            let holder = self.tell(&mut line);
            drop(line);
            Some(place.pending_for(WaitReason::Semaphore, self, fresh.present(), holder))
        })
    }

    /// The goroutine that the whole line certainly waits for, or 0. Under the line's lock, after
    /// each change of it.
    fn tell(&self, line: &mut Line) -> u64 {
        // ORDERING: Relaxed: one that gives back by hand and finds somebody in the line comes
        // here itself; if it found nobody, the exchange that announced us came after its own.
        let loose = self.loose.load(Ordering::Relaxed);
        let object = ptr::from_ref(self).addr();
        line.given.tell(object, self.total, loose)
    }

    /// Takes away the entry of one that was served: what it was given.
    fn take_given(&self, line: &mut Line, key: Key) -> usize {
        let Some(waiter) = line.queue.remove(key) else {
            return 0;
        };
        line.given.taken(waiter.goroutine, waiter.wants);
        self.tell(line);
        waiter.wants
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

    /// From now on permits are given back by others than those who took them.
    pub(crate) fn loosen(&self) {
        // ORDERING: Relaxed, see `tell`.
        self.loose.store(true, Ordering::Relaxed);
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
        let mut line = self.line.lock();
        self.serve_line(&mut line, &mut owed);
        drop(line);
        owed.wake_all();
    }

    /// Gives permits to those at the front for whom there are enough. Under the line's lock.
    fn serve_line(&self, line: &mut Line, owed: &mut WakeList) {
        // ORDERING: Acquire pairs with the Release of every `release` whose permits are
        // given away here; the line's lock passes it on to whoever gets them.
        let mut free = self.state.load(Ordering::Acquire) / ONE;
        while let Some((key, front)) = line.queue.front_mut()
            && front.wants <= free
        {
            free -= front.wants;
            // ORDERING: Relaxed: while QUEUED is set nobody else takes permits away.
            self.state.fetch_sub(front.wants * ONE, Ordering::Relaxed);
            if let Some(waker) = front.waker.take() {
                owed.push(waker);
            }
            line.given.give(front.goroutine, front.wants, front.place);
            line.queue.detach(key);
        }
        // In a longer one the least of all that came is left to stand: too little, which is safe.
        if line.queue.len() <= SHORT {
            let least = line.queue.iter().map(|(_, waiter)| waiter.wants).min();
            line.given.least_is(least);
        }
        if line.queue.is_empty() {
            // ORDERING: Relaxed: a read-modify-write, which carries on the Releases before.
            self.state.fetch_and(!QUEUED, Ordering::Relaxed);
        }
        self.tell(line);
    }

    /// A waiting future is dropped: what it was given goes back, and who now fits is served.
    #[cold]
    pub(crate) fn abandon(&self, key: Key) {
        let mut owed = WakeList::new();
        let mut line = self.line.lock();
        if !line.queue.is_linked(key) {
            let given = self.take_given(&mut line, key);
            drop(line);
            // Always fits: they were taken off for this waiter.
            self.release(given);
            return;
        }
        let gone = line.queue.remove(key);
        self.serve_line(&mut line, &mut owed);
        drop(line);
        drop(gone);
        owed.wake_all();
    }
}
