//! Where a machine with nothing to run waits for the world.
//!
//! The scheduler knows the world by this trait alone: timers and sockets are behind it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A queue of timers that belongs to one P.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    /// Its number, told to timers through `marmot_wait::lane`.
    pub id: u32,
    /// When it is to be served, in nanoseconds of `marmot_wait::clock`; `u64::MAX` for never.
    pub deadline: &'static AtomicU64,
}

/// Timers and sockets, as the scheduler sees them.
pub trait Driver: Send + Sync + 'static {
    /// A queue of timers for a new P.
    fn open_lane(&self) -> Lane;
    /// The P with this queue is gone.
    fn close_lane(&self, lane: u32);
    /// Fires what is due in this queue; how many.
    fn fire(&self, lane: u32, now_ns: u64) -> usize;
    /// The same for the earliest of them alone.
    fn fire_one(&self, lane: u32, now_ns: u64) -> usize {
        self.fire(lane, now_ns)
    }
    /// Whether a goroutine waits for a socket, a signal or anything else from outside.
    fn has_waiters(&self) -> bool;
    /// How many wait so: for metrics, and not more than a glance.
    fn waiters(&self) -> usize {
        usize::from(self.has_waiters())
    }
    /// How often the world has woken somebody who waited for it, so far.
    fn wakeups(&self) -> u64 {
        0
    }
    /// How many timers are set in this queue.
    fn timers(&self, _lane: u32) -> usize {
        0
    }
    /// Looks at the world without waiting, and wakes whom it concerns; how many.
    fn poll(&self) -> usize;
    /// Waits for the world, the earliest deadline of these queues, or an interrupt. Calls
    /// `before_wake` once when the wait is over, before it wakes anybody. Fires no timers.
    /// One machine at a time.
    fn wait(&self, lanes: &[u32], before_wake: &mut dyn FnMut());
    /// The runtime is over: lets go of what a driver holds. Nothing but `interrupt` is called
    /// afterwards, by wakers that come late.
    fn close(&self) {}
    /// Makes the wait in progress, or else the next one, return at once. Any number of
    /// threads.
    fn interrupt(&self);
}

/// A driver without timers and sockets: a machine just sleeps.
#[derive(Debug, Default)]
pub struct NoDriver {
    interrupted: Mutex<bool>,
    changed: Condvar,
}

static NEVER: AtomicU64 = AtomicU64::new(u64::MAX);

impl Driver for NoDriver {
    fn open_lane(&self) -> Lane {
        Lane {
            id: 0,
            deadline: &NEVER,
        }
    }

    fn close_lane(&self, _lane: u32) {}

    fn fire(&self, _lane: u32, _now_ns: u64) -> usize {
        0
    }

    fn has_waiters(&self) -> bool {
        false
    }

    fn poll(&self) -> usize {
        0
    }

    fn wait(&self, _lanes: &[u32], before_wake: &mut dyn FnMut()) {
        let mut interrupted = self
            .interrupted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        while !std::mem::take(&mut *interrupted) {
            interrupted = self
                .changed
                .wait(interrupted)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(interrupted);
        before_wake();
    }

    fn interrupt(&self) {
        *self
            .interrupted
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }
}

/// Whether a lane is to be served.
#[inline]
pub(crate) fn is_due(deadline: &AtomicU64, now_ns: u64) -> bool {
    // ORDERING: Relaxed; a machine that goes to sleep looks again behind a fence.
    deadline.load(Ordering::Relaxed) <= now_ns
}

/// How long until `deadline_ns`; `None` for never.
#[must_use]
pub fn until(deadline_ns: u64, now_ns: u64) -> Option<Duration> {
    (deadline_ns != u64::MAX).then(|| Duration::from_nanos(deadline_ns.saturating_sub(now_ns)))
}
