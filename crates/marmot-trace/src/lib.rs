//! What goroutines do, to look at: traces, the last seconds, a page.
//!
//! ```text
//!   scheduler::events ──▶ collect ──▶ story ──┬──▶ perfetto ──▶ start/stop: a file
//!   (rings of threads)    one order,  slices, ├──▶ perfetto ──▶ FlightRecorder::write_to
//!                         nanoseconds  arrows └──▶ runs, for pictures
//! ```
//!
//! - [`start`], [`stop`]: a trace of the whole program into a file for Perfetto.
//! - [`FlightRecorder`]: the last seconds, kept in memory until they are asked for.
//! - [`serve`]: a page that shows it all, live.
//! - [`region`], [`task`], [`log`]: what the program says about itself in both.
//!
//! No feature and no compiler flag turns recording on: it is always there, and costs a load
//! and a branch where nobody records.

#![forbid(unsafe_code)]

mod collect;
mod flight;
mod page;
mod perfetto;
mod proto;
mod said;
mod session;
mod story;
mod texts;

pub use flight::{FlightBuilder, FlightRecorder, Run, Snapshot};
pub use page::{PageBuilder, PageServer, page, serve};
pub use said::{Region, Task, is_enabled, log, region, task};
pub use session::{Summary, start, start_to, stop};
