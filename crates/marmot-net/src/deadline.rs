//! Deadlines of a socket, which act on calls already waiting. Go: `SetDeadline`.
//!
//! ```text
//!   set(at) ── arms a timer ──▶ time passes ──▶ the direction is expired: all who wait are
//!      │                                        woken and fail, later calls fail at once
//!      └── set(later), set(None): takes the expiry back
//! ```
//!
//! The timer belongs to the socket and not to a call: a call looks at one bit in the word it
//! reads anyway. A timer that fires while its deadline is being replaced finds that it is of
//! an earlier generation, and does nothing. Go: `rseq` and `wseq` of `pollDesc`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use marmot_netpoll::{Descriptor, Direction, Evented, Expiry};
use marmot_time::{Sleep, sleep_until};
use marmot_wait::{Note, note};

/// The deadlines of both directions; costs two words until one is set.
#[derive(Debug, Default)]
pub(crate) struct Deadlines {
    read: OnceLock<Arc<Deadline>>,
    write: OnceLock<Arc<Deadline>>,
}

impl Deadlines {
    pub(crate) fn set<T: Descriptor>(
        &self,
        evented: &Evented<T>,
        direction: Direction,
        at: Option<Instant>,
    ) {
        let cell = match direction {
            Direction::Read => &self.read,
            Direction::Write => &self.write,
        };
        if at.is_none() && cell.get().is_none() {
            return;
        }
        cell.get_or_init(|| Arc::new(Deadline::new(evented.expiry(direction))))
            .set(at);
    }
}

struct Deadline {
    expiry: Expiry,
    /// Nobody is woken, and no timer armed or dropped, under this lock.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How often the deadline has been set.
    generation: u64,
    timer: Option<Sleep>,
}

impl Deadline {
    fn new(expiry: Expiry) -> Deadline {
        Deadline {
            expiry,
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(self: &Arc<Self>, at: Option<Instant>) {
        let over = at.is_some_and(|at| at <= Instant::now());
        let mut state = self.lock();
        state.generation += 1;
        let generation = state.generation;
        let old = state.timer.take();
        let owed = self.expiry.mark(over);
        drop(state);
        drop(old);
        drop(owed);
        if let Some(at) = at.filter(|_| !over) {
            self.arm(generation, at);
        }
    }

    fn arm(self: &Arc<Self>, generation: u64, at: Instant) {
        let waker = Waker::from(Arc::new(Alarm {
            deadline: Arc::downgrade(self),
            generation,
        }));
        let mut timer = sleep_until(at);
        if poll_quietly(&mut timer, &waker).is_ready() {
            return self.expire(generation);
        }
        let mut state = self.lock();
        // Otherwise it was set again meanwhile.
        let unused = if state.generation == generation {
            state.timer.replace(timer)
        } else {
            Some(timer)
        };
        drop(state);
        drop(unused);
    }

    fn expire(&self, generation: u64) {
        let state = self.lock();
        let owed = (state.generation == generation).then(|| self.expiry.mark(true));
        drop(state);
        drop(owed);
    }
}

/// Polls a timer that is not what this goroutine waits for: its note is put back.
fn poll_quietly(timer: &mut Sleep, waker: &Waker) -> Poll<()> {
    let before = note::take();
    let polled = Pin::new(timer).poll(&mut Context::from_waker(waker));
    match before {
        Note {
            reason,
            object,
            place: Some(place),
        } => note::set(reason, object, place),
        Note { place: None, .. } => note::clear(),
    }
    polled
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deadline").finish_non_exhaustive()
    }
}

/// What the timer wakes.
struct Alarm {
    /// Weak: the timer, which holds this, is held by the deadline.
    deadline: Weak<Deadline>,
    generation: u64,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if let Some(deadline) = self.deadline.upgrade() {
            deadline.expire(self.generation);
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use marmot_netpoll::{Direction, Evented, Interest, pipes};
    use marmot_testing::ByHand;

    use super::Deadline;

    #[test]
    fn a_timer_of_a_deadline_that_was_replaced_does_nothing() {
        let (_sender, receiver) = pipes::new().expect("a pipe");
        let pipe = Evented::new(receiver, Interest::READABLE).expect("registered");
        let drained = pipe.try_io(Direction::Read, |mut pipe| {
            std::io::Read::read(&mut pipe, &mut [0])
        });
        assert!(drained.is_err());
        let deadline = Arc::new(Deadline::new(pipe.expiry(Direction::Read)));
        let far = Instant::now() + Duration::from_secs(3600);
        deadline.set(Some(far));
        let mut wait = ByHand::new(pipe.ready(Direction::Read));
        wait.expect_pending();
        deadline.set(Some(far));
        deadline.expire(1);
        assert_eq!(wait.wakes(), 0);
        deadline.expire(2);
        assert_eq!(wait.wakes(), 1);
        assert!(wait.expect_ready().is_err());
        deadline.set(None);
        ByHand::new(pipe.ready(Direction::Read)).expect_pending();
    }

    #[test]
    fn a_timer_that_is_armed_too_late_does_not_replace_the_one_of_a_later_deadline() {
        let (_sender, receiver) = pipes::new().expect("a pipe");
        let pipe = Evented::new(receiver, Interest::READABLE).expect("registered");
        let deadline = Arc::new(Deadline::new(pipe.expiry(Direction::Read)));
        let soon = Instant::now() + Duration::from_millis(30);
        deadline.set(Some(soon));
        // As if another thread had begun to set it before, and got there only now.
        deadline.arm(0, Instant::now() + Duration::from_secs(3600));
        marmot_testing::until(Duration::from_secs(30), "the time is over", || {
            let tried = pipe.try_io(Direction::Read, |_| Ok(()));
            tried.is_err_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
        });
    }

    #[test]
    fn a_socket_that_goes_leaves_no_deadline_behind() {
        let (_sender, receiver) = pipes::new().expect("a pipe");
        let pipe = Evented::new(receiver, Interest::READABLE).expect("registered");
        let deadline = Arc::new(Deadline::new(pipe.expiry(Direction::Read)));
        deadline.set(Some(Instant::now() + Duration::from_secs(3600)));
        assert_eq!(Arc::strong_count(&deadline), 1, "its timer holds it weakly");
    }
}
