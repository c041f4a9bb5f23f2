//! The wait group in every interleaving.
//!
//! Planted bugs and the models that find them: `add` with Release only, or with Acquire only,
//! `is_done` with Relaxed, `done_or_announce` with either load Relaxed (`a_wait_sees_the_work_of_all`);
//! an announcement that does not set QUEUED (both hang).

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;

use super::WaitGroup;

/// A cell for the work of one goroutine.
struct Work(UnsafeCell<bool>);

// SAFETY: loom's cell reports every access that the wait group does not order.
#[expect(unsafe_code, reason = "lets loom watch a cell from several threads")]
unsafe impl Sync for Work {}

#[expect(unsafe_code, reason = "loom's cell gives pointers")]
impl Work {
    fn finish(&self) {
        self.0.with_mut(|done| {
            // SAFETY: each cell has one worker; loom checks it.
            unsafe { *done = true }
        });
    }

    fn is_done(&self) -> bool {
        self.0.with(|done| {
            // SAFETY: the worker is done; loom checks it.
            unsafe { *done }
        })
    }
}

#[test]
fn a_wait_sees_the_work_of_all() {
    loom::model(|| {
        let group = WaitGroup::new();
        let work: Arc<[Work; 2]> =
            Arc::new([Work(UnsafeCell::new(false)), Work(UnsafeCell::new(false))]);
        group.add(2);
        let workers: Vec<_> = (0..2)
            .map(|n| {
                let (group, work) = (group.clone(), Arc::clone(&work));
                thread::spawn(move || {
                    work[n].finish();
                    group.done();
                })
            })
            .collect();
        block_on(group.wait());
        assert!(work.iter().all(Work::is_done));
        for worker in workers {
            worker.join().unwrap();
        }
    });
}

#[test]
fn a_waiter_that_leaves_takes_nothing_from_the_other() {
    loom::model(|| {
        let group = WaitGroup::new();
        group.add(1);
        let leaving = group.clone();
        let leaver = thread::spawn(move || {
            block_on(async {
                let mut wait = pin!(leaving.wait());
                poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx).is_ready())).await
            });
        });
        let working = group.clone();
        let worker = thread::spawn(move || working.done());
        block_on(group.wait());
        leaver.join().unwrap();
        worker.join().unwrap();
    });
}
