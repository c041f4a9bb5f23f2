//! A page that shows what the program does: goroutines, Ps, threads, numbers and traces, live.
//!
//! # Examples
//!
//! ```
//! use marmot::prelude::*;
//! use marmot::debug;
//!
//! # marmot::block_on(async {
//! let server = debug::serve("localhost:0")?;         // ":6060" in a program
//! println!("look at http://{}/", server.local_addr());
//! # Ok::<(), std::io::Error>(()) }).unwrap();
//! ```

pub use marmot_trace::{PageBuilder, PageServer, page, serve};
