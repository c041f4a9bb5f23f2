//! The token bucket: arithmetic on tokens and instants. No lock, no clock.
//!
//! ```text
//!        `limit` tokens a second ──▶ │      │
//!                                    │tokens│ at most `burst`; below zero: taken in advance
//!                                    └──────┘ ──▶ n tokens for n events
//! ```
//!
//! Nothing drips: the tokens are those at the instant `last`, and whoever asks computes what
//! has come since. Taking more than there are makes them negative, and the taker's time to
//! act is when they would be zero again. After Go's `x/time/rate`.

use std::time::{Duration, Instant};

/// The rate without a limit: everything is allowed, whatever the burst.
pub const INF: f64 = f64::INFINITY;

/// The rate of one event each interval; [`INF`] if that is zero.
///
/// # Examples
///
/// ```
/// use marmot_context::rate::{INF, every};
/// use std::time::Duration;
///
/// assert_eq!(every(Duration::from_millis(100)), 10.0);
/// assert_eq!(every(Duration::ZERO), INF);
/// ```
#[must_use]
pub fn every(interval: Duration) -> f64 {
    if interval.is_zero() {
        return INF;
    }
    1.0 / interval.as_secs_f64()
}

/// The bucket, as it was at its last instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bucket {
    limit: f64,
    burst: usize,
    tokens: f64,
    /// When the tokens were counted; `None`: nobody has asked yet, and it is full.
    last: Option<Instant>,
    /// The latest time to act given out, past or future.
    last_event: Option<Instant>,
}

/// Tokens that were given out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    tokens: usize,
    /// When to act; `None`: never.
    pub(super) act: Option<Instant>,
    /// The rate then; it may have changed since.
    limit: f64,
}

impl Bucket {
    pub(super) fn new(limit: f64, burst: usize) -> Bucket {
        Bucket {
            limit: number(limit),
            burst,
            tokens: count(burst),
            last: None,
            last_event: None,
        }
    }

    pub(super) fn limit(&self) -> f64 {
        self.limit
    }

    pub(super) fn burst(&self) -> usize {
        self.burst
    }

    pub(super) fn is_unlimited(&self) -> bool {
        self.limit >= f64::MAX
    }

    /// The tokens at this instant.
    pub(super) fn tokens_at(&self, at: Instant) -> f64 {
        let passed = self
            .last
            .map_or(Duration::ZERO, |last| at.saturating_duration_since(last));
        (self.tokens + in_time(self.limit, passed)).min(count(self.burst))
    }

    /// Takes `n` tokens, if their time to act is at most `patience` away.
    pub(super) fn take(&mut self, at: Instant, n: usize, patience: Duration) -> Option<Grant> {
        let limit = self.limit;
        if self.is_unlimited() {
            let act = Some(at);
            let tokens = n;
            return Some(Grant { tokens, act, limit });
        }
        let tokens = self.tokens_at(at) - count(n);
        let wait = if tokens < 0.0 {
            until(limit, -tokens)
        } else {
            Duration::ZERO
        };
        if n > self.burst || wait > patience {
            return None;
        }
        let act = at.checked_add(wait);
        self.last = Some(at);
        self.tokens = tokens;
        self.last_event = act;
        Some(Grant {
            tokens: n,
            act,
            limit,
        })
    }

    /// Takes a grant back, as far as later ones have not built on it.
    pub(super) fn give_back(&mut self, grant: Grant, at: Instant) {
        let too_late = grant.act.is_some_and(|act| act < at);
        if self.is_unlimited() || grant.tokens == 0 || too_late {
            return;
        }
        // What was reserved after it is what lies between its time and the last one.
        let later = match (self.last_event, grant.act) {
            (Some(last), Some(act)) => between(grant.limit, act, last),
            _ => 0.0,
        };
        let back = count(grant.tokens) - later;
        if back <= 0.0 {
            return;
        }
        self.tokens = (self.tokens_at(at) + back).min(count(self.burst));
        self.last = Some(at);
        if grant.act == self.last_event {
            self.move_last_event(grant, at);
        }
    }

    /// The last event is not to be; the one before it was this much earlier.
    fn move_last_event(&mut self, grant: Grant, at: Instant) {
        let span = until(grant.limit, count(grant.tokens));
        let before = grant.act.and_then(|act| act.checked_sub(span));
        if before.is_some_and(|before| before >= at) {
            self.last_event = before;
        }
    }

    pub(super) fn set_limit(&mut self, at: Instant, limit: f64) {
        self.count_at(at);
        self.limit = number(limit);
    }

    pub(super) fn set_burst(&mut self, at: Instant, burst: usize) {
        self.count_at(at);
        self.burst = burst;
    }

    fn count_at(&mut self, at: Instant) {
        self.tokens = self.tokens_at(at);
        self.last = Some(at);
    }
}

/// A rate that is no number would make all the others no numbers: nothing comes at it.
fn number(limit: f64) -> f64 {
    if limit.is_nan() { 0.0 } else { limit }
}

/// How many tokens come in this time.
fn in_time(limit: f64, time: Duration) -> f64 {
    if limit <= 0.0 {
        return 0.0;
    }
    // Whole seconds and the rest apart, so that a long time does not round the rest away.
    #[expect(
        clippy::cast_precision_loss,
        reason = "2^53 seconds are 285 million years"
    )]
    let seconds = time.as_secs() as f64 * limit;
    seconds + f64::from(time.subsec_nanos()) * limit / 1e9
}

/// How long that many tokens take to come; `Duration::MAX` for ever.
fn until(limit: f64, tokens: f64) -> Duration {
    if limit <= 0.0 {
        return Duration::MAX;
    }
    let nanos = tokens / limit * 1e9;
    // As many nanoseconds as a u64 holds are 584 years.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "in range: compared first, and the fraction is meant to go"
    )]
    if nanos < u64::MAX as f64 {
        Duration::from_nanos(nanos as u64)
    } else {
        Duration::MAX
    }
}

/// How many tokens come from one instant to the other; negative if that is earlier.
fn between(limit: f64, from: Instant, to: Instant) -> f64 {
    match to.checked_duration_since(from) {
        Some(time) => in_time(limit, time),
        None => -in_time(limit, from.duration_since(to)),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 tokens are more than anybody takes"
)]
fn count(n: usize) -> f64 {
    n as f64
}
