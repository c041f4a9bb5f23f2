//! How often something may happen: the tables of Go's `x/time/rate`, and our futures.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use marmot_context::rate::{INF, Limiter, Reservation, Sometimes, WaitError, every};
use marmot_context::{Context, ContextError};
use marmot_testing::{ByHand, within};
use marmot_time::ms;
use marmot_wait::park::block_on;

/// One step of the tables' clock.
const D: Duration = ms(100);

/// A clock that starts when the test does.
#[derive(Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn new() -> Clock {
        Clock(Instant::now())
    }

    fn t(self, steps: u32) -> Instant {
        self.0 + D * steps
    }

    /// The nearest number of steps.
    fn steps(self, at: Instant) -> u128 {
        (at.duration_since(self.0) + D / 2).as_nanos() / D.as_nanos()
    }
}

/// Each row: the step, how many, whether they are allowed.
fn allows(limiter: &Limiter, clock: Clock, rows: &[(u32, usize, bool)]) {
    for (row, &(t, n, want)) in rows.iter().enumerate() {
        assert_eq!(
            limiter.allow_n(clock.t(t), n),
            want,
            "row {row}: {n} at t{t}"
        );
    }
}

/// Reserves `n` at a step; they are to act at step `act`, or not at all.
#[track_caller]
fn reserve(limiter: &Limiter, clock: Clock, t: u32, n: usize, act: Option<u128>) -> Reservation {
    let reservation = limiter.reserve_n(clock.t(t), n);
    assert_eq!(reservation.ok(), act.is_some());
    if act.is_some() {
        let at = clock.0 + reservation.delay_from(clock.0);
        assert_eq!(Some(clock.steps(at)), act);
    }
    reservation
}

#[test]
fn every_turns_an_interval_into_a_rate() {
    let close = |interval, want: f64| (every(interval) / want - 1.0).abs() < 1e-9;
    assert!(every(Duration::ZERO) >= INF);
    assert!(close(Duration::from_nanos(1), 1e9));
    assert!(close(Duration::from_micros(1), 1e6));
    assert!(close(ms(1), 1e3));
    assert!(close(ms(10), 100.0));
    assert!(close(ms(2500), 0.4));
    assert!(close(Duration::from_secs(10), 0.1));
    assert!(every(Duration::MAX) > 0.0);
}

#[test]
fn a_burst_of_one_allows_one_event_an_interval() {
    let rows = [
        (0, 1, true),
        (0, 1, false),
        (0, 1, false),
        (1, 1, true),
        (1, 1, false),
        (1, 1, false),
        (2, 2, false),
        (2, 1, true),
        (2, 1, false),
    ];
    allows(&Limiter::new(10.0, 1), Clock::new(), &rows);
}

#[test]
fn a_burst_of_three_saves_up_three() {
    let rows = [
        (0, 2, true),
        (0, 2, false),
        (0, 1, true),
        (0, 1, false),
        (1, 4, false),
        (2, 1, true),
        (3, 1, true),
        (4, 1, true),
        (4, 1, true),
        (4, 1, false),
        (4, 1, false),
        (9, 3, true),
        (9, 0, true),
    ];
    allows(&Limiter::new(10.0, 3), Clock::new(), &rows);
}

#[test]
fn a_clock_that_jumps_back_gives_no_tokens_twice_at_once() {
    let rows = [
        (1, 1, true),
        (0, 1, true),
        (0, 1, true),
        (0, 1, false),
        (0, 1, false),
        (1, 1, true),
        (1, 1, false),
        (1, 1, false),
        (2, 1, true),
        (2, 1, false),
        (2, 1, false),
    ];
    allows(&Limiter::new(10.0, 3), Clock::new(), &rows);
}

#[test]
fn an_odd_rate_loses_no_token_to_rounding() {
    assert!(Limiter::new(0.769_230_769_230_769_3, 1).allow());
    let clock = Clock::new();
    let limiter = Limiter::new(0.769_230_769_230_769_3, 1);
    assert!(limiter.allow_n(clock.0, 1));
    assert!(limiter.allow_n(clock.0 + Duration::from_millis(1300), 1));
}

