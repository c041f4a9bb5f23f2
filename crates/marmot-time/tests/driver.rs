//! What the lanes promise to whoever writes a runtime.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use marmot_testing::{ByHand, within};
use marmot_time::{Group, Sleep, Timer, lanes, ms, secs, sleep};
use marmot_wait::{clock, set_lane};

const LIMIT: Duration = Duration::from_secs(20);
const NONE: u64 = u64::MAX;

struct Runtime {
    group: Arc<Group>,
    interrupts: Arc<AtomicUsize>,
}

impl Runtime {
    fn new() -> Runtime {
        let interrupts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&interrupts);
        Runtime {
            group: Group::new(Box::new(move || {
                counted.fetch_add(1, Ordering::SeqCst);
            })),
            interrupts,
        }
    }

    fn interrupts(&self) -> usize {
        self.interrupts.load(Ordering::SeqCst)
    }

    /// A sleep in this lane, polled once.
    fn armed(&self, lane: u32, long: Duration) -> ByHand<Sleep> {
        let before = set_lane(Some(lane));
        let mut sleep = ByHand::new(sleep(long));
        sleep.expect_pending();
        set_lane(before);
        sleep
    }
}

#[test]
fn only_an_earlier_timer_interrupts_the_sleeper() {
    let rt = Runtime::new();
    let (a, b) = (rt.group.open_lane(), rt.group.open_lane());
    let _hour = rt.armed(a, secs(3600));
    assert_eq!(rt.interrupts(), 0, "nobody sleeps");
    let until = rt.group.prepare_sleep([a, b].into_iter());
    assert_eq!(until, lanes::deadline_cell(a).load(Ordering::SeqCst));
    let _later = rt.armed(b, secs(7200));
    assert_eq!(rt.interrupts(), 0, "it is due after the sleep");
    let _sooner = rt.armed(b, secs(60));
    assert_eq!(rt.interrupts(), 1);
    rt.group.end_sleep();
    let _soonest = rt.armed(a, secs(1));
    assert_eq!(rt.interrupts(), 1, "nobody sleeps");
}

#[test]
fn a_timer_armed_while_the_sleeper_looks_interrupts_it() {
    let rt = Runtime::new();
    let lanes = [rt.group.open_lane(), rt.group.open_lane()];
    for long in [secs(3600), secs(60)] {
        let mut armed = Vec::new();
        let before = rt.interrupts();
        let looked_at = lanes.into_iter().enumerate().map(|(nth, lane)| {
            if nth == 1 {
                // The first has been looked at.
                armed.push(rt.armed(lanes[0], long));
            }
            lane
        });
        let until = rt.group.prepare_sleep(looked_at);
        assert_eq!((until, rt.interrupts()), (NONE, before + 1));
        rt.group.end_sleep();
    }
}

#[test]
fn bringing_a_timer_forward_interrupts_too() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let before = set_lane(Some(lane));
    let timer = Timer::new(secs(3600));
    let mut waiting = ByHand::new(timer.recv());
    waiting.expect_pending();
    let first = rt.group.prepare_sleep([lane].into_iter());
    timer.reset(secs(60));
    assert_eq!(rt.interrupts(), 1);
    rt.group.end_sleep();
    assert!(rt.group.prepare_sleep([lane].into_iter()) < first);
    rt.group.end_sleep();
    set_lane(before);
}

#[test]
fn who_goes_to_sleep_learns_the_exact_deadline() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let lanes_of = || [lane].into_iter();
    assert_eq!(rt.group.prepare_sleep(lanes_of()), NONE);
    let hour = rt.armed(lane, secs(3600));
    let exact = rt.group.prepare_sleep(lanes_of());
    let minute = rt.armed(lane, secs(60));
    assert!(rt.group.prepare_sleep(lanes_of()) < exact);
    drop(minute);
    assert_eq!(rt.group.prepare_sleep(lanes_of()), exact);
    drop(hour);
    assert_eq!(rt.group.prepare_sleep(lanes_of()), NONE);
    assert_eq!(lanes::live(lane), 0);
}

#[test]
fn who_goes_to_sleep_learns_of_a_timer_that_was_put_off() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let before = set_lane(Some(lane));
    let mut sleep = Box::pin(sleep(secs(60)));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(sleep.as_mut().poll(&mut cx).is_pending());
    let at = Instant::now() + secs(3600);
    sleep.as_mut().get_mut().reset(at);
    let until = rt.group.prepare_sleep([lane].into_iter());
    assert_eq!(until, clock::ns_of(at));
    set_lane(before);
}

#[test]
fn all_that_are_due_are_fired_at_once_though_their_grain_is_not_over() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let at = (clock::now_ns() + 60_000_000_000).next_multiple_of(1_000_000);
    let before = set_lane(Some(lane));
    let origin = Instant::now() - Duration::from_nanos(clock::now_ns());
    let mut crowd: Vec<_> = (1..=100)
        .map(|n| {
            ByHand::new(marmot_time::sleep_until(
                origin + Duration::from_nanos(at + n),
            ))
        })
        .collect();
    crowd.iter_mut().for_each(ByHand::expect_pending);
    set_lane(before);
    // Late as it is, nobody has looked since the first one was armed.
    assert_eq!(lanes::fire(lane, at + 100_000), 100);
}

