//! Goroutines start, wait, yield, panic, are joined and aborted.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use marmot_scheduler::{Builder, Handle, Panic, Runtime, goexit, gosched};
use marmot_testing::until;

fn runtime(procs: usize) -> Runtime {
    Builder::new()
        .max_procs(procs)
        .panic(Panic::Report)
        .build()
        .expect("a runtime starts")
}

/// A value that arrives later, for tests without channels.
#[derive(Default)]
struct Later<T>(Mutex<(Option<T>, Option<Waker>)>);

impl<T> Later<T> {
    fn set(&self, value: T) {
        let mut slot = self.0.lock().unwrap();
        slot.0 = Some(value);
        let waker = slot.1.take();
        drop(slot);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn get(&self) -> T {
        poll_fn(|cx| {
            let mut slot = self.0.lock().unwrap();
            match slot.0.take() {
                Some(value) => Poll::Ready(value),
                None => {
                    slot.1 = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

#[test]
fn a_goroutine_gives_its_output_to_who_joins_it() {
    let rt = runtime(2);
    assert_eq!(rt.block_on(rt.spawn(async { 6 * 7 })).unwrap(), 42);
}

#[test]
fn a_hundred_thousand_goroutines_end() {
    for procs in [1, 2, 8] {
        let rt = runtime(procs);
        let done = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&done);
        let root = rt.spawn(async move {
            let handle = Handle::current();
            let handles: Vec<_> = (0..100_000)
                .map(|_| {
                    let count = Arc::clone(&count);
                    handle.spawn(async move { count.fetch_add(1, Ordering::Relaxed) })
                })
                .collect();
            for handle in handles {
                handle.await.unwrap();
            }
        });
        rt.block_on(root).unwrap();
        assert_eq!(done.load(Ordering::Relaxed), 100_000);
        assert_eq!(rt.handle().num_goroutine(), 0);
    }
}

#[test]
fn a_chain_of_goroutines_each_starting_the_next_ends() {
    fn link(left: usize, end: Arc<Later<()>>) {
        if left == 0 {
            return end.set(());
        }
        drop(Handle::current().spawn(async move { link(left - 1, end) }));
    }
    let rt = runtime(2);
    let end = Arc::new(Later::default());
    let first = Arc::clone(&end);
    drop(rt.spawn(async move { link(100_000, first) }));
    rt.block_on(end.get());
}

#[test]
fn yielding_goroutines_take_turns() {
    let rt = runtime(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let root = Arc::clone(&order);
    let root = rt.spawn(async move {
        let workers: Vec<_> = (0..2)
            .map(|who| {
                let order = Arc::clone(&root);
                Handle::current().spawn(async move {
                    for _ in 0..100 {
                        order.lock().unwrap().push(who);
                        gosched().await;
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
    rt.block_on(root).unwrap();
    let order = order.lock().unwrap();
    let switches = order.windows(2).filter(|pair| pair[0] != pair[1]).count();
    assert!(switches >= 190, "{switches} switches");
}

#[test]
fn the_last_one_started_runs_first_then_the_others_in_order() {
    let rt = runtime(1);
    let order = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&order);
    let root = rt.spawn(async move {
        let handles: Vec<_> = (0..10)
            .map(|n| {
                let seen = Arc::clone(&seen);
                Handle::current().spawn(async move { seen.lock().unwrap().push(n) })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
    });
    rt.block_on(root).unwrap();
    assert_eq!(*order.lock().unwrap(), [9, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_panic_goes_to_the_joiner() {
    let rt = runtime(2);
    let error = rt
        .block_on(rt.spawn(async { panic!("boom {}", std::hint::black_box(7)) }))
        .unwrap_err();
    assert!(error.is_panic());
    assert_eq!(error.to_string(), "goroutine panicked: boom 7");
    assert_eq!(*error.into_panic().downcast::<String>().unwrap(), "boom 7");
}

#[test]
fn a_join_error_becomes_an_error_that_threads_share() {
    type Shared = Box<dyn std::error::Error + Send + Sync>;
    let rt = runtime(1);
    let ends = rt.spawn(async { std::panic::resume_unwind(Box::new(std::cell::Cell::new(7))) });
    let joined: Result<(), Shared> = rt.block_on(async {
        let () = ends.await?;
        Ok(())
    });
    assert_eq!(
        joined.expect_err("it panicked").to_string(),
        "goroutine panicked: (a value that is no text)"
    );
}

#[test]
fn goexit_ends_one_goroutine_and_runs_its_destructors() {
    struct Bomb(Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let rt = runtime(2);
    let drops = Arc::new(AtomicUsize::new(0));
    let bomb = Bomb(Arc::clone(&drops));
    let error = rt
        .block_on(rt.spawn(async move {
            let _bomb = bomb;
            goexit().await;
        }))
        .unwrap_err();
    assert!(error.is_goexit());
    assert_eq!(drops.load(Ordering::Relaxed), 1);
}

#[test]
fn an_aborted_goroutine_drops_its_future() {
    let rt = runtime(2);
    let alive = Arc::new(());
    let inside = Arc::clone(&alive);
    let never: Arc<Later<()>> = Arc::default();
    let handle = rt.spawn(async move {
        let _inside = inside;
        never.get().await;
    });
    handle.abort();
    assert!(rt.block_on(handle).unwrap_err().is_cancelled());
    assert_eq!(Arc::strong_count(&alive), 1);
}

#[test]
fn shutdown_drops_what_waits_and_survives_what_its_destructors_start() {
    struct Spawns(Arc<AtomicUsize>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
            drop(Handle::current().spawn(async {}));
        }
    }
    let rt = runtime(2);
    let drops = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let spawns = Spawns(Arc::clone(&drops));
        let never: Arc<Later<()>> = Arc::default();
        drop(rt.spawn(async move {
            let _spawns = spawns;
            never.get().await;
        }));
    }
    rt.shutdown_timeout(Duration::from_secs(5));
    assert_eq!(drops.load(Ordering::Relaxed), 100);
}

#[test]
fn wakes_from_foreign_threads_are_not_lost() {
    for procs in [1, 2] {
        let rt = runtime(procs);
        for _ in 0..2000 {
            let later = Arc::new(Later::default());
            let there = Arc::clone(&later);
            let handle = rt.spawn(async move { later.get().await });
            std::thread::yield_now();
            there.set(5);
            assert_eq!(rt.block_on(handle).unwrap(), 5);
        }
    }
}

#[test]
fn block_on_is_legal_inside_a_goroutine_even_on_one_processor() {
    let rt = runtime(1);
    let root = rt.spawn(async {
        let handle = Handle::current();
        let child = handle.spawn(async { 1 });
        handle.block_on(child).unwrap() + 1
    });
    assert_eq!(rt.block_on(root).unwrap(), 2);
}

#[test]
fn blocked_threads_do_not_hold_up_the_others() {
    let rt = runtime(1);
    let started = std::time::Instant::now();
    let hogs: Vec<_> = (0..20)
        .map(|_| rt.spawn(async { std::thread::sleep(Duration::from_millis(500)) }))
        .collect();
    std::thread::sleep(Duration::from_millis(5));
    assert_eq!(rt.block_on(rt.spawn(async { 1 })).unwrap(), 1);
    assert!(
        started.elapsed() < Duration::from_millis(400),
        "{:?}",
        started.elapsed()
    );
    for hog in hogs {
        rt.block_on(hog).unwrap();
    }
    assert!(
        started.elapsed() < Duration::from_secs(5),
        "{:?}",
        started.elapsed()
    );
    assert!(rt.handle().stats().handoffs_blocked >= 10);
}

#[test]
fn a_goroutine_that_burns_its_cpu_does_not_hold_up_the_others() {
    let rt = runtime(1);
    let hog = rt.spawn(async {
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(500) {}
    });
    std::thread::sleep(Duration::from_millis(5));
    let started = std::time::Instant::now();
    assert_eq!(rt.block_on(rt.spawn(async { 1 })).unwrap(), 1);
    assert!(
        started.elapsed() < Duration::from_millis(400),
        "{:?}",
        started.elapsed()
    );
    rt.block_on(hog).unwrap();
    assert_eq!(rt.handle().stats().handoffs_burning, 1);
}

/// Starts so many that never end of themselves, on two Ps, and then one that is quick.
fn a_newcomer_beside(hogs: usize) {
    let rt = runtime(2);
    let (stop, started) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..hogs {
        let (stop, started) = (Arc::clone(&stop), Arc::clone(&started));
        drop(rt.spawn(async move {
            started.fetch_add(1, Ordering::Relaxed);
            while stop.load(Ordering::Relaxed) == 0 {
                std::hint::spin_loop();
            }
        }));
    }
    // Whatever comes of it, they end.
    let _end = Ends(stop);
    until(Duration::from_secs(20), "all hogs run", || {
        started.load(Ordering::Relaxed) == hogs
    });
    let newcomer = rt.spawn(async { 1 });
    until(Duration::from_secs(20), "a newcomer ends", || {
        newcomer.is_finished()
    });
}

/// Ends the hogs.
struct Ends(Arc<AtomicUsize>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.store(1, Ordering::Relaxed);
    }
}

#[test]
fn goroutines_start_though_those_that_run_burn_for_ever() {
    a_newcomer_beside(7);
}

#[test]
fn goroutines_start_beside_as_many_endless_hogs_as_may_burn() {
    a_newcomer_beside(8);
}

#[test]
fn goroutines_start_beside_more_endless_hogs_than_may_burn() {
    a_newcomer_beside(16);
}

#[test]
fn the_number_of_processors_changes_while_running() {
    let rt = runtime(4);
    let handle = rt.handle();
    assert_eq!(handle.gomaxprocs(Some(1)), 4);
    assert_eq!(handle.gomaxprocs(None), 1);
    let stop = Arc::new(AtomicUsize::new(0));
    let workers: Vec<_> = (0..50)
        .map(|_| {
            let stop = Arc::clone(&stop);
            rt.spawn(async move {
                while stop.load(Ordering::Relaxed) == 0 {
                    gosched().await;
                }
            })
        })
        .collect();
    for procs in [3, 1, 8, 2, 64, 1, 2] {
        let _ = handle.gomaxprocs(Some(procs));
        std::thread::sleep(Duration::from_millis(10));
        assert_eq!(handle.gomaxprocs(Some(0)), procs);
    }
    stop.store(1, Ordering::Relaxed);
    for worker in workers {
        rt.block_on(worker).unwrap();
    }
}
