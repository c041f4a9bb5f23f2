//! Scopes whose children run on plain threads, so that miri can watch what they borrow.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::task::{Context, Poll};
use std::thread;

use marmot_wait::park;

use super::child::Erased;
use super::{Home, Scope, scope_in};
use crate::task::join::AbortHandle;

/// Runs a child on a thread of its own. It ends there, and so does its right to count itself
/// out, whatever has become of its handle.
pub(super) fn start(child: Erased) -> AbortHandle {
    thread::spawn(move || drop(park::block_on(child)));
    AbortHandle::of_nothing()
}

fn scope<'env, F, R>(f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    scope_in(Home::Threads, Location::caller(), f)
}

fn text_of<R>(f: impl FnOnce() -> R) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(f)) else {
        return "no panic".to_owned();
    };
    let text = payload.downcast_ref::<&'static str>().copied();
    text.map(str::to_owned)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .expect("a text")
}

/// Lets other threads run, and waits for them.
async fn pause() {
    for _ in 0..3 {
        let mut first = true;
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::take(&mut first) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
        thread::yield_now();
    }
}

/// Writes to what it borrows when it is dropped, later than anything else of its child.
struct Last<'a>(&'a mut u32);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        thread::yield_now();
        *self.0 += 1;
    }
}

#[test]
fn children_change_what_they_borrow_and_it_is_there_afterwards() {
    let mut words = vec![String::from("one"), String::from("two")];
    let lengths = scope(|s| {
        let handles: Vec<_> = (words.iter_mut())
            .map(|word| {
                s.go(async move {
                    pause().await;
                    word.push('!');
                    word.len()
                })
            })
            .collect();
        let lengths = handles.into_iter().map(|h| h.join_blocking().unwrap());
        lengths.collect::<Vec<_>>()
    });
    assert_eq!(
        (lengths, words),
        (vec![4, 4], vec!["one!".into(), "two!".into()])
    );
}

#[test]
fn destructors_of_the_future_and_of_the_result_run_before_the_scope_returns() {
    let (mut one, mut two, mut three) = (0, 0, 0);
    scope(|s| {
        let held = Last(&mut one);
        s.go(async move {
            pause().await;
            drop(held);
        });
        // Its result is dropped where it ends, or with the handle.
        let result = Last(&mut two);
        s.go(async move {
            pause().await;
            result
        });
        let result = Last(&mut three);
        drop(s.go(async move { result }));
    });
    assert_eq!((one, two, three), (1, 1, 1));
}

#[test]
#[cfg_attr(
    miri,
    ignore = "what is forgotten is a leak: pass it with -Zmiri-ignore-leaks and --include-ignored"
)]
fn a_forgotten_handle_holds_nothing_up_and_frees_nothing_early() {
    let text = String::from("borrowed");
    let panicked = text_of(|| {
        scope(|s| {
            std::mem::forget(s.go(async {
                pause().await;
                &text[1..]
            }));
            std::mem::forget(s.go(async {
                pause().await;
                assert!(text.is_empty(), "{text}, and nobody joins");
            }));
        });
    });
    assert_eq!(panicked, "borrowed, and nobody joins");
}

#[test]
fn a_panic_of_the_body_waits_for_the_children() {
    let mut changed = 0;
    let panicked = text_of(|| {
        scope(|s| {
            s.go(async {
                pause().await;
                changed += 1;
            });
            panic!("body");
        })
    });
    assert_eq!((panicked.as_str(), changed), ("body", 1));
}

#[test]
fn the_first_panic_goes_on_and_a_joined_one_does_not() {
    let panicked = text_of(|| {
        scope(|s| {
            let joined = s.go(async { panic!("joined") });
            assert!(joined.join_blocking().is_err_and(|error| error.is_panic()));
            let first = s.go(async { panic!("first") });
            while !first.is_finished() {
                thread::yield_now();
            }
            panic!("second");
        })
    });
    assert_eq!(panicked, "first");
    let fine = scope(|s| s.go(async { panic!("joined") }).join_blocking().is_err());
    assert!(fine);
}

/// Panics when it is dropped.
struct Bomb<'a>(&'a str);

impl Drop for Bomb<'_> {
    fn drop(&mut self) {
        panic!("dropped {}", self.0);
    }
}

#[test]
fn panics_of_destructors_are_the_scopes_and_leave_nothing_running() {
    let name = String::from("future");
    let future = Bomb(&name);
    let of_future = text_of(|| {
        scope(|s| {
            s.go(async move {
                let _future = future;
                pause().await;
            });
        });
    });
    let result = String::from("result");
    let of_result = text_of(|| scope(|s| drop(s.go(async { Bomb(&result) }))));
    assert_eq!(
        (of_future.as_str(), of_result.as_str()),
        ("dropped future", "dropped result")
    );
}

#[test]
fn a_child_starts_siblings_and_scopes_nest() {
    let sum = AtomicUsize::new(0);
    // ORDERING: Relaxed: the scope's end synchronises.
    let add = |n| sum.fetch_add(n, Ordering::Relaxed);
    scope(|s| {
        s.go(async move {
            pause().await;
            s.go(async move { add(1) });
        });
        s.go(async {
            let inner = String::from("inner");
            scope(|t| {
                t.go(async { add(inner.len()) });
                s.go(async move { add(10) });
            });
            add(inner.len())
        });
    });
    assert_eq!(sum.into_inner(), 21);
}

/// A child that is never polled again: dropped on another thread, as by a runtime that ends.
#[test]
fn a_child_that_is_cut_off_is_dropped_before_the_scope_returns() {
    let mut dropped = 0;
    let error = scope(|s| {
        let (child, result) = super::child::make(
            {
                let held = Last(&mut dropped);
                async move {
                    let _held = held;
                    pending::<()>().await;
                }
            },
            &s.data,
            Location::caller(),
        );
        let (tx, rx) = channel::<Erased>();
        tx.send(child).unwrap();
        thread::spawn(move || {
            let mut child = rx.recv().unwrap();
            let mut cx = Context::from_waker(std::task::Waker::noop());
            assert!(Pin::new(&mut child).poll(&mut cx).is_pending());
            drop(child);
        });
        let data = std::sync::Arc::clone(&s.data);
        let handle = super::ScopedJoinHandle::new(result, data, AbortHandle::of_nothing());
        handle.join_blocking().unwrap_err()
    });
    assert!(error.is_cancelled());
    assert_eq!(dropped, 1);
}
