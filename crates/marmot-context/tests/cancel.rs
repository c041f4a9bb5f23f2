//! How contexts end: Go's rules for cancel, deadline and cause, as their users see them.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use marmot_context::{Cancel, Context, ContextError};
use marmot_testing::{ByHand, until, within};
use marmot_time::ms;
use marmot_wait::park::block_on;

const LONG: Duration = Duration::from_secs(3600);
const LIMIT: Duration = Duration::from_secs(20);

fn is_send_sync<T: Send + Sync>(_: &T) {}

fn ends_with(ctx: &Context, error: ContextError) {
    let done = ctx.clone();
    within(LIMIT, move || block_on(done.done()));
    assert_eq!(ctx.err(), Some(error), "{ctx}");
    assert!(ctx.is_done());
    assert!(ByHand::new(ctx.done()).poll().is_ready());
}

fn goes_on(ctx: &Context) {
    assert_eq!(ctx.err(), None, "{ctx}");
    assert!(ctx.cause().is_none());
    ByHand::new(ctx.done()).expect_pending();
}

#[test]
fn the_roots_never_end_and_have_gos_names() {
    for (ctx, name) in [
        (Context::background(), "context.Background"),
        (Context::todo(), "context.TODO"),
        (Context::default(), "context.Background"),
    ] {
        assert_eq!(ctx.to_string(), name);
        assert_eq!(format!("{ctx:?}"), name);
        goes_on(&ctx);
        assert_eq!(ctx.deadline(), None);
        assert_eq!(ctx.value::<u32>(), None);
    }
}

#[test]
fn a_name_tells_the_way_from_the_root() {
    let (ctx, _cancel) = Context::todo().with_cancel();
    let (ctx, _timeout) = ctx.with_value(7_u32).with_timeout(Duration::ZERO);
    let ctx = ctx.without_cancel();
    assert_eq!(
        ctx.to_string(),
        "context.TODO.WithCancel.WithValue(u32).WithDeadline(passed).WithoutCancel"
    );
    let (ctx, _cancel) = Context::background().with_timeout(LONG);
    assert!(
        ctx.to_string()
            .starts_with("context.Background.WithDeadline(3599.")
    );
}

#[test]
fn a_cancel_ends_its_context_at_once_and_says_so_in_gos_words() {
    let (ctx, cancel) = Context::background().with_cancel();
    is_send_sync(&ctx);
    is_send_sync(&cancel);
    goes_on(&ctx);
    cancel.cancel();
    ends_with(&ctx, ContextError::Canceled);
    assert_eq!(ctx.err().unwrap().to_string(), "context canceled");
    cancel.cancel();
    ends_with(&ctx, ContextError::Canceled);
}

#[test]
fn dropping_the_cancel_ends_the_context_and_detaching_it_does_not() {
    let (ctx, cancel) = Context::background().with_cancel();
    drop(cancel);
    ends_with(&ctx, ContextError::Canceled);
    let (ctx, cancel) = Context::background().with_cancel();
    let (below, _below) = ctx.with_cancel();
    cancel.detach();
    goes_on(&ctx);
    goes_on(&below);
}

#[test]
fn a_parent_that_ends_takes_its_descendants_with_it_before_the_cancel_returns() {
    let (parent, cancel) = Context::background().with_cancel();
    let (child, _child) = parent.with_cancel();
    let (timed, _timed) = child.with_value("v").with_timeout(LONG);
    let value = timed.with_value(7);
    let other = Context::background().with_cancel();
    cancel.cancel();
    for ctx in [&parent, &child, &timed, &value] {
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
    }
    goes_on(&other.0);
    let (late, _late) = value.with_cancel();
    assert_eq!(late.err(), Some(ContextError::Canceled), "born ended");
    let (late, _late) = value.with_timeout(LONG);
    assert_eq!(late.err(), Some(ContextError::Canceled), "born ended");
}

#[test]
fn a_child_that_ends_first_leaves_its_parent_alone() {
    let (parent, cancel) = Context::background().with_cancel();
    let (child, child_cancel) = parent.with_cancel();
    child_cancel.cancel();
    ends_with(&child, ContextError::Canceled);
    goes_on(&parent);
    cancel.cancel();
    ends_with(&parent, ContextError::Canceled);
}

