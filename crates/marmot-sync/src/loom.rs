//! The only door to atomics and the inner lock: std's and a latch, or loom's in a model.

#[cfg(marmot_loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
#[cfg(marmot_loom)]
pub(crate) use loom::sync::{Mutex as InnerMutex, MutexGuard as InnerGuard};
#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

#[cfg(not(marmot_loom))]
pub(crate) use marmot_wait::{Latch, LatchGuard};
#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::fence;

#[cfg(marmot_loom)]
pub(crate) use loom::{cell::UnsafeCell, sync::atomic::fence};

/// loom's cell, without loom.
#[cfg(not(marmot_loom))]
pub(crate) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(marmot_loom))]
impl<T> UnsafeCell<T> {
    #[inline]
    pub(crate) const fn new(value: T) -> UnsafeCell<T> {
        UnsafeCell(std::cell::UnsafeCell::new(value))
    }

    #[inline]
    pub(crate) fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    #[inline]
    pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// The latch in a model; it has a model of its own.
#[cfg(marmot_loom)]
pub(crate) struct Latch<T>(InnerMutex<T>);
#[cfg(marmot_loom)]
pub(crate) use InnerGuard as LatchGuard;

#[cfg(marmot_loom)]
impl<T> Latch<T> {
    pub(crate) fn new(value: T) -> Latch<T> {
        Latch(InnerMutex::new(value))
    }

    pub(crate) fn lock(&self) -> LatchGuard<'_, T> {
        self.0.lock().expect("nothing panics in a model")
    }
}

/// loom knows SeqCst of fences only, and takes an access that is SeqCst for one that acquires
/// or releases. In a model this stands between two of them.
#[inline]
pub(crate) fn fence_in_models() {
    // ORDERING: SeqCst, as the accesses it stands for.
    #[cfg(marmot_loom)]
    fence(Ordering::SeqCst);
}

#[cfg(not(marmot_loom))]
pub(crate) use marmot_wait::pause;

#[cfg(marmot_loom)]
pub(crate) fn pause(_: u32) {
    loom::thread::yield_now();
}

/// A thread-local without a destructor, or one for each thread of a model.
macro_rules! per_thread {
    ($(#[$attr:meta])* static $name:ident: $type:ty = $value:expr;) => {
        #[cfg(not(marmot_loom))]
        std::thread_local! { $(#[$attr])* static $name: $type = const { $value } }

        #[cfg(marmot_loom)]
        loom::thread_local! { $(#[$attr])* static $name: $type = $value }
    };
}

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
