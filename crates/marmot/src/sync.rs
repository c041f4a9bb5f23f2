//! Mutex, RwLock, WaitGroup and the rest of Go's sync, with errgroup and rate beside them.

pub use marmot_context::{errgroup, rate};
pub use marmot_sync::*;
