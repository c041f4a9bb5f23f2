//! The tree in every interleaving of two or three threads.
//!
//! Each model was made to fail: the change to the tree that breaks it stands above it.

use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use loom::thread;
use marmot_testing::CountingWaker;

use crate::error::ContextError;
use crate::func::Func;
use crate::tree::{End, Node};

const CANCELED: End = End {
    error: ContextError::Canceled,
    cause: None,
};

fn child_of(parent: &Arc<Node>) -> Arc<Node> {
    Node::under(Some(parent), None)
}

fn root() -> Arc<Node> {
    Node::under(None, None)
}

fn end_there(node: &Arc<Node>) -> thread::JoinHandle<()> {
    let node = Arc::clone(node);
    thread::spawn(move || node.end(&CANCELED))
}

fn count_at_end(node: &Arc<Node>) -> (Arc<Func>, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let f = Box::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    (Func::register(Some(node), f, Location::caller()), runs)
}

/// Fails if `join` does not look whether the parent has ended, under its lock.
#[test]
fn a_child_that_arrives_during_a_cancel_has_ended_when_both_are_done() {
    loom::model(|| {
        let parent = root();
        let other = end_there(&parent);
        let child = child_of(&parent);
        let below = child_of(&child);
        other.join().unwrap();
        assert!(child.is_ended());
        assert!(below.is_ended());
        assert_eq!(parent.children(), 0);
    });
}

/// Fails if `mark` takes the list of children instead of leaving it until all are marked.
#[test]
fn whoever_is_second_to_cancel_returns_with_all_descendants_ended() {
    loom::model(|| {
        let top = root();
        let middle = child_of(&top);
        let bottom = child_of(&middle);
        let other = end_there(&top);
        top.end(&CANCELED);
        assert!(middle.is_ended());
        assert!(bottom.is_ended());
        other.join().unwrap();
        assert_eq!(top.children() + middle.children(), 0);
    });
}

/// Fails if `end` leaves the parent's list before its own part of the tree is marked.
#[test]
fn a_parent_cancelled_during_a_childs_cancel_returns_with_the_grandchild_ended() {
    loom::model(|| {
        let top = root();
        let middle = child_of(&top);
        let bottom = child_of(&middle);
        let other = end_there(&middle);
        top.end(&CANCELED);
        assert!(middle.is_ended());
        assert!(bottom.is_ended());
        other.join().unwrap();
    });
}

/// Fails if `Node::drop` does not leave the parent's list.
#[test]
fn a_child_that_is_dropped_takes_itself_and_nobody_else_out_of_the_list() {
    loom::model(|| {
        let parent = root();
        let child = child_of(&parent);
        let dropper = thread::spawn(move || drop(child));
        let sibling = child_of(&parent);
        dropper.join().unwrap();
        assert_eq!(parent.children(), 1);
        parent.end(&CANCELED);
        assert!(sibling.is_ended());
    });
}

/// Fails if `forget_children` forgets nothing. (A child that is dropped under the parent's
/// lock, which would lock that again, is out of a model's sight: counts are std's.)
#[test]
fn a_child_dropped_during_a_cancel_leaves_nothing_in_the_list() {
    loom::model(|| {
        let parent = root();
        let child = child_of(&parent);
        let dropper = thread::spawn(move || drop(child));
        parent.end(&CANCELED);
        dropper.join().unwrap();
        assert_eq!(parent.children(), 0);
    });
}

/// Fails if `poll` does not look at the status again under the lock.
#[test]
fn one_who_waits_is_woken_or_sees_the_end_at_once() {
    loom::model(|| {
        let node = root();
        let other = end_there(&node);
        let counter = CountingWaker::new();
        let mut place = None;
        let ended = node.poll(&mut place, &counter.waker());
        other.join().unwrap();
        assert_eq!(counter.wakes(), usize::from(!ended));
        assert!(node.poll(&mut place, &counter.waker()));
    });
}

/// Fails if the walk wakes the waiters but leaves them in the line.
#[test]
fn one_who_stops_waiting_during_a_cancel_leaves_no_waker_behind() {
    loom::model(|| {
        let node = root();
        let counter = CountingWaker::new();
        let mut place = None;
        assert!(!node.poll(&mut place, &counter.waker()));
        let other = end_there(&node);
        node.leave(&mut place);
        other.join().unwrap();
        assert_eq!(counter.handles(), 1);
        assert_eq!(node.waiters(), 0);
    });
}

/// Fails if the store in `mark` or the load in `error` is Relaxed.
#[test]
fn whoever_sees_the_end_sees_what_was_done_before_it() {
    loom::model(|| {
        let node = root();
        let message = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
        let (there, told) = (Arc::clone(&node), Arc::clone(&message));
        let other = thread::spawn(move || {
            told.store(7, Ordering::Relaxed);
            there.end(&CANCELED);
        });
        if node.is_ended() {
            assert_eq!(message.load(Ordering::Relaxed), 7);
        }
        other.join().unwrap();
    });
}

/// Fails if `take` leaves the function, or if `enlist` does not look whether it was taken.
#[test]
fn a_function_runs_once_whoever_ends_first_and_is_on_no_list_afterwards() {
    loom::model(|| {
        let top = root();
        let bottom = child_of(&top);
        let one = end_there(&bottom);
        let (func, runs) = count_at_end(&bottom);
        top.end(&CANCELED);
        one.join().unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert_eq!(top.funcs() + bottom.funcs(), 0);
        drop(func);
    });
}

/// Fails if `enlist` does not look whether it was taken: the function then stays on the
/// list of the node above, which has not ended.
#[test]
fn a_function_taken_while_it_is_registered_is_not_left_on_the_list_above() {
    loom::model(|| {
        let top = root();
        let bottom = child_of(&top);
        let one = end_there(&bottom);
        let (_func, runs) = count_at_end(&bottom);
        one.join().unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), 1);
        assert_eq!(top.funcs(), 0);
    });
}

/// Fails if `remove_func` keeps the anchor.
#[test]
fn a_node_that_owns_itself_is_freed_by_a_stop_or_by_its_end() {
    loom::model(|| {
        let node = root();
        let known = Arc::downgrade(&node);
        node.keep_timer(marmot_time::sleep(Duration::MAX));
        let (func, runs) = count_at_end(&node);
        let stop = crate::Stop(func);
        let other = end_there(&node);
        let stopped = stop.stop();
        drop(node);
        other.join().unwrap();
        assert_eq!(runs.load(Ordering::Relaxed), usize::from(!stopped));
        assert!(known.upgrade().is_none());
    });
}

/// Fails if `keep_timer` does not look whether the node has ended.
#[test]
fn a_timer_that_comes_during_a_cancel_is_not_kept() {
    loom::model(|| {
        let node = root();
        let other = end_there(&node);
        node.keep_timer(marmot_time::sleep(Duration::MAX));
        other.join().unwrap();
        assert!(!node.has_timer());
    });
}
