//! `Limiter`: a token bucket that goroutines share.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use marmot_wait::park;

use crate::context::Context;
use crate::deadline::now;
use crate::rate::bucket::{Bucket, Grant};
use crate::rate::wait::{self, WaitError};

/// So many events a second, and up to `burst` at once: a token bucket, full at first.
///
/// An event takes a token. When there is none, [`allow`](Limiter::allow) says so,
/// [`wait`](Limiter::wait) waits for one, and [`reserve`](Limiter::reserve) takes one in
/// advance and says how long to wait. Clones share the tokens.
///
/// Methods that take an instant are for programs with a clock of their own; the others ask
/// the clock.
///
/// # Examples
///
/// ```
/// use marmot_context::rate::Limiter;
///
/// let limiter = Limiter::new(10.0, 2);
/// assert!(limiter.allow());
/// assert!(limiter.allow());
/// assert!(!limiter.allow(), "the next token comes in a tenth of a second");
/// ```
#[derive(Clone)]
pub struct Limiter(Arc<Mutex<Bucket>>);

impl Limiter {
    /// Allows this many events a second, and bursts of at most `burst` events.
    ///
    /// With [`INF`](crate::rate::INF) everything is allowed, whatever the burst. With a rate
    /// of zero, or one that is negative or no number, only the first `burst` events are.
    #[must_use]
    pub fn new(per_second: f64, burst: usize) -> Limiter {
        Limiter(Arc::new(Mutex::new(Bucket::new(per_second, burst))))
    }

    /// Whether an event may happen now. If so, it took a token.
    #[must_use]
    pub fn allow(&self) -> bool {
        self.allow_n(now(), 1)
    }

    /// Whether `n` events may happen at this instant. If so, they took their tokens.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::rate::Limiter;
    /// use std::time::{Duration, Instant};
    ///
    /// let limiter = Limiter::new(10.0, 3);
    /// let at = Instant::now();
    /// assert!(limiter.allow_n(at, 3));
    /// assert!(!limiter.allow_n(at, 1));
    /// assert!(limiter.allow_n(at + Duration::from_millis(200), 2));
    /// ```
    #[must_use]
    pub fn allow_n(&self, at: Instant, n: usize) -> bool {
        self.lock().take(at, n, Duration::ZERO).is_some()
    }

    /// Takes a token, in advance if there is none now.
    pub fn reserve(&self) -> Reservation {
        self.reserve_n(now(), 1)
    }

    /// Takes `n` tokens, in advance if they are not there at this instant. The reservation
    /// says how long to wait before acting; it is not [`ok`](Reservation::ok) if `n` is more
    /// than the burst.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::rate::Limiter;
    /// use std::time::{Duration, Instant};
    ///
    /// let limiter = Limiter::new(10.0, 2);
    /// let at = Instant::now();
    /// assert_eq!(limiter.reserve_n(at, 2).delay_from(at), Duration::ZERO);
    /// assert_eq!(limiter.reserve_n(at, 2).delay_from(at), Duration::from_millis(200));
    /// assert!(!limiter.reserve_n(at, 3).ok());
    /// ```
    pub fn reserve_n(&self, at: Instant, n: usize) -> Reservation {
        self.reserve_within(at, n, Duration::MAX)
    }

    /// As [`reserve_n`](Limiter::reserve_n); not ok if the wait would be longer than this.
    pub(super) fn reserve_within(&self, at: Instant, n: usize, patience: Duration) -> Reservation {
        let grant = self.lock().take(at, n, patience);
        Reservation {
            limiter: self.clone(),
            grant: Mutex::new(grant),
            act: grant.map(|grant| grant.act),
        }
    }

