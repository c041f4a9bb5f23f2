//! The promises of `Semaphore`.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use marmot_sync::Semaphore;
use support::{Count, now, poll, poll_with, text_of, within_seconds};

#[test]
fn free_permits_are_taken_at_the_first_poll_and_come_back_when_dropped() {
    let semaphore = Semaphore::new(3);
    let two = now(semaphore.acquire(2));
    assert_eq!((two.count(), semaphore.available()), (2, 1));
    assert!(semaphore.try_acquire(2).is_none());
    let one = semaphore.try_acquire(1).expect("one is free");
    drop(two);
    assert_eq!(semaphore.available(), 2);
    drop(one);
    assert_eq!((semaphore.available(), semaphore.total()), (3, 3));
}

#[test]
fn a_large_request_is_not_overtaken_by_small_ones() {
    let semaphore = Semaphore::new(4);
    let held = now(semaphore.acquire(2));
    let woken = Count::new();
    let mut large = semaphore.acquire(4);
    assert!(poll_with(&mut large, &woken).is_pending());
    let mut small = semaphore.acquire(1);
    assert!(poll(&mut small).is_pending(), "it is behind the large one");
    assert!(semaphore.try_acquire(1).is_none());
    drop(held);
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut large).is_ready());
    assert!(poll(&mut small).is_ready());
}

#[test]
fn one_release_serves_all_that_fit() {
    let semaphore = Semaphore::new(5);
    let held = now(semaphore.acquire(5));
    let mut waiting: Vec<_> = [1, 2, 3].map(|n| semaphore.acquire(n)).into();
    for one in &mut waiting {
        assert!(poll(one).is_pending());
    }
    drop(held);
    assert_eq!(
        semaphore.available(),
        2,
        "promised ones are taken off at once"
    );
    assert!(semaphore.try_acquire(2).is_none(), "the third is first");
    let a = now(waiting.remove(0));
    let b = now(waiting.remove(0));
    assert!(poll(&mut waiting[0]).is_pending());
    drop(a);
    let c = now(waiting.remove(0));
    drop((b, c));
    assert_eq!(semaphore.available(), 5);
}

#[test]
fn a_dropped_waiter_that_was_served_gives_its_permits_to_the_next() {
    let semaphore = Semaphore::new(1);
    let held = now(semaphore.acquire(1));
    let woken = Count::new();
    let mut a = semaphore.acquire(1);
    let mut b = semaphore.acquire(1);
    assert!(poll(&mut a).is_pending());
    assert!(poll_with(&mut b, &woken).is_pending());
    drop(held);
    assert_eq!(woken.calls(), 0);
    drop(a);
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut b).is_ready());
}

#[test]
fn a_dropped_large_request_lets_the_small_ones_behind_it_through() {
    let semaphore = Semaphore::new(2);
    let held = now(semaphore.acquire(1));
    let woken = Count::new();
    let mut large = semaphore.acquire(2);
    let mut small = semaphore.acquire(1);
    assert!(poll(&mut large).is_pending());
    assert!(poll_with(&mut small, &woken).is_pending());
    drop(large);
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut small).is_ready());
    drop(held);
}

#[test]
fn more_than_the_total_waits_and_holds_up_nobody() {
    let semaphore = Semaphore::new(2);
    let mut hopeless = semaphore.acquire(3);
    assert!(poll(&mut hopeless).is_pending());
    let permit = semaphore.try_acquire(2).expect("nobody is in the line");
    drop(permit);
    assert!(poll(&mut hopeless).is_pending());
}

#[test]
fn zero_permits_are_free_unless_somebody_waits() {
    let semaphore = Semaphore::new(1);
    assert_eq!(now(semaphore.acquire(0)).count(), 0);
    let held = now(semaphore.acquire(1));
    assert_eq!(now(semaphore.acquire(0)).count(), 0);
    let mut waiting = semaphore.acquire(1);
    assert!(poll(&mut waiting).is_pending());
    let mut zero = semaphore.acquire(0);
    assert!(poll(&mut zero).is_pending());
    drop(held);
    assert!(poll(&mut zero).is_ready());
}

#[test]
fn releasing_more_than_is_held_panics_and_changes_nothing() {
    let semaphore = Semaphore::new(2);
    let text = text_of(|| semaphore.release(1));
    assert_eq!(text, "semaphore: released more than held");
    assert_eq!(semaphore.available(), 2);
}

