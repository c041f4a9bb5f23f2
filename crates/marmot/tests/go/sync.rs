//! Locks, counters and things done once, among goroutines.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

use marmot::prelude::*;
use marmot::sync::{Cond, OnceValue, Pool, singleflight};

use crate::support::{on, on_each, panic_text};

#[test]
fn ten_goroutines_with_every_third_a_try_lock_exclude_each_other() {
    on_each(|| async {
        let mutex = Arc::new(Mutex::new(0));
        let held = mutex.lock().await;
        assert!(mutex.try_lock().is_none());
        drop(held);
        assert!(mutex.try_lock().is_some());
        let wg = WaitGroup::new();
        for who in 0..10 {
            let mutex = Arc::clone(&mutex);
            wg.go(async move {
                for n in 0..1000 {
                    let mut guard = match mutex.try_lock() {
                        Some(guard) if n % 3 == who % 3 => guard,
                        tried => {
                            drop(tried);
                            mutex.lock().await
                        }
                    };
                    let seen = *guard;
                    if n % 100 == 0 {
                        gosched().await;
                    }
                    *guard = seen + 1;
                }
            });
        }
        wg.wait().await;
        assert_eq!(*mutex.lock().await, 10_000);
    });
}

#[test]
fn a_semaphore_of_one_is_a_lock_for_ten_goroutines() {
    on_each(|| async {
        let semaphore = Arc::new(Semaphore::new(1));
        let inside = Arc::new(AtomicI32::new(0));
        let wg = WaitGroup::new();
        for _ in 0..10 {
            let (semaphore, inside) = (Arc::clone(&semaphore), Arc::clone(&inside));
            wg.go(async move {
                for _ in 0..1000 {
                    let permit = semaphore.acquire(1).await;
                    assert_eq!(inside.fetch_add(1, Ordering::Relaxed), 0);
                    inside.fetch_sub(1, Ordering::Relaxed);
                    drop(permit);
                }
            });
        }
        wg.wait().await;
        assert_eq!(semaphore.available(), 1);
    });
}

/// A semaphore hands a permit to who waits: whoever releases it and wants it again comes after.
#[test]
fn who_waits_for_a_semaphore_goes_before_who_releases_it_and_asks_again() {
    on_each(|| async {
        const ROUNDS: usize = 2000;
        let semaphore = Arc::new(Semaphore::new(1));
        let mut first = 0;
        for _ in 0..ROUNDS {
            let had_it = Arc::new(AtomicBool::new(false));
            let permit = semaphore.acquire(1).await;
            let waiter = go!([semaphore, had_it], async move {
                let _permit = semaphore.acquire(1).await;
                had_it.store(true, Ordering::Relaxed);
            });
            gosched().await;
            drop(permit);
            let _permit = semaphore.acquire(1).await;
            first += usize::from(had_it.load(Ordering::Relaxed));
            drop(_permit);
            waiter.await.unwrap();
        }
        // Those that had not come to their wait when the permit was released.
        assert!(first >= ROUNDS * 2 / 3, "{first} of {ROUNDS}");
    });
}

async fn hammer(readers: usize, rounds: usize) {
    // A writer inside counts ten thousand, a reader one.
    let lock = Arc::new(RwLock::new(()));
    let activity = Arc::new(AtomicI32::new(0));
    let wg = WaitGroup::new();
    for _ in 0..2 {
        let (lock, activity) = (Arc::clone(&lock), Arc::clone(&activity));
        wg.go(async move {
            for _ in 0..rounds {
                let guard = lock.write().await;
                assert_eq!(activity.fetch_add(10_000, Ordering::Relaxed), 0, "alone");
                gosched().await;
                assert_eq!(activity.fetch_sub(10_000, Ordering::Relaxed), 10_000);
                drop(guard);
            }
        });
    }
    for _ in 0..readers {
        let (lock, activity) = (Arc::clone(&lock), Arc::clone(&activity));
        wg.go(async move {
            for _ in 0..rounds {
                let guard = lock.read().await;
                let inside = activity.fetch_add(1, Ordering::Relaxed);
                assert!((0..10_000).contains(&inside), "no writer among readers");
                gosched().await;
                activity.fetch_sub(1, Ordering::Relaxed);
                drop(guard);
            }
        });
    }
    wg.wait().await;
    assert_eq!(activity.load(Ordering::Relaxed), 0);
}

#[test]
fn two_writers_are_alone_among_up_to_ten_readers_on_any_number_of_processors() {
    for procs in [1, 4, 10] {
        on(procs, || async {
            for readers in [1, 3, 5, 10] {
                hammer(readers, 100).await;
            }
        });
    }
}

#[test]
fn readers_are_all_inside_together() {
    for readers in [1, 3, 4] {
        for procs in [1, 2, 4] {
            on(procs, move || async move {
                let lock = Arc::new(RwLock::new(()));
                let (inside_tx, inside) = chan::<()>(0);
                let (leave_tx, leave) = chan::<()>(0);
                let wg = WaitGroup::new();
                for _ in 0..readers {
                    let (lock, inside, leave) =
                        (Arc::clone(&lock), inside_tx.clone(), leave.clone());
                    wg.go(async move {
                        let _guard = lock.read().await;
                        inside.send(()).await.unwrap();
                        leave.recv().await;
                    });
                }
                for _ in 0..readers {
                    inside.recv().await.unwrap();
                }
                assert!(lock.try_read().is_some() && lock.try_write().is_none());
                leave_tx.close();
                wg.wait().await;
                assert!(lock.try_write().is_some());
            });
        }
    }
}

