//! Whole programs: goroutines, channels, select, timers and locks together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use marmot::prelude::*;

#[marmot::test]
async fn go_takes_a_future_a_block_a_closure_and_captures() {
    async fn double(n: u32) -> u32 {
        n * 2
    }
    assert_eq!(go!(double(4)).await.unwrap(), 8);
    assert_eq!(go!(async { 1 }).await.unwrap(), 1);
    assert_eq!(go!(move || 5).await.unwrap(), 5);
    let text = String::from("kept");
    let length = go!([text, extra = 3], async move { text.len() + extra })
        .await
        .unwrap();
    assert_eq!((length, text.as_str()), (7, "kept"));
    let from_closure = go!([text, mut n = 1], move || {
        n += text.len();
        n
    });
    assert_eq!(from_closure.await.unwrap(), 5);
}

#[marmot::test(max_procs = 1)]
async fn a_prime_sieve_finds_the_primes() {
    let (tx, mut rx) = chan(0);
    go!(async move {
        for n in 2.. {
            if tx.send(n).await.is_err() {
                return;
            }
        }
    });
    let mut primes = Vec::new();
    for _ in 0..25 {
        let prime: u32 = rx.recv().await.unwrap();
        primes.push(prime);
        let (out, next) = chan(0);
        let from = std::mem::replace(&mut rx, next);
        go!(async move {
            while let Some(n) = from.recv().await {
                if n % prime != 0 && out.send(n).await.is_err() {
                    return;
                }
            }
        });
    }
    assert_eq!(primes.last(), Some(&97));
}

#[marmot::test]
async fn a_select_waits_for_channels_and_timers() {
    let (tx, rx) = chan::<u32>(0);
    let sender = go!([tx], async move {
        sleep(ms(5)).await;
        tx.send(7).await
    });
    let mut ticks = 0;
    let value = loop {
        select! {
            v = rx.recv() => break v,
            _ = after(ms(1)) => ticks += 1,
        }
    };
    assert_eq!(value, Some(7));
    assert!(ticks >= 1);
    sender.await.unwrap().unwrap();
}

#[marmot::test]
async fn a_wait_group_waits_for_a_thousand_goroutines() {
    let wg = WaitGroup::new();
    let count = Arc::new(AtomicU32::new(0));
    for _ in 0..1000 {
        wg.add(1);
        go!([wg, count], async move {
            count.fetch_add(1, Ordering::Relaxed);
            wg.done();
        });
    }
    wg.wait().await;
    assert_eq!(count.load(Ordering::Relaxed), 1000);
}

#[marmot::test(max_procs = 1)]
async fn a_ticker_goes_on_beside_goroutines_that_block_and_burn() {
    const LONG: Duration = secs(20);
    let begin = Instant::now();
    let (end, together) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(std::sync::Barrier::new(5)),
    );
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(go!([together], move || {
            together.wait();
        }));
        all.push(go!([end], move || {
            while !end.load(Ordering::Relaxed) && begin.elapsed() < LONG {
                std::hint::spin_loop();
            }
        }));
    }
    // They go on until this is over.
    for _ in 0..20 {
        sleep(ms(1)).await;
    }
    assert!(begin.elapsed() < LONG, "they held it up until they ended");
    end.store(true, Ordering::Relaxed);
    runtime::blocking(|| together.wait());
    for goroutine in all {
        goroutine.await.unwrap();
    }
}

#[marmot::test]
#[should_panic(expected = "all goroutines are asleep - deadlock!")]
async fn a_test_that_deadlocks_fails_with_the_report() {
    let (_tx, rx) = chan::<()>(0);
    rx.recv().await;
}

#[marmot::test]
#[should_panic(expected = "nobody joins me")]
async fn a_test_fails_if_a_goroutine_panics() {
    drop(go!(async { panic!("nobody joins me") }));
    sleep(ms(20)).await;
}

#[marmot::test]
async fn runtime_answers_questions() {
    assert_eq!(runtime::num_goroutine(), 1);
    assert!(runtime::gomaxprocs(None) >= 1);
    let (_tx, rx) = chan::<()>(0);
    let waiter = go!(async move { rx.recv().await });
    gosched().await;
    sleep(ms(5)).await;
    let stack = runtime::stack();
    assert!(stack.contains("[chan receive]"), "{stack}");
    assert!(stack.contains("life.rs:"), "{stack}");
    waiter.abort();
}

#[marmot::test]
async fn blocking_twins_are_legal_inside_a_goroutine() {
    let (tx, rx) = chan::<u32>(0);
    let receiver = go!(move || rx.recv_blocking());
    let sender = go!(move || tx.send_blocking(3));
    assert_eq!(receiver.await.unwrap(), Some(3));
    sender.await.unwrap().unwrap();
}

#[marmot::test]
async fn a_goroutine_inherits_the_ambient_context() {
    let (ctx, cancel) = Context::background().with_value(7_u32).with_cancel();
    let (tx, rx) = chan(1);
    ctx.scope(async {
        go!(async move {
            let inherited = Context::current();
            let value = inherited.value::<u32>().copied();
            inherited.done().await;
            tx.send(value).await
        });
    })
    .await;
    cancel.cancel();
    assert_eq!(rx.recv().await, Some(Some(7)));
    assert_eq!(Context::current().value::<u32>(), None);
}

#[marmot::test(max_procs = 1)]
async fn a_goroutine_that_only_talks_to_ready_channels_lets_others_run() {
    let (tx, rx) = chan::<u32>(1);
    let other_ran = Arc::new(AtomicU32::new(0));
    let busy = go!([other_ran], async move {
        let mut rounds = 0_u32;
        while other_ran.load(Ordering::Relaxed) == 0 {
            tx.send(1).await.unwrap();
            rx.recv().await.unwrap();
            rounds += 1;
        }
        rounds
    });
    go!(
        [other_ran],
        async move { other_ran.store(1, Ordering::Relaxed) }
    );
    // The last one started runs first, so the other one is made to wait behind the busy one.
    go!(async { gosched().await });
    let rounds = busy.await.unwrap();
    assert!(rounds <= 128, "{rounds} rounds before the other one ran");
}

#[marmot::test(max_procs = 1)]
async fn goroutines_that_yield_do_not_starve_ten_thousand_others() {
    let stop = Arc::new(AtomicU32::new(0));
    for _ in 0..2 {
        go!([stop], async move {
            while stop.load(Ordering::Relaxed) == 0 {
                gosched().await;
            }
        });
    }
    let served = Arc::new(AtomicU32::new(0));
    let wg = WaitGroup::new();
    for _ in 0..10_000 {
        wg.add(1);
        go!([served, wg], async move {
            served.fetch_add(1, Ordering::Relaxed);
            wg.done();
        });
    }
    wg.wait().await;
    stop.store(1, Ordering::Relaxed);
    assert_eq!(served.load(Ordering::Relaxed), 10_000);
}
