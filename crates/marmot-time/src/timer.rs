//! Go's `Timer`: one instant, received at most once, that can be stopped and set again.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use marmot_wait::park;

use crate::alarm::{Alarm, Place};

/// A single event in the future, to be received once.
///
/// As in Go since 1.23: after [`stop`](Timer::stop) or [`reset`](Timer::reset) no value armed
/// earlier can arrive, so neither needs the channel to be drained first. A timer that nobody
/// waits for costs nothing, and dropping it ends it.
///
/// | was | `stop` says | `reset` says | a `recv` afterwards |
/// |---|---|---|---|
/// | running | `true` | `true` | waits (for ever; for the new time) |
/// | over, value not received | `true` | `true` | the same: that value is gone |
/// | over, value received | `false` | `false` | the same |
/// | stopped | `false` | `false` | the same |
///
/// # Examples
///
/// ```
/// use marmot_time::{Timer, ms, secs};
///
/// marmot_wait::park::block_on(async {
///     let timer = Timer::new(secs(3600));
///     assert!(timer.reset(ms(1)), "it was running");
///     timer.recv().await;
///     assert!(!timer.stop(), "its value was received");
/// });
/// ```
pub struct Timer(Arc<Alarm>);

impl Timer {
    /// A timer that is over after this time; at once for zero, never for [`Duration::MAX`].
    #[must_use]
    pub fn new(duration: Duration) -> Timer {
        Timer(Alarm::new(duration, Duration::ZERO))
    }

    /// Waits until the timer is over; gives the instant it was due.
    ///
    /// There is one value for each [`new`](Timer::new) or [`reset`](Timer::reset). Waiting
    /// for more, or on a stopped timer, takes until the next `reset`. Several who wait are
    /// served in the order they came.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but its place: the value stays to be received.
    ///
    /// # Complexity
    ///
    /// One look at the clock if the value is there; else O(log n) in the timers of this P.
    #[track_caller]
    pub fn recv(&self) -> Recv<'_> {
        Recv::new(&self.0, Location::caller())
    }

    /// The value if the timer is over and it was not received yet. Does not wait.
    #[must_use]
    pub fn try_recv(&self) -> Option<Instant> {
        self.0.try_take()
    }

    /// [`recv`](Timer::recv) for plain threads; legal inside a goroutine too.
    #[track_caller]
    pub fn recv_blocking(&self) -> Instant {
        park::block_on(self.recv())
    }

    /// Stops the timer; says whether that kept a value from being received.
    #[expect(
        clippy::must_use_candidate,
        reason = "programs stop timers without asking"
    )]
    pub fn stop(&self) -> bool {
        self.0.stop()
    }

    /// Sets the timer anew, whatever it was doing; says whether it still had a value to give.
    #[expect(
        clippy::must_use_candidate,
        reason = "programs reset timers without asking"
    )]
    pub fn reset(&self, duration: Duration) -> bool {
        self.0.reset(duration, Duration::ZERO)
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timer").field(&Arc::as_ptr(&self.0)).finish()
    }
}

/// `select!` takes a timer as it stands.
impl<'a> IntoFuture for &'a Timer {
    type Output = Instant;
    type IntoFuture = Recv<'a>;

    #[track_caller]
    fn into_future(self) -> Recv<'a> {
        self.recv()
    }
}

/// A timer of its own, as one arm of one `select!`; it ends with the future.
impl IntoFuture for Timer {
    type Output = Instant;
    type IntoFuture = Recv<'static>;

    #[track_caller]
    fn into_future(self) -> Recv<'static> {
        Recv::owned(self.0, Location::caller())
    }
}

/// The future of [`Timer::recv`] and [`Ticker::recv`](crate::Ticker::recv).
#[must_use = "a receive does nothing unless it is awaited"]
pub struct Recv<'a> {
    alarm: Held<'a>,
    place: Place,
    caller: &'static Location<'static>,
}

impl<'a> Recv<'a> {
    pub(crate) fn new(alarm: &'a Arc<Alarm>, caller: &'static Location<'static>) -> Recv<'a> {
        Recv {
            alarm: Held::Lent(alarm),
            place: Place::default(),
            caller,
        }
    }
}

impl Recv<'static> {
    pub(crate) fn owned(alarm: Arc<Alarm>, caller: &'static Location<'static>) -> Recv<'static> {
        Recv {
            alarm: Held::Owned(alarm),
            place: Place::default(),
            caller,
        }
    }
}

/// The alarm of a timer that one has, or of one that was given away with its name.
enum Held<'a> {
    Lent(&'a Arc<Alarm>),
    Owned(Arc<Alarm>),
}

impl Deref for Held<'_> {
    type Target = Arc<Alarm>;

    #[inline]
    fn deref(&self) -> &Arc<Alarm> {
        match self {
            Held::Lent(alarm) => alarm,
            Held::Owned(alarm) => alarm,
        }
    }
}

impl Future for Recv<'_> {
    type Output = Instant;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        let this = self.get_mut();
        this.alarm.poll_take(&mut this.place, cx, this.caller)
    }
}

impl Drop for Recv<'_> {
    fn drop(&mut self) {
        self.alarm.leave(&mut self.place);
    }
}

impl fmt::Debug for Recv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv")
            .field("alarm", &Arc::as_ptr(&self.alarm))
            .finish_non_exhaustive()
    }
}
