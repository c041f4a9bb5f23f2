//! Marmot: an async runtime with Go's concurrency model.
//!
//! `go!` starts a goroutine: a boxed future that a G-M-P scheduler runs over as many threads
//! as there are CPUs. Goroutines talk through channels and [`select!`]; a goroutine that blocks
//! its thread or burns its CPU does not hold up the others.
//!
//! ```
//! use marmot::prelude::*;
//!
//! #[marmot::main]
//! async fn main() {
//!     let (tx, rx) = chan(0);
//!     for id in 0..3 {
//!         go!([tx], async move {
//!             tx.send(format!("hello from {id}")).await.unwrap();
//!         });
//!     }
//!     drop(tx);
//!     while let Some(greeting) = rx.recv().await {
//!         println!("{greeting}");
//!     }
//! }
//! ```
//!
//! The modules have the names of Go's packages: [`chan`](mod@chan), [`sync`], [`time`],
//! [`context`], [`net`], [`fs`], [`process`], [`signal`], [`runtime`].

#![forbid(unsafe_code)]

pub mod debug;
mod entry;
mod go;
pub mod io;
pub mod prelude;
mod reactor;
pub mod runtime;
#[cfg(unix)]
pub mod signal;
pub mod sync;
pub mod trace;

/// Channels and the engine of `select!`.
pub use marmot_chan as chan;
pub use marmot_chan::{Chan, Receiver, Select, Sender, chan, select};
/// Cancellation, deadlines and values after Go's context.
pub use marmot_context as context;
pub use marmot_context::{Cancel, Context, ContextError, errgroup, rate};
pub use marmot_macros::{main, test};
/// TCP, UDP and Unix sockets.
pub use marmot_net as net;
/// Files and directories.
pub use marmot_os::fs;
/// Child processes.
#[cfg(unix)]
pub use marmot_os::process;
pub use marmot_scheduler::{AbortHandle, Deadlock, JoinError, JoinHandle, Panic};
pub use marmot_sync::singleflight;
/// Sleep, timers, tickers, timeouts.
pub use marmot_time as time;
pub use runtime::{Builder, Handle, Runtime, block_on, spawn};

/// What the macros need. Not for programs.
#[doc(hidden)]
pub mod __private {
    pub use crate::entry::{Options, main, test};
    pub use crate::go::{KindClosure, KindFuture, Of};
}

/// The texts that show code, checked as documentation tests.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../README.md")]
    mod readme {}
    #[doc = include_str!("../../../docs/FROM_GO.md")]
    mod from_go {}
    #[doc = include_str!("../../../docs/TRACES.md")]
    mod traces {}
}
