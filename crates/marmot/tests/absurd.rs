//! Sizes and numbers that nobody means: nothing overflows, neither a counter nor the stack.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context as Task, Waker};
use std::time::Duration;

use marmot::errgroup::Group;
use marmot::prelude::*;
use marmot::rate::{INF, Limiter, Sometimes};
use marmot::sync::{Barrier, Notify};

/// Whether a future waits at its first poll.
fn waits(future: impl Future) -> bool {
    let mut future = Box::pin(future);
    future
        .as_mut()
        .poll(&mut Task::from_waker(Waker::noop()))
        .is_pending()
}

#[marmot::test]
async fn nothing_everything_and_more_than_there_is() {
    let none = Semaphore::new(0);
    drop(none.acquire(0).await);
    assert!(none.try_acquire(0).is_some() && none.try_acquire(1).is_none());
    assert!(waits(none.acquire(1)) && waits(none.acquire(usize::MAX)));
    let most = Semaphore::new(Semaphore::MAX_PERMITS);
    let all = most.acquire(Semaphore::MAX_PERMITS).await;
    assert!(waits(most.acquire(1)));
    drop(all);
    assert_eq!(most.available(), Semaphore::MAX_PERMITS);
    assert!(Barrier::new(0).wait().await.is_leader());
    assert!(waits(Barrier::new(usize::MAX).wait()));
    let notify = Notify::new();
    (0..100_000).for_each(|_| notify.notify_one());
    notify.notified().await;
    assert!(waits(notify.notified()), "many calls are one");
    let group = Group::new();
    group.set_limit(0);
    assert!(!group.try_go(async { Ok::<(), String>(()) }) && waits(group.ready()));
    group.go(async { Ok::<(), String>(()) });
    assert!(waits(group.wait()));
    group.set_limit(usize::MAX);
    assert!(group.wait().await.is_ok());
}

#[marmot::test]
async fn times_without_an_end_do_not_overflow_to_now() {
    let (ctx, cancel) = Context::background().with_timeout(Duration::MAX);
    let (below, _below) = ctx.with_timeout(Duration::MAX);
    assert!(waits(below.done()) && below.deadline().is_none());
    assert!(waits(timeout(Duration::MAX, pending::<()>())));
    assert!(waits(ctx.run(sleep(Duration::MAX))));
    cancel.cancel();
    assert!(below.run(async {}).await.is_err());
    let sometimes = Sometimes::new().interval(Duration::MAX);
    let runs = AtomicUsize::new(0);
    for _ in 0..3 {
        sometimes.run(|| {
            runs.fetch_add(1, Ordering::Relaxed);
        });
    }
    assert_eq!(runs.into_inner(), 1);
}

#[marmot::test]
async fn rates_that_are_none() {
    let background = Context::background();
    for never in [0.0, -1.0, f64::NAN, f64::MIN_POSITIVE, f64::NEG_INFINITY] {
        let limiter = Limiter::new(never, 1);
        assert!(limiter.wait(&background).await.is_ok());
        assert!(
            !limiter.allow() && waits(limiter.wait(&background)),
            "{never}"
        );
        assert!(limiter.wait_n(&background, 2).await.is_err());
        assert!(limiter.wait_n(&background, 0).await.is_ok(), "{never}");
    }
    for always in [INF, f64::MAX] {
        let limiter = Limiter::new(always, 0);
        assert!(limiter.wait_n(&background, usize::MAX).await.is_ok());
    }
    let much = Limiter::new(1.0, usize::MAX);
    assert!(much.wait_n(&background, usize::MAX).await.is_ok());
}

#[test]
fn a_hundred_thousand_contexts_above_and_below_each_other() {
    const MANY: usize = 100_000;
    let (top, cancel) = Context::background().with_cancel();
    let beside: Vec<_> = (0..MANY).map(|_| top.with_cancel()).collect();
    let mut ends = Vec::new();
    let mut bottom = top.clone();
    for n in 0..MANY {
        let (below, end) = bottom.with_value(n).with_timeout(Duration::from_secs(3600));
        ends.push(end);
        bottom = below;
    }
    assert_eq!(bottom.value::<usize>(), Some(&(MANY - 1)));
    cancel.cancel();
    assert!(bottom.is_done() && beside.iter().all(|(below, _)| below.is_done()));
    assert_eq!(
        bottom.cause().expect("it has ended").to_string(),
        "context canceled"
    );
    drop(bottom);
    drop((ends, beside));
    let values = (0..MANY).fold(Context::background(), |ctx, n| ctx.with_value(n));
    drop(values);
}

#[test]
fn a_runtime_ends_under_a_hundred_thousand_members_in_a_queue() {
    let runtime = Runtime::builder().max_procs(2).build().expect("a runtime");
    let group = Group::new();
    group.set_limit(3);
    let held = Arc::new(());
    runtime.block_on({
        let (group, held) = (group.clone(), Arc::clone(&held));
        async move {
            for n in 0..100_000 {
                let held = Arc::clone(&held);
                group.go(async move {
                    let _held = held;
                    if n < 3 {
                        pending::<()>().await;
                    }
                    Ok::<(), String>(())
                });
            }
        }
    });
    drop(runtime);
    assert!(group.wait_blocking().is_ok());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[marmot::test]
async fn a_hundred_thousand_wait_in_one_line() {
    const MANY: usize = 100_000;
    let (mutex, semaphore) = (Mutex::new(()), Semaphore::new(1));
    let (guard, permit) = (mutex.lock().await, semaphore.acquire(1).await);
    let mut cx = Task::from_waker(Waker::noop());
    let mut locks: Vec<_> = (0..MANY).map(|_| Box::pin(mutex.lock())).collect();
    let mut acquires: Vec<_> = (0..MANY).map(|_| Box::pin(semaphore.acquire(1))).collect();
    assert!(
        locks
            .iter_mut()
            .all(|lock| lock.as_mut().poll(&mut cx).is_pending())
    );
    assert!(
        acquires
            .iter_mut()
            .all(|acquire| acquire.as_mut().poll(&mut cx).is_pending())
    );
    drop((guard, permit));
    // Each gives what it was given to the next.
    drop((locks, acquires));
    assert!(mutex.try_lock().is_some() && semaphore.try_acquire(1).is_some());
}
