//! Go's `Ticker`: instants at equal distances, for a receiver that keeps up or misses some.

use std::fmt;
use std::future::IntoFuture;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use marmot_wait::park;

use crate::alarm::Alarm;
use crate::timer::Recv;

/// An event every so often, to be received.
///
/// A receiver that is slow gets one tick late and then the next that is due: ticks in between
/// are dropped, and the distances do not shift. As in Go since 1.23, after
/// [`stop`](Ticker::stop) or [`reset`](Ticker::reset) no earlier tick can arrive. A ticker
/// that nobody waits for costs nothing, and dropping it ends it.
///
/// # Examples
///
/// ```
/// use marmot_time::{Ticker, ms};
///
/// marmot_wait::park::block_on(async {
///     let ticker = Ticker::new(ms(2));
///     let first = ticker.recv().await;
///     let second = ticker.recv().await;
///     assert!(second - first >= ms(2));
/// });
/// ```
pub struct Ticker(Arc<Alarm>);

impl Ticker {
    /// A ticker whose first tick is one interval from now. Never ticks for [`Duration::MAX`].
    ///
    /// # Panics
    ///
    /// With "non-positive interval for NewTicker" if the interval is zero.
    #[track_caller]
    #[must_use]
    pub fn new(interval: Duration) -> Ticker {
        assert!(!interval.is_zero(), "non-positive interval for NewTicker");
        Ticker(Alarm::new(interval, interval))
    }

    /// Waits for the next tick; gives the instant it was due.
    ///
    /// On a stopped ticker it waits until a [`reset`](Ticker::reset). Several who wait are
    /// served in the order they came, one a tick.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing but its place: the tick stays to be received.
    ///
    /// # Complexity
    ///
    /// One look at the clock if the tick is there; else O(log n) in the timers of this P.
    #[track_caller]
    pub fn recv(&self) -> Recv<'_> {
        Recv::new(&self.0, Location::caller())
    }

    /// The tick if one is there. Does not wait.
    #[must_use]
    pub fn try_recv(&self) -> Option<Instant> {
        self.0.try_take()
    }

    /// [`recv`](Ticker::recv) for plain threads; legal inside a goroutine too.
    #[track_caller]
    pub fn recv_blocking(&self) -> Instant {
        park::block_on(self.recv())
    }

    /// Stops the ticks. Those who wait go on waiting.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Ticks at this interval from now on, stopped or not; the first is one interval away.
    ///
    /// # Panics
    ///
    /// With "non-positive interval for Ticker.Reset" if the interval is zero.
    #[track_caller]
    pub fn reset(&self, interval: Duration) {
        assert!(
            !interval.is_zero(),
            "non-positive interval for Ticker.Reset"
        );
        self.0.reset(interval, interval);
    }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticker")
            .field(&Arc::as_ptr(&self.0))
            .finish()
    }
}

/// `select!` takes a ticker as it stands.
impl<'a> IntoFuture for &'a Ticker {
    type Output = Instant;
    type IntoFuture = Recv<'a>;

    #[track_caller]
    fn into_future(self) -> Recv<'a> {
        self.recv()
    }
}

/// The first tick of a ticker of its own, which ends with the future: a loop borrows its ticker.
impl IntoFuture for Ticker {
    type Output = Instant;
    type IntoFuture = Recv<'static>;

    #[track_caller]
    fn into_future(self) -> Recv<'static> {
        Recv::owned(self.0, Location::caller())
    }
}
