//! Deadlines as channels, for `select!`: Go's `After` and `Tick`.
//!
//! ```text
//!   lane ── waker ──┐                      ┌── closed(waker) ── channel ── Receiver
//!                   ▼                      ▼                       ▲
//!                  Post { deadline, registration, Sender ──────────┘ }
//! ```
//!
//! The channel holds the `Post` as one who waits for it to be closed, and the `Post` holds a
//! sender. So the channel stays open as long as anybody can receive, as Go's does, after the
//! last value too; and when the last receiver goes, the channel wakes the `Post`, which takes
//! its timer back, and the ring is open: nothing is left of an `after` that lost.
//!
//! Locks: a post's, then a lane's or the channel's. Values are sent, and wakers called, with
//! none.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use marmot_chan::{Chan, Receiver, Sender, chan};
use marmot_wait::{budget, clock};

use crate::clock::{NEVER, nanos, next_tick, now_ns};
use crate::lanes::{self, Registration};

/// A channel that gets one value after this time: the instant it was due.
///
/// Zero has the value in it at once; with [`Duration::MAX`] it never comes. After the value
/// the channel stays open and empty, as in Go. Dropping the receiver takes the timer back.
///
/// # Complexity
///
/// O(log n) in the timers of this P, and some allocations; a [`sleep`](crate::sleep()) as an
/// arm of `select!` needs none.
///
/// # Examples
///
/// ```
/// use marmot_time::{after, ms};
///
/// marmot_wait::park::block_on(async {
///     let start = std::time::Instant::now();
///     let due = after(ms(2)).recv().await.expect("the channel is never closed");
///     assert!(due - start >= ms(2));
/// });
/// ```
#[must_use = "dropping the receiver takes the timer back"]
pub fn after(duration: Duration) -> Receiver<Instant> {
    let now = now_ns();
    match nanos(duration) {
        0 => holding(clock::instant_of(now)),
        ns => Post::begin(now.saturating_add(ns), 0),
    }
}

/// A channel that gets a value every so often: a ticker that one cannot stop, but drop.
///
/// The channel holds one tick; when the receiver is slow, those after it are dropped. With
/// zero, and with [`Duration::MAX`], there never is one. Dropping the last receiver ends it.
///
/// # Examples
///
/// ```
/// use marmot_time::{ms, tick};
///
/// marmot_wait::park::block_on(async {
///     let ticks = tick(ms(2));
///     let first = ticks.recv().await.expect("never closed");
///     let second = ticks.recv().await.expect("never closed");
///     assert!(second > first);
/// });
/// ```
#[must_use = "dropping the receiver ends the ticks"]
pub fn tick(interval: Duration) -> Receiver<Instant> {
    match nanos(interval) {
        0 => Receiver::never(),
        period => Post::begin(now_ns().saturating_add(period), period),
    }
}

/// An open channel that nobody will send to, with this in it.
fn holding(value: Option<Instant>) -> Receiver<Instant> {
    let channel = Chan::new(1);
    value.map(|value| channel.try_send(value));
    channel.receiver()
}

/// Who sends when the time has come, and goes when the channel is closed.
struct Post {
    tx: Sender<Instant>,
    state: Mutex<State>,
}

struct State {
    deadline: u64,
    /// How far apart values are; 0 for a single one.
    period: u64,
    registration: Registration,
}

impl Post {
    fn begin(deadline: u64, period: u64) -> Receiver<Instant> {
        if deadline == NEVER {
            return Receiver::never();
        }
        let (tx, rx) = chan(1);
        let post = Arc::new(Post {
            tx,
            state: Mutex::new(State {
                deadline,
                period,
                registration: Registration::NEW,
            }),
        });
        post.arm(&mut post.lock());
        post.stay_until_closed();
        rx
    }

    /// Has the channel call this post when it is closed.
    fn stay_until_closed(self: &Arc<Self>) {
        let waker = Waker::from(Arc::clone(self));
        let mut closed = self.tx.closed();
        // The budget is the caller's, and this is none of its operations.
        let before = budget::suspend();
        let polled = Pin::new(&mut closed).poll(&mut Context::from_waker(&waker));
        budget::restore(before);
        debug_assert_eq!(polled, Poll::Pending, "the caller holds a receiver");
        // Not dropped, or it would leave the line. Its entry goes with the channel.
        std::mem::forget(closed);
    }

    fn arm(self: &Arc<Self>, state: &mut State) {
        if state.deadline != NEVER {
            let waker = Waker::from(Arc::clone(self));
            state.registration = lanes::arm_again(state.registration, state.deadline, waker);
        }
    }

    /// The lane says that the time has come, or the channel that it is closed.
    fn ring(self: &Arc<Self>) {
        let mut state = self.lock();
        // Under the lock: who closes after this look waits for it, and then finds what is
        // armed below.
        if self.tx.is_closed() {
            lanes::disarm(state.registration);
            state.registration = Registration::DUE;
            return;
        }
        let (due, now) = (state.deadline, now_ns());
        if due > now {
            // Rung for nothing; or by somebody whose clock is ahead, and then out of the lane.
            if !lanes::rearm(state.registration, due) {
                self.arm(&mut state);
            }
            return;
        }
        state.deadline = next_tick(due, state.period, now).unwrap_or(NEVER);
        self.arm(&mut state);
        drop(state);
        if let Some(due) = clock::instant_of(due) {
            // Full: the receiver is slow, and this tick is dropped. Closed: nobody listens.
            let _dropped = self.tx.try_send(due);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock but an allocation that fails.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for Post {
    fn wake(self: Arc<Self>) {
        self.ring();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.ring();
    }
}
