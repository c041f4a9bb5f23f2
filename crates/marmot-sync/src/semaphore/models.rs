//! The semaphore in every interleaving.
//!
//! Planted bugs and the models that find them: `release` with Relaxed, `try_acquire` with
//! Relaxed (`what_was_done_under_a_permit_is_seen_under_the_next`); an announcement that does
//! not set QUEUED, or that is skipped where QUEUED is set already, `abandon` that serves
//! nobody (`permits_of_one_that_leaves_reach_the_one_that_stays`: each then hangs).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;

use super::Semaphore;

struct Guarded {
    semaphore: Semaphore,
    value: UnsafeCell<usize>,
}

// SAFETY: loom's cell reports every access that the semaphore does not order.
#[expect(unsafe_code, reason = "lets loom watch a cell from several threads")]
unsafe impl Sync for Guarded {}

impl Guarded {
    fn new(permits: usize) -> Arc<Guarded> {
        Arc::new(Guarded {
            semaphore: Semaphore::new(permits),
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
fn a_large_request_gets_the_permits_of_two_small_ones() {
    loom::model(|| {
        let guarded = Guarded::new(2);
        let small: Vec<_> = (0..2)
            .map(|_| {
                guarded.semaphore.try_acquire(1).unwrap().forget();
                let there = Arc::clone(&guarded);
                thread::spawn(move || there.semaphore.release(1))
            })
            .collect();
        drop(block_on(guarded.semaphore.acquire(2)));
        for one in small {
            one.join().unwrap();
        }
        assert_eq!(guarded.semaphore.available(), 2);
        assert!(guarded.semaphore.try_acquire(2).is_some());
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