    /// Waits for a token.
    ///
    /// # Errors
    ///
    /// At once, without taking one, if the burst is zero or if the token would come after
    /// the context's deadline; and when the context ends.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the token back, as far as later ones have not built on it.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    /// use marmot_context::rate::Limiter;
    ///
    /// # marmot_wait::park::block_on(async {
    /// let limiter = Limiter::new(1000.0, 1);
    /// for _ in 0..3 {
    ///     limiter.wait(&Context::background()).await.unwrap();
    /// }
    /// # });
    /// ```
    #[track_caller]
    pub fn wait<'a>(
        &'a self,
        ctx: &'a Context,
    ) -> impl Future<Output = Result<(), WaitError>> + Send + 'a {
        self.wait_n(ctx, 1)
    }

    /// Waits for `n` tokens.
    ///
    /// # Errors
    ///
    /// As [`wait`](Limiter::wait), with "more than the burst" for "the burst is zero".
    ///
    /// # Cancel safety
    ///
    /// As [`wait`](Limiter::wait).
    #[track_caller]
    pub fn wait_n<'a>(
        &'a self,
        ctx: &'a Context,
        n: usize,
    ) -> impl Future<Output = Result<(), WaitError>> + Send + 'a {
        wait::wait_n(self, ctx, n, std::panic::Location::caller())
    }

    /// As [`wait`](Limiter::wait), for a plain thread; legal inside a goroutine too.
    ///
    /// # Errors
    ///
    /// As [`wait`](Limiter::wait).
    #[track_caller]
    pub fn wait_blocking(&self, ctx: &Context) -> Result<(), WaitError> {
        park::block_on(self.wait(ctx))
    }

    /// As [`wait_n`](Limiter::wait_n), for a plain thread; legal inside a goroutine too.
    ///
    /// # Errors
    ///
    /// As [`wait_n`](Limiter::wait_n).
    #[track_caller]
    pub fn wait_n_blocking(&self, ctx: &Context, n: usize) -> Result<(), WaitError> {
        park::block_on(self.wait_n(ctx, n))
    }

    /// How many events a second are allowed.
    #[must_use]
    pub fn limit(&self) -> f64 {
        self.lock().limit()
    }

    /// How many events may happen at once.
    #[must_use]
    pub fn burst(&self) -> usize {
        self.lock().burst()
    }

    /// The tokens that are there now; negative if some were taken in advance.
    #[must_use]
    pub fn tokens(&self) -> f64 {
        self.tokens_at(now())
    }

    /// The tokens that are there at this instant; negative if some were taken in advance.
    #[must_use]
    pub fn tokens_at(&self, at: Instant) -> f64 {
        self.lock().tokens_at(at)
    }

    /// Changes the rate from now on.
    pub fn set_limit(&self, per_second: f64) {
        self.set_limit_at(now(), per_second);
    }

    /// Changes the rate from this instant on. Reservations stay as they are.
    pub fn set_limit_at(&self, at: Instant, per_second: f64) {
        self.lock().set_limit(at, per_second);
    }

    /// Changes the burst from now on.
    pub fn set_burst(&self, burst: usize) {
        self.set_burst_at(now(), burst);
    }

    /// Changes the burst from this instant on. Reservations stay as they are.
    pub fn set_burst_at(&self, at: Instant, burst: usize) {
        self.lock().set_burst(at, burst);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Bucket> {
        // Arithmetic only: nothing panics under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bucket = *self.lock();
        f.debug_struct("Limiter")
            .field("limit", &bucket.limit())
            .field("burst", &bucket.burst())
            .finish_non_exhaustive()
    }
}

/// Tokens taken in advance, and when they may be used.
///
/// Dropping it keeps the tokens taken.
#[derive(Debug)]
pub struct Reservation {
    limiter: Limiter,
    /// Absent if it failed, or was cancelled.
    grant: Mutex<Option<Grant>>,
    /// When to act, if ever; `None` if it failed.
    act: Option<Option<Instant>>,
}

impl Reservation {
    /// Whether the tokens were taken. If not, more were asked for than the burst.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.act.is_some()
    }

    /// How long to wait from now before acting.
    #[must_use]
    pub fn delay(&self) -> Duration {
        self.delay_from(now())
    }

    /// How long to wait from this instant before acting: zero for at once,
    /// [`Duration::MAX`] for ever, also if it is not [`ok`](Reservation::ok).
    #[must_use]
    pub fn delay_from(&self, at: Instant) -> Duration {
        match self.act.flatten() {
            Some(act) => act.saturating_duration_since(at),
            None => Duration::MAX,
        }
    }

    /// Gives the tokens back now.
    pub fn cancel(&self) {
        self.cancel_at(now());
    }

    /// Says at this instant that one will not act, and gives the tokens back, except those
    /// that later reservations have built on. Nothing happens if it is too late to cancel,
    /// or the second time.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::rate::Limiter;
    /// use std::time::{Duration, Instant};
    ///
    /// let limiter = Limiter::new(10.0, 2);
    /// let at = Instant::now();
    /// assert!(limiter.allow_n(at, 2));
    /// let reservation = limiter.reserve_n(at, 2);
    /// reservation.cancel_at(at);
    /// assert!(limiter.allow_n(at + Duration::from_millis(200), 2));
    /// ```
    pub fn cancel_at(&self, at: Instant) {
        // Nothing panics under this lock.
        let grant = self
            .grant
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(grant) = grant {
            self.limiter.lock().give_back(grant, at);
        }
    }
}
