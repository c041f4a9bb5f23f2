//! Every runtime of the process: for dumps from outside, and to tell our threads from others.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use marmot_wait::held;

use crate::shared::Shared;
use crate::threads::sys;

/// Threads of all runtimes, machines and monitors, by the kernel's numbers. A leaf.
static THREADS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

fn numbers() -> MutexGuard<'static, BTreeSet<i32>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This thread is ours and wakes no goroutine of its own accord, as long as this lives: beside such
/// threads only, a deadlock is certain.
#[doc(hidden)]
#[derive(Debug)]
pub struct OurThread(i32);

impl OurThread {
    /// To be made on the thread, and dropped there.
    #[must_use]
    #[expect(
        clippy::new_without_default,
        reason = "it counts; nothing is made by default"
    )]
    pub fn new() -> OurThread {
        let number = sys::gettid();
        numbers().insert(number);
        OurThread(number)
    }
}

impl Drop for OurThread {
    fn drop(&mut self) {
        numbers().remove(&self.0);
    }
}

/// The threads that belong to runtimes.
pub(crate) fn threads() -> BTreeSet<i32> {
    numbers().clone()
}

/// Runtimes that have not been shut down. A leaf: nothing is called under it.
static RUNTIMES: Mutex<Vec<&'static Shared>> = Mutex::new(Vec::new());

fn list() -> MutexGuard<'static, Vec<&'static Shared>> {
    RUNTIMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A runtime, listed while this lives.
pub(crate) struct OurRuntime(&'static Shared);

impl OurRuntime {
    pub(crate) fn new(shared: &'static Shared) -> OurRuntime {
        list().push(shared);
        OurRuntime(shared)
    }
}

impl Drop for OurRuntime {
    fn drop(&mut self) {
        list().retain(|shared| !std::ptr::eq(*shared, self.0));
    }
}

/// The runtimes of the process.
pub(crate) fn all() -> Vec<&'static Shared> {
    list().clone()
}

/// The number of the next runtime, from 1.
// ORDERING: Relaxed, a counter.
static NEXT: AtomicU8 = AtomicU8::new(1);

/// What to add to the numbers of a runtime's goroutines, nothing for the first.
pub(crate) fn next_whose() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // ORDERING: Relaxed, a counter.
    held::number(NEXT.fetch_add(1, Ordering::Relaxed), 0)
}

/// A number for a runtime; the 255th and later ones share the last.
pub(crate) fn next_number() -> u8 {
    let taken = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
        next.checked_add(1)
    });
    taken.unwrap_or(u8::MAX)
}
