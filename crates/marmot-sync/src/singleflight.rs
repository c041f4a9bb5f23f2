//! The same work, asked for by many at once, done once.
//!
//! A call in progress is a cell that its first caller fills; those that come with the same
//! key meanwhile wait for the cell. A caller that is dropped leaves its turn to the next,
//! who then does the work with its own future. After golang.org/x/sync/singleflight.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::panic::{Location, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use marmot_chan::Receiver;
use marmot_wait::{WaitReason, ambient, park};

use crate::once::OnceCell;
use crate::panics::{Echo, caught};
use crate::spawn::spawn;
use crate::wait_group::{WaitGroup, WaitGroupGuard};

/// What came out of a call, and whether several asked for it.
type Outcome<V> = (Result<V, Echo>, bool);

struct Call<V> {
    outcome: OnceCell<Outcome<V>>,
    /// Counts who made the call, until it has begun to work or has left: the others let it go
    /// first, though theirs may be polled earlier.
    founding: WaitGroup,
    /// How many are in it. Changes under the lock of the calls.
    callers: AtomicUsize,
}

type Calls<K, V> = Mutex<HashMap<Arc<K>, Arc<Call<V>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Only a key's own `Hash` or `Eq` can panic under it, before anything has changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the work for a key once at a time, however many ask for it.
///
/// Clones share the calls in progress. Nothing is remembered once a call has ended.
///
/// # Examples
///
/// ```
/// use marmot_sync::singleflight::Group;
///
/// # marmot_wait::park::block_on(async {
/// let group = Group::new();
/// let (value, shared) = group.run("key", async { 42 }).await;
/// assert_eq!((value, shared), (42, false));
/// # });
/// ```
pub struct Group<K, V> {
    calls: Arc<Calls<K, V>>,
}

impl<K: Hash + Eq, V: Clone> Group<K, V> {
    /// A group without calls.
    #[must_use]
    pub fn new() -> Group<K, V> {
        Group {
            calls: Arc::default(),
        }
    }

    /// The result of `future`, or that of the call in progress for the same key; and whether
    /// several got it.
    ///
    /// # Panics
    ///
    /// If the future that was run panics: everybody in the call does, with the same words.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the call. If it was the one that did the work, the next one in
    /// the call runs its own future from the beginning.
    #[track_caller]
    pub fn run<F>(&self, key: K, future: F) -> impl Future<Output = (V, bool)>
    where
        F: Future<Output = V>,
    {
        let caller = Location::caller();
        async move { self.join(key).run(future, caller).await }
    }

    /// As [`run`](Group::run), for a plain thread; legal inside a goroutine too.
    ///
    /// # Panics
    ///
    /// If the `f` that was run panics.
    #[track_caller]
    pub fn run_blocking(&self, key: K, f: impl FnOnce() -> V) -> (V, bool) {
        park::block_on(self.run(key, async { f() }))
    }

    /// As [`run`](Group::run), as a goroutine of its own: the result comes through a channel.
    ///
    /// It is in the call when this returns, and if it is the first one its future is the one that
    /// runs. It inherits what is ambient here. Dropping the receiver does not stop it. Outside a
    /// runtime it runs on a thread of its own.
    ///
    /// A panic of the future that was run ends the goroutine and closes the channel.
    ///
    /// # Panics
    ///
    /// If, outside a runtime, the system has no thread left.
    ///
    /// # Examples
    ///
    /// ```
    /// let group = marmot_sync::singleflight::Group::new();
    /// let result = group.run_chan("key", async { 42 });
    /// assert_eq!(result.recv_blocking(), Some((42, false)));
    /// ```
    #[track_caller]
    pub fn run_chan<F>(&self, key: K, future: F) -> Receiver<(V, bool)>
    where
        K: Send + Sync + 'static,
        V: Send + Sync + 'static,
        F: Future<Output = V> + Send + 'static,
    {
        let caller = Location::caller();
        let (tx, rx) = marmot_chan::chan(1);
        let member = self.join(key);
        let whole = async move {
            let answer = member.run(future, caller).await;
            // There is room for it; if nobody waits for it any more it is dropped.
            tx.try_send(answer).ok();
        };
        if ambient::is_set() {
            spawn(Box::pin(ambient::inherit(whole)), caller);
        } else {
            spawn(Box::pin(whole), caller);
        }
        rx
    }

