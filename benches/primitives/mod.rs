//! What a library of locks must offer to take part: one trait for each primitive.
//!
//! As with runtimes and channels, everything is a plain function of a type, so that the rows
//! are compiled once for each peer. Part of the target, and not of the library, so that
//! libraries' own types can take part as they are.

#![allow(unreachable_pub, reason = "the root here is a target")]

pub mod peers;
pub mod rows;

use std::future::Future;
use std::ops::{Deref, DerefMut};

use benches::peer::Runtime;

/// One at a time.
pub trait Mutex: Send + Sync + 'static {
    /// The lock, held.
    type Guard<'a>: DerefMut<Target = u64> + Send;

    /// A free one, around 0.
    fn new() -> Self;

    /// Waits for it.
    fn lock(&self) -> impl Future<Output = Self::Guard<'_>> + Send;
}

/// Many readers or one writer.
pub trait RwLock: Send + Sync + 'static {
    /// The lock, held by a reader.
    type Read<'a>: Deref<Target = u64> + Send;
    /// The lock, held by a writer.
    type Write<'a>: DerefMut<Target = u64> + Send;

    /// A free one, around 0.
    fn new() -> Self;

    /// Waits to read.
    fn read(&self) -> impl Future<Output = Self::Read<'_>> + Send;

    /// Waits to write.
    fn write(&self) -> impl Future<Output = Self::Write<'_>> + Send;
}

/// So many at a time.
pub trait Semaphore: Send + Sync + 'static {
    /// One permit.
    type Permit<'a>: Send;

    /// So many permits.
    fn new(permits: usize) -> Self;

    /// Waits for one.
    fn acquire(&self) -> impl Future<Output = Self::Permit<'_>> + Send;
}

/// Work that is done once; here the work is to count itself.
pub trait Once: Send + Sync + 'static {
    /// Nothing done.
    fn new() -> Self;

    /// Sees to it that it is done, and gives what it made: 1.
    fn get(&self) -> impl Future<Output = &u64> + Send;
}

/// A count of those at work, and a wait for the last of them.
pub trait Counter: Clone + Send + Sync + 'static {
    /// Nobody.
    fn new() -> Self;

    /// One begins.
    fn begin(&self);

    /// One ends.
    fn end(&self);

    /// Waits until nobody is at work.
    fn wait(&self) -> impl Future<Output = ()> + Send;
}

/// Tasks started together and waited for together.
pub trait Crew: 'static {
    /// Starts so many tasks that do nothing, and waits until all have ended.
    fn eight<R: Runtime>() -> impl Future<Output = ()> + Send;
}

/// Tells one who waits, now or next.
pub trait Notify: Send + Sync + 'static {
    /// Nothing happened.
    fn new() -> Self;

    /// Tells one.
    fn notify(&self);

    /// Waits to be told.
    fn notified(&self) -> impl Future<Output = ()> + Send;
}

/// Where some wait for each other.
pub trait Barrier: Send + Sync + 'static {
    /// For so many.
    fn new(parties: usize) -> Self;

    /// Waits for the others.
    fn wait(&self) -> impl Future<Output = ()> + Send;
}

/// A map that many change.
pub trait Map: Send + Sync + 'static {
    /// An empty one.
    fn new() -> Self;

    /// The value of a key.
    fn load(&self, key: u64) -> Option<u64>;

    /// Sets the value of a key.
    fn store(&self, key: u64, value: u64);

    /// The value of a key, set to this one if it has none.
    fn load_or_store(&self, key: u64, value: u64) -> u64;

    /// Takes a key out.
    fn delete(&self, key: u64);
}

/// Things that are used again.
pub trait Pool: Send + Sync + 'static {
    /// An empty one that makes buffers of so many bytes.
    fn new(bytes: usize) -> Self;

    /// Takes a buffer, uses it, and gives it back.
    fn with<T>(&self, f: impl FnOnce(&mut [u8]) -> T) -> T;
}
