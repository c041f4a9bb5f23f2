//! Readiness of sockets, on mio.
//!
//! ```text
//!   Evented ── try: would block ──▶ Source: waiting(waker) ◀── event ── Poller ◀── the kernel
//!      ▲                                                                   │
//!      └──────────────────────────── the waker ◀───────────────────────────┘
//! ```
//!
//! - [`Evented`]: a descriptor and the three steps try, wait until ready, try again.
//! - [`Poller`]: one for the process; collects events and wakes whom they concern.
//! - [`Seat`]: the place from which one runtime waits at the poller and is interrupted.
//! - [`sockets`], [`pipes`]: the descriptors themselves, which are mio's.
//!
//! - [`Spare`], [`PollFill`]: reads into memory that may be uninitialised, which the I/O traits of
//!   tokio and hyper hand out; features `tokio-io` and `hyper` have what those need.
//!
//! It knows of tasks only a `Waker`, and nothing of protocols or clocks. There is no
//! poller thread: machines of a scheduler with nothing to run sit in [`Seat::poll`]. A thread
//! of ours does so only while somebody waits and no runtime is there.

#![cfg_attr(not(any(feature = "hyper", feature = "tokio-io")), forbid(unsafe_code))]

mod descriptor;
mod evented;
mod fallback;
mod foreign;
mod kernel;
mod loom;
#[cfg(all(test, marmot_loom))]
mod models;
mod poller;
mod readiness;
mod registry;
mod seat;
mod source;
mod spare;
mod turns;
mod waiting;

#[cfg(unix)]
pub use descriptor::Any;
pub use descriptor::Descriptor;
pub use evented::{Evented, Expired, Expiry, Io};
pub use foreign::PollFill;
#[cfg(feature = "hyper")]
#[doc(hidden)]
pub use foreign::fill_hyper;
#[cfg(feature = "tokio-io")]
#[doc(hidden)]
pub use foreign::fill_tokio;
pub use mio::Interest;
/// TCP, UDP and Unix sockets that do not block: mio's.
pub use mio::net as sockets;
#[cfg(unix)]
/// Pipes that do not block: mio's.
pub use mio::unix::pipe as pipes;
pub use poller::Poller;
pub use readiness::Direction;
pub use seat::Seat;
pub use spare::Spare;
