//! The only door to the tree's atomics and locks: std's, or loom's in a model.
//!
//! Reference counts stay std's: loom has no weak ones, and what the models look for is in
//! which order the tree's steps happen, which is decided at its locks.

use std::future::Future;
use std::pin::Pin;

#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::{AtomicU8, Ordering};
#[cfg(not(marmot_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(marmot_loom)]
pub(crate) use loom::sync::atomic::{AtomicU8, Ordering};
#[cfg(marmot_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard};

/// Runs a future on a thread of its own.
#[cfg(not(marmot_loom))]
pub(crate) fn on_a_thread(future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    drop(std::thread::spawn(move || {
        marmot_wait::park::block_on(future)
    }));
}

/// In a model it runs at once: models are about who starts it, not about what it does.
#[cfg(marmot_loom)]
pub(crate) fn on_a_thread(future: Pin<Box<dyn Future<Output = ()> + Send>>) {
    marmot_wait::park::block_on(future);
}
