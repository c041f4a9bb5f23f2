//! What tutorials say of wait groups, mutexes and contexts, statement by statement, as far as no other
//! test has it. Each test has the statement's words in its name.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use marmot::context::ContextError;
use marmot::prelude::*;
use marmot::{Deadlock, Panic};

/// A runtime whose deadlock reports arrive here, at once.
fn observed(procs: usize) -> (Runtime, mpsc::Receiver<String>) {
    let (report, reports) = mpsc::channel();
    let rt = Runtime::builder()
        .max_procs(procs)
        .panic(Panic::Report)
        .deadlock(Deadlock::Fatal)
        .deadlock_grace(Duration::from_millis(10))
        .on_deadlock(move |text| drop(report.send(text.to_owned())))
        .build()
        .expect("a runtime");
    (rt, reports)
}

const PATIENCE: Duration = Duration::from_secs(20);

#[marmot::test(max_procs = 2)]
async fn add_raises_by_any_number_done_lowers_by_one_and_wait_ends_at_zero() {
    let wg = WaitGroup::new();
    wg.add(5);
    wg.add(-3);
    let waiter = go!([wg], async move { wg.wait().await });
    wg.done();
    while wg.count() != 1 || waiter.is_finished() {
        gosched().await;
    }
    wg.done();
    waiter.await.unwrap();
}

#[marmot::test(max_procs = 2)]
async fn who_adds_before_the_go_statement_is_waited_for() {
    for _ in 0..200 {
        let (wg, done) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
        for _ in 0..3 {
            wg.add(1);
            // ORDERING: Relaxed, here and below: the wait group synchronises.
            go!([wg, done], async move {
                done.fetch_add(1, Ordering::Relaxed);
                wg.done();
            });
        }
        wg.wait().await;
        assert_eq!(done.load(Ordering::Relaxed), 3);
    }
}

#[marmot::test]
async fn a_deferred_done_runs_however_the_function_ends() {
    let wg = WaitGroup::new();
    let ways: [fn(u32) -> u32; 3] = [|n| n, |n| if n > 0 { 0 } else { 1 }, |_| panic!("unwinds")];
    let mut ended = Vec::new();
    for way in ways {
        let deferred = wg.guard();
        ended.push(go!(async move {
            let _deferred = deferred;
            way(7)
        }));
    }
    let deferred = wg.guard();
    let left = go!(async move {
        let _deferred = deferred;
        runtime::goexit().await;
    });
    wg.wait().await;
    assert!(left.await.unwrap_err().is_goexit());
    let mut panicked = 0;
    for handle in ended {
        panicked += u32::from(handle.await.is_err());
    }
    assert_eq!(panicked, 1);
}

#[marmot::test(max_procs = 2)]
async fn a_wait_group_given_to_a_function_stays_the_same_group() {
    async fn by_reference(wg: &WaitGroup) {
        wg.done();
    }
    let wg = WaitGroup::new();
    wg.add(2);
    by_reference(&wg).await;
    assert_eq!(wg.count(), 1);
    let clone = wg.clone();
    go!(async move { clone.done() });
    wg.wait().await;
}

/// Ten goroutines raise a number that only exclusion keeps right.
async fn ten_raise<F, Fut>(raise: F)
where
    F: Fn(Arc<AtomicU32>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let number = Arc::new(AtomicU32::new(0));
    let wg = WaitGroup::new();
    for _ in 0..10 {
        for _ in 0..20 {
            wg.go(raise(Arc::clone(&number)));
        }
    }
    wg.wait().await;
    assert_eq!(number.load(Ordering::Relaxed), 200);
}

/// Not one step, and with a wait between the two.
async fn read_then_write(number: &AtomicU32) {
    let read = number.load(Ordering::Relaxed);
    gosched().await;
    number.store(read + 1, Ordering::Relaxed);
}

