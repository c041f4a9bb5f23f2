//! Every runtime of the process: for dumps from outside, and to tell our threads from others.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

/// Threads of all runtimes: machines and monitors.
// ORDERING: Relaxed, a count for a report.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// A thread of ours, counted while this lives.
#[derive(Debug)]
pub(crate) struct OurThread(());

impl OurThread {
    pub(crate) fn new() -> OurThread {
        // ORDERING: Relaxed, a count for a report.
        THREADS.fetch_add(1, Ordering::Relaxed);
        OurThread(())
    }
}

impl Drop for OurThread {
    fn drop(&mut self) {
        THREADS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many threads of the process belong to runtimes.
pub(crate) fn threads() -> usize {
    THREADS.load(Ordering::Relaxed)
}

/// Runtimes that have not been shut down.
// ORDERING: Relaxed, a count for a report.
static RUNTIMES: AtomicUsize = AtomicUsize::new(0);

/// A runtime, counted while this lives.
#[derive(Debug)]
pub(crate) struct OurRuntime(());

impl OurRuntime {
    pub(crate) fn new() -> OurRuntime {
        RUNTIMES.fetch_add(1, Ordering::Relaxed);
        OurRuntime(())
    }
}

impl Drop for OurRuntime {
    fn drop(&mut self) {
        RUNTIMES.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many runtimes the process has.
pub(crate) fn runtimes() -> usize {
    RUNTIMES.load(Ordering::Relaxed)
}

/// The number of the next runtime, from 1.
// ORDERING: Relaxed, a counter.
static NEXT: AtomicU8 = AtomicU8::new(1);

/// A number for a runtime; the 255th and later ones share the last.
pub(crate) fn next_number() -> u8 {
    let taken = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |next| {
        next.checked_add(1)
    });
    taken.unwrap_or(u8::MAX)
}
