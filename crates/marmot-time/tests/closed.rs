//! Lanes that no runtime serves any more, and what becomes of their timers.
//!
//! In a program of its own: nothing else wakes the thread that serves them, and all that is counted is
//! ours. One test, for the same reason.

use std::sync::Arc;
use std::time::Duration;

use marmot_testing::{ByHand, until, within};
use marmot_time::{Group, Timer, lanes, ms, secs, sleep};
use marmot_wait::set_lane;

const LIMIT: Duration = Duration::from_secs(20);

fn group() -> Arc<Group> {
    Group::new(Box::new(|| {}))
}

#[test]
fn what_runtimes_leave_behind_is_served_and_counted_and_lanes_may_run_out() {
    within(LIMIT, || {
        a_timer_left_behind_fires();
        a_timer_left_behind_can_be_brought_forward();
        closing_twice_gives_a_lane_to_one_only();
        with_no_lane_left_a_runtime_shares_that_of_the_thread();
        the_thread_sleeps_while_nothing_is_due();
    });
}

/// Lets the thread of ours begin its sleep.
fn settle() {
    marmot_wait::park::block_on(sleep(ms(1)));
    std::thread::sleep(ms(20));
}

fn a_timer_left_behind_fires() {
    let group = group();
    settle();
    let lane = group.open_lane();
    set_lane(Some(lane));
    let mut nap = ByHand::new(sleep(ms(50)));
    nap.expect_pending();
    set_lane(None);
    group.close_lane(lane);
    assert_eq!(lanes::live_outside(), 1);
    until(LIMIT, "it fires", || nap.wakes() == 1);
    assert_eq!(lanes::live_outside(), 0);
}

fn a_timer_left_behind_can_be_brought_forward() {
    let group = group();
    let lane = group.open_lane();
    set_lane(Some(lane));
    let timer = Timer::new(secs(3600));
    let mut waits = ByHand::new(timer.recv());
    waits.expect_pending();
    set_lane(None);
    group.close_lane(lane);
    settle();
    timer.reset(ms(1));
    until(LIMIT, "it fires", || waits.wakes() == 1);
    waits.expect_ready();
}

fn closing_twice_gives_a_lane_to_one_only() {
    let group = group();
    let lane = group.open_lane();
    group.close_lane(lane);
    group.close_lane(lane);
    let (first, second) = (group.open_lane(), group.open_lane());
    assert_ne!(first, second);
    group.close_lane(first);
    group.close_lane(second);
}

fn with_no_lane_left_a_runtime_shares_that_of_the_thread() {
    let group = group();
    let mut lanes: Vec<_> = (0..5000).map(|_| group.open_lane()).collect();
    let shared = lanes[4999];
    assert_eq!(lanes[4998], shared, "there are fewer");
    lanes.retain(|&lane| lane != shared);
    for &lane in lanes.iter().chain([&shared]) {
        group.close_lane(lane);
    }
    // It is no runtime's to close.
    set_lane(Some(shared));
    let mut nap = ByHand::new(sleep(ms(1)));
    nap.expect_pending();
    set_lane(None);
    until(LIMIT, "it fires", || nap.wakes() == 1);
    lanes.sort_unstable();
    lanes.dedup();
    let again: Vec<_> = lanes.iter().map(|_| group.open_lane()).collect();
    assert!(
        again.iter().all(|&lane| lane != shared),
        "they are free again"
    );
}

fn the_thread_sleeps_while_nothing_is_due() {
    settle();
    let before = cpu_time();
    std::thread::sleep(ms(300));
    let burnt = cpu_time() - before;
    assert!(burnt < ms(50), "{burnt:?}");
}

/// The processor time of this program so far; none where we cannot ask.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = |nth: usize| -> Option<u64> {
        let field = behind_name.split_whitespace().nth(nth)?;
        field.parse().ok()
    };
    // In hundredths of a second: as the program, and as the system for it.
    let ticks = ticks(11).unwrap_or(0) + ticks(12).unwrap_or(0);
    ms(10 * ticks)
}
