//! The ambient context: what `current` gives, and where it goes.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::thread;

use futures::executor::ThreadPool;
use marmot_context::errgroup::Group;
use marmot_context::{Context, ContextError, ambient};
use marmot_testing::ByHand;
use marmot_wait::park::block_on;

fn numbered(n: u32) -> Context {
    Context::background().with_value(n)
}

fn number() -> Option<u32> {
    Context::current().value().copied()
}

#[test]
fn without_a_scope_it_is_the_background() {
    assert!(!ambient::is_set());
    assert!(Context::current().same_context(&Context::background()));
}

#[test]
fn a_scope_is_ambient_inside_and_nowhere_else() {
    let ctx = numbered(1);
    let mut inside = ByHand::new(ctx.scope(async {
        assert!(Context::current().same_context(&ctx));
        let mut turns = 2;
        std::future::poll_fn(|_| {
            assert_eq!(number(), Some(1));
            turns -= 1;
            if turns == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        number()
    }));
    inside.expect_pending();
    assert_eq!(number(), None, "between two polls it is not");
    assert_eq!(inside.expect_ready(), Some(1));
    assert!(!ambient::is_set());
}

#[test]
fn scopes_nest_and_the_innermost_counts() {
    block_on(numbered(1).scope(async {
        assert_eq!(number(), Some(1));
        numbered(2)
            .scope(async { assert_eq!(number(), Some(2)) })
            .await;
        assert_eq!(number(), Some(1));
        Context::background()
            .scope(async {
                assert_eq!(number(), None);
                assert!(!ambient::is_set());
            })
            .await;
        assert_eq!(number(), Some(1));
        assert_eq!(block_on(async { number() }), Some(1), "the same goroutine");
    }));
}

#[test]
fn a_scope_follows_its_future_from_thread_to_thread() {
    let ctx = numbered(1);
    let mut inside = ByHand::new(ctx.scope(async {
        let mut first = true;
        std::future::poll_fn(|_| {
            assert_eq!(number(), Some(1));
            if std::mem::take(&mut first) {
                Poll::Pending
            } else {
                Poll::Ready(())
            }
        })
        .await;
    }));
    inside.expect_pending();
    thread::scope(|s| {
        s.spawn(|| {
            assert_eq!(number(), None);
            inside.expect_ready();
            assert_eq!(number(), None);
        });
    });
}

#[test]
fn a_panic_inside_puts_the_outer_context_back() {
    block_on(numbered(1).scope(async {
        let mut inside = ByHand::new(numbered(2).scope(async { panic!("inside") }));
        let polled: Result<Poll<()>, _> = catch_unwind(AssertUnwindSafe(|| inside.poll()));
        assert!(polled.is_err());
        assert_eq!(number(), Some(1));
    }));
    assert!(!ambient::is_set());
}

/// Tells what was ambient when it was dropped.
struct Last(Arc<Mutex<Vec<Option<u32>>>>);

impl Drop for Last {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(number());
    }
}

#[test]
fn destructors_run_inside_at_the_end_and_when_the_future_is_dropped() {
    let seen = Arc::default();
    let (one, two) = (Last(Arc::clone(&seen)), Last(Arc::clone(&seen)));
    block_on(numbered(1).scope(async move { drop(one) }));
    let mut cut_off = ByHand::new(numbered(2).scope(async move {
        let _two = two;
        pending::<()>().await;
    }));
    cut_off.expect_pending();
    drop(cut_off);
    assert_eq!(*seen.lock().unwrap(), [Some(1), Some(2)]);
    assert!(!ambient::is_set());
}

#[test]
fn what_is_started_inherits_the_context_of_the_starter() {
    let pool = ThreadPool::new().expect("a pool");
    let (tx, rx) = std::sync::mpsc::channel();
    block_on(numbered(7).scope(async move {
        let child = async move { tx.send(number()).expect("the test listens") };
        pool.spawn_ok(ambient::inherit(child));
    }));
    assert_eq!(rx.recv(), Ok(Some(7)));
}

#[test]
fn members_of_a_group_inherit_too() {
    let group = Group::new();
    group.set_limit(1);
    block_on(numbered(7).scope(async {
        for _ in 0..3 {
            group.go(async {
                if number() == Some(7) {
                    Ok(())
                } else {
                    Err("not inherited")
                }
            });
        }
    }));
    group.wait_blocking().unwrap();
}

#[test]
fn a_clone_of_the_ambient_context_outlives_the_scope() {
    let (ctx, cancel) = numbered(7).with_cancel();
    let kept = block_on(ctx.scope(async { Context::current() }));
    cancel.cancel();
    assert_eq!(kept.err(), Some(ContextError::Canceled));
    assert_eq!(kept.value(), Some(&7_u32));
}

#[test]
fn a_scope_holds_its_context_and_gives_it_back() {
    let value = Arc::new(());
    let ctx = Context::background().with_value(Arc::clone(&value));
    let mut inside = ByHand::new(ctx.scope(pending::<()>()));
    inside.expect_pending();
    drop(ctx);
    inside.expect_pending();
    assert_eq!(Arc::strong_count(&value), 2);
    drop(inside);
    assert_eq!(Arc::strong_count(&value), 1, "freed with the last scope");
}
