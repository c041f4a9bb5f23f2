//! Copying between streams, and a pipe in memory.

mod copy;
mod pipe;

pub use copy::{Copy, CopyBidirectional, copy, copy_bidirectional};
pub use pipe::{PipeReader, PipeWriter, pipe};
