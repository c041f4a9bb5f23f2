//! What a waiting goroutine says of itself.

mod support;

use std::cell::Cell;
use std::future::pending;
use std::panic::Location;
use std::pin::pin;
use std::task::{Context, Waker};

use marmot_sync::singleflight::Group;
use marmot_sync::{Barrier, Cond, Mutex, Notify, Once, OnceCell, RwLock, Semaphore, WaitGroup};
use marmot_wait::{Note, WaitReason, begin_poll, end_poll, note};
use support::now;

/// Polls once, as goroutine 7 with a large budget: what it says it waits for.
fn said(future: impl Future) -> Note {
    let before = note::take();
    assert_eq!(before, Note::NONE);
    let mut future = pin!(future);
    begin_poll(7, 100);
    let polled = future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()));
    let note = end_poll();
    assert!(polled.is_pending());
    note::clear();
    note
}

#[track_caller]
fn check(note: Note, words: &str, line: &Cell<u32>) {
    assert_eq!(note.reason.as_str(), words);
    assert_ne!(note.object, 0);
    let place = note.place.expect("every wait says where");
    assert!(place.file().ends_with("tests/notes.rs"), "{place}");
    let caller = Location::caller().line();
    assert!(
        place.line() > line.get() && place.line() <= caller,
        "{place}"
    );
    line.set(caller);
}

#[test]
fn every_wait_says_its_reason_its_object_and_the_callers_line() {
    let line = Cell::new(Location::caller().line());
    let mutex = Mutex::new(());
    let guard = now(mutex.lock());
    check(said(mutex.lock()), "sync.Mutex.Lock", &line);
    drop(guard);
    let rwlock = RwLock::new(());
    let guard = now(rwlock.write());
    check(said(rwlock.read()), "sync.RWMutex.RLock", &line);
    check(said(rwlock.write()), "sync.RWMutex.Lock", &line);
    drop(guard);
    let group = WaitGroup::new();
    group.add(1);
    check(said(group.wait()), "sync.WaitGroup.Wait", &line);
    let cond = Cond::new();
    check(said(cond.wait(now(mutex.lock()))), "sync.Cond.Wait", &line);
    let semaphore = Semaphore::new(0);
    check(said(semaphore.acquire(1)), "semacquire", &line);
    let semaphore = Semaphore::new(1);
    let permit = semaphore.try_acquire(1);
    check(said(semaphore.acquire(1)), "semacquire", &line);
    drop(permit);
    let barrier = Barrier::new(2);
    check(said(barrier.wait()), "sync.Barrier.Wait", &line);
    let notify = Notify::new();
    check(said(notify.notified()), "sync.Notify", &line);
}

#[test]
fn a_wait_for_another_goroutines_work_says_so() {
    let (once, cell, group) = (Once::new(), OnceCell::<i32>::new(), Group::<_, i32>::new());
    let mut running = pin!(async {
        futures::join!(
            once.call_once(async || pending().await),
            cell.get_or_init(async || pending().await),
            group.run("key", pending()),
        )
    });
    let mut cx = Context::from_waker(Waker::noop());
    assert!(running.as_mut().poll(&mut cx).is_pending());
    note::clear();
    let line = Cell::new(Location::caller().line());
    check(said(once.call_once(async || ())), "sync.Once.Do", &line);
    check(said(cell.get_or_init(async || 1)), "sync.Once.Do", &line);
    check(said(group.run("key", async { 1 })), "singleflight", &line);
}

#[test]
fn a_condition_on_its_way_back_to_the_lock_waits_for_the_lock() {
    let (mutex, cond) = (Mutex::new(()), Cond::new());
    let mut wait = cond.wait(now(mutex.lock()));
    assert!(support::poll(&mut wait).is_pending());
    let guard = now(mutex.lock());
    cond.signal();
    note::clear();
    assert_eq!(said(&mut wait).reason, WaitReason::MutexLock);
    drop(guard);
}

#[test]
fn a_lock_remembers_the_goroutine_that_holds_it() {
    let (mutex, rwlock) = (Mutex::new(()), RwLock::new(()));
    begin_poll(41, 100);
    let guards = (now(mutex.lock()), now(rwlock.write()));
    assert_eq!(end_poll(), Note::NONE);
    assert_eq!((mutex.holder(), rwlock.holder()), (41, 41));
    drop(guards);
    assert_eq!((mutex.holder(), rwlock.holder()), (0, 0));
}

#[test]
fn operations_that_are_always_ready_end_with_the_budget() {
    let (mutex, rwlock) = (Mutex::new(()), RwLock::new(()));
    let (semaphore, notify, barrier) = (Semaphore::new(1), Notify::new(), Barrier::new(1));
    let turns = Cell::new(0);
    let mut busy = pin!(async {
        loop {
            drop(mutex.lock().await);
            drop(rwlock.read().await);
            drop(rwlock.write().await);
            drop(semaphore.acquire(1).await);
            notify.notify_one();
            notify.notified().await;
            barrier.wait().await;
            turns.set(turns.get() + 1);
        }
    });
    begin_poll(1, 60);
    let mut cx = Context::from_waker(Waker::noop());
    let polled: std::task::Poll<()> = busy.as_mut().poll(&mut cx);
    let note = end_poll();
    assert!(polled.is_pending());
    assert_eq!((turns.get(), note.reason), (10, WaitReason::Yield));
}
