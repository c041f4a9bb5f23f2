//! What the types of `sync` and `context`, their futures and guards may be used for: shared, moved
//! to other threads and goroutines, printed, polled without a pin, and used again after a panic.

use std::cell::Cell;
use std::fmt::Debug;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use marmot::context::{Cause, ContextError, Stop};
use marmot::errgroup::Group;
use marmot::prelude::*;
use marmot::rate::{Limiter, Reservation, Sometimes};
use marmot::singleflight;
use marmot::sync::{Barrier, Cond, Map, Notify, OnceCell, OnceValue, Pool};

fn thing<T: Send + Sync + Debug + Unpin + 'static>() {}

fn shared_by_clones<T: Clone + Send + Sync + 'static>() {}

fn made_of_nothing<T: Default>() {}

fn sound_after_a_panic<T: UnwindSafe + RefUnwindSafe>() {}

#[test]
fn things_are_shared_between_threads() {
    thing::<Mutex<Cell<u8>>>();
    thing::<RwLock<u8>>();
    thing::<WaitGroup>();
    thing::<Once>();
    thing::<OnceCell<u8>>();
    thing::<OnceValue<u8>>();
    thing::<Cond>();
    thing::<Pool<Cell<u8>>>();
    thing::<Map<String, u8>>();
    thing::<Semaphore>();
    thing::<Barrier>();
    thing::<Notify>();
    thing::<Group>();
    thing::<singleflight::Group<String, u8>>();
    thing::<Limiter>();
    thing::<Reservation>();
    thing::<Sometimes>();
    thing::<Context>();
    thing::<Cancel>();
    thing::<Stop>();
    thing::<ContextError>();
    thing::<Cause>();
}

#[test]
fn what_is_one_thing_in_many_hands_is_cloned() {
    shared_by_clones::<WaitGroup>();
    shared_by_clones::<Context>();
    shared_by_clones::<Group>();
    shared_by_clones::<singleflight::Group<String, u8>>();
    shared_by_clones::<Limiter>();
    shared_by_clones::<Stop>();
    made_of_nothing::<(Mutex<u8>, RwLock<u8>, WaitGroup, Once, OnceCell<u8>)>();
    made_of_nothing::<(Cond, Notify, Map<u8, u8>, Group, Context)>();
    made_of_nothing::<singleflight::Group<u8, u8>>();
}

#[test]
fn what_a_panic_leaves_whole_may_cross_catch_unwind() {
    sound_after_a_panic::<(WaitGroup, Once, Cond, Semaphore, Barrier, Notify)>();
    sound_after_a_panic::<(Context, Cancel, Stop, Group, Limiter)>();
    sound_after_a_panic::<singleflight::Group<String, u8>>();
}

/// A future, a guard or a permit: may be kept in a struct that is moved about, and printed.
macro_rules! are_kept {
    ($($value:expr),+ $(,)?) => {$({
        fn check<T: Send + Sync + Debug + Unpin>(_: T) {}
        check($value);
    })+};
}

/// A future that may be awaited in a goroutine.
fn awaited(_: impl Future + Send) {}

#[test]
fn futures_and_guards_may_go_anywhere() {
    let mutex = Arc::new(Mutex::new(1));
    let rwlock = Arc::new(RwLock::new(1));
    let semaphore = Arc::new(Semaphore::new(3));
    let (wg, notify, barrier, cond) = (
        WaitGroup::new(),
        Notify::new(),
        Barrier::new(2),
        Cond::new(),
    );
    are_kept!(mutex.lock(), mutex.lock_owned());
    are_kept!(mutex.try_lock().expect("free"), mutex.lock_owned_blocking());
    are_kept!(
        rwlock.read(),
        rwlock.write(),
        rwlock.read_owned(),
        rwlock.write_owned()
    );
    are_kept!(rwlock.read_blocking(), rwlock.read_owned_blocking());
    are_kept!(rwlock.write_blocking(), rwlock.write_owned_blocking());
    are_kept!(semaphore.acquire(1), semaphore.acquire_owned(1));
    are_kept!(
        semaphore.acquire_blocking(1),
        semaphore.acquire_owned_blocking(1)
    );
    are_kept!(wg.wait(), wg.guard(), notify.notified(), barrier.wait());
    are_kept!(cond.wait(mutex.try_lock().expect("free")));
    let (ctx, _cancel) = Context::background().with_cancel();
    let group = Group::new();
    are_kept!(
        ctx.done(),
        ctx.clone().into_done(),
        group.wait(),
        group.ready()
    );
    awaited(ctx.run(async { 1 }));
    awaited(ctx.scope(async { 1 }));
    let limiter = Limiter::new(1.0, 1);
    awaited(limiter.wait(&ctx));
    awaited(limiter.wait_n(&ctx, 1));
    awaited(singleflight::Group::<u8, u8>::new().run(1, async { 1 }));
    awaited(Once::new().call_once(async || ()));
    awaited(OnceCell::new().get_or_init(async || 1));
    awaited(OnceValue::new(async || 1).get());
}

/// What cannot be shared between threads may be kept under a lock all the same.
#[marmot::test]
async fn a_guard_is_kept_across_a_wait_whatever_it_guards() {
    let mutex = Arc::new(Mutex::new(Cell::new(1)));
    let there = Arc::clone(&mutex);
    go!(async move {
        let guard = there.lock().await;
        gosched().await;
        guard.set(guard.get() + 1);
    })
    .await
    .expect("it ends well");
    assert_eq!(mutex.lock().await.get(), 2);
}

static MUTEX: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static RWLOCK: RwLock<u8> = RwLock::new(1);
static SEMAPHORE: Semaphore = Semaphore::new(2);
static ONCE: Once = Once::new();
static CELL: OnceCell<String> = OnceCell::new();
static NOTIFY: Notify = Notify::new();
static COND: Cond = Cond::new();
static BARRIER: Barrier = Barrier::new(1);

#[marmot::test]
async fn statics_and_values_without_a_size_are_locked() {
    MUTEX.lock().await.push(1);
    assert_eq!((*RWLOCK.read().await, MUTEX.lock().await.len()), (1, 1));
    drop(SEMAPHORE.acquire(2).await);
    ONCE.call_once(async || NOTIFY.notify_one()).await;
    NOTIFY.notified().await;
    COND.broadcast();
    assert!(BARRIER.wait().await.is_leader());
    assert_eq!(
        CELL.get_or_init(async || String::from("made")).await,
        "made"
    );
    let unsized_value: Arc<Mutex<dyn Debug + Send>> = Arc::new(Mutex::new(5));
    assert_eq!(format!("{:?}", &*unsized_value.lock_owned().await), "5");
    let slice: Box<RwLock<[u8]>> = Box::new(RwLock::new([1, 2, 3]));
    slice.write().await[0] = 9;
    assert_eq!(slice.read().await.iter().sum::<u8>(), 14);
}
