//! Goroutines on threads: G, M and P.
//!
//! - **G**, a goroutine: a boxed future and its state ([`task`](crate), `task/`).
//! - **M**, a machine: a thread that runs goroutines (`machine.rs`). It needs a P to do so.
//! - **P**, a processor: the right to run, and a local queue (`processor.rs`). There are
//!   `max_procs` of them.
//!
//! ```text
//!     go!  wake                       ┌─────────── monitor ───────────┐
//!       │   │                         │ takes the P of a poll that     │
//!       ▼   ▼                         │ blocks or burns (`sysmon.rs`)  │
//!   P: runnext ◀─┐                    └───────────────┬───────────────┘
//!      queue  ───┼─▶ M polls G ─▶ waits, ends, or goes to the back
//!        ▲       │     │
//!     half of it │     └ nothing to do: looks at the global queue, the driver (timers,
//!     to a thief │       sockets), other Ps (`find.rs`, `steal.rs`), then sleeps (`sleep.rs`)
//!                │
//!   global queue ┘  spawns and wakes without a P, yields, what a retired P leaves
//! ```
//!
//! The protocols each have a file with their picture and their models: the task state
//! (`task/state.rs`), the lease of a P (`lease/`), idle and wake (`idle/`).
//!
//! This crate knows nothing of channels, clocks or sockets: those are behind [`Driver`], and
//! `Waker` is the only way to wake a goroutine.

mod loom;

pub mod events;
mod idle;
#[doc(hidden)]
pub mod lease;
mod task;

#[cfg(not(marmot_loom))]
mod batch;
#[cfg(not(marmot_loom))]
mod blocking;
#[cfg(not(marmot_loom))]
mod builder;
#[cfg(not(marmot_loom))]
mod calls;
#[cfg(not(marmot_loom))]
mod cpus;
#[cfg(not(marmot_loom))]
mod current;
#[cfg(not(marmot_loom))]
mod cycle;
#[cfg(not(marmot_loom))]
mod deadlock;
#[cfg(not(marmot_loom))]
mod debug;
#[cfg(not(marmot_loom))]
mod driver;
#[cfg(not(marmot_loom))]
pub mod dump;
#[cfg(not(marmot_loom))]
mod find;
#[cfg(not(marmot_loom))]
mod foreign;
#[cfg(not(marmot_loom))]
mod leftovers;
#[cfg(not(marmot_loom))]
mod longpoll;
#[cfg(not(marmot_loom))]
mod machine;
#[cfg(not(marmot_loom))]
pub mod metrics;
#[cfg(not(marmot_loom))]
mod names;
#[cfg(not(marmot_loom))]
mod processor;
#[cfg(not(marmot_loom))]
mod procs;
#[cfg(not(marmot_loom))]
mod registry;
#[cfg(not(marmot_loom))]
mod run_queue;
#[cfg(not(marmot_loom))]
mod runtime;
#[cfg(not(marmot_loom))]
mod scarcity;
#[cfg(not(marmot_loom))]
mod schedtrace;
#[cfg(not(marmot_loom))]
mod scope;
#[cfg(not(marmot_loom))]
mod shared;
#[cfg(not(marmot_loom))]
mod shared_with;
#[cfg(not(marmot_loom))]
mod sigquit;
#[cfg(not(marmot_loom))]
mod sleep;
#[cfg(not(marmot_loom))]
mod snapshot;
#[cfg(not(marmot_loom))]
mod steal;
#[cfg(not(marmot_loom))]
mod sysmon;
#[cfg(not(marmot_loom))]
mod tell;
#[cfg(not(marmot_loom))]
mod threads;

#[cfg(not(marmot_loom))]
pub use {
    builder::{Builder, Deadlock, Panic},
    cpus::num_cpu,
    current::{GoexitFuture, Gosched, goexit, gosched, set_name},
    driver::{Driver, Lane, NoDriver, until},
    dump::{Dump, Goroutine, GoroutineState, MachineStatus, Place, ProcStatus},
    metrics::{Histogram, Metrics},
    registry::OurThread,
    runtime::{Handle, Runtime, Stats},
    scope::{Scope, ScopedJoinHandle, scope},
    task::join::{AbortHandle, JoinError, JoinHandle},
};
