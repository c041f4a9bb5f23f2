//! The semaphore in every interleaving.
//!
//! Planted bugs and the models that find them: `release` or `try_acquire` or
//! `take_or_announce` with Relaxed (`what_was_done_under_a_permit_is_seen_under_the_next`);
//! `serve_line` that loads with Relaxed
//! (`a_large_request_sees_what_was_done_under_each_of_the_small_ones`); an announcement that
//! does not set QUEUED (most of them hang); `abandon` that keeps its permits
//! (`permits_of_one_that_leaves_reach_the_one_that_stays` hangs) or serves nobody
//! (`a_large_request_that_leaves_does_not_hold_up_a_small_one` hangs).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;

use super::Semaphore;

struct Guarded {
    semaphore: Arc<Semaphore>,
    value: UnsafeCell<usize>,
}

// SAFETY: loom's cell reports every access that the semaphore does not order.
#[expect(unsafe_code, reason = "lets loom watch a cell from several threads")]
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new(permits: usize) -> Arc<Guarded> {
        Guarded::around(&Arc::new(Semaphore::new(permits)))
    }

    fn around(semaphore: &Arc<Semaphore>) -> Arc<Guarded> {
        Arc::new(Guarded {
            semaphore: Arc::clone(semaphore),
            value: UnsafeCell::new(0),
        })
    }

    #[expect(unsafe_code, reason = "loom's cell gives pointers")]
    fn add_one(&self) {
        self.value.with_mut(|value| {
            // SAFETY: we hold all permits; loom checks that nobody else is inside.
            unsafe { *value += 1 }
        });
    }
}

#[test]
fn what_was_done_under_a_permit_is_seen_under_the_next() {
    loom::model(|| {
        let guarded = Guarded::new(1);
        let there = Arc::clone(&guarded);
        let other = thread::spawn(move || {
            let _permit = block_on(there.semaphore.acquire(1));
            there.add_one();
        });
        {
            let _permit = block_on(guarded.semaphore.acquire(1));
            guarded.add_one();
        }
        other.join().unwrap();
        assert_eq!(guarded.semaphore.available(), 1);
    });
}

#[test]
fn a_large_request_sees_what_was_done_under_each_of_the_small_ones() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        let small: Vec<_> = (0..2)
            .map(|_| {
                semaphore.try_acquire(1).unwrap().forget();
                let guarded = Guarded::around(&semaphore);
                let there = Arc::clone(&guarded);
                let thread = thread::spawn(move || {
                    there.add_one();
                    there.semaphore.release(1);
                });
                (guarded, thread)
            })
            .collect();
        drop(block_on(semaphore.acquire(2)));
        for (guarded, thread) in small {
            guarded.add_one();
            thread.join().unwrap();
        }
        assert!(semaphore.try_acquire(2).is_some());
    });
}

#[test]
fn a_large_request_that_leaves_does_not_hold_up_a_small_one() {
    loom::model(|| {
        let semaphore = Arc::new(Semaphore::new(2));
        semaphore.try_acquire(1).unwrap().forget();
        let leaving = Arc::clone(&semaphore);
        let leaver = thread::spawn(move || {
            block_on(async {
                let mut wait = pin!(leaving.acquire(2));
                poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await
            });
        });
        block_on(semaphore.acquire(1)).forget();
        leaver.join().unwrap();
    });
}

#[test]
fn permits_of_one_that_leaves_reach_the_one_that_stays() {
    loom::model(|| {
        let guarded = Guarded::new(1);
        guarded.semaphore.try_acquire(1).unwrap().forget();
        let leaving = Arc::clone(&guarded);
        let leaver = thread::spawn(move || {
            block_on(async {
                let mut wait = pin!(leaving.semaphore.acquire(1));
                poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await
            });
        });
        let staying = Arc::clone(&guarded);
        let stayer = thread::spawn(move || drop(block_on(staying.semaphore.acquire(1))));
        guarded.semaphore.release(1);
        leaver.join().unwrap();
        stayer.join().unwrap();
        assert!(guarded.semaphore.try_acquire(1).is_some());
    });
}