#[test]
fn a_lone_sleeper_is_not_kept_waiting_by_thousands_that_sleep_longer() {
    let rt = Runtime::new();
    let (a, b) = (rt.group.open_lane(), rt.group.open_lane());
    let _crowd: Vec<_> = (0..1000)
        .map(|n| rt.armed(a, secs(60) + Duration::from_micros(n)))
        .collect();
    let before = clock::now_ns();
    for lane in [a, b] {
        let _lone = rt.armed(lane, ms(500));
        let after = clock::now_ns();
        let until = rt.group.prepare_sleep([a, b].into_iter());
        assert!((before + 500_000_000..=after + 500_000_000).contains(&until));
        assert_eq!(until, lanes::deadline_cell(lane).load(Ordering::SeqCst));
        rt.group.end_sleep();
    }
}

#[test]
fn a_crowd_is_served_at_once_and_late_by_less_than_half_a_millisecond() {
    const SERVED_WITHIN: u64 = 500_000;
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let base = clock::now_ns() + 60_000_000_000;
    let crowd: Vec<_> = (0..5000)
        .map(|n| rt.armed(lane, secs(60) + Duration::from_micros(n)))
        .collect();
    let (mut rounds, mut fired, mut served) = (0, 0, base - 1);
    while fired < crowd.len() {
        rounds += 1;
        let until = lanes::deadline_cell(lane).load(Ordering::SeqCst);
        assert!(until > served, "nothing was due");
        assert_eq!(lanes::fire(lane, until - 1), 0, "early");
        // Whoever is due a grain before now has been woken before.
        fired += lanes::fire(lane, until);
        let left = crowd.len() - lanes::live(lane);
        assert_eq!(left, fired);
        served = until;
        let next = rt.group.prepare_sleep([lane].into_iter());
        rt.group.end_sleep();
        assert!(next > served, "what was due has been served");
        assert!(next == NONE || next - served <= 2 * SERVED_WITHIN);
    }
    assert!(rounds <= 16, "{rounds} rounds for five milliseconds");
    assert!(crowd.iter().all(|sleep| sleep.wakes() == 1));
}

#[test]
fn one_that_is_armed_ahead_of_a_crowd_is_served_on_the_dot() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let _crowd: Vec<_> = (0..1000)
        .map(|n| rt.armed(lane, secs(60) + Duration::from_micros(n)))
        .collect();
    let crowd_at = rt.group.prepare_sleep([lane].into_iter());
    let _lone = rt.armed(lane, secs(1));
    assert_eq!(rt.interrupts(), 1, "it is earlier");
    rt.group.end_sleep();
    assert!(rt.group.prepare_sleep([lane].into_iter()) < crowd_at - 58_000_000_000);
    rt.group.end_sleep();
}

#[test]
fn only_the_earliest_is_fired_alone() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let (late, early) = (rt.armed(lane, secs(2)), rt.armed(lane, secs(1)));
    assert_eq!(lanes::fire_one(lane, clock::now_ns()), 0, "it is not due");
    assert_eq!(lanes::fire_one(lane, u64::MAX), 1);
    assert_eq!((late.wakes(), early.wakes()), (0, 1));
    assert_eq!(lanes::fire_one(lane, u64::MAX), 1);
    let cell = lanes::deadline_cell(lane).load(Ordering::SeqCst);
    assert_eq!(cell, NONE, "nobody need look again");
    assert_eq!(lanes::fire_one(lane, u64::MAX), 0, "none is left");
    assert_eq!(late.wakes(), 1);
}

#[test]
fn making_and_dropping_timers_disturbs_a_sleeper_once() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    rt.group.prepare_sleep([lane].into_iter());
    for _ in 0..100 {
        drop(rt.armed(lane, secs(5)));
    }
    assert_eq!(rt.interrupts(), 1);
}

#[test]
fn a_crowd_fires_in_the_order_of_its_deadlines() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let crowd: Vec<_> = (1..=100)
        .map(|n| rt.armed(lane, secs(n * 37 % 101 + 1)))
        .collect();
    let halfway = clock::now_ns() + 51_u64 * 1_000_000_000;
    let fired = lanes::fire(lane, halfway);
    let woken = crowd.iter().filter(|sleep| sleep.wakes() == 1).count();
    assert_eq!(fired, woken);
    assert_eq!(lanes::live(lane), 100 - fired);
    assert!(lanes::deadline_cell(lane).load(Ordering::SeqCst) > halfway);
    assert_eq!(lanes::fire(lane, u64::MAX), 100 - fired);
    assert_eq!(lanes::deadline_cell(lane).load(Ordering::SeqCst), NONE);
}