#[test]
fn three_goroutines_step_a_number_through_one_condition() {
    on_each(|| async {
        let shared = Arc::new((Mutex::new(0), Cond::new()));
        let wg = WaitGroup::new();
        for step in 0..3 {
            let shared = Arc::clone(&shared);
            wg.go(async move {
                for round in 0..100 {
                    let (lock, cond) = &*shared;
                    let mut x = lock.lock().await;
                    while *x != round * 3 + step {
                        x = cond.wait(x).await;
                    }
                    *x += 1;
                    cond.broadcast();
                }
            });
        }
        wg.wait().await;
        assert_eq!(*shared.0.lock().await, 300);
    });
}

#[test]
fn a_wait_group_works_inside_a_struct_and_sees_what_was_done() {
    on_each(|| async {
        struct Job {
            _byte: u8,
            wg: WaitGroup,
            done: AtomicUsize,
        }
        let job = Arc::new(Job {
            _byte: 1,
            wg: WaitGroup::new(),
            done: AtomicUsize::new(0),
        });
        for _ in 0..100 {
            let inner = Arc::clone(&job);
            job.wg.go(async move {
                gosched().await;
                inner.done.fetch_add(1, Ordering::Relaxed);
            });
        }
        job.wg.wait().await;
        assert_eq!(job.done.load(Ordering::Relaxed), 100);
    });
}

#[test]
fn what_is_computed_once_is_computed_for_everybody() {
    on_each(|| async {
        let printed = Arc::new(AtomicUsize::new(0));
        let once = Arc::new(Once::new());
        let sum = Arc::new(OnceValue::new(|| async {
            gosched().await;
            (0..1000).sum::<u32>()
        }));
        let wg = WaitGroup::new();
        for _ in 0..10 {
            let (printed, once, sum) = (Arc::clone(&printed), Arc::clone(&once), Arc::clone(&sum));
            wg.go(async move {
                once.call_once(async || {
                    gosched().await;
                    printed.fetch_add(1, Ordering::Relaxed);
                })
                .await;
                assert_eq!(printed.load(Ordering::Relaxed), 1, "only once");
                assert_eq!(*sum.get().await, 499_500);
            });
        }
        wg.wait().await;
    });
}

#[test]
fn a_panic_or_goexit_while_something_is_done_once_leads_to_no_second_run() {
    on_each(|| async {
        let runs = Arc::new(AtomicUsize::new(0));
        let once = Arc::new(Once::new());
        let left = go!([once, runs], async move {
            once.call_once(async || {
                runs.fetch_add(1, Ordering::Relaxed);
                runtime::goexit().await;
            })
            .await;
        });
        assert!(left.await.unwrap_err().is_goexit());
        once.call_once(async || panic!("a second run")).await;
        assert_eq!(runs.load(Ordering::Relaxed), 1);

        let value = Arc::new(OnceValue::<u32>::new(|| async { panic!("no value") }));
        for _ in 0..3 {
            let asked = go!([value], async move { *value.get().await });
            assert_eq!(panic_text(asked.await), "no value");
        }
    });
}

#[test]
fn a_pool_gives_only_what_was_put_in_to_one_goroutine_at_a_time() {
    on_each(|| async {
        let made = Arc::new(AtomicUsize::new(0));
        let pool = Arc::new(Pool::new({
            let made = Arc::clone(&made);
            move || Box::new(made.fetch_add(1, Ordering::Relaxed))
        }));
        let owned: Arc<Vec<AtomicBool>> =
            Arc::new((0..1000).map(|_| AtomicBool::new(false)).collect());
        let wg = WaitGroup::new();
        for _ in 0..10 {
            let (pool, owned) = (Arc::clone(&pool), Arc::clone(&owned));
            wg.go(async move {
                for n in 0..1000 {
                    let thing = pool.get();
                    assert!(!owned[*thing].swap(true, Ordering::Relaxed));
                    if n % 10 == 0 {
                        gosched().await;
                    }
                    owned[*thing].store(false, Ordering::Relaxed);
                    pool.put(thing);
                }
            });
        }
        wg.wait().await;
        assert!(made.load(Ordering::Relaxed) <= 1000);
        // New ones only when it is empty.
        let number = AtomicUsize::new(0);
        let fresh = Pool::new(move || number.fetch_add(1, Ordering::Relaxed) + 1);
        assert_eq!((fresh.get(), fresh.get()), (1, 2));
        fresh.put(42);
        assert_eq!((fresh.get(), fresh.get()), (42, 3));
    });
}

#[test]
fn of_two_calls_at_once_one_works_and_both_have_its_result() {
    on_each(|| async {
        let group = Arc::new(singleflight::Group::<&str, String>::new());
        let (go_on, wait) = chan::<()>(0);
        let first = group.run_chan("key", async move {
            wait.recv().await;
            "func 1".to_owned()
        });
        let second = group.run_chan("key", async { "func 2".to_owned() });
        drop(go_on);
        let (a, b) = (first.recv().await.unwrap(), second.recv().await.unwrap());
        assert_eq!((a.0.as_str(), a.1), ("func 1", true));
        assert_eq!(a, b);
        let (alone, shared) = group.run("key", async { "func 3".to_owned() }).await;
        assert_eq!((alone.as_str(), shared), ("func 3", false));
    });
}
