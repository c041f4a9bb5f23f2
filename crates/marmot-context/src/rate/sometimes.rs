//! Doing something only now and then: Go's `rate.Sometimes`.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::deadline::now;

/// Runs a function the first few times, every so many times, or once in a while.
///
/// Whichever of its conditions holds is enough. Without any it runs the function once: the
/// first call of all always runs it.
///
/// # Examples
///
/// ```
/// use marmot_context::rate::Sometimes;
///
/// static WARN: Sometimes = Sometimes::new().first(2).every(4);
///
/// let mut ran = Vec::new();
/// for n in 0..10 {
///     WARN.run(|| ran.push(n));
/// }
/// assert_eq!(ran, [0, 1, 4, 8]);
/// ```
#[derive(Debug)]
pub struct Sometimes {
    first: u64,
    every: u64,
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Calls so far.
    calls: u64,
    /// When it last ran, if that matters.
    last: Option<Instant>,
}

impl Sometimes {
    /// Runs the function at the first call, and never again.
    #[must_use]
    pub const fn new() -> Sometimes {
        Sometimes {
            first: 0,
            every: 0,
            interval: Duration::ZERO,
            state: Mutex::new(State {
                calls: 0,
                last: None,
            }),
        }
    }

    /// Runs it the first `n` times.
    #[must_use]
    pub const fn first(mut self, n: u64) -> Sometimes {
        self.first = n;
        self
    }

    /// Runs it every `n`-th time, beginning with the first call; zero for not.
    #[must_use]
    pub const fn every(mut self, n: u64) -> Sometimes {
        self.every = n;
        self
    }

    /// Runs it if its last run is that long ago; zero for not.
    #[must_use]
    pub const fn interval(mut self, interval: Duration) -> Sometimes {
        self.interval = interval;
        self
    }

    /// Runs the function, or not.
    ///
    /// The interval counts from the end of a run. Callers don't wait for each other, and the
    /// function may call this again.
    pub fn run(&self, f: impl FnOnce()) {
        if self.decide(now()) {
            f();
            self.ran(now());
        }
    }

    /// As [`run`](Sometimes::run), at this instant, for programs with a clock of their own.
    pub fn run_at(&self, at: Instant, f: impl FnOnce()) {
        if self.decide(at) {
            f();
        }
    }

    fn decide(&self, at: Instant) -> bool {
        let mut state = self.lock();
        let calls = state.calls;
        state.calls = calls.saturating_add(1);
        let run = calls == 0
            || calls < self.first
            || self.every > 0 && calls.is_multiple_of(self.every)
            || !self.interval.is_zero() && self.is_long_ago(state.last, at);
        if run {
            state.last = Some(at);
        }
        run
    }

    fn is_long_ago(&self, last: Option<Instant>, at: Instant) -> bool {
        last.is_none_or(|last| at.saturating_duration_since(last) >= self.interval)
    }

    /// A run has ended.
    fn ran(&self, at: Instant) {
        if !self.interval.is_zero() {
            let mut state = self.lock();
            state.last = state.last.max(Some(at));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Sometimes {
    fn default() -> Self {
        Sometimes::new()
    }
}
