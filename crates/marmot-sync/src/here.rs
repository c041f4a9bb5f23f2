//! Which of several copies of something is this thread's to use, so that threads seldom meet.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many threads can run at a time; asked once, since the answer takes microseconds.
pub(crate) fn processors() -> usize {
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    *PROCESSORS.get_or_init(|| thread::available_parallelism().map_or(1, usize::from))
}

/// The number of this P, or of this thread where there is none. Two threads may have the same:
/// so it says what is worth trying, and not what one owns.
#[inline]
pub(crate) fn here() -> usize {
    marmot_wait::lane().map_or_else(thread_number, |lane| lane as usize)
}

/// A small number for each thread.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        // ORDERING: Relaxed, only the numbers have to differ.
        static NUMBER: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    // A thread that is ending may use any copy.
    NUMBER.try_with(|number| *number).unwrap_or(0)
}
