//! What goroutines do, as a file for a viewer: traces, and the last seconds.
//!
//! Nothing has to be built in a special way: recording is always there, and costs a load and a
//! branch where nobody records.
//!
//! # Examples
//!
//! ```
//! use marmot::prelude::*;
//! use marmot::trace;
//!
//! # let path = std::env::temp_dir().join(format!("marmot-facade-{}.pftrace", std::process::id()));
//! # marmot::block_on(async {
//! trace::start(&path)?;
//! go!(async {
//!     let _region = trace::region("greet");
//!     trace::log("hello");
//! }).await.unwrap();
//! let summary = trace::stop()?;
//! println!("{} events; open the file at https://ui.perfetto.dev", summary.events);
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), std::io::Error>(()) }).unwrap();
//! ```

pub use marmot_trace::{
    FlightBuilder, FlightRecorder, Region, Run, Snapshot, Summary, Task, is_enabled, log, region,
    start, start_to, stop, task,
};
