//! What `after`, `tick` and `after_func` promise.

use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use marmot_chan::TryRecvError;
use marmot_testing::{ByHand, until, within};
use marmot_time::{AfterFunc, Group, after, after_func, lanes, ms, secs, sleep, tick};
use marmot_wait::{BlockingKind, Note, Runner, set_lane, set_runner};

const LIMIT: Duration = Duration::from_secs(30);

/// Runs this with a lane that nobody serves but the test.
fn with_lane(test: impl FnOnce(u32)) {
    let group = Group::new(Box::new(|| {}));
    let lane = group.open_lane();
    let before = set_lane(Some(lane));
    test(lane);
    set_lane(before);
    group.close_lane(lane);
}

// M5
#[test]
fn an_after_delivers_an_instant_that_is_not_early() {
    within(LIMIT, || {
        for _ in 0..10 {
            let start = Instant::now();
            let due = after(ms(3)).recv_blocking().expect("never closed");
            assert!(due >= start + ms(3));
            assert!(Instant::now() >= due);
        }
    });
}

#[test]
fn after_its_value_the_channel_stays_open_and_empty() {
    within(LIMIT, || {
        let once = after(ms(1));
        assert!(once.recv_blocking().is_some());
        assert_eq!(once.try_recv(), Err(TryRecvError::Empty));
        ByHand::new(once.recv()).expect_pending();
        let at_once = after(Duration::ZERO);
        assert!(at_once.try_recv().is_ok());
        assert_eq!(at_once.try_recv(), Err(TryRecvError::Empty));
    });
}

