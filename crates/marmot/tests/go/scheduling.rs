//! Goroutines on threads: what blocks, spins, is counted and is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use marmot::prelude::*;
use marmot::runtime::{GoroutineState, Handle};

use crate::support::{on, on_each};

#[test]
fn goroutines_that_call_the_system_all_the_time_start_and_stop() {
    for micros in [10, 100, 1000] {
        on(2, move || async move {
            let stop = Arc::new(AtomicBool::new(false));
            let calls: Vec<_> = (0..8).map(|_| Arc::new(AtomicUsize::new(0))).collect();
            let wg = WaitGroup::new();
            for calls in &calls {
                let (stop, calls) = (Arc::clone(&stop), Arc::clone(calls));
                wg.go(async move {
                    while !stop.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_micros(micros));
                        calls.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
            // All of them run, though each is one endless poll.
            while calls.iter().any(|calls| calls.load(Ordering::Relaxed) == 0) {
                sleep(ms(1)).await;
            }
            stop.store(true, Ordering::Relaxed);
            wg.wait().await;
        });
    }
}

#[test]
fn a_goroutine_that_keeps_its_thread_yields_sleeps_and_sends() {
    on_each(|| async {
        let (tx, rx) = chan::<usize>(0);
        let keeper = go!(move || {
            let thread = std::thread::current().id();
            for n in 0..10 {
                std::thread::yield_now();
                std::thread::sleep(Duration::from_micros(200));
                tx.send_blocking(n).unwrap();
                marmot::block_on(gosched());
                assert_eq!(std::thread::current().id(), thread);
            }
        });
        for n in 0..10 {
            assert_eq!(rx.recv().await, Some(n));
        }
        keeper.await.unwrap();
    });
}

#[test]
fn the_number_of_goroutines_is_the_number_of_stacks_in_a_dump() {
    on_each(|| async {
        let stacks = || runtime::stack().matches("goroutine ").count();
        let created = |text: &str| text.matches("in goroutine ").count();
        let text = runtime::stack();
        assert_eq!(
            (runtime::num_goroutine(), stacks() - created(&text)),
            (1, 1)
        );
        let (end, ended) = chan::<()>(0);
        for _ in 0..10 {
            go!([ended], async move { ended.recv().await });
        }
        while runtime::stack().matches("[chan receive]").count() < 10 {
            gosched().await;
        }
        let goroutines = Handle::current().goroutines();
        assert_eq!((goroutines.len(), runtime::num_goroutine()), (11, 11));
        let text = runtime::stack();
        assert_eq!(text.matches("goroutine ").count() - created(&text), 11);
        end.close();
        while runtime::num_goroutine() > 1 {
            gosched().await;
        }
    });
}

#[test]
fn a_staged_scene_is_told_as_it_is() {
    on(2, || async {
        let started = Handle::current().stats().started;
        let (end, ended) = chan::<()>(0);
        for _ in 0..10 {
            go!([ended], async move { ended.recv().await });
        }
        let spin = Arc::new(AtomicBool::new(true));
        let spinner = go!([spin], move || while spin.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        });
        let count = |state| {
            let all = Handle::current().goroutines();
            all.into_iter().filter(|g| g.state == state).count()
        };
        // The one that asks, and the one that spins.
        while (
            count(GoroutineState::Running),
            count(GoroutineState::Waiting),
        ) != (2, 10)
        {
            gosched().await;
        }
        assert_eq!(Handle::current().stats().started - started, 11);
        spin.store(false, Ordering::Relaxed);
        spinner.await.unwrap();
        end.close();
    });
}

#[test]
fn a_machine_that_waits_for_the_world_is_woken_from_outside() {
    on_each(|| async {
        let (tx, rx) = chan::<()>(0);
        let far = after(secs(600));
        let began = Instant::now();
        let outside = std::thread::spawn(move || {
            std::thread::sleep(ms(5));
            tx.send_blocking(()).unwrap();
        });
        select! {
            _ = <-rx => {},
            _ = <-far => panic!("it was woken by its timer"),
        }
        assert!(began.elapsed() < secs(30));
        outside.join().unwrap();
    });
}

#[test]
fn a_thousand_processors_are_not_too_many() {
    on(1024, || async {
        assert_eq!(runtime::gomaxprocs(None), 1024);
        let wg = WaitGroup::new();
        let count = Arc::new(AtomicUsize::new(0));
        for _ in 0..2000 {
            let count = Arc::clone(&count);
            wg.go(async move {
                gosched().await;
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        wg.wait().await;
        assert_eq!(count.load(Ordering::Relaxed), 2000);
    });
}

#[test]
fn two_may_dump_all_stacks_while_the_number_of_processors_changes() {
    on_each(|| async {
        let before = runtime::gomaxprocs(None);
        let wg = WaitGroup::new();
        for _ in 0..2 {
            wg.go(async move {
                for _ in 0..50 {
                    assert!(runtime::stack().contains("goroutine 1"));
                    gosched().await;
                }
            });
        }
        for n in (1..=8).cycle().take(40) {
            runtime::gomaxprocs(Some(n));
            gosched().await;
        }
        runtime::gomaxprocs(Some(before));
        wg.wait().await;
        assert_eq!(runtime::gomaxprocs(None), before);
    });
}

type Matrix = Arc<Vec<f64>>;

/// The rows from `i` on times the columns from `j` on, halved until small, the halves joined
/// through a channel.
fn multiply(
    a: Matrix,
    b: Matrix,
    out: Sender<(usize, usize, f64)>,
    i: (usize, usize),
    j: (usize, usize),
    n: usize,
    done: Sender<()>,
) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let (rows, columns) = (i.1 - i.0, j.1 - j.0);
        if rows.max(columns) <= 4 {
            for row in i.0..i.1 {
                for column in j.0..j.1 {
                    let sum = (0..n).map(|k| a[row * n + k] * b[k * n + column]).sum();
                    out.send((row, column, sum)).await.unwrap();
                }
            }
        } else {
            let (half_done, half) = chan(0);
            let (rest_i, rest_j);
            let first = if rows >= columns {
                let middle = i.0 + rows / 2;
                (rest_i, rest_j) = ((middle, i.1), j);
                multiply(
                    a.clone(),
                    b.clone(),
                    out.clone(),
                    (i.0, middle),
                    j,
                    n,
                    half_done,
                )
            } else {
                let middle = j.0 + columns / 2;
                (rest_i, rest_j) = (i, (middle, j.1));
                multiply(
                    a.clone(),
                    b.clone(),
                    out.clone(),
                    i,
                    (j.0, middle),
                    n,
                    half_done,
                )
            };
            go!(first);
            let (own_done, own) = chan(1);
            multiply(a, b, out, rest_i, rest_j, n, own_done).await;
            own.recv().await.unwrap();
            half.recv().await.unwrap();
        }
        done.send(()).await.unwrap();
    })
}

#[test]
fn a_matrix_product_of_halves_joined_through_channels_is_right() {
    on_each(|| async {
        const N: usize = 32;
        let a: Matrix = Arc::new((0..N * N).map(|n| (n % 7) as f64).collect());
        let b: Matrix = Arc::new((0..N * N).map(|n| (n % 5) as f64).collect());
        let ((out, cells), (done_tx, done)) = (chan(16), chan(1));
        go!(multiply(
            a.clone(),
            b.clone(),
            out,
            (0, N),
            (0, N),
            N,
            done_tx
        ));
        let mut count = 0;
        while let Some((row, column, got)) = cells.recv().await {
            let expected: f64 = (0..N).map(|k| a[row * N + k] * b[k * N + column]).sum();
            assert!((got - expected).abs() < 1e-9);
            count += 1;
        }
        assert_eq!((count, done.recv().await), (N * N, Some(())));
    });
}
