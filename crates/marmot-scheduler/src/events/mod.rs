//! What happened: each thread writes it into a ring of its own, and a reader looks on.
//!
//! ```text
//!   machine, monitor, foreign thread                    reader (a trace, the flight recorder)
//!   ────────────────────────────────                    ──────
//!   somebody records?  no: one load, one branch         drains every ring: copies, then looks
//!   yes: time, what, who, two numbers ──▶ own ring ──▶  how far the writer has come meanwhile
//!        (four stores and a count, no lock)             and counts what was overwritten as lost
//! ```
//!
//! The rings belong to threads and not to Ps: a P changes hands in the middle of a poll, and
//! each of the two machines goes on recording. What ran on which P is in the records. As Go
//! since 1.22, which has its buffers in the Ms; the ring that overwrites is ours.
//!
//! Nobody waits for a reader. Whoever finds no ring (too many threads) counts the event lost.
//!
//! Why: decision 0022.

mod ring;

#[cfg(all(test, marmot_loom))]
mod models;

#[cfg(not(marmot_loom))]
mod record;
#[cfg(not(marmot_loom))]
mod registry;
#[cfg(not(marmot_loom))]
mod ticks;

#[cfg(not(marmot_loom))]
pub(crate) use record::{
    block_begins, block_ended, created, long_poll, netpolled, proc_started, proc_stopped, retaken,
    started, stolen, stopped, timers_fired, woken,
};
#[cfg(not(marmot_loom))]
pub use {
    record::{
        Event, Kind, ProcId, Stopped, Woken, log, on, region_begins, region_ends, task_begins,
        task_ends,
    },
    registry::{Batch, Reader, Record, ThreadEvents},
    ticks::{Anchor, Rate, ticks},
};