#[test]
fn never_is_a_channel_without_a_timer() {
    with_lane(|lane| {
        for never in [
            after(Duration::MAX),
            tick(Duration::MAX),
            tick(Duration::ZERO),
        ] {
            ByHand::new(never.recv()).expect_pending();
            assert_eq!(never.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(lanes::live(lane), 0);
        }
    });
}

#[test]
fn after_its_value_no_timer_is_left() {
    with_lane(|lane| {
        let once = after(ms(1));
        assert_eq!(lanes::live(lane), 1);
        thread::sleep(ms(2));
        assert_eq!(lanes::fire(lane, marmot_wait::clock::now_ns()), 1);
        assert_eq!((once.len(), lanes::live(lane)), (1, 0));
    });
}

// M23
#[test]
fn a_dropped_after_takes_its_timer_along() {
    with_lane(|lane| {
        let other = after(secs(5));
        let shared = other.clone();
        for _ in 0..100_000 {
            drop(after(secs(5)));
        }
        assert_eq!(lanes::live(lane), 1);
        drop(other);
        assert_eq!(lanes::live(lane), 1, "another receiver is left");
        drop(shared);
        assert_eq!(lanes::live(lane), 0);
        let closed = after(secs(5));
        closed.close();
        assert_eq!(lanes::live(lane), 0);
    });
}

#[test]
fn an_after_made_with_no_budget_left_is_like_any_other() {
    with_lane(|lane| {
        let before = marmot_wait::budget::begin(0);
        let rx = after(secs(5));
        marmot_wait::budget::restore(before);
        drop(rx);
        assert_eq!(lanes::live(lane), 0);
    });
}

#[test]
fn a_tick_drops_what_a_slow_receiver_misses_and_ends_with_it() {
    with_lane(|lane| {
        let ticks = tick(ms(1));
        for _ in 0..3 {
            thread::sleep(ms(2));
            lanes::fire(lane, marmot_wait::clock::now_ns());
        }
        let first = ticks.try_recv().expect("one tick");
        assert_eq!(ticks.try_recv(), Err(TryRecvError::Empty));
        thread::sleep(ms(2));
        lanes::fire(lane, marmot_wait::clock::now_ns());
        let next = ticks.try_recv().expect("the next tick");
        assert!(next - first >= ms(3));
        assert_eq!((next - first).as_nanos() % ms(1).as_nanos(), 0);
        assert_eq!(lanes::live(lane), 1);
        drop(ticks);
        assert_eq!(lanes::live(lane), 0);
    });
}

#[track_caller]
fn counting(duration: Duration) -> (AfterFunc, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let func = after_func(duration, move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    (func, runs)
}

// M8
#[test]
fn no_stopped_function_runs() {
    with_lane(|lane| {
        let funcs: Vec<_> = (0..100).map(|_| counting(ms(2))).collect();
        for (func, _) in &funcs {
            assert!(func.stop());
            assert!(!func.stop());
        }
        assert_eq!(lanes::live(lane), 0);
        thread::sleep(ms(3));
        assert_eq!(lanes::fire(lane, u64::MAX), 0);
        assert!(
            funcs
                .iter()
                .all(|(_, runs)| runs.load(Ordering::SeqCst) == 0)
        );
    });
}

#[test]
fn a_function_runs_once_each_time_it_is_set() {
    let (func, runs) = counting(ms(1));
    let ran = |n| move |runs: &AtomicUsize| runs.load(Ordering::SeqCst) == n;
    until(LIMIT, "it ran", || ran(1)(&runs));
    assert!(!func.stop());
    assert!(!func.reset(ms(1)));
    until(LIMIT, "it ran again", || ran(2)(&runs));
    assert!(!func.reset(secs(3600)));
    assert!(func.reset(Duration::ZERO));
    until(LIMIT, "zero runs it at once", || ran(3)(&runs));
    func.reset(Duration::MAX);
    assert!(func.stop(), "for ever can be stopped");
}

/// Does something once, as a waker.
struct Does<F>(Mutex<Option<F>>);

impl<F: FnOnce() + Send + 'static> Wake for Does<F> {
    fn wake(self: Arc<Self>) {
        let does = self.0.lock().expect("unpoisoned").take();
        does.expect("once")();
    }
}

/// Lets a function's time come, and has this done to it when its timer has been taken out of the lane,
/// but nothing has been told yet.
fn as_it_fires(lane: u32, does: impl FnOnce(&AfterFunc) + Send + 'static) {
    let mut earlier = ByHand::new(sleep(ms(1)));
    let (func, runs) = counting(ms(2));
    let does = Does(Mutex::new(Some(move || does(&func))));
    let waker = Waker::from(Arc::new(does));
    assert!(
        earlier
            .poll_with(&mut Context::from_waker(&waker))
            .is_pending()
    );
    thread::sleep(ms(3));
    assert_eq!(lanes::fire(lane, marmot_wait::clock::now_ns()), 2);
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[test]
fn a_function_that_is_stopped_or_set_anew_as_it_fires_does_not_run() {
    static KEEPER: Keeper = Keeper(Mutex::new(Vec::new()));
    with_lane(|lane| {
        let before = set_runner(Some(&KEEPER));
        as_it_fires(lane, |func| assert!(func.stop()));
        assert_eq!(lanes::live(lane), 0);
        as_it_fires(lane, |func| assert!(func.reset(Duration::MAX)));
        assert_eq!(lanes::live(lane), 0, "there is nothing to wait for");
        as_it_fires(lane, |func| assert!(func.reset(secs(3600))));
        assert_eq!(lanes::live(lane), 1);
        set_runner(before);
        let spawned = KEEPER.0.lock().expect("unpoisoned").len();
        assert_eq!(spawned, 0, "nothing runs");
    });
}

#[test]
fn a_function_that_is_rung_too_early_or_run_at_once_leaves_the_lane_in_order() {
    with_lane(|lane| {
        let (func, runs) = counting(secs(3600));
        assert_eq!(lanes::fire(lane, u64::MAX), 1, "with a clock far ahead");
        assert_eq!((runs.load(Ordering::SeqCst), lanes::live(lane)), (0, 1));
        assert!(func.reset(Duration::ZERO));
        assert_eq!(lanes::live(lane), 0);
        until(LIMIT, "it ran", || runs.load(Ordering::SeqCst) == 1);
    });
}

#[test]
fn dropping_the_handle_of_a_function_changes_nothing() {
    let (func, runs) = counting(ms(5));
    drop(func);
    until(LIMIT, "it ran", || runs.load(Ordering::SeqCst) == 1);
}

#[test]
fn a_function_may_block_and_its_runs_never_overlap() {
    within(LIMIT, || {
        let (begun, began) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let func = after_func(Duration::ZERO, move || {
            begun.send(()).expect("the test listens");
            gate.recv().expect("the test opens the gate");
        });
        began.recv().expect("the first run");
        func.reset(Duration::ZERO);
        func.reset(Duration::ZERO);
        assert!(began.try_recv().is_err(), "the first one still runs");
        for _ in 0..2 {
            go.send(()).expect("a run waits");
            began.recv().expect("the next run");
        }
        go.send(()).expect("the last one waits");
        assert!(began.recv_timeout(ms(50)).is_err(), "it was the last one");
    });
}

#[test]
fn a_function_can_set_itself_again() {
    within(LIMIT, || {
        let (hand, handle) = mpsc::channel::<AfterFunc>();
        let (done, runs) = mpsc::channel();
        let mut own = None;
        let func = after_func(ms(1), move || {
            let own = own.get_or_insert_with(|| handle.recv().expect("the handle comes"));
            own.reset(ms(1));
            // Nobody listens at the end.
            let _last = done.send(());
        });
        hand.send(func).expect("the function waits for it");
        (0..5).for_each(|_| runs.recv().expect("it runs again and again"));
    });
}

#[test]
fn a_function_that_panicked_runs_again_when_it_is_set_again() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let func = after_func(Duration::ZERO, move || {
        let before = counted.fetch_add(1, Ordering::SeqCst);
        assert!(before > 0, "the first run panics");
    });
    until(LIMIT, "it ran", || runs.load(Ordering::SeqCst) == 1);
    func.reset(ms(1));
    until(LIMIT, "it ran again", || runs.load(Ordering::SeqCst) == 2);
}

/// Keeps what it is asked to spawn, and the line it was born at.
struct Keeper(Mutex<Vec<(Spawned, &'static Location<'static>)>>);

type Spawned = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Runner for Keeper {
    fn enter_blocking(&self, _: BlockingKind, _: Note) {}

    fn leave_blocking(&self) {}

    fn spawn(&self, future: Spawned, place: &'static Location<'static>) {
        self.0.lock().expect("unpoisoned").push((future, place));
    }
}

#[test]
fn a_function_runs_in_a_goroutine_of_the_runtime_that_set_it() {
    static KEEPER: Keeper = Keeper(Mutex::new(Vec::new()));
    with_lane(|lane| {
        let before = set_runner(Some(&KEEPER));
        let line = line!() + 1;
        let (func, runs) = counting(ms(1));
        let other = after_func(Duration::ZERO, || {});
        set_runner(before);
        assert_eq!(
            KEEPER.0.lock().expect("unpoisoned").len(),
            1,
            "zero is at once"
        );
        thread::sleep(ms(2));
        assert_eq!(lanes::fire(lane, marmot_wait::clock::now_ns()), 1);
        let (spawned, place) = KEEPER
            .0
            .lock()
            .expect("unpoisoned")
            .pop()
            .expect("a goroutine");
        assert_eq!(place.line(), line);
        assert_eq!(runs.load(Ordering::SeqCst), 0, "it has not run yet");
        marmot_wait::park::block_on(spawned);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert!(!func.stop());
        drop(other);
    });
}