#[test]
fn a_deadline_ends_its_context_through_wrappers_and_below_a_longer_one() {
    let soon = || Instant::now() + ms(1);
    let background = Context::background();
    let (ctx, _cancel) = background.with_deadline(soon());
    ends_with(&ctx, ContextError::DeadlineExceeded);
    let (ctx, _cancel) = background.with_deadline(soon());
    ends_with(&ctx.with_value(7), ContextError::DeadlineExceeded);
    let (ctx, _cancel) = background.with_deadline(soon());
    let (below, _below) = ctx.with_deadline(Instant::now() + LONG);
    ends_with(&below, ContextError::DeadlineExceeded);
    let (ctx, _cancel) = background.with_timeout(ms(1));
    let (below, _below) = ctx.with_cancel();
    ends_with(&below, ContextError::DeadlineExceeded);
    assert_eq!(
        below.err().unwrap().to_string(),
        "context deadline exceeded"
    );
}

#[test]
fn a_deadline_that_is_now_or_has_passed_ends_its_context_at_birth() {
    let now = Instant::now();
    for at in [now, now.checked_sub(ms(20)).unwrap_or(now)] {
        let (ctx, _cancel) = Context::background().with_deadline(at);
        assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    }
    let (ctx, _cancel) = Context::background().with_timeout(Duration::ZERO);
    assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
}

#[test]
fn nothing_ends_before_its_deadline() {
    let at = Instant::now() + ms(30);
    let (ctx, _cancel) = Context::background().with_deadline(at);
    goes_on(&ctx);
    ends_with(&ctx, ContextError::DeadlineExceeded);
    assert!(Instant::now() >= at);
}

#[test]
fn the_longest_timeout_is_never_and_does_not_overflow_to_now() {
    let (ctx, _cancel) = Context::background().with_timeout(Duration::MAX);
    goes_on(&ctx);
    let (ctx, _cancel) = Context::background().with_timeout(Duration::MAX / 2);
    goes_on(&ctx);
}

#[test]
fn an_earlier_deadline_above_wins() {
    let soon = Instant::now() + LONG;
    let (ctx, _cancel) = Context::background().with_deadline(soon);
    assert_eq!(ctx.deadline(), Some(soon));
    let (later, _later) = ctx.with_value(7).with_deadline(soon + LONG);
    assert_eq!(later.deadline(), Some(soon));
    let (sooner, _sooner) = ctx.with_deadline(soon - ms(1));
    assert_eq!(sooner.deadline(), Some(soon - ms(1)));
    assert_eq!(sooner.without_cancel().deadline(), None);
}

#[test]
fn a_cancel_before_the_timeout_says_canceled() {
    let (ctx, cancel) = Context::background().with_timeout(LONG);
    let (below, _below) = ctx.with_cancel();
    cancel.cancel();
    ends_with(&below, ContextError::Canceled);
    ends_with(&ctx, ContextError::Canceled);
}

#[test]
fn an_end_after_the_end_changes_nothing() {
    let (ctx, cancel) = Context::background().with_timeout_cause(ms(1), "slow");
    ends_with(&ctx, ContextError::DeadlineExceeded);
    cancel.cancel_cause("impatient");
    assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    assert_eq!(ctx.cause().unwrap().to_string(), "slow");
}

fn cause(ctx: &Context) -> String {
    ctx.cause().expect("it has ended").to_string()
}

#[test]
fn the_cause_is_that_of_whoever_was_first_and_reaches_everybody_below() {
    let (top, cancel_top) = Context::background().with_cancel();
    let (middle, cancel_middle) = top.with_cancel();
    let (bottom, _bottom) = middle
        .with_value(7)
        .with_timeout_cause(LONG, "bottom is late");
    cancel_middle.cancel_cause("middle");
    cancel_middle.cancel_cause("middle again");
    cancel_top.cancel_cause("top");
    assert_eq!(cause(&top), "top");
    assert_eq!(cause(&middle), "middle");
    assert_eq!(cause(&bottom), "middle");
    assert_eq!(bottom.err(), Some(ContextError::Canceled));
    let (late, _late) = bottom.with_cancel();
    assert_eq!(cause(&late), "middle", "born ended, with the cause");
}

