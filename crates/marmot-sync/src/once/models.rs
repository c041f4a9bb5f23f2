//! Work done once, in every interleaving.
//!
//! Planted bugs and the models that find them: `finish` that stores DONE with Relaxed,
//! `is_done` with Relaxed (`everybody_sees_the_work_of_whoever_did_it`); `give_up` that stores
//! NEW with Relaxed, `try_begin` with Relaxed (`who_takes_over_sees_what_was_left_half_done`);
//! `give_up` that leaves the line asleep
//! (`a_maker_that_gives_up_leaves_the_making_to_the_other` hangs).

use std::future::{Future, pending, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::cell::UnsafeCell;
use loom::future::block_on;
use loom::thread;
use marmot_wait::WaitReason;

use super::Once;
use super::raw::{RawOnce, Turn};

/// Work that leaves its trace in a cell that loom watches.
struct Work {
    once: RawOnce,
    steps: UnsafeCell<usize>,
}

// SAFETY: loom's cell reports every access that the once does not order.
#[expect(unsafe_code, reason = "lets loom watch a cell from several threads")]
unsafe impl Sync for Work {}

impl Work {
    fn new() -> Arc<Work> {
        Arc::new(Work {
            once: RawOnce::new(),
            steps: UnsafeCell::new(0),
        })
    }

    fn begin(&self) -> Option<Turn<'_>> {
        block_on(self.once.begin(Location::caller(), WaitReason::Once))
    }

    #[expect(unsafe_code, reason = "loom's cell gives pointers")]
    fn step(&self) {
        self.steps.with_mut(|steps| {
            // SAFETY: we have the turn; loom checks that nobody else is inside.
            unsafe { *steps += 1 }
        });
    }

    #[expect(unsafe_code, reason = "loom's cell gives pointers")]
    fn steps(&self) -> usize {
        self.steps.with(|steps| {
            // SAFETY: the work is done; loom checks that nobody writes.
            unsafe { *steps }
        })
    }

    fn do_or_wait(&self) {
        if let Some(turn) = self.begin() {
            self.step();
            turn.finish();
        }
    }
}

#[test]
fn everybody_sees_the_work_of_whoever_did_it() {
    loom::model(|| {
        let work = Work::new();
        let there = Arc::clone(&work);
        let other = thread::spawn(move || {
            there.do_or_wait();
            there.steps()
        });
        work.do_or_wait();
        assert_eq!(work.steps(), 1);
        assert_eq!(other.join().unwrap(), 1);
    });
}

#[test]
fn who_takes_over_sees_what_was_left_half_done() {
    loom::model(|| {
        let work = Work::new();
        let there = Arc::clone(&work);
        let leaver = thread::spawn(move || {
            if let Some(turn) = there.begin() {
                there.step();
                drop(turn);
            }
        });
        work.do_or_wait();
        assert!(work.steps() >= 1);
        leaver.join().unwrap();
    });
}

#[test]
fn a_maker_that_gives_up_leaves_the_making_to_the_other() {
    loom::model(|| {
        let once = Arc::new(Once::new());
        let giving_up = Arc::clone(&once);
        let leaver = thread::spawn(move || {
            block_on(async {
                let mut run = pin!(giving_up.call_once(async || pending().await));
                poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_ready())).await
            });
        });
        let mut ran = false;
        block_on(once.call_once(async || ran = true));
        leaver.join().unwrap();
        assert!(ran && once.is_completed());
    });
}
