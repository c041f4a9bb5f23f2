//! Short names for the durations that programs write.

use std::time::Duration;

/// So many milliseconds.
///
/// # Examples
///
/// ```
/// assert_eq!(marmot_time::ms(1500), std::time::Duration::from_millis(1500));
/// ```
#[must_use]
pub const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// So many seconds.
///
/// # Examples
///
/// ```
/// assert_eq!(marmot_time::secs(2), std::time::Duration::from_secs(2));
/// ```
#[must_use]
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