#[test]
fn without_a_cause_the_error_is_the_cause() {
    let (ctx, cancel) = Context::background().with_cancel();
    assert!(ctx.cause().is_none());
    cancel.cancel();
    let cause = ctx.cause().unwrap();
    assert_eq!(
        cause.downcast_ref::<ContextError>(),
        Some(&ContextError::Canceled)
    );
    let (ctx, _cancel) = Context::background().with_timeout(Duration::ZERO);
    let cause = ctx.cause().unwrap();
    assert_eq!(
        cause.downcast_ref::<ContextError>(),
        Some(&ContextError::DeadlineExceeded)
    );
    assert!(Context::background().cause().is_none());
}

#[test]
fn a_deadline_has_the_cause_it_was_given_unless_another_one_passes_first() {
    let background = Context::background();
    let (ctx, _cancel) = background.with_timeout_cause(ms(1), io::Error::other("slow disk"));
    ends_with(&ctx, ContextError::DeadlineExceeded);
    let given = ctx.cause().unwrap();
    assert!(given.downcast_ref::<io::Error>().is_some());
    let (ctx, _cancel) = background.with_deadline_cause(Instant::now(), "too late");
    assert_eq!(cause(&ctx), "too late");
    let (below, _below) = ctx.with_deadline_cause(Instant::now() + LONG, "never said");
    assert_eq!(cause(&below), "too late");
    let (soon, _soon) = background.with_timeout(ms(1));
    let (later, _later) = soon.with_timeout_cause(LONG, "never said");
    ends_with(&later, ContextError::DeadlineExceeded);
    assert_eq!(cause(&later), "context deadline exceeded");
    let (ctx, cancel) = background.with_timeout_cause(LONG, "never said");
    cancel.cancel();
    assert_eq!(cause(&ctx), "context canceled");
}

#[test]
fn a_cause_that_is_passed_on_stays_the_same_value() {
    let (one, cancel_one) = Context::background().with_cancel();
    let (two, cancel_two) = Context::background().with_cancel();
    let error: Box<dyn Error + Send + Sync> = "ctx2 canceled".into();
    cancel_two.cancel_cause(error);
    cancel_one.cancel_cause(two.cause().unwrap());
    assert!(Arc::ptr_eq(&one.cause().unwrap(), &two.cause().unwrap()));
}

#[test]
fn one_who_polls_the_cause_during_a_cancel_sees_none_or_the_right_one() {
    within(LIMIT, || {
        for _ in 0..200 {
            let (ctx, cancel) = Context::background().with_cancel();
            let there = thread::spawn(move || cancel.cancel_cause("the cause"));
            loop {
                // The cause is asked for first: whoever sees it must see the error too.
                if let Some(cause) = ctx.cause() {
                    assert_eq!(cause.to_string(), "the cause");
                    assert_eq!(ctx.err(), Some(ContextError::Canceled));
                    break;
                }
            }
            there.join().unwrap();
        }
    });
}

#[test]
fn whoever_sees_done_sees_the_error_too() {
    within(LIMIT, || {
        let (ctx, cancel) = Context::background().with_cancel();
        let watchers: Vec<_> = (0..4)
            .map(|_| {
                let ctx = ctx.clone();
                thread::spawn(move || {
                    block_on(ctx.done());
                    assert_eq!(ctx.err(), Some(ContextError::Canceled));
                    assert!(ctx.cause().is_some());
                })
            })
            .collect();
        cancel.cancel();
        watchers
            .into_iter()
            .for_each(|watcher| watcher.join().unwrap());
    });
}

#[test]
fn without_cancel_cuts_off_the_end_and_the_deadline_but_not_the_values() {
    let (ctx, cancel) = Context::background().with_value("kept").with_cancel();
    let free = ctx.without_cancel();
    let (below, below_cancel) = free.with_cancel();
    cancel.cancel_cause("not for you");
    goes_on(&free);
    goes_on(&below);
    assert_eq!(below.value(), Some(&"kept"));
    assert_eq!(free.deadline(), None);
    below_cancel.cancel();
    goes_on(&free);
    ends_with(&below, ContextError::Canceled);
}

