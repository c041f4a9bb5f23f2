//! The only door to atomics and cells: std's, or loom's in a model.

#[cfg(not(marmot_loom))]
pub(crate) use std::cell::UnsafeCell;
#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering, fence};

#[cfg(marmot_loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(marmot_loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering, fence,
};

#[cfg(not(marmot_loom))]
pub(crate) use std::hint::spin_loop;

#[cfg(marmot_loom)]
pub(crate) use loom::thread::yield_now as spin_loop;

#[cfg(marmot_loom)]
mod block {
    //! What stands in for a latch that spins: loom's mutex, its guard kept beside it.

    #![expect(unsafe_code, reason = "a guard outlives the call that made it")]

    use std::cell::UnsafeCell;

    use loom::sync::{Mutex, MutexGuard};

    #[expect(missing_debug_implementations, reason = "for models only")]
    pub struct Block {
        /// Before the mutex, so that it is dropped first.
        guard: UnsafeCell<Option<MutexGuard<'static, ()>>>,
        mutex: Box<Mutex<()>>,
    }

    // SAFETY: the guard is only touched by whoever holds the mutex.
    unsafe impl Send for Block {}
    // SAFETY: as above.
    unsafe impl Sync for Block {}

    impl Block {
        pub(crate) fn new() -> Block {
            Block {
                guard: UnsafeCell::new(None),
                mutex: Box::default(),
            }
        }

        pub(crate) fn acquire(&self) {
            let guard = self.mutex.lock().expect("nothing panics under it");
            // SAFETY: only the lifetime changes: the mutex is boxed and outlives the guard.
            let guard: MutexGuard<'static, ()> = unsafe { std::mem::transmute(guard) };
            // SAFETY: we hold the mutex.
            unsafe { *self.guard.get() = Some(guard) };
        }

        pub(crate) fn acquire_another(&self) {
            self.acquire();
        }

        pub(crate) unsafe fn release(&self) {
            // SAFETY: the caller holds the mutex.
            let guard = unsafe { (*self.guard.get()).take() };
            drop(guard);
        }
    }
}

#[cfg(marmot_loom)]
pub(crate) use block::Block;
