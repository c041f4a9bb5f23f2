//! Marmot's locks. They run under any executor, so they take part twice.

use std::future::Future;

use crate::primitives as p;
use benches::peer::Runtime;
use marmot::sync;

/// `marmot::sync::Mutex`.
pub type Mutex = sync::Mutex<u64>;
/// `marmot::sync::RwLock`.
pub type RwLock = sync::RwLock<u64>;
/// `marmot::sync::OnceCell`.
pub type OnceCell = sync::OnceCell<u64>;
/// `marmot::sync::Map`.
pub type Map = sync::Map<u64, u64>;
/// `marmot::sync::Pool`.
pub type Pool = sync::Pool<Vec<u8>>;

pub use marmot::sync::{Barrier, Notify, Semaphore, WaitGroup};

impl p::Mutex for Mutex {
    type Guard<'a> = sync::MutexGuard<'a, u64>;

    fn new() -> Self {
        Mutex::new(0)
    }

    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send {
        self.lock()
    }
}

impl p::RwLock for RwLock {
    type Read<'a> = sync::RwLockReadGuard<'a, u64>;
    type Write<'a> = sync::RwLockWriteGuard<'a, u64>;

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
    type Permit<'a> = sync::Permit<'a>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }

    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send {
        self.acquire(1)
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

impl p::Counter for WaitGroup {
    fn new() -> Self {
        WaitGroup::new()
    }

    fn begin(&self) {
        self.add(1);
    }

    fn end(&self) {
        self.done();
    }

    fn wait(&self) -> impl Future<Output = ()> + Send {
        self.wait()
    }
}

impl p::Crew for WaitGroup {
    async fn eight<R: Runtime>() {
        let group = WaitGroup::new();
        for _ in 0..8 {
            let guard = group.guard();
            R::go(async move { drop(guard) });
        }
        group.wait().await;
    }
}

impl p::Notify for Notify {
    fn new() -> Self {
        Notify::new()
    }

    fn notify(&self) {
        self.notify_one();
    }

    fn notified(&self) -> impl Future<Output = ()> + Send {
        self.notified()
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

impl p::Map for Map {
    fn new() -> Self {
        Map::new()
    }

    fn load(&self, key: u64) -> Option<u64> {
        self.load(&key)
    }

    fn store(&self, key: u64, value: u64) {
        self.store(key, value);
    }

    fn load_or_store(&self, key: u64, value: u64) -> u64 {
        self.load_or_store(key, value).0
    }

    fn delete(&self, key: u64) {
        self.delete(&key);
    }
}

impl p::Pool for Pool {
    fn new(bytes: usize) -> Self {
        Pool::new(move || vec![0; bytes])
    }

    fn with<T>(&self, f: impl FnOnce(&mut [u8]) -> T) -> T {
        let mut buffer = self.get();
        let result = f(&mut buffer);
        self.put(buffer);
        result
    }
}
