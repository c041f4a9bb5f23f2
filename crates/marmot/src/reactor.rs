//! Timers and sockets as one [`Driver`]: the whole joint between them and the scheduler.

use std::io;
use std::sync::Arc;

use marmot_netpoll::{Poller, Seat};
use marmot_scheduler::{Driver, Lane, until};
use marmot_time::{Group, lanes};
use marmot_wait::clock;

/// The timers of one runtime, and its seat at the process's poller.
pub(crate) struct Reactor {
    timers: Arc<Group>,
    seat: Arc<Seat>,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Reactor> {
        let seat = Arc::new(Seat::new(Poller::global()?));
        let bell = Arc::clone(&seat);
        let timers = Group::new(Box::new(move || bell.interrupt()));
        Ok(Reactor { timers, seat })
    }
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

    fn has_waiters(&self) -> bool {
        self.seat.poller().waiting_count() > 0
    }

    fn poll(&self) -> usize {
        // The poller fails only for want of memory; whoever waits in it is told.
        self.seat.poll(Some(std::time::Duration::ZERO)).unwrap_or(0)
    }

    fn wait(&self, lanes: &[u32], before_wake: &mut dyn FnMut()) {
        let earliest = self.timers.prepare_sleep(lanes.iter().copied());
        let timeout = until(earliest, clock::now_ns());
        let waited = self.seat.poll_with(timeout, || {
            self.timers.end_sleep();
            before_wake();
        });
        if waited.is_err() {
            // Nothing to wait with: at least leave the CPU to others.
            std::thread::yield_now();
        }
    }

    fn interrupt(&self) {
        self.seat.interrupt();
    }
}