/// Every layer's cancel calls that of the layer below it, all at once.
#[test]
fn simultaneous_cancels_of_a_deep_and_wide_tree_all_end() {
    within(LIMIT, || {
        let mut layers: Vec<Vec<(Context, Cancel)>> =
            vec![vec![Context::background().with_cancel()]];
        for _ in 0..6 {
            let above = layers.last().unwrap();
            let layer = above
                .iter()
                .flat_map(|(ctx, _)| [ctx.with_cancel(), ctx.with_cancel()])
                .collect();
            layers.push(layer);
        }
        let all: Vec<Context> = layers
            .iter()
            .flatten()
            .map(|(ctx, _)| ctx.clone())
            .collect();
        let threads: Vec<_> = layers
            .into_iter()
            .map(|layer| {
                thread::spawn(move || {
                    for (ctx, cancel) in &layer {
                        cancel.cancel();
                        assert!(ctx.is_done());
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|end| end.join().unwrap());
        for ctx in &all {
            ends_with(ctx, ContextError::Canceled);
        }
    });
}

#[test]
fn a_child_cancelled_by_a_watcher_of_the_parent_while_the_parent_is_cancelled_is_no_deadlock() {
    within(LIMIT, || {
        for _ in 0..100 {
            let (parent, cancel) = Context::background().with_cancel();
            let (child, child_cancel) = parent.with_cancel();
            let watcher = thread::spawn(move || {
                block_on(parent.done());
                child_cancel.cancel();
            });
            cancel.cancel();
            assert!(child.is_done());
            watcher.join().unwrap();
        }
    });
}

/// Two trees whose ends cancel each other: as wakers do it, from inside a cancel.
#[test]
fn cancels_that_cancel_each_other_are_no_deadlock() {
    within(LIMIT, || {
        let (left, cancel_left) = Context::background().with_cancel();
        let (right, cancel_right) = Context::background().with_cancel();
        let (cancel_left, cancel_right) = (Arc::new(cancel_left), Arc::new(cancel_right));
        let ends = Arc::new(AtomicUsize::new(0));
        for (ctx, other) in [(&left, &cancel_right), (&right, &cancel_left)] {
            let (other, ends) = (Arc::clone(other), Arc::clone(&ends));
            ctx.after_func(move || {
                other.cancel();
                ends.fetch_add(1, Ordering::SeqCst);
            });
        }
        let there = Arc::clone(&cancel_left);
        let one = thread::spawn(move || there.cancel());
        cancel_right.cancel();
        one.join().unwrap();
        until(LIMIT, "both have ended", || {
            ends.load(Ordering::SeqCst) == 2
        });
        assert!(left.is_done() && right.is_done());
    });
}

#[test]
fn a_parent_cancelled_at_the_moment_of_a_childs_birth_ends_the_child() {
    within(LIMIT, || {
        for _ in 0..300 {
            let (parent, cancel) = Context::background().with_cancel();
            let there = thread::spawn(move || cancel.cancel());
            let (child, _child) = parent.with_cancel();
            there.join().unwrap();
            assert_eq!(child.err(), Some(ContextError::Canceled));
        }
    });
}

#[test]
fn a_chain_of_a_hundred_thousand_is_cancelled_and_freed_without_a_deep_stack() {
    within(LIMIT, || {
        let (top, cancel) = Context::background().with_cancel();
        let mut ctx = top.clone();
        for n in 0..100_000_u32 {
            let (below, detached) = ctx.with_value(n).with_cancel();
            detached.detach();
            ctx = below;
        }
        cancel.cancel();
        assert_eq!(ctx.err(), Some(ContextError::Canceled));
        drop(ctx);
    });
}

#[test]
fn one_who_waits_is_woken_once_by_the_end() {
    let (ctx, cancel) = Context::background().with_cancel();
    let mut one = ByHand::new(ctx.done());
    let mut two = ByHand::new(ctx.clone().into_done());
    one.expect_pending();
    one.expect_pending();
    two.expect_pending();
    cancel.cancel();
    assert_eq!((one.wakes(), two.wakes()), (1, 1));
    one.expect_ready();
    two.expect_ready();
}

#[test]
fn a_wait_that_moves_to_another_task_wakes_that_one() {
    let (ctx, cancel) = Context::background().with_cancel();
    let mut done = ByHand::new(ctx.done());
    done.expect_pending();
    let other = marmot_testing::CountingWaker::new();
    let waker = other.waker();
    let mut cx = std::task::Context::from_waker(&waker);
    assert_eq!(done.poll_with(&mut cx), Poll::Pending);
    cancel.cancel();
    assert_eq!((done.wakes(), other.wakes()), (0, 1));
}

#[test]
fn a_dropped_wait_leaves_no_waker_behind() {
    let (ctx, cancel) = Context::background().with_cancel();
    let mut done = ByHand::new(ctx.done());
    let counter = Arc::clone(done.counter());
    done.expect_pending();
    assert_eq!(counter.handles(), 3, "the test, the wait, and the line");
    drop(done);
    assert_eq!(counter.handles(), 1);
    cancel.cancel();
    assert_eq!(counter.wakes(), 0);
}

#[test]
fn a_waker_may_use_the_contexts_that_are_just_being_cancelled() {
    struct Curious(Context, Context, std::sync::Mutex<Vec<bool>>);
    impl std::task::Wake for Curious {
        fn wake(self: Arc<Self>) {
            let (late, _late) = self.0.with_cancel();
            let saw = [self.0.is_done(), self.1.is_done(), late.is_done()];
            self.2.lock().unwrap().extend(saw);
        }
    }
    let (parent, cancel) = Context::background().with_cancel();
    let (child, _child) = parent.with_cancel();
    let curious = Arc::new(Curious(parent.clone(), child, std::sync::Mutex::default()));
    let mut done = std::pin::pin!(parent.done());
    let waker = Arc::clone(&curious).into();
    let mut cx = std::task::Context::from_waker(&waker);
    assert!(done.as_mut().poll(&mut cx).is_pending());
    cancel.cancel();
    assert_eq!(
        *curious.2.lock().unwrap(),
        [true, true, true],
        "all had ended before the first waker was called"
    );
}

#[test]
fn run_gives_the_output_or_why_the_context_ended() {
    let (ctx, cancel) = Context::background().with_cancel();
    assert_eq!(block_on(ctx.run(async { 7 })), Ok(7));
    let mut run = ByHand::new(ctx.run(std::future::pending::<()>()));
    run.expect_pending();
    cancel.cancel();
    assert_eq!(run.wakes(), 1);
    assert_eq!(run.expect_ready(), Err(ContextError::Canceled));
    assert_eq!(block_on(Context::background().run(async { 7 })), Ok(7));
}

#[test]
fn an_ended_context_does_not_poll_what_it_runs() {
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let run = ctx.run(async { unreachable!("it is not polled") });
    assert_eq!(block_on(run), Err::<(), _>(ContextError::Canceled));
    let (ctx, cancel) = Context::background().with_cancel();
    let mut polls = 0;
    let mut run = ByHand::new(ctx.run(std::future::poll_fn(|_| {
        polls += 1;
        Poll::<()>::Pending
    })));
    run.expect_pending();
    cancel.cancel();
    assert_eq!(run.expect_ready(), Err(ContextError::Canceled));
    drop(run);
    assert_eq!(polls, 1);
}

#[test]
fn a_future_that_ends_its_own_context_gets_the_error_at_once() {
    let (ctx, cancel) = Context::background().with_cancel();
    let run = ctx.run(async move {
        cancel.cancel();
        std::future::pending::<()>().await;
    });
    assert_eq!(ByHand::new(run).run(), Some(Err(ContextError::Canceled)));
}

#[test]
fn done_works_as_an_arm_of_select() {
    within(LIMIT, || {
        let (ctx, cancel) = Context::background().with_cancel();
        let (tx, rx) = marmot_chan::chan::<u32>(0);
        let generator = thread::spawn(move || {
            let mut n = 0;
            loop {
                n += 1;
                let sent = block_on(async {
                    futures::future::select(Box::pin(tx.send(n)), Box::pin(ctx.done())).await
                });
                if let futures::future::Either::Right(_) = sent {
                    return n;
                }
            }
        });
        let first_five: Vec<u32> = (0..5).filter_map(|_| rx.recv_blocking()).collect();
        assert_eq!(first_five, [1, 2, 3, 4, 5]);
        cancel.cancel();
        assert_eq!(generator.join().unwrap(), 6);
    });
}
