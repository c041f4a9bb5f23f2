//! A runtime as its timers see it: its lanes, and how to shorten its sleep.

use std::fmt;
use std::sync::Arc;

use crate::announce::{EVER, Sleeper};
use crate::lanes;

/// The lanes of one runtime, and the machine of it that sleeps until the next deadline.
///
/// For those who write a runtime; programs have no use for it.
///
/// # Examples
///
/// The turn of a machine that has nothing to run:
///
/// ```
/// use marmot_time::{Group, lanes};
/// use marmot_wait::clock;
///
/// let group = Group::new(Box::new(|| { /* make the poller return */ }));
/// let lane = group.open_lane();
/// marmot_wait::set_lane(Some(lane));
///
/// let until = group.prepare_sleep([lane].into_iter());
/// assert_eq!(until, u64::MAX, "no timer");
/// // ... wait in the poller until then ...
/// group.end_sleep();
/// lanes::fire(lane, clock::now_ns());
///
/// marmot_wait::set_lane(None);
/// group.close_lane(lane);
/// ```
pub struct Group {
    sleeper: Sleeper,
    interrupt: Box<dyn Fn() + Send + Sync>,
}

impl Group {
    /// A runtime without lanes. `interrupt` is called, with no lane's lock held, when a timer is
    /// armed that is due before the sleeper meant to wake: it makes the sleep in progress, or
    /// else the next one, end at once. The thread that arms the timer calls it, and may hold a
    /// lock of a timer's own: it must not use timers itself.
    #[must_use]
    pub fn new(interrupt: Box<dyn Fn() + Send + Sync>) -> Arc<Group> {
        Arc::new(Group {
            sleeper: Sleeper::new(),
            interrupt,
        })
    }

    /// Opens a lane, for a P. If all are taken it gives the one that a thread of ours serves.
    #[must_use]
    pub fn open_lane(self: &Arc<Self>) -> u32 {
        lanes::open(self)
    }

    /// Closes a lane of this group. Timers still in it are served by a thread of ours until
    /// none is left; then the lane may be opened again.
    pub fn close_lane(&self, lane: u32) {
        lanes::close(lane);
    }

    /// Announces that the caller is about to sleep, then looks at these lanes, and says when the
    /// first of them is to be served; `u64::MAX` for never.
    ///
    /// From now on until [`end_sleep`](Group::end_sleep) a timer that is due before that calls
    /// `interrupt`, unless it is one of a crowd. One machine of a group at a time may be between
    /// the two.
    ///
    /// The answer is exact: timers that were taken back do not count, and it is the earliest
    /// deadline, or half a millisecond more at most where a crowd of timers is due by then.
    pub fn prepare_sleep(&self, lanes: impl Iterator<Item = u32>) -> u64 {
        self.sleeper.announce();
        let earliest = lanes.map(lanes::next_deadline).min().unwrap_or(EVER);
        self.sleeper.sleep_until(earliest);
        earliest
    }

    /// Says that the sleeper is awake and looks at its lanes by itself.
    pub fn end_sleep(&self) {
        self.sleeper.awake();
    }

    pub(crate) fn sleeper(&self) -> &Sleeper {
        &self.sleeper
    }

    pub(crate) fn interrupt(&self) {
        (self.interrupt)();
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("sleeper", &self.sleeper)
            .finish_non_exhaustive()
    }
}
