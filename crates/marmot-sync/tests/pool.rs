//! The promises of `Pool`.

mod support;

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use marmot_sync::Pool;
use support::within_seconds;

#[test]
fn what_was_put_in_comes_out_and_no_more() {
    let pool = Pool::new(|| 0);
    assert_eq!(pool.try_get(), None);
    for n in 1..=3 {
        pool.put(n);
    }
    let got: HashSet<_> = (0..3).filter_map(|_| pool.try_get()).collect();
    assert_eq!(got, HashSet::from([1, 2, 3]));
    assert_eq!(pool.try_get(), None);
}

#[test]
fn an_empty_pool_makes_what_it_gives() {
    let made = AtomicU32::new(0);
    let pool = Pool::new(move || made.fetch_add(1, Ordering::Relaxed) + 1);
    assert_eq!((pool.get(), pool.get()), (1, 2));
    pool.put(42);
    assert_eq!((pool.get(), pool.get()), (42, 3));
}

#[test]
fn what_one_thread_puts_in_another_gets() {
    let pool = Arc::new(Pool::new(|| 0));
    for n in 1..=3 {
        pool.put(n);
    }
    let there = Arc::clone(&pool);
    let got: HashSet<i32> =
        within_seconds(move || std::iter::from_fn(|| there.try_get()).collect());
    assert_eq!(got, HashSet::from([1, 2, 3]));
}

#[test]
fn two_trims_release_everything_and_one_does_not() {
    let pool = Pool::default();
    let kept = Arc::new(());
    for _ in 0..10 {
        pool.put(Arc::clone(&kept));
    }
    pool.trim();
    assert_eq!(Arc::strong_count(&kept), 11);
    drop(pool.get());
    pool.trim();
    assert_eq!(Arc::strong_count(&kept), 1);
}

#[test]
fn each_thing_is_with_one_owner_at_a_time_and_none_is_lost() {
    within_seconds(|| {
        let pool = Arc::new(Pool::new(|| panic!("made by hand only")));
        let out: Arc<Vec<AtomicUsize>> = Arc::new((0..8).map(|_| AtomicUsize::new(0)).collect());
        for n in 0..8_usize {
            pool.put(n);
        }
        let workers: Vec<_> = (0..10)
            .map(|_| {
                let (pool, out) = (Arc::clone(&pool), Arc::clone(&out));
                std::thread::spawn(move || {
                    for _ in 0..if cfg!(miri) { 20 } else { 20_000 } {
                        let Some(n) = pool.try_get() else { continue };
                        assert_eq!(out[n].fetch_add(1, Ordering::AcqRel), 0);
                        out[n].fetch_sub(1, Ordering::AcqRel);
                        pool.put(n);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().expect("it ends well");
        }
        let left: HashSet<_> = std::iter::from_fn(|| pool.try_get()).collect();
        assert_eq!(left, (0..8).collect());
    });
}

#[test]
fn what_a_thread_has_put_in_outlives_it_but_not_the_pool() {
    let pool = Arc::new(Pool::new(|| panic!("made by hand only")));
    let kept = Arc::new(());
    for _ in 0..3 {
        let (there, thing) = (Arc::clone(&pool), Arc::clone(&kept));
        std::thread::spawn(move || there.put(thing))
            .join()
            .expect("it ends well");
    }
    assert_eq!(Arc::strong_count(&kept), 4);
    drop(pool.get());
    assert_eq!(Arc::strong_count(&kept), 3);
    drop(pool);
    assert_eq!(Arc::strong_count(&kept), 1);
}

/// Uses a pool when its thread ends.
struct Late(Arc<Pool<u32>>);

impl Drop for Late {
    fn drop(&mut self) {
        let thing = self.0.get();
        self.0.put(thing + 1);
    }
}

thread_local! {
    static EARLY: RefCell<Option<Late>> = const { RefCell::new(None) };
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

#[test]
fn a_thread_may_use_a_pool_while_it_ends() {
    let pool = Arc::new(Pool::new(|| 0));
    let there = Arc::clone(&pool);
    let thread = std::thread::spawn(move || {
        EARLY.set(Some(Late(Arc::clone(&there))));
        there.put(10);
        LATE.set(Some(Late(there)));
    });
    thread.join().expect("it ends well");
    assert_eq!(pool.try_get(), Some(12));
    assert_eq!(pool.try_get(), None);
}

#[test]
fn more_threads_than_have_places_of_their_own_lose_nothing() {
    const THREADS: usize = 64;
    within_seconds(|| {
        let pool = Arc::new(Pool::new(|| panic!("made by hand only")));
        let all = Arc::new(Barrier::new(THREADS));
        let threads: Vec<_> = (0..THREADS)
            .map(|n| {
                let (pool, all) = (Arc::clone(&pool), Arc::clone(&all));
                std::thread::spawn(move || {
                    pool.put(n);
                    pool.put(n + THREADS);
                    all.wait();
                    [pool.get(), pool.get()]
                })
            })
            .collect();
        let got: HashSet<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("it ends well"))
            .collect();
        assert_eq!(got, (0..2 * THREADS).collect());
    });
}
