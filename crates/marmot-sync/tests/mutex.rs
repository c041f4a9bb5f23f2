//! The promises of `Mutex`.

mod support;

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use marmot_sync::Mutex;
use support::{Count, now, poll, poll_with, text_of, within_seconds};

#[test]
fn a_free_mutex_is_locked_at_the_first_poll() {
    let mutex = Mutex::new(1);
    let mut guard = now(mutex.lock());
    *guard += 1;
    assert!(mutex.is_locked() && mutex.try_lock().is_none());
    drop(guard);
    assert_eq!(mutex.into_inner(), 2);
}

#[test]
fn a_waiter_is_woken_once_by_the_unlock_and_then_holds_the_lock() {
    let mutex = Mutex::new(());
    let woken = Count::new();
    let guard = now(mutex.lock());
    let mut waiting = mutex.lock();
    assert!(poll_with(&mut waiting, &woken).is_pending());
    assert_eq!(woken.calls(), 0);
    drop(guard);
    assert_eq!(woken.calls(), 1);
    assert!(poll_with(&mut waiting, &woken).is_ready());
}

#[test]
fn a_running_goroutine_may_take_the_lock_ahead_of_one_that_was_just_woken() {
    let mutex = Mutex::new(());
    let woken = Count::new();
    let guard = now(mutex.lock());
    let mut waiting = mutex.lock();
    assert!(poll_with(&mut waiting, &woken).is_pending());
    drop(guard);
    let Some(guard) = mutex.try_lock() else {
        // The machine was so slow that the waiter had waited a millisecond.
        return;
    };
    assert!(poll_with(&mut waiting, &woken).is_pending());
    drop(guard);
    assert_eq!(woken.calls(), 2, "a woken waiter keeps its place");
    assert!(poll(&mut waiting).is_ready());
}

/// Waits until more than a millisecond has gone by since `begin`.
fn a_millisecond_passes(begin: Instant) {
    support::until(|| begin.elapsed() > Duration::from_millis(2));
}

#[test]
fn who_has_waited_a_millisecond_gets_the_lock_next() {
    let mutex = Mutex::new(());
    let guard = now(mutex.lock());
    let mut waiting = mutex.lock();
    assert!(poll(&mut waiting).is_pending());
    a_millisecond_passes(Instant::now());
    drop(guard);
    assert!(mutex.try_lock().is_none(), "it was handed over");
    assert!(poll(&mut waiting).is_ready());
}

