//! The only door to atomics and cells: std's, or loom's in a model.

#[cfg(not(marmot_loom))]
pub(crate) use std::cell::UnsafeCell;
#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

#[cfg(marmot_loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(marmot_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// Lets whoever holds what we wait for go on; `turn` counts the times we have asked.
#[cfg(not(marmot_loom))]
#[cold]
pub(crate) fn pause(turn: u32) {
    use std::time::Duration;

    /// Turns spent in the processor's pause instruction: about a microsecond, which is
    /// longer than any stretch under a channel's lock.
    const SPIN: u32 = 40;
    /// Turns that offer the core to another thread: the holder has lost its core.
    const YIELD: u32 = 80;

    if turn < SPIN {
        std::hint::spin_loop();
    } else if turn < YIELD {
        std::thread::yield_now();
    } else {
        std::thread::sleep(Duration::from_micros(50));
    }
}

#[cfg(marmot_loom)]
pub(crate) fn pause(_turn: u32) {
    loom::thread::yield_now();
}
