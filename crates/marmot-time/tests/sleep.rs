//! What `sleep` and `timeout` promise.

use std::future::{Future, pending, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use marmot_testing::{ByHand, within};
use marmot_time::{Elapsed, Group, lanes, ms, secs, sleep, sleep_until, timeout, timeout_at};
use marmot_wait::park::block_on;
use marmot_wait::{WaitReason, budget, clock, note, set_lane};

const LIMIT: Duration = Duration::from_secs(20);

/// Runs this with a lane that nobody serves but the test.
fn with_lane(test: impl FnOnce(u32)) {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    test(lane);
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn no_sleep_ends_early() {
    within(LIMIT, || {
        let sleepers: Vec<_> = (0..8_u64)
            .map(|n| {
                std::thread::spawn(move || {
                    for step in 0..20 {
                        let long = Duration::from_micros(n * 130 + step * 17);
                        let start = Instant::now();
                        block_on(sleep(long));
                        assert!(start.elapsed() >= long);
                        let at = Instant::now() + long;
                        block_on(sleep_until(at));
                        assert!(Instant::now() >= at);
                    }
                })
            })
            .collect();
        for sleeper in sleepers {
            sleeper.join().expect("no sleep was early");
        }
    });
}

#[test]
fn a_shorter_sleep_that_comes_later_ends_first() {
    within(LIMIT, || {
        block_on(async {
            let long = sleep(secs(3600));
            let mut long = pin!(long);
            let mut polled_long = |cx: &mut Context<'_>| long.as_mut().poll(cx).is_pending();
            std::future::poll_fn(|cx| {
                assert!(polled_long(cx));
                std::task::Poll::Ready(())
            })
            .await;
            sleep(ms(2)).await;
        });
    });
}

#[test]
fn zero_and_the_past_are_ready_at_once_and_take_no_lane() {
    with_lane(|lane| {
        ByHand::new(sleep(Duration::ZERO)).expect_ready();
        ByHand::new(sleep_until(Instant::now())).expect_ready();
        let past = Instant::now() - ms(5);
        ByHand::new(sleep_until(past)).expect_ready();
        assert_eq!(lanes::live(lane), 0);
    });
}

#[test]
fn no_duration_is_so_long_that_it_is_over() {
    with_lane(|lane| {
        for less in [0, 1, 1_000_000_000] {
            let long = Duration::from_nanos(u64::MAX - less);
            let mut long = ByHand::new(timeout(long, sleep(long)));
            long.expect_pending();
            long.expect_pending();
            assert_eq!(lanes::fire(lane, clock::now_ns()), 0);
        }
    });
}

#[test]
fn the_longest_duration_means_never() {
    with_lane(|lane| {
        let mut never = ByHand::new(sleep(Duration::MAX));
        never.expect_pending();
        assert_eq!(lanes::live(lane), 0);
        assert_eq!(lanes::fire(lane, u64::MAX), 0);
        assert_eq!(never.wakes(), 0);
        never.expect_pending();
        let mut limited = ByHand::new(timeout(Duration::MAX, pending::<()>()));
        limited.expect_pending();
        assert_eq!(lanes::live(lane), 0);
    });
}

#[test]
fn a_sleep_is_in_a_lane_from_its_first_poll_until_it_is_dropped() {
    with_lane(|lane| {
        let mut long = ByHand::new(sleep(secs(3600)));
        assert_eq!(lanes::live(lane), 0, "not before it is polled");
        long.expect_pending();
        long.expect_pending();
        assert_eq!(lanes::live(lane), 1);
        drop(long);
        assert_eq!(lanes::live(lane), 0);
    });
}

#[test]
fn a_fired_sleep_wakes_once_and_stays_ready() {
    with_lane(|lane| {
        let mut long = pin!(sleep(secs(3600)));
        let counter = marmot_testing::CountingWaker::new();
        let waker = counter.waker();
        let mut cx = Context::from_waker(&waker);
        assert!(long.as_mut().poll(&mut cx).is_pending());
        assert_eq!(lanes::fire(lane, clock::now_ns()), 0, "it is not due");
        assert_eq!(lanes::fire(lane, u64::MAX), 1);
        assert_eq!(counter.wakes(), 1);
        assert!(long.as_mut().poll(&mut cx).is_ready());
        assert!(long.as_mut().poll(&mut cx).is_ready());
        assert!(long.is_elapsed());
    });
}

#[test]
fn the_last_task_that_polled_is_the_one_that_is_woken() {
    with_lane(|lane| {
        let first = marmot_testing::CountingWaker::new();
        let mut long = ByHand::new(sleep(secs(3600)));
        let waker = first.waker();
        assert!(
            long.poll_with(&mut Context::from_waker(&waker))
                .is_pending()
        );
        long.expect_pending();
        drop(waker);
        assert_eq!(first.handles(), 1, "the first waker is let go");
        lanes::fire(lane, u64::MAX);
        assert_eq!((first.wakes(), long.wakes()), (0, 1));
        long.expect_ready();
    });
}

#[test]
fn a_reset_sleep_ends_at_its_new_time() {
    with_lane(|lane| {
        let mut cx = Context::from_waker(Waker::noop());
        let mut nap = sleep(secs(3600));
        assert!(Pin::new(&mut nap).poll(&mut cx).is_pending());
        nap.reset(Instant::now() + secs(7200));
        assert_eq!(lanes::live(lane), 1);
        nap.reset(Instant::now());
        assert_eq!(lanes::live(lane), 0);
        assert!(Pin::new(&mut nap).poll(&mut cx).is_ready());
        nap.reset(Instant::now() + secs(60));
        assert!(!nap.is_elapsed());
        assert!(Pin::new(&mut nap).poll(&mut cx).is_pending());
        assert_eq!(lanes::live(lane), 1);
    });
}

#[test]
fn a_sleep_put_off_for_ever_leaves_its_lane() {
    with_lane(|lane| {
        let mut cx = Context::from_waker(Waker::noop());
        let mut nap = sleep(secs(3600));
        assert!(Pin::new(&mut nap).poll(&mut cx).is_pending());
        nap.reset(Instant::now() + secs(600 * 366 * 24 * 3600));
        assert_eq!(lanes::live(lane), 0, "nothing to wait for");
        assert!(Pin::new(&mut nap).poll(&mut cx).is_pending());
        assert!(!nap.is_elapsed());
        assert_eq!(lanes::live(lane), 0);
        nap.reset(Instant::now() + secs(60));
        assert!(Pin::new(&mut nap).poll(&mut cx).is_pending());
        assert_eq!(lanes::live(lane), 1);
    });
}

#[test]
fn a_sleep_put_off_to_what_is_past_too_is_ready_at_once() {
    for fired in [true, false] {
        with_lane(|lane| {
            let mut cx = Context::from_waker(Waker::noop());
            let start = Instant::now();
            let mut nap = sleep(ms(1));
            assert!(Pin::new(&mut nap).poll(&mut cx).is_pending());
            std::thread::sleep(ms(5));
            if fired {
                assert_eq!(lanes::fire(lane, clock::now_ns()), 1);
            }
            nap.reset(start + ms(4));
            assert!(nap.is_elapsed());
            assert!(Pin::new(&mut nap).poll(&mut cx).is_ready());
            assert_eq!(lanes::live(lane), 0);
        });
    }
}

#[test]
fn a_sleep_whose_time_is_over_is_ready_though_nobody_served_its_lane() {
    with_lane(|lane| {
        let mut nap = ByHand::new(sleep(ms(1)));
        nap.expect_pending();
        std::thread::sleep(ms(2));
        nap.expect_ready();
        assert_eq!(lanes::live(lane), 0);
    });
}

#[test]
fn a_sleep_says_what_it_waits_for_and_from_where() {
    with_lane(|_| {
        let line = line!() + 1;
        let mut long = ByHand::new(sleep(secs(3600)));
        note::clear();
        long.expect_pending();
        let said = note::take();
        assert_eq!(said.reason, WaitReason::Sleep);
        assert_eq!(said.place.map(|place| place.line()), Some(line));
    });
}

#[test]
fn an_endless_row_of_ready_sleeps_spends_the_budget() {
    let before = budget::begin(3);
    for _ in 0..3 {
        ByHand::new(sleep(Duration::ZERO)).expect_ready();
    }
    let mut refused = ByHand::new(sleep(Duration::ZERO));
    refused.expect_pending();
    assert_eq!(refused.wakes(), 1);
    budget::restore(before);
    refused.expect_ready();
}

#[test]
fn a_future_that_is_ready_wins_against_a_limit_of_zero() {
    assert_eq!(
        block_on(timeout(Duration::ZERO, ready(7))),
        Ok(7),
        "the future is asked first"
    );
    assert_eq!(
        block_on(timeout(Duration::ZERO, pending::<()>())),
        Err(Elapsed)
    );
    assert_eq!(
        block_on(timeout_at(Instant::now(), pending::<()>())),
        Err(Elapsed)
    );
}

#[test]
fn a_timeout_ends_in_time_and_not_before() {
    within(LIMIT, || {
        let start = Instant::now();
        assert_eq!(block_on(timeout(ms(3), pending::<()>())), Err(Elapsed));
        assert!(start.elapsed() >= ms(3));
        assert_eq!(block_on(timeout(secs(3600), sleep(ms(1)))), Ok(()));
    });
}

#[test]
fn a_timeout_ends_a_future_that_spends_the_whole_budget() {
    let before = budget::begin(1);
    let greedy = std::future::poll_fn(|cx| {
        while budget::poll_proceed(cx).is_ready() {}
        std::task::Poll::<()>::Pending
    });
    let mut limited = ByHand::new(timeout(Duration::ZERO, greedy));
    assert_eq!(limited.expect_ready(), Err(Elapsed));
    budget::restore(before);
}

#[test]
fn a_timeout_tells_what_its_future_waits_for() {
    with_lane(|_| {
        let mut foreign = ByHand::new(timeout(secs(60), pending::<()>()));
        note::clear();
        foreign.expect_pending();
        assert_eq!(note::take().reason, WaitReason::Timer);
        let (_tx, rx) = marmot_chan::chan::<u8>(0);
        let mut receive = ByHand::new(timeout(secs(60), rx.recv()));
        receive.expect_pending();
        let told = note::take();
        assert_eq!(told.reason, WaitReason::ChanReceive);
        ByHand::new(rx.recv()).expect_pending();
        assert_eq!(told.object, note::take().object, "the channel");
    });
}

#[test]
fn elapsed_is_an_error_like_others() {
    let error: Box<dyn std::error::Error + Send + Sync> = Box::new(Elapsed);
    assert_eq!(error.to_string(), "the time is over");
    assert_eq!(
        std::io::Error::from(Elapsed).kind(),
        std::io::ErrorKind::TimedOut
    );
}

#[test]
fn a_parked_sleep_is_small() {
    assert_eq!(size_of_val(&sleep(ms(1))), 32);
}
