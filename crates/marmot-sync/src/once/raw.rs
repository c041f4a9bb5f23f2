//! Who does the work that is to be done once, and who waits for it.
//!
//! ```text
//!            begin                       finish
//!     NEW ───────────▶ RUNNING ───────────────────▶ DONE
//!      ▲                │   ▲ │
//!      └── give up ─────┘   └─┘ give up: the first in line has the turn
//! ```
//!
//! The turn is a value, [`Turn`]; dropping it unfinished gives it up. All changes but
//! NEW → RUNNING happen under the line's lock, so nobody joins a line that was just released.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList};

use crate::line::{Place, enter, rearm};
use crate::loom::{AtomicUsize, InnerMutex, Ordering};

const NEW: usize = 0;
const RUNNING: usize = 1;
const DONE: usize = 2;

struct Waiter {
    /// `None` once it has been taken out of the line.
    waker: Option<Waker>,
    /// It is to do the work.
    turn: bool,
}

pub(crate) struct RawOnce {
    state: AtomicUsize,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    line: InnerMutex<WaitQueue<Waiter>>,
}

/// The right and the duty to do the work. Dropped unfinished, it goes to the next in line.
#[must_use]
pub(crate) struct Turn<'a>(&'a RawOnce);

impl Turn<'_> {
    /// The work is done: everybody who waits goes on.
    pub(crate) fn finish(self) {
        let once = self.0;
        std::mem::forget(self);
        let mut owed = WakeList::new();
        let mut line = enter(&once.line);
        // ORDERING: Release publishes the work; pairs with the Acquire in `is_done`.
        once.state.store(DONE, Ordering::Release);
        while let Some((_, waiter)) = line.detach_front() {
            if let Some(waker) = waiter.waker.take() {
                owed.push(waker);
            }
        }
        drop(line);
        owed.wake_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.give_up();
    }
}

impl RawOnce {
    const_fn! {
        pub(crate) const fn new() -> RawOnce {
            RawOnce {
                state: AtomicUsize::new(NEW),
                line: InnerMutex::new(WaitQueue::new()),
            }
        }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `finish`: what was done is seen.
        self.state.load(Ordering::Acquire) == DONE
    }

    /// The turn, if nobody has it and the work is not done.
    pub(crate) fn try_begin(&self) -> Option<Turn<'_>> {
        // ORDERING: Acquire pairs with the Release of `give_up`: what the one before has
        // left half done is seen.
        self.state
            .compare_exchange(NEW, RUNNING, Ordering::Acquire, Ordering::Relaxed)
            .ok()
            .map(|_| Turn(self))
    }

    /// Waits until the work is done (`None`) or ours to do.
    pub(crate) fn begin(
        &self,
        caller: &'static Location<'static>,
        reason: WaitReason,
    ) -> Begin<'_> {
        Begin {
            once: self,
            place: Place::at(caller),
            reason,
        }
    }

    fn give_up(&self) {
        let mut line = enter(&self.line);
        let waker = match line.detach_front() {
            Some((_, next)) => {
                next.turn = true;
                next.waker.take()
            }
            None => {
                // ORDERING: Release pairs with the Acquire in `try_begin`.
                self.state.store(NEW, Ordering::Release);
                None
            }
        };
        drop(line);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    #[cold]
    fn poll_begin_slow<'a>(
        &'a self,
        place: &mut Place,
        reason: WaitReason,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Turn<'a>>> {
        let mut waker = Some(cx.waker().clone());
        let mut line = enter(&self.line);
        match place.key {
            Some(key) if !line.is_linked(key) => {
                // Its waker was taken with it out of the line: nothing is dropped here.
                let turn = line.remove(key).is_some_and(|waiter| waiter.turn);
                place.key = None;
                return Poll::Ready(turn.then(|| Turn(self)));
            }
            Some(key) => {
                if let Some(waiter) = line.get_mut(key) {
                    rearm(&mut waiter.waker, &mut waker);
                }
            }
            None => {
                // Looked at again under the lock: it may have changed since the fast path.
                if self.is_done() {
                    return Poll::Ready(None);
                }
                if let Some(turn) = self.try_begin() {
                    return Poll::Ready(Some(turn));
                }
                place.key = Some(line.push_back(Waiter {
                    waker: waker.take(),
                    turn: false,
                }));
            }
        }
        drop(line);
        place.pending(reason, self)
    }

    #[cold]
    fn abandon(&self, key: Key) {
        let mut line = enter(&self.line);
        let gone = line.remove(key);
        drop(line);
        if gone.is_some_and(|waiter| waiter.turn) {
            self.give_up();
        }
    }
}

/// Waits until the work is done or ours to do.
pub(crate) struct Begin<'a> {
    once: &'a RawOnce,
    place: Place,
    reason: WaitReason,
}

impl<'a> Future for Begin<'a> {
    type Output = Option<Turn<'a>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (once, reason) = (self.once, self.reason);
        if self.place.key.is_none() {
            if once.is_done() {
                return Poll::Ready(None);
            }
            if let Some(turn) = once.try_begin() {
                return Poll::Ready(Some(turn));
            }
        }
        once.poll_begin_slow(&mut self.place, reason, cx)
    }
}

impl Drop for Begin<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.place.key.take() {
            self.once.abandon(key);
        }
    }
}
