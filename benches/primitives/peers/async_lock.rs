//! `async_lock`, the locks of smol, on tokio and on smol's own executor.

use std::future::Future;

use crate::primitives as p;
use async_lock as a;

/// `async_lock::Mutex`.
pub type Mutex = a::Mutex<u64>;
/// `async_lock::RwLock`.
pub type RwLock = a::RwLock<u64>;
/// `async_lock::OnceCell`.
pub type OnceCell = a::OnceCell<u64>;

pub use async_lock::{Barrier, Semaphore};

impl p::Mutex for Mutex {
    type Guard<'a> = a::MutexGuard<'a, u64>;

    fn new() -> Self {
        Mutex::new(0)
    }

    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock()
    }
}

impl p::RwLock for RwLock {
    type Read<'a> = a::RwLockReadGuard<'a, u64>;
    type Write<'a> = a::RwLockWriteGuard<'a, u64>;

    fn new() -> Self {
        RwLock::new(0)
    }

    fn read(&self) -> impl Future<Output = Self::Read<'_>> + Send {
        self.read()
    }

    fn write(&self) -> impl Future<Output = Self::Write<'_>> + Send {
        self.write()
    }
}

impl p::Semaphore for Semaphore {
    type Permit<'a> = a::SemaphoreGuard<'a>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }

    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire()
    }
}

impl p::Once for OnceCell {
    fn new() -> Self {
        OnceCell::new()
    }

    fn get(&self) -> impl Future<Output = &u64> + Send {
        self.get_or_init(async || 1)
    }
}

impl p::Barrier for Barrier {
    fn new(parties: usize) -> Self {
        Barrier::new(parties)
    }

    async fn wait(&self) {
        self.wait().await;
    }
}
