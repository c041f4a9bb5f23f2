//! Cancellation, deadlines and values after Go's context, and groups of goroutines.
//!
//! - [`Context`], [`Cancel`]: who may still want the answer, until when, and what came with
//!   the question.
//! - [`ambient`]: the context of the present goroutine, inherited by those it starts.
//! - [`errgroup`]: goroutines that fail together.
//! - [`rate`]: how often something may happen.
//!
//! What holds everywhere here:
//!
//! - When a cancel returns, every descendant has ended.
//! - An earlier deadline above wins.
//! - A context that nobody can see is freed at once, and its timer with it. No goroutine
//!   waits on behalf of a context.
//! - Wakers are called, functions started and the program's values dropped with no lock held.
//! - Everything works under any executor and on plain threads.

#![forbid(unsafe_code)]

pub mod ambient;
mod cancel;
mod context;
mod deadline;
mod done;
pub mod errgroup;
mod error;
mod frame;
mod func;
mod loom;
#[cfg(all(test, marmot_loom))]
mod models;
pub mod rate;
mod run;
mod spawn;
mod tree;
mod value;

pub use ambient::Scoped;
pub use cancel::Cancel;
pub use context::Context;
pub use done::Done;
pub use error::{Cause, ContextError};
pub use func::Stop;
pub use run::Run;
