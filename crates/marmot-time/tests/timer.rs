//! What `Timer` and `Ticker` promise: Go 1.23's rules, and the rows of Go's own tests.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use marmot_testing::{ByHand, Rng, within};
use marmot_time::{Group, Ticker, Timer, lanes, ms, secs, sleep, timeout};
use marmot_wait::park::block_on;
use marmot_wait::{WaitReason, budget, note, set_lane};

const LIMIT: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_secs(3600);

/// Waits until a timer of this length is over, without receiving from it.
fn pass(long: Duration) {
    thread::sleep(long + ms(1));
}

#[test]
fn stop_and_reset_say_whether_a_value_was_still_to_come() {
    let running = Timer::new(LONG);
    assert!(running.stop());
    assert!(!running.stop(), "stopped");
    assert!(!running.reset(LONG), "stopped");
    assert!(running.reset(LONG), "running again");

    let over = Timer::new(ms(1));
    pass(ms(1));
    assert!(over.stop(), "over, but its value was not received");
    assert!(!over.stop());

    let over = Timer::new(ms(1));
    pass(ms(1));
    assert!(over.reset(LONG), "over, but its value was not received");

    let received = Timer::new(Duration::ZERO);
    block_on(received.recv());
    assert!(!received.stop());
    assert!(!received.reset(LONG));
}

#[test]
fn no_value_from_before_a_stop_or_a_reset_arrives() {
    let timer = Timer::new(ms(1));
    pass(ms(1));
    timer.stop();
    assert_eq!(timer.try_recv(), None);
    ByHand::new(timer.recv()).expect_pending();

    timer.reset(Duration::ZERO);
    timer.reset(LONG);
    assert_eq!(timer.try_recv(), None);
    ByHand::new(timer.recv()).expect_pending();

    let ticker = Ticker::new(ms(1));
    pass(ms(1));
    ticker.reset(LONG);
    assert_eq!(ticker.try_recv(), None);
    ticker.reset(ms(1));
    pass(ms(1));
    ticker.stop();
    assert_eq!(ticker.try_recv(), None);
}

#[test]
fn a_timer_gives_one_value_each_time_it_is_set() {
    let timer = Timer::new(Duration::ZERO);
    assert!(timer.try_recv().is_some());
    assert_eq!(timer.try_recv(), None);
    timer.reset(Duration::ZERO);
    timer.reset(Duration::ZERO);
    assert!(timer.try_recv().is_some());
    assert_eq!(timer.try_recv(), None);
    timer.reset(ms(1));
    pass(ms(1));
    assert!(timer.try_recv().is_some());
    pass(ms(1));
    assert_eq!(timer.try_recv(), None, "it is no ticker");
}

#[test]
fn the_value_is_the_instant_it_was_due() {
    let before = Instant::now();
    let timer = Timer::new(ms(3));
    let after = Instant::now();
    let due = within(LIMIT, move || timer.recv_blocking());
    assert!(due >= before + ms(3) && due <= after + ms(3));
    assert!(Instant::now() >= due);
}

#[test]
fn the_longest_duration_means_never_and_can_still_be_stopped() {
    let timer = Timer::new(Duration::MAX);
    ByHand::new(timer.recv()).expect_pending();
    assert!(timer.stop());
    assert!(!timer.reset(Duration::MAX));
    assert!(timer.reset(Duration::ZERO));
    assert!(timer.try_recv().is_some());
    let ticker = Ticker::new(Duration::MAX);
    ByHand::new(ticker.recv()).expect_pending();
}

