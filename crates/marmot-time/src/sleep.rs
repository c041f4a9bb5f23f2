//! A future that is ready when a time has come.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use marmot_wait::{WaitReason, budget, note};

use crate::clock;
use crate::lanes::{self, Fate, Registration};

/// Waits for this long, at least.
///
/// The time counts from the call, not from the first poll. A duration of zero is over at
/// once; [`Duration::MAX`] never is.
///
/// # Cancel safety
///
/// Dropping the future ends the wait and leaves nothing behind. One that was never polled
/// has nothing to leave: it takes no lock.
///
/// # Complexity
///
/// O(log n) in the timers of this P, under its own lock; O(1) to drop.
///
/// # Examples
///
/// ```
/// use marmot_time::{ms, sleep};
///
/// marmot_wait::park::block_on(async {
///     let start = std::time::Instant::now();
///     sleep(ms(2)).await;
///     assert!(start.elapsed() >= ms(2));
/// });
/// ```
#[track_caller]
#[inline]
pub fn sleep(duration: Duration) -> Sleep {
    Sleep::until(clock::after(duration), Location::caller())
}

/// Waits until this instant, at least; not at all if it has passed.
///
/// # Cancel safety
///
/// As [`sleep`].
///
/// # Examples
///
/// ```
/// use marmot_time::{ms, sleep_until};
/// use std::time::Instant;
///
/// marmot_wait::park::block_on(async {
///     let at = Instant::now() + ms(2);
///     sleep_until(at).await;
///     assert!(Instant::now() >= at);
/// });
/// ```
#[track_caller]
pub fn sleep_until(at: Instant) -> Sleep {
    Sleep::until(clock::at(at), Location::caller())
}

/// The future of [`sleep`] and [`sleep_until`].
///
/// It may be polled again after it was ready, and is ready then too.
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    deadline: u64,
    registration: Registration,
    place: &'static Location<'static>,
}

impl Sleep {
    #[inline]
    pub(crate) fn until(deadline: u64, place: &'static Location<'static>) -> Sleep {
        Sleep {
            deadline,
            registration: if deadline == clock::PAST {
                Registration::DUE
            } else {
                Registration::NEW
            },
            place,
        }
    }

    /// Waits until this instant from now on, whether the sleep is over or not.
    ///
    /// # Complexity
    ///
    /// O(1) if the new instant is later, O(log n) if it is earlier.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_time::{ms, secs, sleep};
    ///
    /// marmot_wait::park::block_on(async {
    ///     let mut long = sleep(secs(3600));
    ///     long.reset(std::time::Instant::now() + ms(1));
    ///     long.await;
    /// });
    /// ```
    pub fn reset(&mut self, at: Instant) {
        let deadline = clock::ns_of(at);
        // Put off, it need not be compared with the clock: the next poll does that.
        let put_off = self.registration.is_armed() && deadline >= self.deadline;
        self.set_deadline(if put_off {
            deadline
        } else {
            clock::unless_past(deadline)
        });
    }

    fn set_deadline(&mut self, deadline: u64) {
        let waits = deadline != clock::PAST && deadline != clock::NEVER;
        if !(waits && lanes::rearm(self.registration, deadline)) {
            lanes::disarm(self.registration);
            let unarmed = Sleep::until(clock::unless_past(deadline), self.place);
            self.registration = unarmed.registration;
        }
        self.deadline = deadline;
    }

    /// Whether a poll has seen, or would see without waiting for anybody, that it is over.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        !self.registration.is_armed() && !self.registration.is_new()
            || self.deadline <= clock::now_ns()
    }

    pub(crate) fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// Asks, and enlists, without a word to the budget or the note.
    #[inline]
    pub(crate) fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.registration.is_armed() {
            return self.poll_armed(cx);
        }
        if !self.registration.is_new() {
            return Poll::Ready(());
        }
        if self.deadline != clock::NEVER {
            self.registration = lanes::arm(self.deadline, cx.waker().clone());
        }
        Poll::Pending
    }

    fn poll_armed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match lanes::poll(self.registration, cx.waker()) {
            Fate::Fired => {}
            // Its time may have come before anybody looked at the lane.
            Fate::Waiting if self.deadline > clock::now_ns() => return Poll::Pending,
            Fate::Waiting => {
                lanes::disarm(self.registration);
            }
        }
        self.registration = Registration::DUE;
        Poll::Ready(())
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.poll_due(cx).is_pending() {
            note::set(WaitReason::Sleep, 0, this.place);
            return Poll::Pending;
        }
        // Refused here, it is still over at the next poll.
        ready!(budget::poll_proceed(cx));
        Poll::Ready(())
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        // Few sleeps of `timeout` were armed: the rest should not pay for what it takes.
        if self.registration.is_armed() {
            take_back(self.registration);
        }
    }
}

#[inline(never)]
fn take_back(armed: Registration) {
    lanes::disarm(armed);
}
