//! Goroutines that announce a blocking stretch: what their P, their place in the hogs' lane and
//! the deadlock detector make of it.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use marmot_scheduler::{Deadlock, Runtime, gosched};
use marmot_wait::{BlockingKind, Note, blocking};

fn burn(length: Duration) {
    let start = Instant::now();
    while start.elapsed() < length {
        spin_loop();
    }
}

#[test]
fn a_hog_that_waits_for_another_hog_gives_it_its_place_in_the_lane() {
    let rt = Runtime::builder().max_procs(1).build().expect("a runtime");
    let (done, ended) = mpsc::channel();
    let other = rt.spawn(async {
        for _ in 0..8 {
            burn(Duration::from_millis(20));
            gosched().await;
        }
    });
    drop(rt.spawn(async move {
        for _ in 0..4 {
            burn(Duration::from_millis(20));
            gosched().await;
        }
        done.send(other.join_blocking().is_ok())
            .expect("the test waits");
    }));
    assert_eq!(
        ended.recv_timeout(Duration::from_secs(10)),
        Ok(true),
        "nobody starves"
    );
}

#[test]
fn a_goroutine_that_runs_on_without_a_processor_is_not_asleep() {
    let told = Arc::new(AtomicBool::new(false));
    let hook = Arc::clone(&told);
    let rt = Runtime::builder()
        .max_procs(1)
        .deadlock(Deadlock::Report)
        .on_deadlock(move |_| hook.store(true, Ordering::Relaxed))
        .build()
        .expect("a runtime");
    let (blocked, is_blocked) = mpsc::channel();
    let (resume, resumed) = mpsc::channel::<()>();
    let (back, is_back) = mpsc::channel();
    let worker = rt.spawn(async move {
        blocking(BlockingKind::Call, Note::NONE, || {
            blocked.send(()).expect("the other waits");
            resumed.recv().expect("the other lets us go on");
        });
        back.send(()).expect("the other waits");
        // Longer than the second after which a suspicion is told.
        burn(Duration::from_millis(1500));
    });
    // Has the only P while the first one comes back.
    let waiter = rt.spawn(async move {
        is_blocked.recv().expect("the other blocks");
        resume.send(()).expect("the other waits");
        is_back.recv().expect("the other comes back");
        worker.await
    });
    assert!(rt.block_on(waiter).expect("no panic").is_ok());
    assert!(
        !told.load(Ordering::Relaxed),
        "a running goroutine is no deadlock"
    );
}

#[test]
fn a_lock_that_is_held_for_long_does_not_hold_up_the_others() {
    let rt = Runtime::builder().max_procs(1).build().expect("a runtime");
    let lock = Arc::new(Mutex::new(()));
    let held = lock.lock().expect("nobody panics");
    let same = Arc::clone(&lock);
    let waiter = rt.spawn(async move { drop(same.lock()) });
    let (done, ended) = mpsc::channel();
    drop(rt.spawn(async move { done.send(()).expect("the test waits") }));
    let other = ended.recv_timeout(Duration::from_secs(30));
    drop(held);
    assert_eq!(other, Ok(()), "it runs while the lock is held");
    assert!(waiter.join_blocking().is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn a_crowd_at_a_lock_does_not_become_a_crowd_of_threads() {
    const CROWD: usize = 1000;
    const HELD: Duration = Duration::from_millis(60);
    let rt = Runtime::builder().max_procs(4).build().expect("a runtime");
    let lock = Arc::new(Mutex::new(()));
    let held = lock.lock().expect("nobody panics");
    let begun = Instant::now();
    let crowd: Vec<_> = (0..CROWD)
        .map(|_| {
            let lock = Arc::clone(&lock);
            rt.spawn(async move { drop(lock.lock()) })
        })
        .collect();
    std::thread::sleep(HELD);
    drop(held);
    let held_for = begun.elapsed();
    for one in crowd {
        assert!(one.join_blocking().is_ok());
    }
    let threads = rt.handle().metrics().threads.total;
    let allowed = 16 + held_for.as_millis() as usize;
    assert!(threads <= allowed, "{threads} threads after {held_for:?}");
}