#[test]
fn a_closed_lane_leaves_its_timers_to_the_thread_of_ours() {
    within(LIMIT, || {
        let rt = Runtime::new();
        let lane = rt.group.open_lane();
        let (done, ended) = std::sync::mpsc::channel();
        let before = set_lane(Some(lane));
        let mut nap = Box::pin(sleep(ms(20)));
        let waker = Waker::from(Arc::new(Send(done)));
        assert!(
            nap.as_mut()
                .poll_once(&mut Context::from_waker(&waker))
                .is_pending()
        );
        rt.group.close_lane(lane);
        // The lane is still this thread's, but takes nothing new.
        let mut other = ByHand::new(sleep(secs(3600)));
        other.expect_pending();
        assert!(lanes::live(lane) <= 1);
        ended.recv().expect("the sleep ends without its runtime");
        marmot_wait::park::block_on(sleep(ms(1)));
        assert_eq!(lanes::live(lane), 0);
        set_lane(before);
    });
}

/// Tells a channel that it was woken.
struct Send(std::sync::mpsc::Sender<()>);

impl Wake for Send {
    fn wake(self: Arc<Self>) {
        self.0.send(()).expect("the test listens");
    }
}

trait PollOnce: Future {
    fn poll_once(
        self: std::pin::Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> std::task::Poll<Self::Output> {
        self.poll(cx)
    }
}

impl<F: Future> PollOnce for F {}

#[test]
fn lanes_are_used_again_and_old_handles_find_nothing_in_them() {
    let rt = Runtime::new();
    // Tests that run beside this one open lanes too, and may snatch the one just closed.
    for _ in 0..1000 {
        let lane = rt.group.open_lane();
        let mut old = rt.armed(lane, secs(3600));
        assert_eq!(lanes::fire(lane, u64::MAX), 1);
        rt.group.close_lane(lane);
        let again = rt.group.open_lane();
        if again == lane {
            let mut new = rt.armed(lane, secs(3600));
            old.expect_ready();
            drop(old);
            assert_eq!(lanes::live(lane), 1, "the new one is not the old one");
            new.expect_pending();
            return;
        }
        rt.group.close_lane(again);
    }
    panic!("no lane was used again");
}

#[test]
fn ticks_stay_in_their_lane_whoever_serves_it() {
    let rt = Runtime::new();
    let (own, server) = (rt.group.open_lane(), rt.group.open_lane());
    let before = set_lane(Some(own));
    let ticks = marmot_time::tick(ms(1));
    set_lane(Some(server));
    thread::sleep(ms(2));
    assert_eq!(lanes::fire(own, clock::now_ns()), 1);
    assert!(ticks.try_recv().is_ok());
    assert_eq!((lanes::live(own), lanes::live(server)), (1, 0));
    drop(ticks);
    assert_eq!(lanes::live(own), 0);
    set_lane(before);
}

#[test]
fn firing_ends_though_a_timer_is_armed_again_and_again() {
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let before = set_lane(Some(lane));
    let ticks = marmot_time::tick(secs(60));
    let nap = rt.armed(lane, secs(60));
    assert_eq!(lanes::fire(lane, u64::MAX), 2, "with a clock far ahead");
    assert_eq!(nap.wakes(), 1);
    assert!(ticks.try_recv().is_err(), "its own clock says: not yet");
    assert_eq!(lanes::live(lane), 1);
    set_lane(before);
}

#[test]
fn timers_outside_a_runtime_are_counted() {
    let before = set_lane(None);
    let mut outside = ByHand::new(sleep(secs(3600)));
    outside.expect_pending();
    assert!(lanes::live_outside() >= 1);
    set_lane(before);
}

#[test]
fn one_panicking_waker_does_not_keep_the_others_asleep() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker that panics");
        }
    }
    let rt = Runtime::new();
    let lane = rt.group.open_lane();
    let before = set_lane(Some(lane));
    let mut bad = ByHand::new(sleep(secs(1)));
    let waker = Waker::from(Arc::new(Panics));
    assert!(bad.poll_with(&mut Context::from_waker(&waker)).is_pending());
    set_lane(before);
    let good = rt.armed(lane, secs(2));
    let ended = catch_unwind(AssertUnwindSafe(|| lanes::fire(lane, u64::MAX)));
    assert!(ended.is_err());
    assert_eq!(good.wakes(), 1);
    assert_eq!(lanes::live(lane), 0);
}

#[test]
fn threads_that_arm_and_drop_in_one_lane_leave_it_empty() {
    within(LIMIT, || {
        let rt = Runtime::new();
        let lane = rt.group.open_lane();
        let threads: Vec<_> = (0..4_u64)
            .map(|seed| {
                thread::spawn(move || {
                    set_lane(Some(lane));
                    let mut kept = Vec::new();
                    for n in 0..5000_u64 {
                        let mut nap = ByHand::new(sleep(Duration::from_nanos(
                            1_000_000_000 + (n * 7919 + seed) % 1000,
                        )));
                        nap.expect_pending();
                        kept.push(nap);
                        if n % 3 != 0 {
                            kept.swap_remove((n * 31 % kept.len() as u64) as usize);
                        }
                    }
                    kept
                })
            })
            .collect();
        let kept: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("it ends well"))
            .collect();
        assert_eq!(lanes::live(lane), kept.len());
        assert_eq!(lanes::fire(lane, u64::MAX), kept.len());
        assert!(kept.iter().all(|nap| nap.wakes() == 1));
    });
}
