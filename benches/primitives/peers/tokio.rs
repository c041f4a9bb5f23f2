//! `tokio::sync`, and from tokio-util what it calls a wait group.

use std::future::Future;

use crate::primitives as p;
use benches::peer::Runtime;
use tokio::sync;
use tokio::task::JoinSet;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// `tokio::sync::Mutex`.
pub type Mutex = sync::Mutex<u64>;
/// `tokio::sync::RwLock`.
pub type RwLock = sync::RwLock<u64>;
/// `tokio::sync::OnceCell`.
pub type OnceCell = sync::OnceCell<u64>;

pub use tokio::sync::{Barrier, Notify, Semaphore};

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
    type Permit<'a> = sync::SemaphorePermit<'a>;

    fn new(permits: usize) -> Self {
        Semaphore::new(permits)
    }

    async fn acquire(&self) -> Self::Permit<'_> {
        self.acquire().await.expect("nobody closes it")
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

/// `tokio_util::task::TaskTracker`, closed, so that it can be waited for.
#[derive(Clone, Debug)]
pub struct Tracker(TaskTracker);

impl Tracker {
    fn token(&self) -> TaskTrackerToken {
        self.0.token()
    }
}

impl p::Counter for Tracker {
    fn new() -> Self {
        let tracker = TaskTracker::new();
        tracker.close();
        Self(tracker)
    }

    fn begin(&self) {}

    /// It counts tokens: one that is made and dropped has begun and ended.
    fn end(&self) {
        drop(self.token());
    }

    async fn wait(&self) {
        self.0.wait().await;
    }
}

/// `tokio_util::task::TaskTracker`, for tasks that are waited for together.
impl p::Crew for Tracker {
    async fn eight<R: Runtime>() {
        let tracker = TaskTracker::new();
        for _ in 0..8 {
            R::go(tracker.track_future(async {}));
        }
        tracker.close();
        tracker.wait().await;
    }
}

/// `tokio::task::JoinSet`.
#[derive(Debug)]
pub struct Set;

impl p::Crew for Set {
    async fn eight<R: Runtime>() {
        let mut set = JoinSet::new();
        for _ in 0..8 {
            set.spawn(async {});
        }
        while set.join_next().await.is_some() {}
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
