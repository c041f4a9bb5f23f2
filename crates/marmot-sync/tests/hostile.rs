//! Wakers that use the object they are called by, clone, drop and panic at the worst moment.
//! Whoever calls or drops one under an internal lock hangs here.

mod support;

use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll, Wake, Waker};

use marmot_sync::{Barrier, Cond, Mutex, Notify, Once, RwLock, Semaphore, WaitGroup};
use support::within_seconds;

/// Runs its deed when it is woken, and when it is dropped.
struct Nosy(Box<dyn Fn() + Send + Sync>);

impl Wake for Nosy {
    fn wake(self: Arc<Self>) {
        (self.0)();
    }
}

impl Drop for Nosy {
    fn drop(&mut self) {
        (self.0)();
    }
}

fn nosy(deed: impl Fn() + Send + Sync + 'static) -> Waker {
    Waker::from(Arc::new(Nosy(Box::new(deed))))
}

/// Lets each of the wakers wait, be replaced, be dropped with its future, and be woken.
fn all_ways<F: Future>(
    wait: impl Fn() -> F,
    deed: impl Fn() + Clone + Send + Sync + 'static,
    wake: impl FnOnce(),
) {
    let poll = |future: &mut std::pin::Pin<Box<F>>| {
        let waker = nosy(deed.clone());
        future
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    };
    let mut futures: Vec<_> = (0..4).map(|_| Box::pin(wait())).collect();
    for future in &mut futures {
        assert!(poll(future), "it waits");
        assert!(poll(future), "with another waker");
    }
    drop(futures.remove(1));
    wake();
    for mut future in futures {
        poll(&mut future);
    }
}

#[test]
fn a_waker_may_use_the_mutex_that_calls_it() {
    within_seconds(|| {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.try_lock();
        let there = Arc::clone(&mutex);
        let deed = move || drop((there.try_lock(), support::poll(&mut there.lock())));
        all_ways(|| mutex.lock(), deed, || drop(guard));
    });
}

#[test]
fn a_waker_may_use_the_rwlock_that_calls_it() {
    within_seconds(|| {
        let lock = Arc::new(RwLock::new(()));
        let there = Arc::clone(&lock);
        let deed = move || {
            drop((there.try_read(), support::poll(&mut there.read())));
            drop((there.try_write(), support::poll(&mut there.write())));
        };
        let guard = lock.try_write();
        all_ways(|| lock.read(), deed.clone(), || drop(guard));
        let guard = lock.try_read();
        all_ways(|| lock.write(), deed, || drop(guard));
    });
}

#[test]
fn a_waker_may_use_the_semaphore_that_calls_it() {
    within_seconds(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let there = Arc::clone(&semaphore);
        let deed = move || drop(support::poll(&mut there.acquire(2)));
        let permit = semaphore.try_acquire(2);
        all_ways(|| semaphore.acquire(1), deed, || drop(permit));
    });
}

#[test]
fn a_waker_may_use_the_wait_group_that_calls_it() {
    within_seconds(|| {
        let group = WaitGroup::new();
        group.add(1);
        let there = group.clone();
        let deed = move || {
            assert!(there.count() < 2);
            assert!(there.count() == 0 || support::poll(&mut there.wait()).is_pending());
        };
        all_ways(|| group.wait(), deed, || group.done());
    });
}

#[test]
fn a_waker_may_use_the_condition_that_calls_it() {
    within_seconds(|| {
        let (mutex, cond) = (Mutex::new(()), Arc::new(Cond::new()));
        let wait = || cond.wait(mutex.try_lock().expect("released by the one before"));
        // Made one after the other, since each holds the lock until its first poll.
        let there = Arc::clone(&cond);
        let deed = move || there.signal();
        let waker = nosy(deed);
        let mut cx = Context::from_waker(&waker);
        let mut waits: Vec<_> = (0..3)
            .map(|_| {
                let mut wait = Box::pin(wait());
                assert!(wait.as_mut().poll(&mut cx).is_pending());
                wait
            })
            .collect();
        drop(waits.remove(1));
        cond.signal();
        cond.broadcast();
    });
}

#[test]
fn a_waker_may_use_the_notify_or_barrier_that_calls_it() {
    within_seconds(|| {
        let notify = Arc::new(Notify::new());
        let there = Arc::clone(&notify);
        let deed = move || assert!(support::poll(&mut there.notified()).is_pending());
        all_ways(|| notify.notified(), deed, || notify.notify_waiters());
        let barrier = Arc::new(Barrier::new(5));
        let there = Arc::clone(&barrier);
        let deed = move || assert!(!format!("{there:?}").is_empty());
        let mut last = [barrier.wait(), barrier.wait()];
        all_ways(
            || barrier.wait(),
            deed,
            || {
                assert!(support::poll(&mut last[0]).is_pending());
                assert!(support::poll(&mut last[1]).is_ready());
            },
        );
    });
}

#[test]
fn a_waker_may_use_the_once_that_calls_it() {
    within_seconds(|| {
        let once = Arc::new(Once::new());
        let mut running = Box::pin(once.call_once(async || std::future::pending().await));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(running.as_mut().poll(&mut cx).is_pending());
        let there = Arc::clone(&once);
        let deed = move || {
            let mut call = Box::pin(there.call_once(async || ()));
            let mut cx = Context::from_waker(Waker::noop());
            assert!(call.as_mut().poll(&mut cx).is_pending() || there.is_completed());
        };
        all_ways(|| once.call_once(async || ()), deed, || drop(running));
    });
}

#[test]
fn a_waker_that_panics_leaves_the_lock_usable() {
    let mutex = Mutex::new(0);
    let armed = Arc::new(StdMutex::new(true));
    let there = Arc::clone(&armed);
    let waker = nosy(move || {
        let armed = std::mem::take(&mut *there.lock().expect("unpoisoned"));
        assert!(!armed, "a waker fails");
    });
    let guard = mutex.try_lock();
    let mut waiting = mutex.lock();
    let mut cx = Context::from_waker(&waker);
    assert!(std::pin::Pin::new(&mut waiting).poll(&mut cx).is_pending());
    assert_eq!(support::text_of(|| drop(guard)), "a waker fails");
    let Poll::Ready(guard) = support::poll(&mut waiting) else {
        panic!("the lock was released all the same");
    };
    drop(guard);
    assert!(mutex.try_lock().is_some());
}
