//! Goroutines that wait for each other or for themselves are told, while the rest runs on; those
//! that only look like it are not.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use marmot::runtime::{Deadlock, JoinHandle, Runtime};
use marmot::sync::{Mutex, MutexGuard, OnceCell, RwLock};
use marmot::time::{ms, sleep, timeout};
use marmot_testing::within;
use marmot_wait::note::goroutine as goid;

/// A runtime whose reports arrive here.
fn observed() -> (Runtime, mpsc::Receiver<String>) {
    let (report, reports) = mpsc::channel();
    let rt = Runtime::builder()
        .max_procs(2)
        .deadlock(Deadlock::Report)
        .on_deadlock(move |text| drop(report.send(text.to_owned())))
        .build()
        .expect("a runtime");
    // Keeps the runtime from being asleep as a whole, which is another report.
    rt.spawn(async {
        loop {
            sleep(ms(5)).await;
        }
    });
    (rt, reports)
}

const SOON: Duration = Duration::from_secs(20);

/// The one report that comes, and no second one.
fn the_report(reports: &mpsc::Receiver<String>) -> String {
    let text = reports.recv_timeout(SOON).expect("a report");
    let second = reports.recv_timeout(ms(1_500));
    assert!(second.is_err(), "told once, but then: {second:?}");
    text
}

/// Longer than from a look to the telling of what it saw.
const LONG: Duration = ms(1_500);

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Locks one, meets the other at the barrier, locks the other.
async fn lock_both(
    one: &'static Mutex<u32>,
    other: &'static Mutex<u32>,
    meet: &'static marmot::sync::Barrier,
) {
    let mut first: MutexGuard<'_, u32> = one.lock().await;
    marmot::runtime::set_name("locks both");
    meet.wait().await;
    *first += *other.lock().await;
}

#[test]
fn two_goroutines_that_lock_in_opposite_orders_are_told_with_all_four_places() {
    within(SOON * 2, || {
        let (rt, reports) = observed();
        let (a, b) = (leak(Mutex::new(1)), leak(Mutex::new(2)));
        let meet = leak(marmot::sync::Barrier::new(2));
        rt.spawn(lock_both(a, b, meet));
        rt.spawn(lock_both(b, a, meet));
        let text = the_report(&reports);
        assert!(
            text.starts_with("2 goroutines wait for each other - deadlock!\n\ngoroutine "),
            "{text}"
        );
        assert_eq!(text.matches("[sync.Mutex.Lock]:").count(), 2, "{text}");
        assert_eq!(text.matches("\tnamed locks both\n").count(), 2, "{text}");
        assert_eq!(text.matches(", held by goroutine ").count(), 2, "{text}");
        assert_eq!(text.matches("cycle.rs:").count(), 6, "{text}");
        // The rest runs on.
        assert_eq!(rt.block_on(async { 7 }), 7);
    });
}

#[test]
fn a_cycle_through_a_join_a_write_lock_and_a_once_is_told() {
    within(SOON * 2, || {
        let (rt, reports) = observed();
        let lock = leak(RwLock::new(0));
        let cell = leak(OnceCell::<u32>::new());
        let meet = leak(marmot::sync::Barrier::new(3));
        let child = rt.spawn(async move {
            meet.wait().await;
            cell.get_or_init(async || 1).await;
        });
        rt.spawn(async move {
            let _writer = lock.write().await;
            meet.wait().await;
            drop(child.await);
        });
        rt.spawn(async move {
            cell.get_or_init(async || {
                meet.wait().await;
                *lock.read().await
            })
            .await;
        });
        let text = the_report(&reports);
        assert!(
            text.starts_with("3 goroutines wait for each other"),
            "{text}"
        );
        for words in [
            "[join]",
            "[sync.RWMutex.RLock]",
            "[sync.Once.Do]",
            "waits for the end of",
        ] {
            assert!(text.contains(words), "{words} in {text}");
        }
    });
}

