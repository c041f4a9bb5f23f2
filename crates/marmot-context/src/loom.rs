//! The only door to the tree's atomics and lock: std's, or loom's in a model.
//!
//! Reference counts stay std's: loom has no weak ones, and what the models look for is in
//! which order the tree's steps happen, which is decided at its locks.

#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::{AtomicU8, Ordering};
#[cfg(not(marmot_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(marmot_loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, Ordering};
#[cfg(marmot_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};
