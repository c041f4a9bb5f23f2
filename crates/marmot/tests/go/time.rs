//! Timers of the running system: none is early, none is lost, none that is gone costs anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use marmot::prelude::*;

use crate::support::{on, on_each};

#[test]
fn a_sleep_is_never_shorter_though_other_timers_wake_the_machines() {
    on_each(|| async {
        let began = Instant::now();
        let other = go!(async {
            for _ in 0..5 {
                sleep(ms(7)).await;
            }
        });
        sleep(ms(50)).await;
        assert!(began.elapsed() >= ms(50));
        other.await.unwrap();
    });
}

#[test]
fn after_delivers_a_time_that_is_not_before_its_own_ten_times_in_a_row() {
    on_each(|| async {
        let began = Instant::now();
        for n in 1..=10 {
            let due = after(ms(5)).recv().await.unwrap();
            assert!(due - began >= ms(5) * n, "round {n}");
            assert!(Instant::now() >= due);
        }
        assert!(began.elapsed() >= ms(50));
    });
}

#[test]
fn no_stopped_function_runs_among_a_hundred_goroutines() {
    on_each(|| async {
        let ran = Arc::new(AtomicUsize::new(0));
        let wg = WaitGroup::new();
        for _ in 0..100 {
            let ran = Arc::clone(&ran);
            wg.go(async move {
                let timer = after_func(ms(40), move || {
                    ran.fetch_add(1, Ordering::Relaxed);
                });
                sleep(ms(2)).await;
                // On a machine that stood still meanwhile it has run; then it says so.
                if !timer.stop() {
                    timer.reset(secs(600));
                }
            });
        }
        wg.wait().await;
        let by_now = ran.load(Ordering::Relaxed);
        sleep(ms(50)).await;
        assert_eq!(ran.load(Ordering::Relaxed), by_now);
    });
}

#[test]
fn sleeps_of_zero_among_channel_operations_do_not_hang() {
    on_each(|| async {
        let (tx, rx) = chan::<u32>(0);
        let sender = go!(async move {
            for n in 0..100 {
                sleep(Duration::ZERO).await;
                tx.send(n).await.unwrap();
            }
        });
        for n in 0..100 {
            sleep(Duration::ZERO).await;
            assert_eq!(rx.recv().await, Some(n));
        }
        sender.await.unwrap();
    });
}

#[test]
fn timers_of_zero_are_received_however_many_there_are() {
    on_each(|| async {
        for _ in 0..10_000 {
            after(Duration::ZERO).recv().await.unwrap();
            Timer::new(Duration::ZERO).recv().await;
            sleep(Duration::ZERO).await;
        }
        let (tx, rx) = chan::<()>(0);
        for _ in 0..500 {
            let tx = tx.clone();
            drop(after_func(Duration::ZERO, move || {
                tx.send_blocking(()).unwrap();
            }));
            rx.recv().await.unwrap();
        }
    });
}

#[test]
fn a_thousand_timers_reset_to_the_past_fire() {
    on_each(|| async {
        let timers: Vec<_> = (0..1000).map(|_| Timer::new(secs(3600))).collect();
        for round in 0..10 {
            for timer in &timers {
                assert!(timer.stop() || round == 0);
                timer.reset(Duration::ZERO);
                timer.reset(secs(1800));
            }
        }
        for timer in &timers {
            timer.stop();
            timer.reset(Duration::ZERO);
        }
        for timer in &timers {
            timer.recv().await;
        }
    });
}

/// Each timer goes through a number of states in an order of its own.
#[test]
fn short_timers_among_stopped_and_reset_ones_all_fire() {
    on_each(|| async {
        let wg = WaitGroup::new();
        for who in 0..100_u64 {
            wg.go(async move {
                let mut rng = marmot_testing::Rng::seeded(who);
                let timer = Timer::new(secs(3600));
                for _ in 0..11 {
                    match rng.below(4) {
                        0 => drop(timer.reset(Duration::ZERO)),
                        1 => drop(timer.reset(secs(3600))),
                        2 => drop(timer.stop()),
                        _ => {
                            timer.reset(ms(rng.below(5) as u64));
                            timer.recv().await;
                        }
                    }
                    gosched().await;
                }
                timer.reset(ms(1));
                timer.recv().await;
            });
        }
        wg.wait().await;
    });
}

/// A receive with a limit is a timer made and dropped each time: it may not leave anything.
#[test]
fn a_hundred_thousand_dropped_timers_cost_nothing_later() {
    on(2, || async {
        let sleepers: Vec<_> = (0..5000).map(|_| go!(sleep(ms(1)))).collect();
        for sleeper in sleepers {
            sleeper.await.unwrap();
        }
        let (tx, rx) = chan::<u32>(1);
        for n in 0..100_000 {
            tx.send(n).await.unwrap();
            select! {
                got = <-rx => assert_eq!(got, Some(n)),
                _ = after(secs(5)) => panic!("it is there"),
            }
        }
    });
}

#[test]
fn a_ticker_of_one_nanosecond_serves_ten_goroutines() {
    on_each(|| async {
        let ticker = Arc::new(Ticker::new(Duration::from_nanos(1)));
        let wg = WaitGroup::new();
        for _ in 0..10 {
            let ticker = Arc::clone(&ticker);
            wg.go(async move {
                for _ in 0..100 {
                    ticker.recv().await;
                }
            });
        }
        wg.wait().await;
    });
}

/// Two that send without pause do not keep a receiver from its timer.
#[test]
fn a_timer_is_seen_beside_a_channel_that_is_always_ready() {
    on_each(|| async {
        let (tx, rx) = chan::<()>(0);
        let senders: Vec<_> = (0..2)
            .map(|_| go!([tx], async move { while tx.send(()).await.is_ok() {} }))
            .collect();
        let limit = after(ms(20));
        let mut received = 0_u64;
        loop {
            select! {
                _ = <-rx => received += 1,
                _ = <-limit => break,
            }
        }
        assert!(received > 0);
        drop(rx);
        for sender in senders {
            sender.await.unwrap();
        }
    });
}

/// Both send and receive on one channel, and call the system in between.
#[test]
fn two_that_talk_in_selects_with_system_calls_between_both_see_their_timers() {
    on_each(|| async {
        let ch = Chan::<u64>::new(0);
        let (done_tx, done) = chan::<()>(2);
        for _ in 0..2 {
            go!([ch, done_tx], async move {
                let limit = after(ms(20));
                let mut seen = false;
                // One that has seen its timer keeps the other company until both have.
                while !done_tx.is_full() {
                    select! {
                        _ = <-ch => {},
                        ch <- 1 => {},
                        _ = <-limit, if !seen => {
                            seen = true;
                            done_tx.send(()).await.unwrap();
                        }
                        _ = after(ms(1)), if seen => {},
                    }
                    runtime::blocking(|| std::thread::sleep(Duration::from_micros(10)));
                }
            });
        }
        while !done.is_full() {
            sleep(ms(1)).await;
        }
    });
}