#[test]
fn more_permits_than_there_can_be_are_refused_at_the_callers_line() {
    let (tx, rx) = std::sync::mpsc::channel();
    let tx = std::sync::Mutex::new(tx);
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let place = info.location().map(|at| (at.file().to_owned(), at.line()));
        tx.lock().expect("unpoisoned").send(place).ok();
    }));
    let ended = std::panic::catch_unwind(|| Semaphore::new(usize::MAX));
    let line = line!() - 1;
    std::panic::set_hook(before);
    assert!(ended.is_err());
    let mut places = rx.try_iter().flatten();
    assert!(places.any(|place| place.0.ends_with("tests/semaphore.rs") && place.1 == line));
    let most = Semaphore::new(Semaphore::MAX_PERMITS);
    let all = now(most.acquire(Semaphore::MAX_PERMITS));
    assert!(poll(&mut most.acquire(1)).is_pending());
    drop(all);
    assert_eq!(most.available(), Semaphore::MAX_PERMITS);
}

#[test]
fn forgotten_permits_are_released_by_hand() {
    let semaphore = Semaphore::new(2);
    now(semaphore.acquire(2)).forget();
    assert_eq!(semaphore.available(), 0);
    let mut waiting = semaphore.acquire(1);
    assert!(poll(&mut waiting).is_pending());
    semaphore.release(2);
    assert!(poll(&mut waiting).is_ready());
}

#[test]
fn an_owned_permit_keeps_the_semaphore_alive() {
    let semaphore = Arc::new(Semaphore::new(1));
    let permit = now(semaphore.acquire_owned(1));
    let mut waiting = semaphore.acquire_owned(1);
    assert!(poll(&mut waiting).is_pending());
    drop(semaphore);
    within_seconds(move || drop(permit));
    assert!(poll(&mut waiting).is_ready());
}

#[test]
fn ten_threads_with_weights_never_hold_more_than_there_is() {
    const TOTAL: usize = 10;
    within_seconds(|| {
        let semaphore = Arc::new(Semaphore::new(TOTAL));
        let used = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..TOTAL)
            .map(|weight| {
                let (semaphore, used) = (Arc::clone(&semaphore), Arc::clone(&used));
                std::thread::spawn(move || {
                    for _ in 0..10_000 / TOTAL {
                        let permit = semaphore.acquire_blocking(weight);
                        let now = used.fetch_add(weight, Ordering::SeqCst) + weight;
                        assert!(now <= TOTAL);
                        used.fetch_sub(weight, Ordering::SeqCst);
                        drop(permit);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("it ends well");
        }
        assert_eq!(semaphore.available(), TOTAL);
    });
}

#[test]
fn a_semaphore_of_one_is_a_lock_for_ten_threads() {
    within_seconds(|| {
        let semaphore = Arc::new(Semaphore::new(1));
        let inside = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..10)
            .map(|_| {
                let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
                std::thread::spawn(move || {
                    for _ in 0..1000 {
                        let permit = semaphore.acquire_blocking(1);
                        assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                        inside.fetch_sub(1, Ordering::Relaxed);
                        drop(permit);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("it ends well");
        }
    });
}

#[test]
fn a_pool_of_workers_limited_by_a_semaphore_counts_collatz_steps() {
    fn steps(mut n: u32) -> u32 {
        let mut steps = 0;
        while n != 1 {
            n = if n.is_multiple_of(2) {
                n / 2
            } else {
                3 * n + 1
            };
            steps += 1;
        }
        steps
    }
    let expected = [
        0, 1, 7, 2, 5, 8, 16, 3, 19, 6, 14, 9, 9, 17, 17, 4, 12, 20, 20, 7, 7, 15, 15, 10, 23, 10,
        111, 18, 18, 18, 106, 5,
    ];
    let out = within_seconds(|| {
        let slots = Arc::new(Semaphore::new(2));
        let out = Arc::new(std::sync::Mutex::new(vec![0; 32]));
        for n in 0..32 {
            let permit = slots.acquire_blocking(1);
            permit.forget();
            let (slots, out) = (Arc::clone(&slots), Arc::clone(&out));
            std::thread::spawn(move || {
                let counted = steps(u32::try_from(n).expect("small") + 1);
                out.lock().expect("unpoisoned")[n] = counted;
                slots.release(1);
            });
        }
        drop(slots.acquire_blocking(2));
        let out = out.lock().expect("unpoisoned");
        out.clone()
    });
    assert_eq!(out, expected);
}
