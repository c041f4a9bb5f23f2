//! Things that are expensive to make, kept to be used again.
//!
//! ```text
//!   one shelf per P:   private │ shared: oldest ... newest │ old
//!                        ▲            ▲            ▲         ▲
//!    put, get here ──────┴────────────│────────────┘         │
//!    get from elsewhere ──────────────┘      last resort ────┘
//! ```
//!
//! After Go's `sync.Pool`, but nothing is thrown away behind the program's back: there is no
//! collector that could call for it. [`trim`](Pool::trim) does it instead.

use std::collections::VecDeque;
use std::fmt;

use marmot_wait::Latch;

use crate::here::{here, processors};

struct Shelf<T> {
    private: Option<T>,
    shared: VecDeque<T>,
    /// What was here at the last `trim`, and was not needed since.
    old: Vec<T>,
}

impl<T> Shelf<T> {
    #[inline]
    fn put(&mut self, value: T) {
        match self.private {
            None => self.private = Some(value),
            Some(_) => self.shared.push_back(value),
        }
    }

    #[inline]
    fn take(&mut self) -> Option<T> {
        self.private.take().or_else(|| self.shared.pop_back())
    }

    fn steal(&mut self) -> Option<T> {
        self.shared.pop_front().or_else(|| self.private.take())
    }

    /// Makes all that is here old; gives what was old before.
    fn age(&mut self) -> Vec<T> {
        let now = self.private.take().into_iter().chain(self.shared.drain(..));
        std::mem::replace(&mut self.old, now.collect())
    }
}

/// A shelf on cache lines of its own: two, because processors fetch them in pairs.
#[repr(align(128))]
struct Shard<T>(Latch<Shelf<T>>);

type Make<T> = Box<dyn Fn() -> T + Send + Sync>;

/// Keeps things that are expensive to make, to be used again.
///
/// Any goroutine may put something in and any may get it. Which one a [`get`](Pool::get) gives
/// is not promised; at present it is one that was put in on the same P if there is one.
///
/// # Examples
///
/// ```
/// use marmot_sync::Pool;
///
/// let buffers = Pool::new(|| Vec::<u8>::with_capacity(4096));
/// let mut buffer = buffers.get();
/// buffer.push(1);
/// buffer.clear();
/// buffers.put(buffer);
/// ```
pub struct Pool<T> {
    /// A power of two of them, so that no division finds the right one.
    shards: Box<[Shard<T>]>,
    make: Make<T>,
}

impl<T> Pool<T> {
    /// An empty pool; `make` makes what [`get`](Pool::get) gives when there is nothing.
    #[must_use]
    pub fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Pool<T> {
        let shard = |_| {
            Shard(Latch::new(Shelf {
                private: None,
                shared: VecDeque::new(),
                old: Vec::new(),
            }))
        };
        Pool {
            shards: (0..processors().next_power_of_two()).map(shard).collect(),
            make: Box::new(make),
        }
    }

    /// Takes something out of the pool, or makes it.
    #[inline]
    #[must_use]
    pub fn get(&self) -> T {
        match self.take_here() {
            Some(value) => value,
            None => self.take_elsewhere().unwrap_or_else(|| (self.make)()),
        }
    }

    /// Takes something out of the pool, if anything is in it.
    #[must_use]
    pub fn try_get(&self) -> Option<T> {
        self.take_here().or_else(|| self.take_elsewhere())
    }

    #[inline]
    fn take_here(&self) -> Option<T> {
        self.shards[self.here()].0.lock().take()
    }

    #[cold]
    fn take_elsewhere(&self) -> Option<T> {
        let here = self.here();
        self.search(here, Shelf::steal)
            .or_else(|| self.search(here, |shelf| shelf.old.pop()))
    }

    fn search(&self, here: usize, take: impl Fn(&mut Shelf<T>) -> Option<T>) -> Option<T> {
        let count = self.shards.len();
        (0..count).find_map(|step| take(&mut self.shards[(here + step) & (count - 1)].0.lock()))
    }

    /// Puts something into the pool.
    #[inline]
    pub fn put(&self, value: T) {
        self.shards[self.here()].0.lock().put(value);
    }

    /// Drops what has not been used since the last `trim`: two in a row empty the pool.
    ///
    /// # Examples
    ///
    /// ```
    /// let pool = marmot_sync::Pool::new(|| 0);
    /// pool.put(1);
    /// pool.trim();
    /// assert_eq!(pool.try_get(), Some(1));
    /// pool.put(1);
    /// pool.trim();
    /// pool.trim();
    /// assert_eq!(pool.try_get(), None);
    /// ```
    pub fn trim(&self) {
        for shard in &self.shards {
            // The lock is released at the end of this statement, before they are dropped.
            let gone = shard.0.lock().age();
            drop(gone);
        }
    }

    /// The shard of this P, or of this thread where there is none.
    #[inline]
    fn here(&self) -> usize {
        here() & (self.shards.len() - 1)
    }
}

impl<T: Default + 'static> Default for Pool<T> {
    fn default() -> Self {
        Pool::new(T::default)
    }
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
