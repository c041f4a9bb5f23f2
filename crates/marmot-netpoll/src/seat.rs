//! The place from which one runtime waits at the poller, and its bell.
//!
//! ```text
//!             lie down (queued)           lie down (polling)
//!   queued ◀──────────────── awake ────────────────▶ polling
//!      │ ring: notify          │ ring: nothing           │ ring: write the eventfd
//!      ▼                       ▼                         ▼
//!      └─────────────────▶  rung  ◀──────────────────────┘
//!                              │ get up, or lie down in vain
//!                              ▼
//!                            awake
//! ```
//!
//! *Queued* is asleep while another runtime is at the poller. A ring that comes while awake
//! is kept for the next time one lies down, so an interrupt is never lost; the system is
//! called only if somebody sleeps, and by one of those who ring. Go: `netpollWakeSig`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::time::Duration;

use crate::loom::AtomicU8;
use crate::poller::Poller;

const AWAKE: u8 = 0;
const QUEUED: u8 = 1;
const POLLING: u8 = 2;
const RUNG: u8 = 3;

/// How a sleeper sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sleep {
    /// Until it gets the poller.
    Queued,
    /// In the kernel.
    Polling,
}

/// Why a sleeper may not lie down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awake {
    /// The bell has rung; that is now forgotten.
    Rung,
    /// Somebody else sleeps on this seat.
    Taken,
}

/// Ends a sleep, also one that has not begun.
#[derive(Debug)]
pub(crate) struct Bell(AtomicU8);

impl Bell {
    pub(crate) fn new() -> Bell {
        Bell(AtomicU8::new(AWAKE))
    }

    /// Rings. Says which sleep the caller must end, if any.
    #[must_use]
    pub(crate) fn ring(&self) -> Option<Sleep> {
        // ORDERING: Release publishes what the caller did before (a task it queued) to the
        // sleeper, whose Acquire is in `get_up`. A second ringer writes over the first one's
        // RUNG and continues its release sequence, so both are seen.
        match self.0.swap(RUNG, Release) {
            QUEUED => Some(Sleep::Queued),
            POLLING => Some(Sleep::Polling),
            _ => None,
        }
    }

    pub(crate) fn is_rung(&self) -> bool {
        // ORDERING: Relaxed; `get_up` follows, and has the Acquire.
        self.0.load(Relaxed) == RUNG
    }

    /// Begins to sleep, unless the bell has rung.
    pub(crate) fn lie_down(&self, sleep: Sleep) -> Result<(), Awake> {
        let asleep = match sleep {
            Sleep::Queued => QUEUED,
            Sleep::Polling => POLLING,
        };
        // ORDERING: Relaxed. A ring is either before this in the order of this one place,
        // and then seen, or after it, and then sees the sleeper; `get_up` has the Acquire.
        match self.0.compare_exchange(AWAKE, asleep, Relaxed, Relaxed) {
            Ok(_) => Ok(()),
            Err(RUNG) => {
                self.get_up();
                Err(Awake::Rung)
            }
            Err(_) => Err(Awake::Taken),
        }
    }

    /// Is awake again, and forgets the ring. Says whether there was one.
    pub(crate) fn get_up(&self) -> bool {
        // ORDERING: Acquire is the pair of the Release in `ring`. What the sleeper did is
        // published to nobody here.
        self.0.swap(AWAKE, Acquire) == RUNG
    }
}

/// The place from which one runtime waits at the poller.
///
/// A process may have several runtimes and one poller. Each waits on a seat of its own, so
/// that an interrupt meant for one neither disturbs another nor is lost on it. While a seat
/// exists its runtime promises to look at the poller now and then.
///
/// # Examples
///
/// ```
/// use marmot_netpoll::{Poller, Seat};
/// use std::time::Duration;
///
/// let seat = Seat::new(Poller::global()?);
/// seat.interrupt();
/// assert_eq!(seat.poll(None)?, 0);
/// assert_eq!(seat.poll(Some(Duration::ZERO))?, 0);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Seat {
    poller: Arc<Poller>,
    bell: Bell,
}

impl Seat {
    /// Takes a seat: from now on this runtime looks at the poller.
    #[must_use]
    pub fn new(poller: &Arc<Poller>) -> Seat {
        poller.add_driver();
        Seat {
            poller: Arc::clone(poller),
            bell: Bell::new(),
        }
    }

    /// Waits for events for at most `timeout` (for ever if `None`), and wakes whom they
    /// concern. Gives how many were woken.
    ///
    /// With a zero timeout it only looks, and not even that if nobody waits, or another
    /// thread is at the poller. Otherwise it waits for its turn at the poller too, as part of `timeout`. It may
    /// come back early with nothing: after an interrupt or a signal, or if somebody sleeps on
    /// this seat already. The wakers are called on this thread, with no lock held.
    ///
    /// # Errors
    ///
    /// If the system refuses to wait. An interrupted system call is no error.
    ///
    /// # Panics
    ///
    /// If a waker does; all the others have been called then.
    pub fn poll(&self, timeout: Option<Duration>) -> io::Result<usize> {
        self.poll_with(timeout, || {})
    }

    /// As [`poll`](Seat::poll), and calls `before_wake` once, when the wait is over and before
    /// anybody is woken; also if nobody is, or there was no wait.
    ///
    /// # Errors
    ///
    /// As [`poll`](Seat::poll).
    pub fn poll_with(
        &self,
        timeout: Option<Duration>,
        before_wake: impl FnOnce(),
    ) -> io::Result<usize> {
        self.poller.poll_from(&self.bell, timeout, before_wake)
    }

    /// Makes the wait in progress on this seat, or else the next one, return at once.
    ///
    /// A look (a zero timeout) does not use it up.
    #[inline]
    pub fn interrupt(&self) {
        self.poller.ring(&self.bell);
    }

    /// The poller.
    #[must_use]
    pub fn poller(&self) -> &Arc<Poller> {
        &self.poller
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.poller.remove_driver();
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("bell", &self.bell)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use super::{Awake, Bell, Sleep};

    #[test]
    fn a_ring_before_the_sleep_prevents_it_once() {
        let bell = Bell::new();
        assert_eq!(bell.ring(), None);
        assert_eq!(bell.lie_down(Sleep::Polling), Err(Awake::Rung));
        assert_eq!(bell.lie_down(Sleep::Polling), Ok(()));
    }

    #[test]
    fn of_two_who_ring_for_a_sleeper_one_calls_the_system() {
        let bell = Bell::new();
        assert_eq!(bell.lie_down(Sleep::Queued), Ok(()));
        assert_eq!(bell.ring(), Some(Sleep::Queued));
        assert_eq!(bell.ring(), None);
        assert!(bell.get_up());
        assert!(!bell.get_up());
    }

    #[test]
    fn a_second_sleeper_on_one_seat_does_not_sleep() {
        let bell = Bell::new();
        assert_eq!(bell.lie_down(Sleep::Polling), Ok(()));
        assert_eq!(bell.lie_down(Sleep::Queued), Err(Awake::Taken));
        assert_eq!(bell.ring(), Some(Sleep::Polling));
    }
}