#[marmot::test(max_procs = 2)]
async fn a_mutex_works_like_a_buffered_channel_of_capacity_one() {
    let mutex = Arc::new(Mutex::new(()));
    ten_raise(|number| {
        let mutex = Arc::clone(&mutex);
        async move {
            let _locked = mutex.lock().await;
            read_then_write(&number).await;
        }
    })
    .await;
    let channel = Chan::new(1);
    ten_raise(|number| {
        let channel = channel.clone();
        async move {
            channel.send(()).await.unwrap();
            read_then_write(&number).await;
            channel.recv().await;
        }
    })
    .await;
}

#[test]
fn a_mutex_never_unlocked_blocks_all_others_and_is_told_once_every_goroutine_waits() {
    for procs in [1, 2] {
        let (rt, reports) = observed(procs);
        let mutex = Arc::new(Mutex::new(0));
        let (stop, stopped) = chan::<()>(0);
        let worker = rt.spawn(async move {
            // One that goes on: as long as it does, nobody is told.
            while stopped.try_recv() != Err(chan::TryRecvError::Closed) {
                sleep(ms(1)).await;
            }
        });
        let here = Arc::clone(&mutex);
        rt.block_on(rt.spawn(async move { std::mem::forget(here.lock().await) }))
            .unwrap();
        let waiter = rt.spawn(async move {
            *mutex.lock().await += 1;
        });
        assert!(reports.recv_timeout(ms(100)).is_err(), "one still works");
        drop(stop);
        rt.block_on(worker).unwrap();
        let report = reports.recv_timeout(PATIENCE).expect("a report");
        assert!(report.contains("sync.Mutex.Lock"), "{report}");
        waiter.abort();
    }
}

#[test]
fn forgetting_done_ends_in_a_report_that_names_the_wait() {
    let (rt, reports) = observed(1);
    let wg = WaitGroup::new();
    wg.add(1);
    let waiter = rt.spawn(async move { wg.wait().await });
    let report = reports.recv_timeout(PATIENCE).expect("a report");
    assert!(report.contains("all goroutines are asleep"), "{report}");
    assert!(report.contains("sync.WaitGroup.Wait"), "{report}");
    waiter.abort();
}

#[marmot::test(max_procs = 2)]
async fn increments_under_a_lock_or_atomic_ones_lose_no_updates() {
    let number = Arc::new(StdMutex::new(0_u32));
    let counter = Arc::new(AtomicU32::new(0));
    let wg = WaitGroup::new();
    for _ in 0..100 {
        let (number, counter) = (Arc::clone(&number), Arc::clone(&counter));
        wg.go(async move {
            *number.lock().unwrap() += 1;
            counter.fetch_add(1, Ordering::Relaxed);
        });
    }
    wg.wait().await;
    assert_eq!(
        (*number.lock().unwrap(), counter.load(Ordering::Relaxed)),
        (100, 100)
    );
}

#[marmot::test(max_procs = 2)]
async fn done_is_closed_when_cancel_is_called_or_the_parents_done_is() {
    for by_parent in [false, true] {
        let (parent, cancel_parent) = Context::background().with_cancel();
        let (ctx, cancel) = parent.with_cancel();
        let waiter = go!([ctx], async move {
            ctx.done().await;
            ctx.err()
        });
        if by_parent {
            cancel_parent.cancel();
        } else {
            cancel.cancel();
        }
        assert!(ctx.is_done(), "before cancel returns");
        assert_eq!(parent.is_done(), by_parent);
        assert_eq!(waiter.await.unwrap(), Some(ContextError::Canceled));
    }
}

#[marmot::test(max_procs = 2)]
async fn a_context_with_a_timeout_or_a_deadline_cancels_itself() {
    let background = Context::background();
    let soon = Instant::now() + ms(3);
    for (ctx, _cancel) in [
        background.with_timeout(ms(3)),
        background.with_deadline(soon),
    ] {
        let (below, _below) = ctx.with_timeout(secs(3600));
        assert_eq!(
            below.deadline(),
            ctx.deadline(),
            "an earlier one above wins"
        );
        below.done().await;
        assert!(Instant::now() >= soon, "never early");
        assert_eq!(
            below.err().unwrap().to_string(),
            "context deadline exceeded"
        );
    }
}