#[test]
fn starving_waiters_are_served_in_the_order_they_came() {
    let mutex = Mutex::new(());
    let guard = now(mutex.lock());
    let mut waiting: Vec<_> = (0..5).map(|_| mutex.lock()).collect();
    for one in &mut waiting {
        assert!(poll(one).is_pending());
    }
    a_millisecond_passes(Instant::now());
    drop(guard);
    for turn in 0..5 {
        for later in &mut waiting[turn + 1..] {
            assert!(poll(later).is_pending(), "not before its turn");
        }
        let Poll::Ready(guard) = poll(&mut waiting[turn]) else {
            panic!("waiter {turn} should have the lock");
        };
        drop(guard);
    }
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_dropped_waiter_leaves_no_entry_and_passes_its_wake_up_on() {
    let mutex = Mutex::new(());
    let (first, second) = (Count::new(), Count::new());
    let guard = now(mutex.lock());
    let mut a = mutex.lock();
    let mut b = mutex.lock();
    assert!(poll_with(&mut a, &first).is_pending());
    assert!(poll_with(&mut b, &second).is_pending());
    drop(guard);
    assert_eq!((first.calls(), second.calls()), (1, 0));
    drop(a);
    assert_eq!(second.calls(), 1, "the wake-up of the dropped one goes on");
    assert!(poll(&mut b).is_ready());
}

#[test]
fn a_dropped_waiter_that_was_handed_the_lock_hands_it_on() {
    let mutex = Mutex::new(());
    let second = Count::new();
    let guard = now(mutex.lock());
    let mut a = mutex.lock();
    let mut b = mutex.lock();
    assert!(poll(&mut a).is_pending());
    assert!(poll_with(&mut b, &second).is_pending());
    a_millisecond_passes(Instant::now());
    drop(guard);
    drop(a);
    assert_eq!(second.calls(), 1);
    assert!(poll(&mut b).is_ready());
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_waiter_dropped_before_its_turn_is_not_missed() {
    let mutex = Mutex::new(());
    let woken = Count::new();
    let guard = now(mutex.lock());
    let mut a = mutex.lock();
    assert!(poll(&mut a).is_pending());
    let mut b = mutex.lock();
    assert!(poll_with(&mut b, &woken).is_pending());
    drop(a);
    assert_eq!(woken.calls(), 0, "the lock is still held");
    drop(guard);
    assert_eq!(woken.calls(), 1);
    drop(b);
    assert!(mutex.try_lock().is_some());
}

#[test]
fn a_lock_future_that_was_never_polled_does_nothing() {
    let mutex = Mutex::new(());
    let guard = now(mutex.lock());
    drop(mutex.lock());
    drop(guard);
    assert!(mutex.try_lock().is_some());
}

#[test]
fn an_owned_guard_keeps_the_mutex_alive() {
    let mutex = Arc::new(Mutex::new(String::from("x")));
    let guard = now(mutex.lock_owned());
    assert!(mutex.try_lock_owned().is_none());
    let mut waiting = mutex.lock_owned();
    assert!(poll(&mut waiting).is_pending());
    drop(mutex);
    drop(guard);
    let Poll::Ready(guard) = poll(&mut waiting) else {
        panic!("the lock is free");
    };
    drop(waiting);
    assert_eq!(*guard, "x");
}

#[test]
fn a_guard_is_released_while_unwinding_and_nothing_is_poisoned() {
    let mutex = Mutex::new(0);
    let text = text_of(|| {
        let mut guard = now(mutex.lock());
        *guard = 7;
        panic!("inside");
    });
    assert_eq!(text, "inside");
    assert_eq!(*now(mutex.lock()), 7);
}

#[test]
fn a_forgotten_guard_leaves_the_mutex_locked_until_it_is_forced() {
    let mutex = Mutex::new(0);
    std::mem::forget(now(mutex.lock()));
    assert!(mutex.try_lock().is_none());
    // SAFETY: the only guard was forgotten.
    #[expect(unsafe_code, reason = "the function under test")]
    unsafe {
        mutex.force_unlock();
    }
    assert!(mutex.try_lock().is_some());
}

#[test]
fn guards_and_futures_may_move_to_other_threads() {
    fn send<T: Send>(_: &T) {}
    let mutex = Arc::new(Mutex::new(0));
    send(&mutex.lock());
    send(&mutex.lock_owned());
    let guard = now(mutex.lock_owned());
    within_seconds(move || drop(guard));
    send(&now(mutex.lock()));
}

#[test]
fn a_mutex_of_an_unsized_value_locks() {
    let mutex: Arc<Mutex<[i32]>> = Arc::new(Mutex::new([1, 2, 3]));
    now(mutex.lock())[1] = 7;
    assert_eq!(*now(mutex.lock_owned()), [1, 7, 3]);
}

#[test]
fn a_thread_may_wait_too() {
    within_seconds(|| {
        let mutex = Arc::new(Mutex::new(0));
        let guard = mutex.lock_blocking();
        let there = Arc::clone(&mutex);
        let other = std::thread::spawn(move || *there.lock_blocking() += 1);
        std::thread::yield_now();
        drop(guard);
        other.join().expect("it ends well");
        assert_eq!(*mutex.lock_blocking(), 1);
    });
}

#[test]
fn ten_threads_with_every_third_a_try_lock_exclude_each_other() {
    within_seconds(|| {
        let mutex = Arc::new(Mutex::new(0_u64));
        let workers: Vec<_> = (0..10)
            .map(|_| {
                let mutex = Arc::clone(&mutex);
                std::thread::spawn(move || {
                    let mut added = 0;
                    for turn in 0..1000 {
                        if turn % 3 == 0 {
                            let Some(mut guard) = mutex.try_lock() else {
                                continue;
                            };
                            *guard += 1;
                        } else {
                            *mutex.lock_blocking() += 1;
                        }
                        added += 1;
                    }
                    added
                })
            })
            .collect();
        let added: u64 = workers
            .into_iter()
            .map(|worker| worker.join().expect("it ends well"))
            .sum();
        assert_eq!(*mutex.lock_blocking(), added);
    });
}
