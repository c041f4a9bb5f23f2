//! The whole scheduler under stress: goroutines that spawn, wake, yield, burn and block while
//! the monitor takes Ps, machines come and go, and somebody aborts, resizes or shuts down.
//!
//! What goes in is counted, and so is what comes out: nothing is lost, nothing runs twice,
//! everything is dropped once. `MARMOT_SEED` repeats a run as far as threads let it be
//! repeated; `MARMOT_STRESS=long` makes each run longer by a factor of twenty.

#![cfg(not(marmot_loom))]

use std::future::{Future, poll_fn};
use std::hint::black_box;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use marmot_scheduler::{Builder, Deadlock, Handle, JoinHandle, Panic, Runtime, gosched};
use marmot_testing::{Rng, until, within};

const PATIENCE: Duration = Duration::from_secs(120);

fn stretched(short: Duration) -> Duration {
    short * u32::try_from(rounds(1)).expect("a small number")
}

fn rounds(short: usize) -> usize {
    match std::env::var("MARMOT_STRESS").as_deref() {
        Ok("long") => short * 20,
        _ => short,
    }
}

/// The watchdog, long enough for a long run.
fn watched(test: impl FnOnce() + Send + 'static) {
    within(stretched(PATIENCE), test);
}

fn builder(procs: usize) -> Builder {
    Builder::new()
        .max_procs(procs)
        .panic(Panic::Report)
        .deadlock(Deadlock::Off)
}

fn runtime(procs: usize) -> Runtime {
    builder(procs).build().expect("a runtime starts")
}

/// A random number generator whose seed a failing test prints.
fn rng() -> Rng {
    let rng = Rng::from_env();
    eprintln!("MARMOT_SEED={}", rng.seed());
    rng
}

/// A wake-up that comes once, for tests without channels.
#[derive(Default)]
struct Signal(Mutex<(bool, Option<Waker>)>);

impl Signal {
    fn set(&self) {
        let mut state = self.0.lock().unwrap();
        state.0 = true;
        let waker = state.1.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    async fn wait(&self) {
        poll_fn(|cx| {
            let mut state = self.0.lock().unwrap();
            if state.0 {
                return Poll::Ready(());
            }
            let old = state.1.replace(cx.waker().clone());
            drop(state);
            drop(old);
            Poll::Pending
        })
        .await;
    }
}

/// What went in and what came out.
#[derive(Default)]
struct Ledger {
    started: AtomicU64,
    ended: AtomicU64,
    /// Steps that the goroutines were told to do, and that they did.
    steps_due: AtomicU64,
    steps_done: AtomicU64,
    /// Goroutines that found themselves being polled twice at once.
    overlaps: AtomicU64,
    /// No new ones, please.
    stop: AtomicBool,
}

impl Ledger {
    fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }

    fn get(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::SeqCst)
    }

    fn open(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    fn all_ended(&self) -> bool {
        // Ends first: a goroutine starts its children before it ends.
        let ended = Ledger::get(&self.ended);
        ended == Ledger::get(&self.started)
    }

    fn assert_even(&self) {
        assert_eq!(Ledger::get(&self.overlaps), 0, "polled twice at once");
        assert_eq!(Ledger::get(&self.started), Ledger::get(&self.ended));
        assert_eq!(Ledger::get(&self.steps_due), Ledger::get(&self.steps_done));
    }
}

/// Notices when its future is polled by two at once, by plain accesses: nothing in the check
/// orders what it checks.
struct Alone<F> {
    future: Pin<Box<F>>,
    busy: bool,
    polls: u64,
    ledger: Arc<Ledger>,
}

impl<F: Future<Output = ()>> Future for Alone<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let polls = *black_box(&mut this.polls);
        if std::mem::replace(black_box(&mut this.busy), true) {
            Ledger::add(&this.ledger.overlaps, 1);
        }
        let polled = this.future.as_mut().poll(cx);
        *black_box(&mut this.polls) += 1;
        if *black_box(&mut this.polls) != polls + 1 {
            Ledger::add(&this.ledger.overlaps, 1);
        }
        *black_box(&mut this.busy) = false;
        polled
    }
}

