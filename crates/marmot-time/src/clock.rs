//! From durations and instants to deadlines, and back.
//!
//! A deadline is nanoseconds of `marmot_wait::clock`; `u64::MAX` is never, and 0 has always
//! passed.

use std::time::{Duration, Instant};

/// A deadline that never comes.
pub(crate) const NEVER: u64 = u64::MAX;
/// A deadline that has come.
pub(crate) const PAST: u64 = 0;

pub(crate) use marmot_wait::clock::{now_ns, ns_of};

/// A duration in nanoseconds; 584 years and more are for ever.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(NEVER)
}

/// The deadline that is this far from now.
pub(crate) fn after(duration: Duration) -> u64 {
    match nanos(duration) {
        0 => PAST,
        NEVER => NEVER,
        ns => now_ns().saturating_add(ns),
    }
}

/// The deadline at this instant.
pub(crate) fn at(instant: Instant) -> u64 {
    unless_past(ns_of(instant))
}

/// The same deadline, or one that has come, if it has.
pub(crate) fn unless_past(deadline: u64) -> u64 {
    if deadline <= now_ns() { PAST } else { deadline }
}

/// When the next value is due: whole periods after this one, and after now. `None` without a
/// period.
pub(crate) fn next_tick(due: u64, period: u64, now: u64) -> Option<u64> {
    let missed = (now - due).checked_div(period)?;
    Some(due.saturating_add(period.saturating_mul(missed.saturating_add(1))))
}
