//! The only door to atomics, locks and fences: std's, or loom's in a model.

#[cfg(not(marmot_loom))]
pub(crate) use std::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicU8, AtomicU32, AtomicUsize, fence},
};

#[cfg(marmot_loom)]
pub(crate) use loom::sync::{
    Condvar, Mutex, MutexGuard,
    atomic::{AtomicU8, AtomicU32, AtomicUsize, fence},
};

/// How many threads may count waits without getting into each other's way; as few as show something
/// in a model.
#[cfg(not(marmot_loom))]
pub(crate) const SHARDS: usize = 8;
#[cfg(marmot_loom)]
pub(crate) const SHARDS: usize = 2;

/// Takes a lock under which nothing of ours panics, so that poison means nothing.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
