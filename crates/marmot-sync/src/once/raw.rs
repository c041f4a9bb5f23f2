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

use std::ptr;

use marmot_wait::held::{Holder, Row};
use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, note};

use crate::holder::LockedAt;
use crate::line::{Fresh, Place};
use crate::loom::{AtomicU64, Latch, Ordering};

const NEW: u64 = 0;
/// Somebody does the work: the number of its goroutine stands above this.
const RUNNING: u64 = 1;
const DONE: u64 = 2;
/// Where that number stands.
const GOROUTINE: u32 = 2;

/// The state while the present goroutine does the work.
fn running() -> u64 {
    note::whose() << GOROUTINE | RUNNING
}

struct Waiter {
    /// `None` once it has been taken out of the line.
    waker: Option<Waker>,
    /// The state once it has the turn.
    running: u64,
    /// The line of the program that waits.
    place: &'static Location<'static>,
    /// It is to do the work.
    turn: bool,
}

struct Line {
    waiters: WaitQueue<Waiter>,
    /// Who does the work, for the wait-for graph, while somebody waits for it.
    row: Option<Row>,
}

pub(crate) struct RawOnce {
    state: AtomicU64,
    /// Where the work was begun: for reports.
    begun_at: LockedAt,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    line: Latch<Line>,
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
        let mut line = once.line.lock();
        // ORDERING: Release publishes the work; pairs with the Acquire in `is_done`.
        once.state.store(DONE, Ordering::Release);
        while let Some((_, waiter)) = line.waiters.detach_front() {
            if let Some(waker) = waiter.waker.take() {
                owed.push(waker);
            }
        }
        line.row = None;
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
                state: AtomicU64::new(NEW),
                begun_at: LockedAt::new(),
                line: Latch::new(Line {
                    waiters: WaitQueue::new(),
                    row: None,
                }),
            }
        }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `finish`: what was done is seen.
        self.state.load(Ordering::Acquire) == DONE
    }

    /// The turn, if nobody has it and the work is not done.
    pub(crate) fn try_begin(&self, place: &'static Location<'static>) -> Option<Turn<'_>> {
        // ORDERING: Acquire pairs with the Release of `give_up`: what the one before has
        // left half done is seen.
        self.state
            .compare_exchange(NEW, running(), Ordering::Acquire, Ordering::Relaxed)
            .ok()?;
        self.begun_at.set(place);
        Some(Turn(self))
    }

    /// Says in the table of what is held who does the work. Under the line's lock.
    fn tell_holder(&self, line: &mut Line, state: u64, granted: bool) {
        let object = ptr::from_ref(self).addr();
        line.row
            .get_or_insert_with(|| Row::new(object))
            .set(Holder {
                goroutine: state >> GOROUTINE,
                place: self.begun_at.get(),
                movable: false,
                granted,
            });
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
        let mut guard = self.line.lock();
        let line = &mut *guard;
        let waker = match line.waiters.detach_front() {
            Some((_, next)) => {
                next.turn = true;
                let (waker, state) = (next.waker.take(), next.running);
                self.begun_at.set(next.place);
                // ORDERING: Relaxed: the next one learns of its turn through the line's lock.
                self.state.store(state, Ordering::Relaxed);
                self.tell_holder(line, state, true);
                waker
            }
            None => {
                // ORDERING: Release pairs with the Acquire in `try_begin`.
                self.state.store(NEW, Ordering::Release);
                None
            }
        };
        drop(guard);
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
        Fresh::poll(place, cx, |place, fresh| {
            let mut guard = self.line.lock();
            let line = &mut *guard;
            match place.key {
                Some(key) if !line.waiters.is_linked(key) => {
                    // Its waker was taken with it out of the line: nothing is dropped here.
                    let turn = line.waiters.remove(key).is_some_and(|waiter| waiter.turn);
                    if turn {
                        self.tell_holder(line, running(), false);
                    }
                    place.key = None;
                    return Some(Poll::Ready(turn.then(|| Turn(self))));
                }
                Some(key) => {
                    if let Some(waiter) = line.waiters.get_mut(key) {
                        fresh.rearm(&mut waiter.waker)?;
                    }
                }
                None => {
                    // Looked at again under the lock: it may have changed since the fast path.
                    if self.is_done() {
                        return Some(Poll::Ready(None));
                    }
                    if let Some(turn) = self.try_begin(place.caller()) {
                        return Some(Poll::Ready(Some(turn)));
                    }
                    // ORDERING: Relaxed: it says RUNNING, which is only left under this lock.
                    self.tell_holder(line, self.state.load(Ordering::Relaxed), false);
                    place.key = Some(line.waiters.push_back(Waiter {
                        waker: fresh.take(),
                        running: running(),
                        place: place.caller(),
                        turn: false,
                    }));
                }
            }
            drop(guard);
            // ORDERING: Relaxed: if it is this goroutine it is not old, and else it does not matter.
            let holder = self.state.load(Ordering::Relaxed) >> GOROUTINE;
            Some(place.pending_for(reason, self, fresh.present(), holder))
        })
    }

    #[cold]
    fn abandon(&self, key: Key) {
        let mut line = self.line.lock();
        let gone = line.waiters.remove(key);
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
            if let Some(turn) = once.try_begin(self.place.caller()) {
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
