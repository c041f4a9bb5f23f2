//! The promises of `Cond`.

mod support;

use std::sync::Arc;
use std::task::Poll;

use marmot_sync::{Cond, Mutex, RwLock};
use support::{Count, now, poll, poll_with, within_seconds};

#[test]
fn waiting_releases_the_lock_and_a_signal_brings_it_back() {
    let (mutex, cond) = (Mutex::new(0), Cond::new());
    let woken = Count::new();
    let mut wait = cond.wait(now(mutex.lock()));
    assert!(mutex.is_locked(), "not before the first poll");
    assert!(poll_with(&mut wait, &woken).is_pending());
    *mutex.try_lock().expect("it is released") = 7;
    cond.signal();
    assert_eq!(woken.calls(), 1);
    let Poll::Ready(guard) = poll(&mut wait) else {
        panic!("it was signalled and the lock is free");
    };
    assert_eq!(*guard, 7);
}

#[test]
fn each_signal_wakes_exactly_one_in_the_order_of_waiting() {
    let (mutex, cond) = (Mutex::new(0), Cond::new());
    let woken = [Count::new(), Count::new()];
    let mut a = cond.wait(now(mutex.lock()));
    assert!(poll_with(&mut a, &woken[0]).is_pending());
    let mut b = cond.wait(now(mutex.lock()));
    assert!(poll_with(&mut b, &woken[1]).is_pending());
    cond.signal();
    assert_eq!(woken.each_ref().map(|woken| woken.calls()), [1, 0]);
    assert!(poll(&mut b).is_pending());
    drop(now(a));
    cond.signal();
    drop(now(b));
    cond.signal();
}

#[test]
fn a_broadcast_wakes_all_who_wait_and_nobody_who_comes_later() {
    let (mutex, cond) = (Mutex::new(0), Cond::new());
    let mut waits: Vec<_> = (0..3)
        .map(|_| {
            let mut wait = cond.wait(now(mutex.lock()));
            assert!(poll(&mut wait).is_pending());
            wait
        })
        .collect();
    cond.broadcast();
    let mut late = cond.wait(now(mutex.lock()));
    assert!(poll(&mut late).is_pending());
    for wait in &mut waits {
        let Poll::Ready(guard) = poll(wait) else {
            panic!("it was told");
        };
        drop(guard);
    }
    assert!(poll(&mut late).is_pending());
}

#[test]
fn a_signal_given_to_a_dropped_wait_is_passed_on() {
    let (mutex, cond) = (Mutex::new(0), Cond::new());
    let woken = Count::new();
    let mut a = cond.wait(now(mutex.lock()));
    assert!(poll(&mut a).is_pending());
    let mut b = cond.wait(now(mutex.lock()));
    assert!(poll_with(&mut b, &woken).is_pending());
    cond.signal();
    drop(a);
    assert_eq!(woken.calls(), 1);
    drop(now(b));
}

#[test]
fn a_signal_is_passed_on_by_a_wait_dropped_on_its_way_back_to_the_lock() {
    let (mutex, cond) = (Mutex::new(0), Cond::new());
    let woken = Count::new();
    let mut a = cond.wait(now(mutex.lock()));
    assert!(poll(&mut a).is_pending());
    let mut b = cond.wait(now(mutex.lock()));
    assert!(poll_with(&mut b, &woken).is_pending());
    let held = now(mutex.lock());
    cond.signal();
    assert!(poll(&mut a).is_pending(), "told, but the lock is held");
    drop(a);
    assert_eq!(woken.calls(), 1);
    drop(held);
    drop(now(b));
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_broadcast_given_to_a_dropped_wait_wakes_nobody_else() {
    let (mutex, cond) = (Mutex::new(0), Cond::new());
    let mut a = cond.wait(now(mutex.lock()));
    assert!(poll(&mut a).is_pending());
    cond.broadcast();
    let woken = Count::new();
    let mut b = cond.wait(now(mutex.lock()));
    assert!(poll_with(&mut b, &woken).is_pending());
    drop(a);
    assert_eq!(woken.calls(), 0);
    drop(b);
}

#[test]
fn a_dropped_wait_leaves_no_entry_and_not_the_lock() {
    let (mutex, cond) = (Mutex::new(0), Cond::new());
    drop(cond.wait(now(mutex.lock())));
    assert!(mutex.try_lock().is_some());
    let woken = Count::new();
    let mut wait = cond.wait(now(mutex.lock()));
    assert!(poll_with(&mut wait, &woken).is_pending());
    drop(wait);
    cond.broadcast();
    assert_eq!((woken.calls(), Arc::strong_count(&woken)), (0, 1));
    assert!(mutex.try_lock().is_some());
}

#[test]
fn every_guard_can_wait() {
    let cond = Cond::new();
    let (mutex, rwlock) = (Arc::new(Mutex::new(0)), Arc::new(RwLock::new(0)));
    macro_rules! there_and_back {
        ($guard:expr) => {{
            let mut wait = cond.wait($guard);
            assert!(poll(&mut wait).is_pending());
            assert!(mutex.try_lock().is_some() && rwlock.try_write().is_some());
            cond.signal();
            drop(now(wait));
        }};
    }
    there_and_back!(now(mutex.lock()));
    there_and_back!(now(mutex.lock_owned()));
    there_and_back!(now(rwlock.read()));
    there_and_back!(now(rwlock.write()));
    there_and_back!(now(rwlock.read_owned()));
    there_and_back!(now(rwlock.write_owned()));
}

#[test]
fn three_threads_step_a_number_through_one_condition() {
    within_seconds(|| {
        let shared = Arc::new((Mutex::new(0), Cond::new()));
        let workers: Vec<_> = (0..3)
            .map(|mine| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let (mutex, cond) = (&shared.0, &shared.1);
                    let mut x = mutex.lock_blocking();
                    while *x != mine {
                        x = cond.wait_blocking(x);
                    }
                    *x += 1;
                    cond.broadcast();
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("it ends well");
        }
        assert_eq!(*shared.0.lock_blocking(), 3);
    });
}

#[test]
fn as_many_signals_as_waiters_end_all_waits() {
    within_seconds(|| {
        let shared = Arc::new((Mutex::new((0, 0)), Cond::new()));
        let workers: Vec<_> = (0..20)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    let mut counts = shared.0.lock_blocking();
                    counts.0 += 1;
                    let mut counts = shared.1.wait_blocking(counts);
                    counts.1 += 1;
                })
            })
            .collect();
        support::until(|| shared.0.lock_blocking().0 == 20);
        for done in 0..20 {
            assert_eq!(shared.0.lock_blocking().1, done);
            shared.1.signal();
            support::until(|| shared.0.lock_blocking().1 == done + 1);
        }
        for worker in workers {
            worker.join().expect("it ends well");
        }
    });
}