#[test]
fn simultaneous_requests_get_the_burst_and_no_more() {
    within(Duration::from_secs(20), || {
        let limiter = Limiter::new(1e-6, 5);
        let got = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..15)
            .map(|_| {
                let (limiter, got) = (limiter.clone(), Arc::clone(&got));
                std::thread::spawn(move || got.fetch_add(limiter.allow().into(), Ordering::SeqCst))
            })
            .collect();
        threads
            .into_iter()
            .for_each(|end| assert!(end.join().unwrap() <= 5));
        assert_eq!(got.load(Ordering::SeqCst), 5);
    });
}

#[test]
fn in_the_long_run_the_rate_is_kept_to_a_thousandth() {
    let clock = Clock::new();
    let limiter = Limiter::new(100.0, 100);
    let tries = 5 * 500;
    let got = (0..tries)
        .filter(|&n| limiter.allow_n(clock.0 + ms(2) * n, 1))
        .count();
    let ideal = 100.0 + 100.0 * 5.0;
    let got = f64::from(u32::try_from(got).unwrap());
    assert!(got <= ideal + 1.0, "{got}");
    assert!(got >= ideal * 0.999 - 1.0, "{got}");
}

#[test]
fn reservations_line_up() {
    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    reserve(&limiter, clock, 0, 2, Some(2));
    reserve(&limiter, clock, 3, 2, Some(4));
}

#[test]
fn reservations_and_allows_share_the_tokens() {
    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 3, None);
    reserve(&limiter, clock, 0, 2, Some(0));
    allows(&limiter, clock, &[(1, 2, false)]);
    reserve(&limiter, clock, 1, 2, Some(2));
    allows(&limiter, clock, &[(1, 1, false), (3, 1, true)]);
}

#[test]
fn cancelling_a_reservation_that_failed_gives_nothing() {
    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    let failed = reserve(&limiter, clock, 0, 3, None);
    assert_eq!(failed.delay_from(clock.0), Duration::MAX);
    failed.cancel_at(clock.t(0));
    reserve(&limiter, clock, 0, 2, Some(2));
}

#[test]
fn cancelling_the_last_reservation_gives_all_its_tokens_back() {
    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    let reservation = reserve(&limiter, clock, 0, 2, Some(2));
    reservation.cancel_at(clock.t(1));
    reservation.cancel_at(clock.t(1));
    reserve(&limiter, clock, 1, 2, Some(2));
}

#[test]
fn it_is_too_late_to_cancel_after_the_time_to_act() {
    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    reserve(&limiter, clock, 0, 2, Some(2)).cancel_at(clock.t(3));
    reserve(&limiter, clock, 3, 2, Some(4));
}

#[test]
fn tokens_that_a_later_reservation_builds_on_are_not_given_back() {
    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    let none_left = reserve(&limiter, clock, 0, 1, Some(1));
    reserve(&limiter, clock, 0, 1, Some(2));
    none_left.cancel_at(clock.t(0));
    reserve(&limiter, clock, 0, 1, Some(3));

    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    let one_left = reserve(&limiter, clock, 0, 2, Some(2));
    reserve(&limiter, clock, 0, 1, Some(3));
    one_left.cancel_at(clock.t(2));
    reserve(&limiter, clock, 2, 2, Some(4));
}

#[test]
fn reservations_cancelled_from_the_end_give_back_as_if_never_made() {
    let (limiter, clock) = (Limiter::new(10.0, 4), Clock::new());
    reserve(&limiter, clock, 0, 4, Some(0));
    let a = reserve(&limiter, clock, 0, 3, Some(3));
    reserve(&limiter, clock, 0, 1, Some(4));
    let c = reserve(&limiter, clock, 0, 1, Some(5));
    c.cancel_at(clock.t(1));
    a.cancel_at(clock.t(1));
    reserve(&limiter, clock, 1, 3, Some(5));
}

#[test]
fn a_clock_that_jumps_back_between_reservations_bends_the_rate_only_once() {
    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 1, 2, Some(1));
    reserve(&limiter, clock, 0, 1, Some(1));
    reserve(&limiter, clock, 2, 2, Some(3));

    let (limiter, clock) = (Limiter::new(10.0, 2), Clock::new());
    reserve(&limiter, clock, 1, 2, Some(1));
    let reservation = reserve(&limiter, clock, 1, 2, Some(3));
    reserve(&limiter, clock, 1, 1, Some(4));
    reservation.cancel_at(clock.t(0));
    reserve(&limiter, clock, 1, 2, Some(4));
}