#[test]
fn a_timer_is_in_a_lane_only_while_somebody_waits() {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    let timer = Timer::new(LONG);
    let ticker = Ticker::new(ms(1));
    assert_eq!(lanes::live(lane), 0);
    let mut first = ByHand::new(timer.recv());
    let mut second = ByHand::new(timer.recv());
    first.expect_pending();
    second.expect_pending();
    first.expect_pending();
    assert_eq!(lanes::live(lane), 1);
    drop(first);
    assert_eq!(lanes::live(lane), 1);
    timer.stop();
    assert_eq!(lanes::live(lane), 0, "nobody can be woken by it");
    timer.reset(LONG);
    assert_eq!(lanes::live(lane), 1);
    drop(second);
    assert_eq!(lanes::live(lane), 0);
    drop((timer, ticker));
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn waiters_are_served_in_the_order_they_came() {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    let ticker = Ticker::new(LONG);
    let mut first = ByHand::new(ticker.recv());
    let mut second = ByHand::new(ticker.recv());
    first.expect_pending();
    second.expect_pending();
    ticker.reset(ms(1));
    pass(ms(1));
    assert_eq!(lanes::fire(lane, marmot_wait::clock::now_ns()), 1);
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    let one = first.expect_ready();
    pass(ms(1));
    assert_eq!(lanes::fire(lane, marmot_wait::clock::now_ns()), 1);
    assert_eq!(second.wakes(), 1);
    assert!(second.expect_ready() > one);
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn a_woken_waiter_that_goes_wakes_the_next() {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    let timer = Timer::new(LONG);
    let mut first = ByHand::new(timer.recv());
    let mut second = ByHand::new(timer.recv());
    let mut third = ByHand::new(timer.recv());
    first.expect_pending();
    second.expect_pending();
    third.expect_pending();
    timer.reset(ms(1));
    pass(ms(1));
    lanes::fire(lane, marmot_wait::clock::now_ns());
    assert_eq!((first.wakes(), second.wakes()), (1, 0));
    drop(third);
    assert_eq!(second.wakes(), 0, "somebody is on the way");
    drop(first);
    assert_eq!(second.wakes(), 1);
    second.expect_ready();
    assert_eq!(lanes::live(lane), 0);
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn a_waiter_overtaken_by_another_waits_on() {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    let timer = Timer::new(LONG);
    let mut slow = ByHand::new(timer.recv());
    slow.expect_pending();
    timer.reset(ms(1));
    pass(ms(1));
    lanes::fire(lane, marmot_wait::clock::now_ns());
    assert!(timer.try_recv().is_some());
    slow.expect_pending();
    timer.reset(Duration::ZERO);
    lanes::fire(lane, marmot_wait::clock::now_ns());
    assert_eq!(slow.wakes(), 1);
    slow.expect_ready();
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn a_waiter_overtaken_by_another_keeps_its_place_and_nothing_else() {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    let timer = Timer::new(LONG);
    let (mut first, mut second) = (ByHand::new(timer.recv()), ByHand::new(timer.recv()));
    first.expect_pending();
    second.expect_pending();
    let handles = first.counter().handles();
    for _ in 0..3 {
        timer.reset(ms(1));
        pass(ms(1));
        lanes::fire(lane, marmot_wait::clock::now_ns());
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        assert!(timer.try_recv().is_some(), "somebody is faster");
        first.expect_pending();
        assert_eq!(first.counter().handles(), handles);
    }
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn one_that_has_its_tick_keeps_nobody_waiting_though_it_is_not_dropped_yet() {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    let ticker = Ticker::new(ms(1));
    let mut first = Box::pin(ticker.recv());
    let mut second = ByHand::new(ticker.recv());
    let mut cx = Context::from_waker(Waker::noop());
    assert!(first.as_mut().poll(&mut cx).is_pending());
    second.expect_pending();
    pass(ms(1));
    assert_eq!(lanes::fire(lane, marmot_wait::clock::now_ns()), 1);
    assert!(first.as_mut().poll(&mut cx).is_ready());
    assert_eq!(lanes::live(lane), 1, "for the second");
    pass(ms(1));
    assert_eq!(lanes::fire(lane, marmot_wait::clock::now_ns()), 1);
    assert_eq!(second.wakes(), 1);
    second.expect_ready();
    drop(first);
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn a_value_spends_of_the_budget_and_a_wait_nothing() {
    let before = budget::begin(2);
    let waits = Timer::new(LONG);
    for _ in 0..5 {
        ByHand::new(waits.recv()).expect_pending();
    }
    for _ in 0..2 {
        ByHand::new(Timer::new(Duration::ZERO).recv()).expect_ready();
    }
    let timer = Timer::new(Duration::ZERO);
    let mut refused = ByHand::new(timer.recv());
    refused.expect_pending();
    assert_eq!(refused.wakes(), 1, "at the end of the queue");
    budget::restore(before);
    refused.expect_ready();
}

/// Uses the timer when it goes; or waits for ever, if somebody holds its lock then.
struct Uses(Arc<Timer>);

impl Wake for Uses {
    fn wake(self: Arc<Self>) {}
}

impl Drop for Uses {
    fn drop(&mut self) {
        let _value = self.0.try_recv();
    }
}

#[test]
fn no_waker_is_dropped_under_a_lock() {
    within(LIMIT, || {
        let timer = Arc::new(Timer::new(LONG));
        let poll = |receive: &mut ByHand<_>| {
            let waker = Waker::from(Arc::new(Uses(Arc::clone(&timer))));
            receive.poll_with(&mut Context::from_waker(&waker))
        };
        for over in [false, true] {
            timer.reset(LONG);
            let mut receive = ByHand::new(timer.recv());
            assert!(poll(&mut receive).is_pending());
            assert!(poll(&mut receive).is_pending(), "in place of the first");
            if over {
                timer.reset(Duration::ZERO);
                assert!(poll(&mut receive).is_ready());
            }
        }
    });
}

#[test]
fn a_timer_that_was_rung_too_early_waits_on() {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    let timer = Timer::new(LONG);
    let mut waits = ByHand::new(timer.recv());
    waits.expect_pending();
    assert_eq!(lanes::fire(lane, u64::MAX), 1, "with a clock far ahead");
    assert_eq!((waits.wakes(), lanes::live(lane)), (0, 1));
    timer.reset(ms(1));
    pass(ms(1));
    assert_eq!(lanes::fire(lane, marmot_wait::clock::now_ns()), 1);
    assert_eq!(waits.wakes(), 1);
    waits.expect_ready();
    set_lane(before);
    group.close_lane(lane);
}

#[test]
fn a_reset_wakes_one_who_waits_on_a_stopped_timer() {
    within(LIMIT, || {
        let timer = Arc::new(Timer::new(LONG));
        timer.stop();
        let there = Arc::clone(&timer);
        let waiter = thread::spawn(move || there.recv_blocking());
        timer.reset(ms(1));
        waiter.join().expect("it gets the value");
    });
}

#[test]
fn who_waits_for_a_timer_or_a_ticker_receives_as_in_go() {
    let (timer, ticker) = (Timer::new(LONG), Ticker::new(LONG));
    let line = line!() + 1;
    let receives = [timer.recv(), ticker.recv()];
    let told = receives.map(|receive| {
        note::clear();
        ByHand::new(receive).expect_pending();
        let said = note::take();
        assert_eq!(said.reason, WaitReason::ChanReceive);
        assert_eq!(said.place.map(|place| place.line()), Some(line));
        said.object
    });
    assert!(told[0] != 0 && told[1] != 0 && told[0] != told[1]);
}

#[test]
fn timers_and_tickers_can_be_awaited_as_they_stand() {
    within(LIMIT, || {
        block_on(async {
            let timer = Timer::new(ms(1));
            let ticker = Ticker::new(ms(1));
            (&timer).await;
            (&ticker).await;
        });
    });
}

#[test]
#[should_panic(expected = "non-positive interval for NewTicker")]
fn a_ticker_without_an_interval_panics() {
    drop(Ticker::new(Duration::ZERO));
}

#[test]
#[should_panic(expected = "non-positive interval for Ticker.Reset")]
fn resetting_a_ticker_to_no_interval_panics() {
    Ticker::new(LONG).reset(Duration::ZERO);
}

#[test]
fn a_slow_receiver_gets_one_late_tick_and_then_the_next_one_due() {
    let ticker = Ticker::new(ms(10));
    thread::sleep(ms(35));
    let late = ticker.try_recv().expect("one tick is there");
    let next = within(LIMIT, move || ticker.recv_blocking());
    let apart = next - late;
    assert!(apart >= ms(30), "those between were dropped: {apart:?}");
    assert_eq!(apart.as_nanos() % ms(10).as_nanos(), 0, "in step");
}

#[test]
fn a_stopped_ticker_ticks_again_after_a_reset() {
    within(LIMIT, || {
        let ticker = Ticker::new(ms(1));
        ticker.stop();
        assert!(block_on(timeout(ms(10), ticker.recv())).is_err());
        ticker.reset(ms(1));
        block_on(ticker.recv());
    });
}

// M3
#[test]
fn a_ticker_of_one_nanosecond_serves_one_reader_and_ten() {
    within(LIMIT, || {
        let ticker = Ticker::new(Duration::from_nanos(1));
        for _ in 0..100 {
            ticker.recv_blocking();
        }
        let ticker = Arc::new(Ticker::new(Duration::from_nanos(1)));
        let readers: Vec<_> = (0..10)
            .map(|_| {
                let ticker = Arc::clone(&ticker);
                thread::spawn(move || {
                    for _ in 0..100 {
                        ticker.recv_blocking();
                    }
                })
            })
            .collect();
        for reader in readers {
            reader.join().expect("it reads its hundred");
        }
    });
}

// M15
#[test]
fn a_million_timers_of_zero_are_ready_at_once() {
    within(LIMIT, || {
        for n in 0..1_000_000 {
            let timer = Timer::new(Duration::ZERO);
            assert!(timer.try_recv().is_some(), "timer {n}");
        }
    });
}

// M16
#[test]
fn a_thousand_timers_stopped_and_reset_to_the_past_all_fire() {
    within(LIMIT, || {
        let waiters: Vec<_> = (0..10)
            .map(|_| {
                thread::spawn(|| {
                    for _ in 0..100 {
                        let timer = Timer::new(LONG);
                        let mut waiting = std::pin::pin!(timer.recv());
                        block_on(async {
                            futures::future::poll_immediate(&mut waiting).await;
                            for _ in 0..10 {
                                timer.stop();
                                timer.reset(Duration::from_nanos(1));
                            }
                            waiting.await
                        });
                    }
                })
            })
            .collect();
        for waiter in waiters {
            waiter.join().expect("all of them fire");
        }
    });
}

// M17
#[test]
fn short_timers_among_stopped_and_reset_ones_all_fire() {
    within(LIMIT, || {
        let mut rng = Rng::seeded(17);
        let mut timers = Vec::new();
        for _ in 0..100 {
            let mut long = LONG;
            let timer = Timer::new(LONG);
            for _ in 0..rng.below(11) {
                match rng.below(3) {
                    0 => {
                        timer.stop();
                    }
                    1 => long = LONG,
                    _ => long = ms(rng.below(20) as u64),
                }
                timer.reset(long);
            }
            timers.push((timer, long));
        }
        for (timer, long) in timers {
            if long == LONG {
                assert!(timer.stop());
            } else {
                timer.recv_blocking();
            }
        }
    });
}

#[test]
fn stop_and_reset_from_all_sides_lose_no_value_and_make_none_up() {
    within(LIMIT, || {
        let timer = Arc::new(Timer::new(Duration::from_micros(50)));
        let armed = Arc::new(AtomicUsize::new(1));
        let ended = Arc::new(AtomicUsize::new(0));
        let over = Arc::new(AtomicBool::new(false));
        let receiver = {
            let (timer, ended, over) = (Arc::clone(&timer), Arc::clone(&ended), Arc::clone(&over));
            thread::spawn(move || {
                while !over.load(Ordering::SeqCst) {
                    let received = timeout(ms(1), timer.recv());
                    if block_on(received).is_ok() {
                        ended.fetch_add(1, Ordering::SeqCst);
                    }
                }
            })
        };
        let setters: Vec<_> = (0..3_u64)
            .map(|seed| {
                let (timer, armed, ended) =
                    (Arc::clone(&timer), Arc::clone(&armed), Arc::clone(&ended));
                thread::spawn(move || {
                    let mut rng = Rng::seeded(seed);
                    for _ in 0..2000 {
                        let was_set = if rng.below(2) == 0 {
                            timer.stop()
                        } else {
                            armed.fetch_add(1, Ordering::SeqCst);
                            timer.reset(Duration::from_micros(rng.below(60) as u64))
                        };
                        ended.fetch_add(usize::from(was_set), Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for setter in setters {
            setter.join().expect("it ends well");
        }
        over.store(true, Ordering::SeqCst);
        receiver.join().expect("it ends well");
        ended.fetch_add(usize::from(timer.stop()), Ordering::SeqCst);
        assert_eq!(
            armed.load(Ordering::SeqCst),
            ended.load(Ordering::SeqCst),
            "each arming ends once: received, stopped or reset"
        );
    });
}

#[test]
fn a_dropped_timeout_around_a_receive_leaves_nothing() {
    within(LIMIT, || {
        block_on(async {
            let ticker = Ticker::new(secs(3600));
            for _ in 0..20 {
                assert!(timeout(ms(1), ticker.recv()).await.is_err());
            }
            ticker.reset(ms(1));
            ticker.recv().await;
            sleep(ms(1)).await;
        });
    });
}
