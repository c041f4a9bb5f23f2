//! Numbers about a runtime: a scene is set, and the numbers tell of it.

mod openmetrics;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use marmot::prelude::*;
use marmot::runtime::Metrics;
use marmot_testing::until;
use marmot_wait::WaitReason;

const LATE: Duration = Duration::from_secs(20);

fn runtime_of(procs: usize) -> Runtime {
    let built = Runtime::builder().max_procs(procs).build();
    built.expect("a runtime")
}

fn waiting_for(m: &Metrics, reason: WaitReason) -> u64 {
    let found = m.goroutines.by_reason.iter().find(|of| of.0 == reason);
    found.expect("every reason is there").1
}

#[test]
fn goroutines_are_counted_by_what_they_do_and_why_they_wait() {
    let rt = runtime_of(2);
    let handle = rt.handle();
    let (tx, rx) = chan::<()>(0);
    let mutex = Arc::new(Mutex::new(()));
    let held = mutex.try_lock().expect("free");
    let over = Arc::new(AtomicBool::new(false));
    for _ in 0..7 {
        let rx = rx.clone();
        drop(rt.spawn(async move { rx.recv().await }));
    }
    for _ in 0..5 {
        let mutex = Arc::clone(&mutex);
        drop(rt.spawn(async move { drop(mutex.lock().await) }));
    }
    for _ in 0..3 {
        drop(rt.spawn(sleep(secs(3600))));
    }
    let spins = Arc::clone(&over);
    drop(rt.spawn(async move {
        while !spins.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
    }));
    until(LATE, "the scene stands", || {
        let m = handle.metrics();
        m.goroutines.waiting == 15 && m.goroutines.running == 1
    });
    let m = handle.metrics();
    assert_eq!(m.goroutines.total, 16);
    assert_eq!(m.goroutines.created, 16);
    assert_eq!(waiting_for(&m, WaitReason::ChanReceive), 7);
    assert_eq!(waiting_for(&m, WaitReason::MutexLock), 5);
    assert_eq!(waiting_for(&m, WaitReason::Sleep), 3);
    let reasons: u64 = m.goroutines.by_reason.iter().map(|of| of.1).sum();
    assert_eq!(reasons, m.goroutines.waiting);
    assert_eq!(m.total().timers, 3);
    assert_eq!(m.max_procs, 2);
    over.store(true, Ordering::Relaxed);
    drop((tx, held));
}

#[test]
fn what_happened_is_counted_per_proc_and_in_total() {
    let rt = runtime_of(2);
    let handle = rt.handle();
    rt.block_on(async {
        let wg = WaitGroup::new();
        for _ in 0..200 {
            wg.go(async {
                for _ in 0..50 {
                    gosched().await;
                }
            });
        }
        wg.wait().await;
        for _ in 0..5 {
            sleep(ms(1)).await;
        }
    });
    let m = handle.metrics();
    assert_eq!(m.procs.len(), 2);
    let total = m.total();
    assert!(total.polls >= 200 * 51, "{total:?}");
    assert!(total.parks > 0, "{total:?}");
    assert!(m.timers_fired > 0);
    assert_eq!(m.goroutines.created, 200);
}

#[test]
fn the_times_of_polls_and_of_queues_are_sampled() {
    let rt = runtime_of(1);
    let handle = rt.handle();
    let began = Instant::now();
    let sampled = || {
        let m = handle.metrics();
        m.poll_time.count() > 0 && m.sched_latency.count() > 0
    };
    while !sampled() {
        assert!(began.elapsed() < LATE, "{:?}", handle.metrics().poll_time);
        rt.block_on(rt.spawn(async {
            for _ in 0..1000 {
                go!(async {}).await.expect("it ends");
            }
        }))
        .expect("it ends");
    }
    let m = handle.metrics();
    let poll = m.poll_time.quantile(0.5).expect("there are some");
    assert!(poll < Duration::from_millis(100), "{poll:?}");
}

#[test]
fn a_poll_that_blocks_costs_a_handoff_which_is_counted() {
    let rt = runtime_of(1);
    let handle = rt.handle();
    let over = Arc::new(AtomicBool::new(false));
    let blocks = Arc::clone(&over);
    drop(rt.spawn(async move {
        while !blocks.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }));
    // Somebody has to need the P.
    rt.block_on(rt.spawn(async { sleep(ms(5)).await }))
        .expect("it ends");
    let m = handle.metrics();
    assert!(m.handoffs.blocked + m.handoffs.burning >= 1, "{m:?}");
    over.store(true, Ordering::Relaxed);
    let announced = || handle.metrics().handoffs.announced;
    let before = announced();
    rt.block_on(rt.spawn(async { runtime::blocking(|| ()) }))
        .expect("it ends");
    assert_eq!(announced(), before + 1);
}

#[test]
fn sockets_are_counted() {
    let rt = runtime_of(2);
    let handle = rt.handle();
    let before = handle.metrics().netpoll.wakeups;
    rt.block_on(async {
        let listener = marmot::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("free");
        let address = listener.local_addr().expect("bound");
        let accepts = go!(async move { listener.accept().await.map(drop) });
        until_waiting(&handle).await;
        drop(
            marmot::net::TcpStream::connect(address)
                .await
                .expect("listens"),
        );
        accepts.await.expect("it ends").expect("it accepts");
    });
    // Counted after those were woken.
    let counted = || handle.metrics().netpoll.wakeups > before;
    until(LATE, "the wake is counted", counted);
}

async fn until_waiting(handle: &marmot::Handle) {
    while handle.metrics().netpoll.waiters == 0 {
        sleep(ms(1)).await;
    }
}

#[test]
fn the_text_is_valid_openmetrics_and_says_the_same() {
    let rt = runtime_of(2);
    let handle = rt.handle();
    let (tx, rx) = chan::<()>(0);
    drop(rt.spawn(async move { rx.recv().await }));
    until(LATE, "it waits", || {
        handle.metrics().goroutines.waiting == 1
    });
    let metrics = handle.metrics();
    let text = metrics.to_openmetrics();
    let page = openmetrics::parse(&text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    let value = |sample: &str| page.value(sample);
    assert_eq!(value("marmot_goroutines{state=\"waiting\"}"), 1.0);
    let waits = "marmot_goroutines_waiting{reason=\"chan receive\"}";
    assert_eq!(value(waits), 1.0);
    assert_eq!(value("marmot_goroutines_created_total"), 1.0);
    assert_eq!(value("marmot_procs"), 2.0);
    drop(tx);
}

#[test]
fn the_check_of_openmetrics_refuses_what_is_wrong() {
    let rt = runtime_of(1);
    let good = rt.handle().metrics().to_openmetrics();
    assert_eq!(openmetrics::parse(&good).err(), None);
    let wrong = [
        good.replace("# EOF\n", ""),
        good.replace("marmot_procs 1", "marmot_procs one"),
        good.replace("marmot_procs 1", "marmot_procs{a=1} 1"),
        good.replace("created_total ", "created "),
        good.replace("# TYPE marmot_procs gauge\n", ""),
        good.replace(
            "# UNIT marmot_poll_seconds seconds",
            "# UNIT marmot_poll_seconds hours",
        ),
        good.replace("le=\"+Inf\"", "le=\"9.0\""),
        good.replace("# EOF\n", "marmot_procs 1\n# EOF\n"),
    ];
    for text in wrong {
        assert!(openmetrics::parse(&text).is_err(), "{text}");
    }
}