/// Starts a goroutine that does random things, and joins or forgets what it starts.
fn start(rt: Handle, ledger: &Arc<Ledger>, mut rng: Rng, depth: u32) -> JoinHandle<()> {
    let steps = 1 + rng.below(12) as u64;
    Ledger::add(&ledger.started, 1);
    Ledger::add(&ledger.steps_due, steps);
    let inside = Arc::clone(ledger);
    let future = async move {
        let mut done = 0_u64;
        for _ in 0..steps {
            step(rt, &inside, &mut rng, depth).await;
            *black_box(&mut done) += 1;
        }
        Ledger::add(&inside.steps_done, done);
        Ledger::add(&inside.ended, 1);
    };
    rt.spawn(Alone {
        future: Box::pin(future),
        busy: false,
        polls: 0,
        ledger: Arc::clone(ledger),
    })
}

type Step<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

fn step<'a>(rt: Handle, ledger: &'a Arc<Ledger>, rng: &'a mut Rng, depth: u32) -> Step<'a> {
    Box::pin(async move {
        match rng.below(32) {
            0 => burn(Duration::from_micros(100 + rng.below(2900) as u64)),
            1 => thread::sleep(Duration::from_micros(100 + rng.below(2900) as u64)),
            2..=5 if depth > 0 && ledger.open() => {
                let child = start(rt, ledger, rng.fork(), depth - 1);
                child.await.expect("children do not panic");
            }
            6..=8 if depth > 0 && ledger.open() => drop(start(rt, ledger, rng.fork(), depth - 1)),
            9..=13 => be_woken(rt, rng).await,
            14..=17 => wake_oneself().await,
            _ => gosched().await,
        }
    })
}

fn burn(how_long: Duration) {
    let start = Instant::now();
    while start.elapsed() < how_long {}
}

/// Another goroutine, or a thread, wakes this one.
async fn be_woken(rt: Handle, rng: &mut Rng) {
    let signal = Arc::new(Signal::default());
    let there = Arc::clone(&signal);
    let yields = rng.below(3);
    if rng.one_in(50) {
        thread::spawn(move || there.set());
    } else {
        drop(rt.spawn(async move {
            for _ in 0..yields {
                gosched().await;
            }
            there.set();
        }));
    }
    signal.wait().await;
}