    /// Lets the next [`run`](Group::run) for this key start anew, even while a call for it is
    /// in progress.
    pub fn forget(&self, key: &K) {
        // The lock is released at the end of this statement, before the entry is dropped.
        let gone = lock(&self.calls).remove_entry(key);
        drop(gone);
    }

    /// Enters the call for this key, a new one if none is in progress.
    fn join(&self, key: K) -> Member<K, V> {
        let key = Arc::new(key);
        let fresh = Arc::new(Call {
            outcome: OnceCell::new(),
            founding: WaitGroup::new(),
            callers: AtomicUsize::new(0),
        });
        let mut calls = lock(&self.calls);
        // What may be dropped under the lock is a second handle of the key and an empty call.
        let (call, founder) = match calls.entry(Arc::clone(&key)) {
            Entry::Occupied(call) => (Arc::clone(call.get()), None),
            Entry::Vacant(place) => {
                let founder = fresh.founding.guard();
                (Arc::clone(place.insert(fresh)), Some(founder))
            }
        };
        // ORDERING: Relaxed, here and below: only changed and read under the lock.
        call.callers.fetch_add(1, Ordering::Relaxed);
        drop(calls);
        Member {
            calls: Arc::clone(&self.calls),
            key,
            call,
            founder,
        }
    }
}

/// One who asked, until it has its answer or is dropped.
struct Member<K: Hash + Eq, V> {
    calls: Arc<Calls<K, V>>,
    key: Arc<K>,
    call: Arc<Call<V>>,
    /// Until it has begun, if it made the call.
    founder: Option<WaitGroupGuard>,
}

impl<K: Hash + Eq, V: Clone> Member<K, V> {
    async fn run<F>(mut self, future: F, caller: &'static Location<'static>) -> (V, bool)
    where
        F: Future<Output = V>,
    {
        let mut own = None;
        let founder = self.founder.take();
        if founder.is_none() {
            self.call.founding.wait().await;
        }
        let work = async || {
            drop(founder);
            let made = caught(future).await;
            let made = made.map_err(|payload| {
                let echo = Echo::of(&*payload);
                own = Some(payload);
                echo
            });
            (made, self.retire())
        };
        let outcome = &self.call.outcome;
        let (made, shared) = outcome
            .get_or_init_at(work, caller, WaitReason::SingleFlight)
            .await;
        match (made, own) {
            (Ok(value), _) => (value.clone(), *shared),
            (Err(_), Some(payload)) => resume_unwind(payload),
            (Err(echo), None) => echo.again(),
        }
    }

    /// Nobody may join from now on: the next to come starts anew. Whether several are in.
    fn retire(&self) -> bool {
        let mut calls = lock(&self.calls);
        let gone = self.take_out(&mut calls);
        // ORDERING: Relaxed, under the lock.
        let shared = self.call.callers.load(Ordering::Relaxed) > 1;
        drop(calls);
        drop(gone);
        shared
    }
}

impl<K: Hash + Eq, V> Member<K, V> {
    /// Takes this call out of those in progress, unless it is out already.
    #[must_use]
    fn take_out(
        &self,
        calls: &mut HashMap<Arc<K>, Arc<Call<V>>>,
    ) -> Option<(Arc<K>, Arc<Call<V>>)> {
        let listed = calls.get(&self.key)?;
        if !Arc::ptr_eq(listed, &self.call) {
            return None;
        }
        calls.remove_entry(&self.key)
    }
}

impl<K: Hash + Eq, V> Drop for Member<K, V> {
    fn drop(&mut self) {
        let mut calls = lock(&self.calls);
        // ORDERING: Relaxed, under the lock.
        let last = self.call.callers.fetch_sub(1, Ordering::Relaxed) == 1;
        let gone = if last {
            self.take_out(&mut calls)
        } else {
            None
        };
        drop(calls);
        drop(gone);
    }
}

impl<K, V> Clone for Group<K, V> {
    fn clone(&self) -> Self {
        Group {
            calls: Arc::clone(&self.calls),
        }
    }
}

impl<K: Hash + Eq, V: Clone> Default for Group<K, V> {
    fn default() -> Self {
        Group::new()
    }
}

impl<K, V> fmt::Debug for Group<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let in_progress = lock(&self.calls).len();
        f.debug_struct("Group")
            .field("in_progress", &in_progress)
            .finish()
    }
}
