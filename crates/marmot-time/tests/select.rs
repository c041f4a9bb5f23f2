//! Timers as arms of `select!`.

use std::time::{Duration, Instant};

use marmot_chan::{chan, select};
use marmot_testing::within;
use marmot_time::{Group, Ticker, Timer, after, lanes, ms, secs, sleep, tick};
use marmot_wait::park::block_on;
use marmot_wait::set_lane;

const LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_receive_with_a_limit() {
    within(LIMIT, || {
        block_on(async {
            let (tx, rx) = chan::<i32>(0);
            let late = select! {
                _ = rx.recv() => false,
                _ = after(ms(2)) => true,
            };
            assert!(late);
            let late = select! {
                _ = rx.recv() => false,
                _ = sleep(ms(2)) => true,
            };
            assert!(late);
            drop(tx);
        });
    });
}

#[test]
fn each_kind_of_timer_is_an_arm() {
    within(LIMIT, || {
        block_on(async {
            let (timer, ticker, ticks) = (Timer::new(ms(1)), Ticker::new(ms(3)), tick(ms(2)));
            let (mut once, mut often, mut posted) = (0, 0, 0);
            while once < 1 || often < 2 || posted < 2 {
                select! {
                    _ = timer.recv() => once += 1,
                    _ = &ticker => often += 1,
                    Some(_) = ticks.recv() => posted += 1,
                }
            }
            assert_eq!(once, 1);
        });
    });
}

#[test]
fn a_timer_that_is_over_is_preferred_to_default() {
    block_on(async {
        let timer = Timer::new(Duration::ZERO);
        let ready = select! {
            _ = timer.recv() => true,
            default => false,
        };
        assert!(ready);
        let ready = select! {
            _ = timer.recv() => true,
            _ = after(secs(5)) => true,
            default => false,
        };
        assert!(!ready, "its value was received");
        let ready = select! {
            _ = after(Duration::ZERO) => true,
            default => false,
        };
        assert!(ready);
    });
}

#[test]
fn losing_arms_leave_no_timer_behind() {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    block_on(async {
        let (tx, rx) = chan(1);
        let timer = Timer::new(secs(5));
        for n in 0..100 {
            tx.send(n).await.expect("open");
            select! {
                biased;
                _ = after(secs(5)) => unreachable!("five seconds"),
                _ = sleep(secs(5)) => unreachable!("five seconds"),
                _ = timer.recv() => unreachable!("five seconds"),
                Some(got) = rx.recv() => assert_eq!(got, n),
            }
        }
    });
    assert_eq!(lanes::live(lane), 0);
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn a_timer_that_is_given_away_is_an_arm_and_ends_with_it() {
    within(LIMIT, || {
        block_on(async {
            let (_tx, rx) = chan::<i32>(0);
            let (start, timer) = (Instant::now(), Timer::new(ms(2)));
            let due = select! {
                _ = rx.recv() => None,
                due = timer => Some(due),
            };
            assert!(due.is_some_and(|due| due >= start + ms(2)));
            let ticked = select! {
                _ = rx.recv() => false,
                _ = Some(Ticker::new(ms(1))) => true,
            };
            assert!(ticked);
        });
    });
}