async fn wake_oneself() {
    let mut woken = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut woken, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Keeps a runtime busy until told to stop, and then waits for every goroutine's end.
fn load(rt: &Runtime, ledger: &Arc<Ledger>, rng: &mut Rng, how_long: Duration) {
    let end = Instant::now() + how_long;
    while Instant::now() < end {
        let wave: Vec<_> = (0..50)
            .map(|_| start(rt.handle(), ledger, rng.fork(), 4))
            .collect();
        for handle in wave {
            rt.block_on(handle).expect("no goroutine panics");
        }
    }
    ledger.stop.store(true, Ordering::Relaxed);
    until(PATIENCE, "every goroutine has ended", || ledger.all_ended());
    ledger.assert_even();
    until(PATIENCE, "the runtime knows it", || {
        rt.handle().num_goroutine() == 0
    });
}

#[test]
fn nothing_is_lost_or_doubled_while_the_monitor_takes_processors() {
    watched(|| {
        let mut rng = rng();
        for procs in [1, 2, 4] {
            let rt = runtime(procs);
            let ledger = Arc::new(Ledger::default());
            load(
                &rt,
                &ledger,
                &mut rng,
                stretched(Duration::from_millis(1600)),
            );
            let stats = rt.handle().stats();
            eprintln!(
                "{procs} Ps: {} goroutines, {} steps, taken from {} blocked and {} burning, {} threads",
                Ledger::get(&ledger.started),
                Ledger::get(&ledger.steps_done),
                stats.handoffs_blocked,
                stats.handoffs_burning,
                stats.threads,
            );
            if procs == 1 {
                assert!(
                    stats.handoffs_blocked > 0,
                    "no P was ever taken: no stress at all"
                );
            }
        }
    });
}

#[test]
fn the_number_of_processors_changes_under_load() {
    watched(|| {
        let mut rng = rng();
        let rt = runtime(2);
        let ledger = Arc::new(Ledger::default());
        let changer = {
            let (handle, ledger, mut rng) = (rt.handle(), Arc::clone(&ledger), rng.fork());
            thread::spawn(move || {
                while ledger.open() {
                    let _ = handle.gomaxprocs(Some(1 + rng.below(8)));
                    thread::sleep(Duration::from_micros(rng.below(3000) as u64));
                }
                let _ = handle.gomaxprocs(Some(2));
            })
        };
        load(
            &rt,
            &ledger,
            &mut rng,
            stretched(Duration::from_millis(1000)),
        );
        changer.join().expect("the changer does not panic");
        assert_eq!(rt.handle().gomaxprocs(None), 2);
        // All Ps that there should be are usable: two goroutines that need each other's
        // thread.
        let meet = Arc::new(std::sync::Barrier::new(2));
        let pair = [0, 1].map(|_| {
            let meet = Arc::clone(&meet);
            rt.spawn(async move { _ = meet.wait() })
        });
        for one in pair {
            rt.block_on(one).expect("no goroutine panics");
        }
    });
}

#[test]
fn spawns_and_wakes_of_foreign_threads_are_not_lost_under_load() {
    watched(|| {
        let mut rng = rng();
        for procs in [1, 2] {
            let rt = runtime(procs);
            let ledger = Arc::new(Ledger::default());
            let foreign: Vec<_> = (0..3)
                .map(|_| {
                    let (rt, ledger, mut rng) = (rt.handle(), Arc::clone(&ledger), rng.fork());
                    thread::spawn(move || {
                        while ledger.open() {
                            foreign_round(rt, &ledger, &mut rng);
                        }
                    })
                })
                .collect();
            load(
                &rt,
                &ledger,
                &mut rng,
                stretched(Duration::from_millis(700)),
            );
            for thread in foreign {
                thread.join().expect("the foreign thread does not panic");
            }
            until(PATIENCE, "every goroutine has ended", || ledger.all_ended());
            ledger.assert_even();
        }
    });
}

/// A thread starts goroutines and wakes them, and joins some.
fn foreign_round(rt: Handle, ledger: &Arc<Ledger>, rng: &mut Rng) {
    let signal = Arc::new(Signal::default());
    let waiting = {
        let signal = Arc::clone(&signal);
        rt.spawn(async move { signal.wait().await })
    };
    if rng.one_in(4) {
        drop(start(rt, ledger, rng.fork(), 1));
    }
    if rng.one_in(2) {
        thread::yield_now();
    }
    signal.set();
    rt.block_on(waiting).expect("it was woken");
}

/// Counts itself when it is made and when it is dropped.
struct Token(Arc<[AtomicU64; 2]>);

impl Token {
    fn new(counts: &Arc<[AtomicU64; 2]>) -> Token {
        counts[0].fetch_add(1, Ordering::Relaxed);
        Token(Arc::clone(counts))
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }
}

fn balanced(counts: &[AtomicU64; 2]) -> bool {
    counts[0].load(Ordering::SeqCst) == counts[1].load(Ordering::SeqCst)
}

/// A goroutine that goes on until it is dropped, holding a token; now and then it burns or
/// blocks, starts another, or waits for what never comes.
fn endless(
    rt: Handle,
    counts: &Arc<[AtomicU64; 2]>,
    rng: &mut Rng,
) -> impl Future<Output = ()> + Send + use<> {
    let token = Token::new(counts);
    let counts = Arc::clone(counts);
    let mut rng = rng.fork();
    async move {
        let token = token;
        loop {
            match rng.below(200) {
                0 => burn(Duration::from_micros(300)),
                1 => thread::sleep(Duration::from_micros(300)),
                2 => Signal::default().wait().await,
                3..=9 => {
                    let child = Token::new(&counts);
                    let child = rt.spawn(async move {
                        gosched().await;
                        drop(child);
                    });
                    if rng.one_in(2) {
                        drop(child.await);
                    }
                }
                10..=40 => wake_oneself().await,
                _ => gosched().await,
            }
            black_box(&token);
        }
    }
}

#[test]
fn an_abort_under_load_drops_every_future_once() {
    watched(|| {
        let mut rng = rng();
        for procs in [1, 2] {
            let rt = runtime(procs);
            let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
            let end = Instant::now() + stretched(Duration::from_millis(600));
            while Instant::now() < end {
                abort_round(&rt, &counts, &mut rng);
            }
            until(PATIENCE, "every future has been dropped", || {
                balanced(&counts)
            });
            until(PATIENCE, "no goroutine is left", || {
                rt.handle().num_goroutine() == 0
            });
        }
    });
}

fn abort_round(rt: &Runtime, counts: &Arc<[AtomicU64; 2]>, rng: &mut Rng) {
    let mut handles: Vec<_> = (0..20)
        .map(|_| rt.spawn(endless(rt.handle(), counts, rng)))
        .collect();
    let others: Vec<_> = handles.iter().map(JoinHandle::abort_handle).collect();
    rng.shuffle(&mut handles);
    let there = thread::spawn(move || others.iter().for_each(|handle| handle.abort()));
    for handle in handles {
        handle.abort();
        if rng.one_in(2) {
            let error = rt.block_on(handle).expect_err("it never ends by itself");
            assert!(error.is_cancelled());
        }
    }
    there.join().expect("aborting does not panic");
}

#[test]
fn a_shutdown_under_load_drops_every_future_once() {
    watched(|| {
        let mut rng = rng();
        for round in 0..rounds(12) {
            let rt = runtime(1 + round % 3);
            let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
            let stop = Arc::new(AtomicBool::new(false));
            let foreign: Vec<_> = (0..2)
                .map(|_| {
                    let (rt, counts, stop) = (rt.handle(), Arc::clone(&counts), Arc::clone(&stop));
                    let mut rng = rng.fork();
                    thread::spawn(move || {
                        while !stop.load(Ordering::Relaxed) {
                            drop(rt.spawn(endless(rt, &counts, &mut rng)));
                            thread::sleep(Duration::from_micros(50));
                        }
                    })
                })
                .collect();
            thread::sleep(Duration::from_millis(rng.below(20) as u64));
            rt.shutdown_timeout(PATIENCE);
            stop.store(true, Ordering::Relaxed);
            for thread in foreign {
                thread
                    .join()
                    .expect("spawning on a closed runtime does not panic");
            }
            until(PATIENCE, "every future has been dropped", || {
                balanced(&counts)
            });
        }
    });
}

/// Polls go on while the future of every other goroutine is dropped, and end afterwards.
#[test]
fn a_shutdown_that_does_not_wait_for_polls_drops_every_future_once() {
    watched(|| {
        let mut rng = rng();
        for round in 0..rounds(40) {
            let rt = runtime(1 + round % 3);
            let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
            let ledger = Arc::new(Ledger::default());
            for _ in 0..60 {
                drop(rt.spawn(Alone {
                    future: Box::pin(endless(rt.handle(), &counts, &mut rng)),
                    busy: false,
                    polls: 0,
                    ledger: Arc::clone(&ledger),
                }));
            }
            thread::sleep(Duration::from_micros(rng.below(3000) as u64));
            rt.shutdown_timeout(Duration::ZERO);
            until(PATIENCE, "every future has been dropped", || {
                balanced(&counts)
            });
            assert_eq!(Ledger::get(&ledger.overlaps), 0, "polled twice at once");
        }
    });
}

/// Panics when it wakes, and keeps count.
struct Bomb(AtomicUsize);

impl Wake for Bomb {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("a waker that panics");
    }
}

