//! Goroutines that wait for each other or for themselves are told, while the rest runs on; those
//! that only look like it are not.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc;
use std::task::Poll;
use std::time::Duration;

use marmot::runtime::{Deadlock, JoinHandle, Runtime};
use marmot::sync::{Mutex, MutexGuard, OnceCell, RwLock, Semaphore};
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

/// Takes all permits, says so, and gives them back when others have had the time to get in line.
async fn hold_for_a_while(semaphore: &'static Semaphore, held: mpsc::Sender<()>) {
    let _permits = semaphore.acquire(semaphore.total()).await;
    held.send(()).expect("the test waits");
    sleep(ms(100)).await;
}

/// Starts to wait for so many permits, and gives up polling for them after a while.
async fn lose_interest(waiting: &mut marmot::sync::Acquire<'_>) {
    let mut waiting = pin!(waiting);
    let mut pause = pin!(sleep(ms(20)));
    let timed_out = poll_fn(|cx| {
        if waiting.as_mut().poll(cx).is_ready() {
            return Poll::Ready(false);
        }
        pause.as_mut().poll(cx).map(|()| true)
    })
    .await;
    assert!(timed_out, "the permits are held for longer");
}

/// A goroutine that waits for `again` permits while `first` were given to a future of its own.
fn wait_twice(rt: &Runtime, total: usize, first: usize, again: usize) {
    let semaphore = leak(Semaphore::new(total));
    let (held, is_held) = mpsc::channel();
    rt.spawn(hold_for_a_while(semaphore, held));
    is_held.recv().expect("held");
    rt.spawn(async move {
        let mut waiting = semaphore.acquire(first);
        lose_interest(&mut waiting).await;
        drop(semaphore.acquire(again).await);
        drop(waiting.await);
    });
}

#[test]
fn a_permit_given_to_a_future_that_is_not_polled_is_told_with_both_places() {
    within(SOON * 2, || {
        for (total, first, again) in [(1, 1, 1), (4, 2, 3)] {
            let (rt, reports) = observed();
            wait_twice(&rt, total, first, again);
            let text = the_report(&reports);
            assert!(text.starts_with("futurelock: goroutine "), "{text}");
            assert!(
                text.contains("was given to a future of its own that it does not poll"),
                "{text}"
            );
            assert!(text.contains(" [semacquire]:\n\tat "), "{text}");
            assert_eq!(text.matches("cycle.rs:").count(), 3, "{text}");
        }
    });
}

#[test]
fn one_that_asks_again_after_its_future_was_given_permits_is_told_at_once() {
    within(SOON, || {
        let (rt, reports) = observed();
        rt.spawn(async move {
            let semaphore = Semaphore::new(1);
            let first = semaphore.acquire(1).await;
            let mut waiting = semaphore.acquire(1);
            let polled = poll_fn(|cx| Poll::Ready(pin!(&mut waiting).poll(cx).is_ready())).await;
            assert!(!polled);
            drop(first);
            drop(semaphore.acquire(1).await);
            drop(waiting);
        });
        let text = the_report(&reports);
        assert!(text.starts_with("futurelock: goroutine "), "{text}");
        assert!(text.contains(", which waited for it at "), "{text}");
    });
}

/// Its future of `one` is given the permit and not polled, and it waits for the other.
async fn wait_for_one_and_stay_at_the_other(
    one: &'static Semaphore,
    other: &'static Semaphore,
    meet: &'static marmot::sync::Barrier,
) {
    let mut waiting = one.acquire(1);
    {
        let held = one.acquire(1).await;
        lose_interest(&mut waiting).await;
        drop(held);
    }
    meet.wait().await;
    drop(other.acquire(1).await);
    drop(waiting.await);
}

#[test]
fn two_semaphores_given_to_two_that_each_wait_for_the_others_are_a_cycle() {
    within(SOON * 2, || {
        let (rt, reports) = observed();
        let (a, b) = (leak(Semaphore::new(1)), leak(Semaphore::new(1)));
        let meet = leak(marmot::sync::Barrier::new(2));
        rt.spawn(wait_for_one_and_stay_at_the_other(a, b, meet));
        rt.spawn(wait_for_one_and_stay_at_the_other(b, a, meet));
        let text = the_report(&reports);
        assert!(
            text.starts_with("2 goroutines wait for each other"),
            "{text}"
        );
        assert_eq!(text.matches(", given to goroutine ").count(), 2, "{text}");
        assert_eq!(text.matches("cycle.rs:").count(), 6, "{text}");
    });
}

/// Waits for permits that look like those above, and all end.
fn harmless_permits(rt: &Runtime) -> Vec<JoinHandle<()>> {
    let joined = leak(Semaphore::new(1));
    let moved = leak(Semaphore::new(1));
    let loose = leak(Semaphore::new(1));
    let enough = leak(Semaphore::new(3));
    vec![
        // Two in one goroutine, both of which are polled.
        rt.spawn(async move {
            let turn = || async {
                let _permit = joined.acquire(1).await;
                sleep(LONG / 2).await;
            };
            futures::join!(turn(), turn());
        }),
        // Borrowed permits, some of them waited for, that go to the goroutines they bound.
        rt.spawn(async move {
            for _ in 0..3 {
                let permit = moved.acquire(1).await;
                marmot::spawn(async move {
                    sleep(LONG / 2).await;
                    drop(permit);
                });
            }
        }),
        // A permit that is forgotten, and given back by another.
        rt.spawn(async move {
            loose.acquire(1).await.forget();
            marmot::spawn(async move {
                sleep(LONG).await;
                loose.release(1);
            });
            drop(loose.acquire(1).await);
        }),
        // Two of three were given to a future that is not polled, and the third comes.
        rt.spawn(async move {
            let (some, other) = (enough.acquire(2).await, enough.try_acquire(1));
            let mut waiting = enough.acquire(2);
            lose_interest(&mut waiting).await;
            drop(some);
            marmot::spawn(async move {
                sleep(LONG).await;
                drop(other);
            });
            drop(enough.acquire(1).await);
            drop(waiting.await);
        }),
    ]
}

#[test]
fn permits_that_can_come_are_not_told() {
    within(SOON * 2, || {
        let (rt, reports) = observed();
        let all = harmless_permits(&rt);
        rt.block_on(async {
            for one in all {
                one.await.expect("it ends well");
            }
        });
        assert_eq!(reports.try_recv().ok(), None);
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
fn goroutines_of_the_same_number_in_two_runtimes_are_two() {
    within(SOON * 2, || {
        let made = [(); 2].map(|()| observed());
        let (lock, cell) = (leak(Mutex::new(())), leak(OnceCell::new()));
        let writes = leak(RwLock::new(()));
        let meet = leak(marmot::sync::Barrier::new(2));
        let all = made.each_ref().map(|(rt, _)| {
            rt.spawn(async move {
                let me = goid();
                meet.wait().await;
                let guard = lock.lock().await;
                assert_eq!(lock.holder(), me);
                // For longer than a cycle needs to be told.
                sleep(ms(700)).await;
                drop(guard);
                cell.get_or_init(async || sleep(ms(700)).await).await;
                let guard = writes.write().await;
                assert_eq!(writes.holder(), me);
                sleep(ms(700)).await;
                drop(guard);
                me
            })
        });
        let ids = all.map(|one| one.join_blocking().expect("it ends well"));
        assert_eq!(ids[0], ids[1]);
        for (_, reports) in made {
            assert_eq!(reports.try_recv().ok(), None);
        }
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
