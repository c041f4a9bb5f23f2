//! Work done once, in every interleaving.
//!
//! Planted bugs and the models that find them: `finish` that stores DONE with Relaxed
//! (`everybody_sees_the_value_of_whoever_made_it`); `give_up` with Relaxed, or that only
//! stores NEW and leaves the line asleep
//! (`a_maker_that_gives_up_leaves_the_making_to_the_other`).

use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use loom::future::block_on;
use loom::thread;

use super::{Once, OnceCell};

#[test]
fn everybody_sees_the_value_of_whoever_made_it() {
    loom::model(|| {
        let cell = Arc::new(OnceCell::new());
        let other = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || *block_on(cell.get_or_init(async || Box::new(1))).as_ref())
        };
        let here = *block_on(cell.get_or_init(async || Box::new(2))).as_ref();
        let there = other.join().unwrap();
        assert_eq!(here, there);
        assert_eq!(cell.get().map(|value| **value), Some(here));
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