#[test]
fn a_waker_that_panics_takes_no_thread_with_it() {
    watched(|| {
        let rt = runtime(1);
        let bomb = Arc::new(Bomb(AtomicUsize::new(0)));
        for round in 1..=20 {
            let begin = Arc::new(Signal::default());
            let inside = Arc::clone(&begin);
            let mut handle = rt.spawn(async move { inside.wait().await });
            let waker = Waker::from(Arc::clone(&bomb));
            let mut cx = Context::from_waker(&waker);
            assert!(Pin::new(&mut handle).poll(&mut cx).is_pending());
            begin.set();
            until(PATIENCE, "the waker was called", || {
                bomb.0.load(Ordering::Relaxed) == round
            });
            assert_eq!(
                rt.block_on(rt.spawn(async { 7 })).unwrap(),
                7,
                "the P still runs"
            );
            assert!(rt.block_on(handle).is_ok());
        }
    });
}

/// Panics when it is dropped.
struct Mine(Arc<AtomicUsize>);

impl Drop for Mine {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("a destructor that panics");
    }
}

#[test]
fn a_destructor_that_panics_takes_no_thread_with_it() {
    watched(|| {
        let reports = Arc::new(AtomicUsize::new(0));
        let told = Arc::clone(&reports);
        let rt = builder(1)
            .on_panic(move |_| _ = told.fetch_add(1, Ordering::Relaxed))
            .build()
            .expect("a runtime starts");
        let drops = Arc::new(AtomicUsize::new(0));
        for _ in 0..20 {
            // What the future holds, at its end.
            let mine = Mine(Arc::clone(&drops));
            let held = rt.spawn(async move { drop(mine) });
            assert!(rt.block_on(held).unwrap_err().is_panic());
            // What it holds when it is aborted.
            let mine = Mine(Arc::clone(&drops));
            let aborted = rt.spawn(async move {
                let _mine = mine;
                Signal::default().wait().await;
            });
            aborted.abort();
            assert!(rt.block_on(aborted).is_err());
            // Its output, when nobody wants it.
            let mine = Mine(Arc::clone(&drops));
            drop(rt.spawn(async move { mine }));
            assert_eq!(
                rt.block_on(rt.spawn(async { 7 })).unwrap(),
                7,
                "the P still runs"
            );
        }
        until(PATIENCE, "everything was dropped", || {
            drops.load(Ordering::Relaxed) == 60
        });
    });
}

