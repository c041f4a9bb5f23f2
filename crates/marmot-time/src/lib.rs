//! Sleep, timeout, Timer, Ticker and after, on per-P timer queues.
//!
//! - [`sleep()`], [`sleep_until`], [`timeout()`], [`timeout_at`]: futures that know the time.
//! - [`Timer`], [`Ticker`], [`after_func`]: Go's timers, with the rules of Go 1.23.
//! - [`after`], [`tick`]: deadlines as channels.
//! - [`ms`], [`secs`]: durations in short; [`Duration`] and [`Instant`] are std's.
//! - [`lanes`], [`Group`]: for those who write a runtime.
//!
//! What holds everywhere here:
//!
//! - Nothing fires early. `Duration::MAX` is never; zero is at once.
//! - A timer costs nothing after it was stopped or dropped, beyond a bounded number of nodes
//!   of sixteen bytes.
//! - Everything works under any executor and on plain threads. On a thread that serves a P
//!   timers live in that P's queue; elsewhere a thread of ours serves them.

#![forbid(unsafe_code)]

mod after;
mod alarm;
mod announce;
mod background;
mod clock;
mod coalesce;
mod far;
mod func;
mod group;
pub mod lanes;
mod loom;
#[cfg(all(test, marmot_loom))]
mod models;
mod queue;
mod sleep;
mod ticker;
mod timeout;
mod timer;
mod units;

pub use std::time::{Duration, Instant};

pub use after::{after, tick};
pub use func::{AfterFunc, after_func};
pub use group::Group;
pub use sleep::{Sleep, sleep, sleep_until};
pub use ticker::Ticker;
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
pub use timer::{Recv, Timer};
pub use units::{ms, secs};
