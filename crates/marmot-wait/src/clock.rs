//! The process's monotonic clock, in nanoseconds since it was first asked.
//!
//! Timers, the monitor and dumps speak of the same instants, so they share the origin.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

static ORIGIN: OnceLock<Instant> = OnceLock::new();

fn origin() -> Instant {
    *ORIGIN.get_or_init(Instant::now)
}

/// Nanoseconds since the origin.
#[inline]
#[must_use]
pub fn now_ns() -> u64 {
    ns_of(Instant::now())
}

/// This instant in nanoseconds since the origin; 0 for one before it, `u64::MAX` for one
/// more than 584 years after it.
#[must_use]
pub fn ns_of(at: Instant) -> u64 {
    u64::try_from(at.saturating_duration_since(origin()).as_nanos()).unwrap_or(u64::MAX)
}

/// The instant that many nanoseconds after the origin, if there is one.
#[must_use]
pub fn instant_of(ns: u64) -> Option<Instant> {
    origin().checked_add(Duration::from_nanos(ns))
}
