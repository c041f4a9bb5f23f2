//! The only door to atomics and the inner lock: std's, or loom's in a model.

#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
#[cfg(not(marmot_loom))]
pub(crate) use std::sync::{Mutex as InnerMutex, MutexGuard as InnerGuard};

#[cfg(marmot_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
#[cfg(marmot_loom)]
pub(crate) use loom::sync::{Mutex as InnerMutex, MutexGuard as InnerGuard};

/// Makes a constructor `const`, except in a model: loom's types are made at run time.
macro_rules! const_fn {
    ($(#[$attr:meta])* $vis:vis const fn $($rest:tt)*) => {
        #[cfg(not(marmot_loom))]
        $(#[$attr])*
        $vis const fn $($rest)*

        #[cfg(marmot_loom)]
        $(#[$attr])*
        $vis fn $($rest)*
    };
}

/// The present in nanoseconds; only asked on slow paths.
#[cfg(not(marmot_loom))]
pub(crate) fn now_ns() -> u64 {
    marmot_wait::clock::now_ns()
}

/// In a model time stands still until the model moves it.
#[cfg(marmot_loom)]
pub(crate) fn now_ns() -> u64 {
    model_time::NOW_NS.with(std::cell::Cell::get)
}

/// The clock of a model. loom runs the threads of a model on one thread of the system, so
/// they share it.
#[cfg(marmot_loom)]
pub(crate) mod model_time {
    use std::cell::Cell;

    thread_local! {
        pub(super) static NOW_NS: Cell<u64> = const { Cell::new(0) };
    }

    /// Lets everybody who waits have waited for a second more.
    #[cfg(test)]
    pub(crate) fn pass_a_second() {
        NOW_NS.with(|now| now.set(now.get() + 1_000_000_000));
    }
}