#[test]
fn a_new_rate_and_a_new_burst_count_from_their_instant() {
    let (limiter, clock) = (Limiter::new(5.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    reserve(&limiter, clock, 0, 2, Some(4));
    limiter.set_limit_at(clock.t(2), 10.0);
    reserve(&limiter, clock, 2, 1, Some(4));

    let (limiter, clock) = (Limiter::new(5.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    reserve(&limiter, clock, 0, 2, Some(4));
    limiter.set_burst_at(clock.t(3), 4);
    reserve(&limiter, clock, 0, 4, Some(9));

    let (limiter, clock) = (Limiter::new(5.0, 2), Clock::new());
    reserve(&limiter, clock, 0, 2, Some(0));
    let reservation = reserve(&limiter, clock, 0, 2, Some(4));
    limiter.set_limit_at(clock.t(2), 10.0);
    reservation.cancel_at(clock.t(2));
    reserve(&limiter, clock, 2, 2, Some(3));
    assert_eq!((limiter.burst(), limiter.limit()), (2, 10.0));
}

#[test]
fn tokens_are_counted_at_any_instant_and_may_be_negative() {
    let (limiter, clock) = (Limiter::new(10.0, 10), Clock::new());
    assert_eq!(limiter.tokens_at(clock.t(0)), 10.0);
    reserve(&limiter, clock, 0, 10, Some(0));
    reserve(&limiter, clock, 0, 5, Some(5));
    assert_eq!(limiter.tokens_at(clock.t(0)), -5.0);
    assert_eq!(limiter.tokens_at(clock.t(7)), 2.0);
    assert_eq!(limiter.tokens_at(clock.t(1000)), 10.0);
}

#[test]
fn without_a_limit_everything_is_allowed_whatever_the_burst() {
    for inf in [INF, f64::MAX] {
        let (limiter, clock) = (Limiter::new(inf, 0), Clock::new());
        allows(&limiter, clock, &[(0, 1000, true), (0, usize::MAX, true)]);
        reserve(&limiter, clock, 3, 7, Some(3)).cancel();
        block_on(limiter.wait_n(&Context::background(), 3)).unwrap();
        limiter.set_limit_at(clock.t(3), 10.0);
        assert!(!limiter.allow_n(clock.t(3), 1), "the burst is zero");
    }
}

#[test]
fn a_limit_of_zero_allows_the_first_burst_only() {
    let (limiter, clock) = (Limiter::new(0.0, 1), Clock::new());
    allows(
        &limiter,
        clock,
        &[(0, 1, true), (0, 1, false), (1_000_000, 1, false)],
    );
    let never = limiter.reserve_n(clock.t(0), 1);
    assert_eq!(never.delay_from(clock.t(0)), Duration::MAX);
    never.cancel_at(clock.t(1));
}

const fn soon(got: Duration) -> bool {
    got.as_millis() < 5000
}

#[test]
fn a_rate_that_is_negative_or_no_number_is_a_rate_of_zero() {
    let at = Instant::now();
    for absurd in [-1.0, -0.0, f64::NEG_INFINITY, f64::NAN] {
        let limiter = Limiter::new(absurd, 1);
        let changed = Limiter::new(1.0, 1);
        changed.set_limit_at(at, absurd);
        for limiter in [limiter, changed] {
            assert!(limiter.allow_n(at, 1));
            let later = at + Duration::from_secs(1_000_000);
            assert!(!limiter.allow_n(later, 1), "{absurd}");
            assert!(limiter.tokens_at(later).abs() < 0.1, "{absurd}");
            let never = limiter.reserve_n(later, 1);
            assert!(never.ok() && never.delay_from(later) == Duration::MAX);
            never.cancel_at(later);
            limiter.set_limit_at(later, 1.0);
            assert!(limiter.allow_n(later + Duration::from_secs(1), 1));
        }
    }
}

#[test]
fn wait_says_no_at_once_when_it_would_wait_in_vain() {
    let limiter = Limiter::new(1e-3, 3);
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let ended = WaitError::Ended(ContextError::Canceled);
    assert_eq!(block_on(limiter.wait(&ctx)), Err(ended));
    assert_eq!(ended.to_string(), "context canceled");
    let error = block_on(limiter.wait_n(&Context::background(), 4)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rate: Wait(n=4) exceeds limiter's burst 3"
    );
    let (ctx, _cancel) = Context::background().with_timeout(Duration::from_secs(60));
    block_on(limiter.wait_n(&ctx, 2)).unwrap();
    let error = block_on(limiter.wait_n(&ctx, 3)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "rate: Wait(n=3) would exceed context deadline"
    );
    assert!(limiter.allow(), "those who got nothing took nothing");
}

#[test]
fn wait_comes_back_when_its_tokens_are_there_and_not_before() {
    within(Duration::from_secs(20), || {
        let limiter = Limiter::new(100.0, 3);
        let start = Instant::now();
        block_on(limiter.wait_n(&Context::background(), 3)).unwrap();
        block_on(limiter.wait_n(&Context::background(), 3)).unwrap();
        assert!(start.elapsed() >= ms(29));
        assert!(soon(start.elapsed()));
    });
}

#[test]
fn a_cancel_ends_a_wait_and_its_tokens_go_back() {
    let limiter = Limiter::new(1e-3, 3);
    assert!(limiter.allow_n(Instant::now(), 2));
    let (ctx, cancel) = Context::background().with_cancel();
    let mut wait = ByHand::new(limiter.wait_n(&ctx, 3));
    wait.expect_pending();
    assert!(limiter.tokens() < -1.9);
    cancel.cancel();
    assert_eq!(wait.wakes(), 1);
    let ended = WaitError::Ended(ContextError::Canceled);
    assert_eq!(wait.expect_ready(), Err(ended));
    assert!(limiter.allow());
}

#[test]
fn a_dropped_wait_gives_its_tokens_back_and_leaves_no_waker() {
    let limiter = Limiter::new(1e-3, 3);
    assert!(limiter.allow_n(Instant::now(), 3));
    let (ctx, _cancel) = Context::background().with_cancel();
    let mut wait = ByHand::new(limiter.wait_n(&ctx, 3));
    let counter = Arc::clone(wait.counter());
    drop(wait);
    assert!(
        limiter.tokens() > -0.1,
        "a wait that was not polled took nothing"
    );
    wait = ByHand::new(limiter.wait_n(&ctx, 3));
    let polled = Arc::clone(wait.counter());
    wait.expect_pending();
    drop(wait);
    assert!(limiter.tokens() > -0.1);
    assert_eq!((counter.handles(), polled.handles()), (1, 1));
}

/// Calls it ten times, and says which calls ran.
fn ten(sometimes: &Sometimes) -> Vec<u32> {
    let mut ran = Vec::new();
    (0..10).for_each(|n| sometimes.run(|| ran.push(n)));
    ran
}

#[test]
fn sometimes_is_the_first_few_every_so_many_or_both() {
    assert_eq!(ten(&Sometimes::new()), [0]);
    assert_eq!(ten(&Sometimes::default()), [0]);
    assert_eq!(ten(&Sometimes::new().first(2)), [0, 1]);
    assert_eq!(ten(&Sometimes::new().every(1)).len(), 10);
    assert_eq!(ten(&Sometimes::new().every(3)), [0, 3, 6, 9]);
    assert_eq!(ten(&Sometimes::new().first(2).every(4)), [0, 1, 4, 8]);
    assert_eq!(ten(&Sometimes::new().first(u64::MAX)).len(), 10);
    assert_eq!(ten(&Sometimes::new().interval(Duration::MAX)), [0]);
    assert_eq!(
        ten(&Sometimes::new().interval(Duration::from_nanos(1))).len(),
        10
    );
}

#[test]
fn sometimes_is_once_an_interval() {
    let (sometimes, start) = (Sometimes::new().interval(ms(100)), Instant::now());
    let at = |millis| {
        let mut ran = false;
        sometimes.run_at(start + ms(millis), || ran = true);
        ran
    };
    let rows = [0, 50, 99, 100, 150, 199, 250, 300, 350];
    assert_eq!(
        rows.map(at),
        [true, false, false, true, false, false, true, false, true]
    );
}

#[test]
fn a_function_may_ask_again_while_it_runs() {
    let sometimes = Sometimes::new().every(2);
    let mut ran = Vec::new();
    sometimes.run(|| {
        sometimes.run(|| ran.push("second"));
        sometimes.run(|| ran.push("third"));
    });
    assert_eq!(ran, ["third"]);
}
