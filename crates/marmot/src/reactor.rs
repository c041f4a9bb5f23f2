//! Timers and sockets as one [`Driver`]: the whole joint between them and the scheduler.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use marmot_netpoll::{Poller, Seat};
use marmot_scheduler::{Driver, Lane, until};
use marmot_time::{Group, lanes};
use marmot_wait::clock;

/// The timers of one runtime, and its seat at the process's poller.
pub(crate) struct Reactor {
    timers: Arc<Group>,
    /// Empty once the runtime is over: a seat says that its runtime looks at the poller.
    seat: Arc<RwLock<Option<Seat>>>,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Reactor> {
        let seat = Arc::new(RwLock::new(Some(Seat::new(Poller::global()?))));
        let bell = Arc::clone(&seat);
        let timers = Group::new(Box::new(move || with(&bell, Seat::interrupt)));
        Ok(Reactor { timers, seat })
    }
}

/// Waits that runtimes have ended at the poller so far; whose they were it does not know.
// ORDERING: Relaxed, a count.
static WAKEUPS: AtomicU64 = AtomicU64::new(0);

fn count(woken: usize) -> usize {
    if woken > 0 {
        WAKEUPS.fetch_add(woken as u64, Ordering::Relaxed);
    }
    woken
}

/// Does something with the seat, if there still is one. The lock is held for reading only, and
/// written once, at the end.
fn with<R: Default>(seat: &RwLock<Option<Seat>>, f: impl FnOnce(&Seat) -> R) -> R {
    let seat = seat.read().unwrap_or_else(PoisonError::into_inner);
    seat.as_ref().map_or_else(R::default, f)
}

impl Driver for Reactor {
    fn open_lane(&self) -> Lane {
        let id = self.timers.open_lane();
        Lane {
            id,
            deadline: lanes::deadline_cell(id),
        }
    }

    fn close_lane(&self, lane: u32) {
        self.timers.close_lane(lane);
    }

    fn fire(&self, lane: u32, now_ns: u64) -> usize {
        lanes::fire(lane, now_ns)
    }

    fn fire_one(&self, lane: u32, now_ns: u64) -> usize {
        lanes::fire_one(lane, now_ns)
    }

    fn has_waiters(&self) -> bool {
        with(&self.seat, |seat| seat.poller().waiting_count() > 0)
    }

    fn waiters(&self) -> usize {
        with(&self.seat, |seat| seat.poller().waiting_count())
    }

    fn wakeups(&self) -> u64 {
        WAKEUPS.load(Ordering::Relaxed)
    }

    fn timers(&self, lane: u32) -> usize {
        lanes::live(lane)
    }

    fn poll(&self) -> usize {
        // The poller fails only for want of memory; whoever waits in it is told.
        let woken = with(&self.seat, |seat| {
            seat.poll(Some(Duration::ZERO)).unwrap_or(0)
        });
        count(woken)
    }

    fn wait(&self, lanes: &[u32], before_wake: &mut dyn FnMut()) {
        let earliest = self.timers.prepare_sleep(lanes.iter().copied());
        let timeout = until(earliest, clock::now_ns());
        let mut over = false;
        let waited = with(&self.seat, |seat| {
            let waited = seat.poll_with(timeout, || {
                over = true;
                self.timers.end_sleep();
                before_wake();
            });
            Some(waited.map(count).is_ok())
        });
        if !over {
            self.timers.end_sleep();
            before_wake();
        }
        if waited != Some(true) {
            // Nothing to wait with: at least leave the CPU to others.
            std::thread::yield_now();
        }
    }

    fn close(&self) {
        drop(
            self.seat
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
    }

    fn interrupt(&self) {
        with(&self.seat, Seat::interrupt);
    }
}
