//! The same programs under executors that know nothing of us: a thread pool of the futures
//! crate, tokio, and threads that block. Each is seeded, counts what goes in and what comes
//! out, and drops waits at random.

mod support;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use futures::executor::ThreadPool;
use futures::future::{poll_fn, select};
use marmot_sync::{
    Cond, Mutex, Notify, Once, OnceCell, OnceValue, RwLock, Semaphore, WaitGroup, singleflight,
};
use support::{Rng, within_seconds};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs a program under each executor.
fn under_each(program: fn(&dyn Fn(Task)) -> WaitGroup) {
    within_seconds(move || {
        // A task that wakes itself is polled again at once by this pool: so as many threads
        // as tasks.
        let pool = ThreadPool::builder().pool_size(9).create();
        let pool = pool.expect("threads");
        program(&|task| pool.spawn_ok(task)).wait_blocking();
    });
    within_seconds(move || {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .build()
            .expect("threads");
        program(&|task| drop(tokio.spawn(task))).wait_blocking();
    });
    within_seconds(move || {
        program(&|task| {
            std::thread::spawn(move || futures::executor::block_on(task));
        })
        .wait_blocking();
    });
}

/// Gives the others a turn.
async fn turn() {
    let mut first = true;
    poll_fn(|cx| {
        if std::mem::take(&mut first) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
}

/// The output, unless it takes longer than a few turns: then the future is dropped.
async fn impatient<F: Future>(future: F, rng: &mut Rng) -> Option<F::Output> {
    let turns = rng.below(4);
    let give_up = async {
        for _ in 0..turns {
            turn().await;
        }
    };
    match select(pin!(future), pin!(give_up)).await {
        futures::future::Either::Left((output, _)) => Some(output),
        futures::future::Either::Right(_) => None,
    }
}

#[test]
fn a_mutex_with_impatient_waiters_loses_no_turn_and_no_count() {
    under_each(|spawn| {
        let group = WaitGroup::new();
        let counts = Arc::new((Mutex::new(0), AtomicUsize::new(0)));
        for seed in 1..=8 {
            let (guard, counts) = (group.guard(), Arc::clone(&counts));
            spawn(Box::pin(async move {
                let mut rng = Rng::new(seed);
                for _ in 0..100 {
                    let locked = impatient(counts.0.lock(), &mut rng).await;
                    if let Some(mut inside) = locked {
                        let before = *inside;
                        turn().await;
                        *inside = before + 1;
                        counts.1.fetch_add(1, Ordering::SeqCst);
                    }
                }
                let inside = *counts.0.lock().await;
                assert!(inside <= counts.1.load(Ordering::SeqCst));
                drop(guard);
            }));
        }
        group
    });
}

#[test]
fn a_semaphore_with_impatient_waiters_gets_all_its_permits_back() {
    under_each(|spawn| {
        let group = WaitGroup::new();
        let semaphore = Arc::new(Semaphore::new(5));
        for seed in 1..=8 {
            let (guard, semaphore) = (group.guard(), Arc::clone(&semaphore));
            spawn(Box::pin(async move {
                let mut rng = Rng::new(seed);
                for _ in 0..100 {
                    let wants = rng.below(6);
                    let permit = impatient(semaphore.acquire(wants), &mut rng).await;
                    if permit.is_some() {
                        turn().await;
                    }
                }
                drop(semaphore.acquire(5).await);
                drop(guard);
            }));
        }
        group
    });
}

#[test]
fn a_rwlock_with_impatient_waiters_keeps_writers_alone() {
    under_each(|spawn| {
        let group = WaitGroup::new();
        let lock = Arc::new(RwLock::new([0, 0]));
        for seed in 1..=8 {
            let (guard, lock) = (group.guard(), Arc::clone(&lock));
            spawn(Box::pin(async move {
                let mut rng = Rng::new(seed);
                for _ in 0..100 {
                    if rng.below(3) == 0 {
                        let writer = impatient(lock.write(), &mut rng).await;
                        if let Some(mut pair) = writer {
                            pair[0] += 1;
                            turn().await;
                            pair[1] += 1;
                        }
                    } else {
                        let reader = impatient(lock.read(), &mut rng).await;
                        if let Some(pair) = reader {
                            assert_eq!(pair[0], pair[1]);
                            turn().await;
                        }
                    }
                }
                let pair = *lock.write().await;
                assert_eq!(pair[0], pair[1]);
                drop(guard);
            }));
        }
        group
    });
}

#[test]
fn a_queue_of_mutex_and_condition_delivers_everything_to_impatient_takers() {
    const EACH: usize = 50;
    under_each(|spawn| {
        let group = WaitGroup::new();
        let queue = Arc::new((Mutex::new(Vec::new()), Cond::new()));
        let taken = Arc::new(AtomicUsize::new(0));
        for seed in 1..=4 {
            let (there, guard) = (Arc::clone(&queue), group.guard());
            spawn(Box::pin(async move {
                for n in 0..EACH {
                    there.0.lock().await.push(n);
                    there.1.signal();
                    turn().await;
                }
                drop(guard);
            }));
            let (queue, taken) = (Arc::clone(&queue), Arc::clone(&taken));
            let guard = group.guard();
            spawn(Box::pin(async move {
                let mut rng = Rng::new(seed);
                let take = async || {
                    let mut items = queue.0.lock().await;
                    while items.is_empty() && taken.load(Ordering::SeqCst) < 4 * EACH {
                        items = queue.1.wait(items).await;
                    }
                    items.pop()
                };
                while taken.load(Ordering::SeqCst) < 4 * EACH {
                    if let Some(Some(_)) = impatient(take(), &mut rng).await {
                        taken.fetch_add(1, Ordering::SeqCst);
                    }
                }
                queue.1.broadcast();
                drop(guard);
            }));
        }
        group
    });
}

#[test]
fn notifications_reach_somebody_even_if_those_told_give_up() {
    const EACH: usize = 50;
    under_each(|spawn| {
        let group = WaitGroup::new();
        let told = Arc::new((Notify::new(), AtomicUsize::new(0)));
        for seed in 1..=4 {
            let (guard, told) = (group.guard(), Arc::clone(&told));
            spawn(Box::pin(async move {
                let mut rng = Rng::new(seed);
                for _ in 0..EACH {
                    while impatient(told.0.notified(), &mut rng).await.is_none() {
                        turn().await;
                    }
                    told.1.fetch_add(1, Ordering::SeqCst);
                }
                drop(guard);
            }));
        }
        let (guard, told) = (group.guard(), Arc::clone(&told));
        spawn(Box::pin(async move {
            while told.1.load(Ordering::SeqCst) < 4 * EACH {
                told.0.notify_one();
                turn().await;
            }
            drop(guard);
        }));
        group
    });
}

#[test]
fn work_done_once_may_be_asked_for_from_tasks_that_move_between_threads() {
    under_each(|spawn| {
        let group = WaitGroup::new();
        let once = Arc::new((
            Once::new(),
            OnceCell::new(),
            OnceValue::new(async || {
                turn().await;
                3
            }),
            singleflight::Group::new(),
            AtomicUsize::new(0),
        ));
        for _ in 0..6 {
            let (guard, once) = (group.guard(), Arc::clone(&once));
            spawn(Box::pin(async move {
                let (first, cell, value, calls, times) = &*once;
                let count = async || {
                    turn().await;
                    times.fetch_add(1, Ordering::SeqCst) + 1
                };
                first
                    .call_once(async || {
                        count().await;
                    })
                    .await;
                assert!(times.load(Ordering::SeqCst) >= 1);
                let filled = *cell.get_or_init(async || count().await).await;
                let tried = cell.get_or_try_init(async || Err(count().await)).await;
                assert_eq!((filled, tried), (2, Ok(&2)));
                assert_eq!(*value.get().await, 3);
                let (answer, _) = calls.run("key", async { 4 }).await;
                assert_eq!((answer, times.load(Ordering::SeqCst)), (4, 2));
                drop(guard);
            }));
        }
        group
    });
}
