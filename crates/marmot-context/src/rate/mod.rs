//! How often something may happen: after Go's `x/time/rate`.
//!
//! - [`Limiter`], [`Reservation`]: so many events a second, with bursts.
//! - [`Sometimes`]: the first few, every so many, or once in a while.
//! - [`INF`], [`every`]: rates.

mod bucket;
mod limiter;
mod sometimes;
mod wait;

pub use bucket::{INF, every};
pub use limiter::{Limiter, Reservation};
pub use sometimes::Sometimes;
pub use wait::WaitError;