/// Runs this test again in a process of its own, and gives what it printed on stderr.
fn stderr_of(test: &str) -> String {
    let exe = std::env::current_exe().expect("a test knows its own file");
    let output = std::process::Command::new(exe)
        .args(["--exact", test, "--nocapture"])
        .env("MARMOT_TEST_CHILD", "1")
        .output()
        .expect("the test can be started again");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn too_few_threads_are_survived_and_told_once() {
    if std::env::var_os("MARMOT_TEST_CHILD").is_none() {
        let told = stderr_of("too_few_threads_are_survived_and_told_once");
        let times = told.matches("cannot start another thread").count();
        assert_eq!(times, 1, "{told}");
        return;
    }
    watched(|| {
        let rt = builder(2).max_threads(1).build().expect("a runtime starts");
        // The only thread is inside a poll when the second P asks for one.
        let (begun, begins) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel();
        let hog = rt.spawn(async move {
            begun.send(()).expect("the test listens");
            ends.recv().expect("the test says so");
        });
        begins.recv().expect("the goroutine begins");
        let other = rt.spawn(async {});
        end.send(()).expect("the goroutine listens");
        rt.block_on(hog).expect("no goroutine panics");
        rt.block_on(other).expect("no goroutine panics");
        // It is asked again and again, while the thread goes to sleep and comes back.
        for _ in 0..200 {
            let all: Vec<_> = (0..10)
                .map(|_| rt.spawn(async { gosched().await }))
                .collect();
            for one in all {
                rt.block_on(one).expect("no goroutine panics");
            }
        }
        assert_eq!(rt.handle().stats().threads, 1);
    });
}

#[test]
fn more_blocked_goroutines_than_threads_end_all_the_same() {
    watched(|| {
        let rt = builder(2).max_threads(2).build().expect("a runtime starts");
        let blockers: Vec<_> = (0..40)
            .map(|_| {
                rt.spawn(async move {
                    let signal = Arc::new(Signal::default());
                    let there = Arc::clone(&signal);
                    drop(Handle::current().spawn(async move { there.set() }));
                    thread::sleep(Duration::from_millis(5));
                    signal.wait().await;
                })
            })
            .collect();
        for blocker in blockers {
            rt.block_on(blocker).expect("no goroutine panics");
        }
        assert!(rt.handle().stats().threads <= 2);
    });
}
