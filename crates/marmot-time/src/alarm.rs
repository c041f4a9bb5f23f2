//! A deadline that one receives: what `Timer` and `Ticker` are made of.
//!
//! ```text
//!                 arm, reset                        the value is received
//!   unset ───────────────────▶ set, ─ time passes ▶ set, ───────────────▶ unset, or set to
//!         ◀─────────────────── not due               due                  the next tick
//!                 stop                │
//!                     somebody waits: registered in a lane
//! ```
//!
//! No value is ever made before somebody takes it: a value *is there* when the deadline is
//! set and has passed, and taking it unsets the deadline or puts it one period on. So `stop`
//! and `reset`, which change the deadline, leave no value of an earlier arming behind, and
//! what they answer (was it still set?) is all there is to know. As in Go 1.23, whose channel
//! timers stand in a heap only while somebody waits on the channel, an alarm is in a lane
//! only while somebody waits: one that nobody listens to costs nothing, however often it
//! ticks.
//!
//! Waiters stand in a line; when the deadline has come the first is woken and takes the
//! value. One that goes without having taken it passes the wake-up on.
//!
//! Locks: this one, then a lane's. No waker is called or dropped under either.

use std::panic::Location;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::{Duration, Instant};

use marmot_wait::{Key, WaitQueue, WaitReason, WakeList, budget, clock, note};

use crate::clock::{NEVER, nanos, next_tick, now_ns};
use crate::lanes::{self, Registration};

/// A deadline, those who wait for it, and where it is registered while they do.
#[derive(Debug)]
pub(crate) struct Alarm {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// When a value is there; `None` while there will be none.
    deadline: Option<u64>,
    /// How far apart values are; 0 for a single one.
    period: u64,
    /// In a lane while the deadline is set and somebody waits who was not woken.
    registration: Registration,
    /// The deadline it has there, or [`UNSURE`].
    registered: u64,
    line: WaitQueue<Waker>,
    /// How many were woken and have not come since: each takes the value or wakes another,
    /// so nobody else need be woken before.
    woken: usize,
}

/// Nothing is registered, or it may have fired: the lane has to be asked.
const UNSURE: u64 = NEVER;

/// One waiter's place in the line of an alarm.
#[derive(Debug, Default)]
pub(crate) struct Place(Option<Key>);

impl Alarm {
    /// An alarm that is due after this time, and then once a period unless that is zero.
    pub(crate) fn new(first: Duration, period: Duration) -> Arc<Alarm> {
        Arc::new(Alarm {
            state: Mutex::new(State {
                deadline: Some(from_now(first)),
                period: nanos(period),
                registration: Registration::NEW,
                registered: UNSURE,
                line: WaitQueue::new(),
                woken: 0,
            }),
        })
    }

    /// Unsets the deadline; says whether it was set.
    pub(crate) fn stop(self: &Arc<Self>) -> bool {
        self.set(None, None)
    }

    /// Sets the deadline, and the period; says whether it was set before.
    pub(crate) fn reset(self: &Arc<Self>, first: Duration, period: Duration) -> bool {
        self.set(Some(from_now(first)), Some(nanos(period)))
    }

    fn set(self: &Arc<Self>, deadline: Option<u64>, period: Option<u64>) -> bool {
        let mut state = self.lock();
        let before = std::mem::replace(&mut state.deadline, deadline);
        state.period = period.unwrap_or(state.period);
        self.register(&mut state);
        before.is_some()
    }

    /// Takes the value if it is there.
    pub(crate) fn try_take(self: &Arc<Self>) -> Option<Instant> {
        self.lock().take(now_ns())
    }

