//! Mutex, RwLock, WaitGroup, Once, Cond, Semaphore and the rest of Go's sync, async and cancel-safe.
//!
//! Everything here waits without holding a thread, under any executor. Every future may be
//! dropped at any time: it leaves no waiter behind, and what it had been given (a lock, a
//! permit, a signal) goes to the next in line. Each operation that waits has a `_blocking`
//! twin for plain threads. Wakers are never called, and values of the program never dropped,
//! while a lock of this crate is held.
//!
//! There is no poisoning: a guard dropped by a panic releases its lock, as Go's deferred
//! `Unlock` does. Forgetting a guard is safe; the lock then stays taken.

#[macro_use]
mod loom;

mod barrier;
mod cond;
mod fatal;
mod fought;
mod here;
mod holder;
mod line;
mod map;
mod mutex;
mod notify;
mod once;
mod panics;
mod pool;
mod rwlock;
mod semaphore;
pub mod singleflight;
mod spawn;
mod wait_group;

/// The atomic types of the standard library, under Go's name for them.
pub use std::sync::atomic;

pub use barrier::{Barrier, BarrierWait, BarrierWaitResult};
pub use cond::{Cond, CondWait, Relock};
pub use map::Map;
pub use mutex::{Lock, LockOwned, Mutex, MutexGuard, OwnedMutexGuard};
pub use notify::{Notified, Notify};
pub use once::{Once, OnceCell, OnceValue};
pub use pool::Pool;
pub use rwlock::{
    OwnedRwLockReadGuard, OwnedRwLockWriteGuard, Read, ReadOwned, RwLock, RwLockReadGuard,
    RwLockWriteGuard, Write, WriteOwned,
};
pub use semaphore::{Acquire, AcquireOwned, OwnedPermit, Permit, Semaphore};
pub use wait_group::{Wait, WaitGroup, WaitGroupGuard};
