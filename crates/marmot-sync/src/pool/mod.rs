//! Things that are expensive to make, kept to be used again.
//!
//! ```text
//!   each thread: slot     one shelf per P:  shared: oldest ... newest │ old
//!                 ▲                           ▲               ▲         ▲
//!    put, get ────┴─ if it is full, or empty ─│───────────────┘         │
//!    get from elsewhere ──────────────────────┘           last resort ──┘
//! ```
//!
//! After Go's `sync.Pool`, but what is in a slot can be taken from elsewhere too, and nothing is
//! thrown away behind the program's back: there is no collector that could call for it.
//! [`trim`](Pool::trim) does it instead.

#[cfg(all(test, marmot_loom))]
mod models;
mod slot;

use std::collections::VecDeque;
use std::fmt;
use std::mem;

use marmot_wait::Latch;

use crate::here::{here, processors};
use slot::{Slot, Slots};

struct Shelf<T> {
    shared: VecDeque<T>,
    /// What was here at the last `trim`, and was not needed since.
    old: Vec<T>,
}

impl<T> Shelf<T> {
    /// Makes all that is here old; gives what was old before.
    fn age(&mut self) -> Vec<T> {
        mem::replace(&mut self.old, self.shared.drain(..).collect())
    }
}

/// A shelf on cache lines of its own: two, because processors fetch them in pairs.
#[repr(align(128))]
struct Shard<T>(Latch<Shelf<T>>);

type Make<T> = Box<dyn Fn() -> T + Send + Sync>;

/// How many threads have a slot: as many as can run, and some for those that wait in a call.
fn slots() -> usize {
    processors() * 2 + 6
}

/// Keeps things that are expensive to make, to be used again.
///
/// Any goroutine may put something in and any may get it. Which one a [`get`](Pool::get) gives
/// is not promised; at present it is one that this thread has put in if there is one, or else one
/// that was put in on the same P.
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
    slots: Slots<T>,
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
                shared: VecDeque::new(),
                old: Vec::new(),
            }))
        };
        Pool {
            slots: Slots::new(slots()),
            shards: (0..processors().next_power_of_two()).map(shard).collect(),
            make: Box::new(make),
        }
    }

    /// Takes something out of the pool, or makes it.
    ///
    /// # Complexity
    ///
    /// One locked instruction for what this thread has put in last, and one more for another thing
    /// that was put in here; else a look at what each P and each thread has.
    #[inline]
    #[must_use]
    pub fn get(&self) -> T {
        match self.take_own() {
            Some(value) => value,
            None => self.take_slow().unwrap_or_else(|| (self.make)()),
        }
    }

    /// Takes something out of the pool, if anything is in it.
    ///
    /// # Complexity
    ///
    /// As [`get`](Pool::get).
    #[inline]
    #[must_use]
    pub fn try_get(&self) -> Option<T> {
        self.take_own().or_else(|| self.take_slow())
    }

    #[inline]
    fn take_own(&self) -> Option<T> {
        self.slots.own().and_then(|own| own.take())
    }

    #[cold]
    fn take_slow(&self) -> Option<T> {
        let newest = self.here().lock().shared.pop_back();
        newest
            .or_else(|| self.search(|shelf| shelf.shared.pop_front()))
            .or_else(|| self.slots.iter().find_map(Slot::take))
            .or_else(|| self.search(|shelf| shelf.old.pop()))
    }

    fn search(&self, take: impl Fn(&mut Shelf<T>) -> Option<T>) -> Option<T> {
        let (here, count) = (here(), self.shards.len());
        (0..count).find_map(|step| take(&mut self.shards[(here + step) & (count - 1)].0.lock()))
    }

    /// Puts something into the pool.
    ///
    /// # Complexity
    ///
    /// No locked instruction if this thread has not put in anything that is still there; else one.
    #[inline]
    pub fn put(&self, value: T) {
        let left = match self.slots.own() {
            Some(own) => own.put(value),
            None => Err(value),
        };
        if let Err(value) = left {
            self.put_slow(value);
        }
    }

    #[cold]
    fn put_slow(&self, value: T) {
        self.here().lock().shared.push_back(value);
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
        for value in self.slots.iter().filter_map(Slot::take) {
            self.here().lock().old.push(value);
        }
    }

    /// The shelf of this P, or of this thread where there is none.
    fn here(&self) -> &Latch<Shelf<T>> {
        &self.shards[here() & (self.shards.len() - 1)].0
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