    /// Takes the value, or waits for it in this place.
    pub(crate) fn poll_take(
        self: &Arc<Self>,
        place: &mut Place,
        cx: &mut Context<'_>,
        caller: &'static Location<'static>,
    ) -> Poll<Instant> {
        ready!(budget::poll_proceed(cx));
        let mut state = self.lock();
        let taken = state.take(now_ns());
        let old = match taken {
            Some(_) => state.leave(place),
            None => state.stand(place, cx.waker()),
        };
        self.register(&mut state);
        drop(state);
        drop(old);
        let Some(value) = taken else {
            budget::refund();
            // As in Go, where it is a receive from the timer's channel.
            note::set(WaitReason::ChanReceive, Arc::as_ptr(self) as usize, caller);
            return Poll::Pending;
        };
        Poll::Ready(value)
    }

    /// Gives up a place in the line.
    pub(crate) fn leave(self: &Arc<Self>, place: &mut Place) {
        if place.0.is_none() {
            return;
        }
        let mut state = self.lock();
        let old = state.leave(place);
        let mut owed = WakeList::new();
        state.wake_next(&mut owed);
        self.register(&mut state);
        drop(state);
        drop(old);
        owed.wake_all();
    }

    /// The lane says that a deadline has come; perhaps one that was changed meanwhile.
    fn ring(self: &Arc<Self>) {
        let mut owed = WakeList::new();
        let mut state = self.lock();
        // It is out of the lane, unless it was registered again meanwhile.
        state.registered = UNSURE;
        state.wake_next(&mut owed);
        self.register(&mut state);
        drop(state);
        owed.wake_all();
    }

    /// Brings the lane in line with what is now wanted of it.
    fn register(self: &Arc<Self>, state: &mut State) {
        let wanted = state.wanted();
        if wanted == state.registered && wanted != UNSURE {
            return;
        }
        if wanted == NEVER {
            lanes::disarm(state.registration);
            state.registration = Registration::NEW;
        } else if !lanes::rearm(state.registration, wanted) {
            state.registration = lanes::arm(wanted, Waker::from(Arc::clone(self)));
        }
        state.registered = wanted;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock but an allocation that fails, or the clone of a
        // waker, both before anything is changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}

impl State {
    fn is_due(&self, now: u64) -> bool {
        self.deadline.is_some_and(|at| at != NEVER && at <= now)
    }

    /// The value, which is the instant it was due; ticks missed since are dropped.
    fn take(&mut self, now: u64) -> Option<Instant> {
        if !self.is_due(now) {
            return None;
        }
        let due = self.deadline.take()?;
        self.deadline = next_tick(due, self.period, now);
        clock::instant_of(due)
    }

    /// Stands in the line, keeping the place one has. Gives the waker that is not needed
    /// any more, to be dropped after the lock.
    fn stand(&mut self, place: &mut Place, waker: &Waker) -> Option<Waker> {
        let Some(key) = place.0 else {
            place.0 = Some(self.line.push_back(waker.clone()));
            return None;
        };
        if !self.line.is_linked(key) {
            // Woken, and another one was faster: back to the front.
            self.woken -= 1;
            place.0 = Some(self.line.push_front(waker.clone()));
            return self.line.remove(key);
        }
        let slot = self.line.get_mut(key)?;
        (!slot.will_wake(waker)).then(|| std::mem::replace(slot, waker.clone()))
    }

    fn leave(&mut self, place: &mut Place) -> Option<Waker> {
        let key = place.0.take()?;
        self.woken -= usize::from(!self.line.is_linked(key));
        self.line.remove(key)
    }

    /// Wakes the first in the line if a value is there and nobody is on the way to it.
    fn wake_next(&mut self, owed: &mut WakeList) {
        if self.woken == 0
            && self.is_due(now_ns())
            && let Some((_, waker)) = self.line.detach_front()
        {
            // A clone stays with the entry, which is its owner's to remove.
            owed.push(waker.clone());
            self.woken += 1;
        }
    }

    /// When the lane is to call; `NEVER` if it need not.
    fn wanted(&self) -> u64 {
        self.deadline
            .filter(|_| self.woken == 0 && !self.line.is_empty())
            .unwrap_or(NEVER)
    }
}

/// This far from now. Not `clock::after`: a value carries the instant it was due.
fn from_now(duration: Duration) -> u64 {
    now_ns().saturating_add(nanos(duration))
}