#[test]
fn a_goroutine_that_locks_twice_is_told_at_once() {
    within(SOON, || {
        let (rt, reports) = observed();
        let mutex = leak(Mutex::new(0));
        rt.spawn(async move {
            let first = mutex.lock().await;
            let second = mutex.lock().await;
            drop((first, second));
        });
        let text = the_report(&reports);
        assert!(text.starts_with("futurelock: goroutine "), "{text}");
        assert!(text.contains("waits for what it holds itself"), "{text}");
        assert_eq!(text.matches("cycle.rs:").count(), 3, "{text}");
    });
}

/// The program of RFD 609 of Oxide: a select gives a lock's future up for a while and locks
/// again in the arm; by then the lock has been given to that future.
async fn select_and_lock_again(mutex: &'static Mutex<u32>) {
    let mut waiting = pin!(mutex.lock());
    let mut pause = pin!(sleep(ms(20)));
    let timed_out = poll_fn(|cx| {
        if waiting.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        pause.as_mut().poll(cx).map(|()| true)
    })
    .await;
    assert!(timed_out, "the lock is held for longer");
    *mutex.lock().await += 1;
    *waiting.await += 1;
}

#[test]
fn a_lock_given_to_a_future_that_is_not_polled_is_told_with_both_places() {
    within(SOON * 2, || {
        let (rt, reports) = observed();
        let mutex = leak(Mutex::new(0));
        let (locked, is_locked) = mpsc::channel();
        rt.spawn(async move {
            let _guard = mutex.lock().await;
            locked.send(()).expect("the test waits");
            sleep(ms(100)).await;
        });
        is_locked.recv().expect("locked");
        rt.spawn(select_and_lock_again(mutex));
        let text = the_report(&reports);
        assert!(text.starts_with("futurelock: goroutine "), "{text}");
        assert!(
            text.contains("was given to a future of its own that it does not poll"),
            "{text}"
        );
        assert_eq!(text.matches("cycle.rs:").count(), 3, "{text}");
    });
}

/// Several goroutines whose waits look like cycles and are none; they all end.
fn harmless(rt: &Runtime) -> Vec<JoinHandle<()>> {
    let join = leak(Mutex::new(0));
    let timed = leak(Mutex::new(0));
    let moved = Arc::new(Mutex::new(0));
    let first = leak(Mutex::new(0));
    vec![
        // Two lockers in one goroutine: it waits for itself, and for a timer.
        rt.spawn(async move {
            let holds = async {
                let mut guard = join.lock().await;
                sleep(LONG).await;
                *guard += 1;
            };
            let waits = async {
                *join.lock().await += 1;
            };
            futures::join!(holds, waits);
        }),
        // A second lock with a limit: the timer lets it go on.
        rt.spawn(async move {
            let _guard = timed.lock().await;
            assert!(timeout(LONG, timed.lock()).await.is_err());
        }),
        // A guard that goes to another goroutine, which gives the lock back.
        rt.spawn(async move {
            let guard = moved.lock_owned().await;
            marmot::spawn(async move {
                sleep(LONG).await;
                drop(guard);
            });
            *moved.lock().await += 1;
        }),
        // A long chain that ends.
        rt.spawn(async move {
            let guard = first.lock().await;
            let other = marmot::spawn(async move {
                *first.lock().await += 1;
            });
            sleep(LONG).await;
            drop(guard);
            other.await.expect("it ends");
        }),
    ]
}

#[test]
fn what_only_looks_like_a_cycle_is_not_told() {
    within(SOON * 2, || {
        let (rt, reports) = observed();
        let all = harmless(&rt);
        rt.block_on(async {
            for one in all {
                one.await.expect("it ends well");
            }
        });
        assert_eq!(reports.try_recv().ok(), None);
    });
}

#[test]
fn a_mutex_knows_who_holds_it_and_where_it_was_locked() {
    let (rt, _reports) = observed();
    rt.block_on(rt.spawn(async {
        let mutex = Mutex::new(0);
        let guard = mutex.lock().await;
        assert_eq!(mutex.holder(), goid());
        let place = mutex.locked_at().expect("locked");
        assert!(place.file().ends_with("cycle.rs") && place.line() == line!() - 3);
        drop(guard);
        assert_eq!((mutex.holder(), mutex.locked_at()), (0, None));
    }))
    .expect("no panic");
}
