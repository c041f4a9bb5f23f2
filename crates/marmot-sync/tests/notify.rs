//! The promises of `Notify` and `Barrier`.

mod support;

use std::sync::Arc;

use marmot_sync::{Barrier, Notify};
use support::{Count, now, poll, poll_with, within_seconds};

#[test]
fn one_notification_is_kept_for_the_next_to_come_and_no_more() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    now(notify.notified());
    assert!(poll(&mut notify.notified()).is_pending());
}

#[test]
fn the_one_that_waited_longest_is_told() {
    let notify = Notify::new();
    let (mut a, mut b) = (notify.notified(), notify.notified());
    let woken = Count::new();
    assert!(poll_with(&mut a, &woken).is_pending() && poll(&mut b).is_pending());
    notify.notify_one();
    assert_eq!(woken.calls(), 1);
    assert!(poll(&mut b).is_pending());
    assert!(poll(&mut a).is_ready());
}

#[test]
fn everybody_is_told_from_the_making_of_their_future_on() {
    let notify = Notify::new();
    let mut waiting = notify.notified();
    let made = notify.notified();
    assert!(poll(&mut waiting).is_pending());
    notify.notify_waiters();
    now(waiting);
    now(made);
    assert!(poll(&mut notify.notified()).is_pending(), "nothing is kept");
}

#[test]
fn what_a_dropped_waiter_was_told_goes_on() {
    let notify = Notify::new();
    let woken = Count::new();
    let (mut a, mut b) = (notify.notified(), notify.notified());
    assert!(poll(&mut a).is_pending() && poll_with(&mut b, &woken).is_pending());
    notify.notify_one();
    drop(a);
    assert_eq!(woken.calls(), 1);
    drop(b);
    now(notify.notified());
}

#[test]
fn a_dropped_waiter_leaves_no_entry() {
    let notify = Notify::new();
    let mut waiting = notify.notified();
    assert!(poll(&mut waiting).is_pending());
    drop(waiting);
    notify.notify_one();
    now(notify.notified());
}

#[test]
fn a_round_told_to_a_dropped_waiter_is_not_passed_on() {
    let notify = Notify::new();
    let mut waiting = notify.notified();
    assert!(poll(&mut waiting).is_pending());
    notify.notify_waiters();
    drop(waiting);
    assert!(poll(&mut notify.notified()).is_pending());
}

#[test]
fn threads_hand_a_notification_to_and_fro() {
    within_seconds(|| {
        let pair = Arc::new((Notify::new(), Notify::new()));
        let there = Arc::clone(&pair);
        let other = std::thread::spawn(move || {
            for _ in 0..200 {
                there.0.notified_blocking();
                there.1.notify_one();
            }
        });
        for _ in 0..200 {
            pair.0.notify_one();
            pair.1.notified_blocking();
        }
        other.join().expect("it ends well");
    });
}

#[test]
fn a_barrier_opens_for_the_last_to_come_who_leads() {
    let barrier = Barrier::new(3);
    let (mut a, mut b) = (barrier.wait(), barrier.wait());
    assert!(poll(&mut a).is_pending() && poll(&mut b).is_pending());
    assert!(now(barrier.wait()).is_leader());
    assert!(!now(a).is_leader() && !now(b).is_leader());
    assert!(poll(&mut barrier.wait()).is_pending(), "it closes again");
}

#[test]
fn one_that_is_dropped_at_a_barrier_has_not_come() {
    let barrier = Barrier::new(2);
    let mut gone = barrier.wait();
    assert!(poll(&mut gone).is_pending());
    drop(gone);
    let mut a = barrier.wait();
    assert!(poll(&mut a).is_pending());
    assert!(now(barrier.wait()).is_leader());
    assert!(poll(&mut a).is_ready());
}

#[test]
fn a_barrier_of_one_or_none_holds_nobody_back() {
    for size in [0, 1] {
        assert!(now(Barrier::new(size).wait()).is_leader());
    }
}
