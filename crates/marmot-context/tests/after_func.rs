//! Functions that run when a context has ended.

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use marmot_context::{Context, ContextError, Stop};
use marmot_testing::{ByHand, within};
use marmot_time::ms;
use marmot_wait::{BlockingKind, Note, Runner, set_runner};

const LIMIT: Duration = Duration::from_secs(20);
const LONG: Duration = Duration::from_secs(3600);

/// Registers a function that sends a word; gives the end where it arrives.
fn tell(ctx: &Context) -> (Stop, mpsc::Receiver<&'static str>) {
    let (tx, rx) = mpsc::channel();
    let stop = ctx.after_func(move || tx.send("ran").expect("the test listens"));
    (stop, rx)
}

fn ran(rx: &mpsc::Receiver<&'static str>) {
    assert_eq!(rx.recv_timeout(LIMIT), Ok("ran"));
    assert_eq!(
        rx.recv_timeout(LIMIT),
        Err(mpsc::RecvTimeoutError::Disconnected),
        "it runs once"
    );
}

#[test]
fn it_runs_after_a_cancel_once() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (stop, rx) = tell(&ctx);
    assert_eq!(rx.try_recv(), Err(mpsc::TryRecvError::Empty));
    cancel.cancel();
    ran(&rx);
    cancel.cancel();
    assert!(!stop.stop(), "it has run");
}

#[test]
fn it_runs_after_a_timeout() {
    let (ctx, _cancel) = Context::background().with_timeout(ms(5));
    ran(&tell(&ctx).1);
}

#[test]
fn it_runs_at_once_if_the_context_has_ended() {
    let (ctx, cancel) = Context::background().with_cancel();
    cancel.cancel();
    let (stop, rx) = tell(&ctx);
    ran(&rx);
    assert!(!stop.stop());
}

#[test]
fn it_runs_when_a_context_far_above_ends() {
    let (top, cancel) = Context::background().with_cancel();
    let (middle, _middle) = top.with_value(1).with_timeout(LONG);
    let (bottom, _bottom) = middle.with_cancel();
    let (_stop, rx) = tell(&bottom.with_value(2));
    cancel.cancel();
    ran(&rx);
}

#[test]
fn it_does_not_run_after_a_stop() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (stop, rx) = tell(&ctx);
    assert!(stop.stop(), "it was still to run");
    assert!(!stop.stop());
    cancel.cancel();
    assert_eq!(rx.recv(), Err(mpsc::RecvError), "it was dropped");
}

#[test]
fn dropping_the_handle_changes_nothing() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (stop, rx) = tell(&ctx);
    drop(stop);
    cancel.cancel();
    ran(&rx);
}

#[test]
fn it_runs_apart_from_the_cancel_and_may_block() {
    within(LIMIT, || {
        let (go, wait) = mpsc::channel::<()>();
        let (done_tx, done) = mpsc::channel();
        let (ctx, cancel) = Context::background().with_cancel();
        ctx.after_func(move || {
            wait.recv().expect("the test lets it go on");
            done_tx.send(()).expect("the test listens");
        });
        cancel.cancel();
        go.send(()).expect("it waits, and the cancel has returned");
        done.recv().expect("it ran");
    });
}

#[test]
fn a_stop_and_a_cancel_at_once_agree_on_whether_it_runs() {
    within(LIMIT, || {
        for _ in 0..100 {
            let (ctx, cancel) = Context::background().with_cancel();
            let (below, _below) = ctx.with_cancel();
            let runs = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&runs);
            let (tx, rx) = mpsc::channel::<()>();
            let stop = below.after_func(move || {
                count.fetch_add(1, Ordering::SeqCst);
                drop(tx);
            });
            let there = thread::spawn(move || cancel.cancel());
            let stopped = stop.stop();
            there.join().unwrap();
            rx.recv()
                .expect_err("run or dropped, its captures are gone");
            assert_eq!(runs.load(Ordering::SeqCst), usize::from(!stopped));
        }
    });
}

#[test]
fn a_timeout_keeps_its_promise_though_nobody_can_see_the_context() {
    let (ctx, cancel) = Context::background().with_timeout(ms(20));
    let (_stop, rx) = tell(&ctx);
    cancel.detach();
    drop(ctx);
    ran(&rx);
    // The same, with the function further down.
    let (ctx, cancel) = Context::background().with_timeout(ms(20));
    let (below, below_cancel) = ctx.with_cancel();
    let (_stop, rx) = tell(&below);
    below_cancel.detach();
    cancel.detach();
    drop((ctx, below));
    ran(&rx);
}

#[test]
fn a_timeout_keeps_its_promise_to_one_though_another_is_stopped() {
    let (ctx, cancel) = Context::background().with_timeout(ms(20));
    cancel.detach();
    let other = ctx.after_func(|| ());
    let (_stop, rx) = tell(&ctx);
    drop(ctx);
    // Unless the machine is so slow that its time has come.
    other.stop();
    ran(&rx);
}

#[test]
fn it_is_dropped_when_nothing_can_end_its_context_any_more() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (stop, rx) = tell(&ctx);
    drop(stop);
    cancel.detach();
    assert_eq!(
        rx.try_recv(),
        Err(mpsc::TryRecvError::Empty),
        "it is still seen"
    );
    drop(ctx);
    assert_eq!(rx.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

#[test]
fn on_a_background_it_never_runs_and_can_be_stopped() {
    let (stop, rx) = tell(&Context::background());
    assert_eq!(rx.try_recv(), Err(mpsc::TryRecvError::Empty));
    assert!(stop.stop());
    assert_eq!(rx.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}

/// Go's example: waiters of a condition that give up.
#[test]
fn waiters_of_a_condition_give_up_at_their_deadline() {
    within(LIMIT, || {
        let pair = Arc::new((Mutex::new(()), Condvar::new()));
        let waiters: Vec<_> = (0..4)
            .map(|_| {
                let pair = Arc::clone(&pair);
                thread::spawn(move || {
                    let (ctx, _cancel) = Context::background().with_timeout(ms(5));
                    let there = Arc::clone(&pair);
                    let stop = ctx.after_func(move || {
                        // Under the lock, so that it is not between the look and the wait.
                        let _guard = there.0.lock().unwrap();
                        there.1.notify_all();
                    });
                    let mut guard = pair.0.lock().unwrap();
                    while ctx.err().is_none() {
                        guard = pair.1.wait(guard).unwrap();
                    }
                    drop(guard);
                    stop.stop();
                    ctx.err()
                })
            })
            .collect();
        for waiter in waiters {
            assert_eq!(waiter.join().unwrap(), Some(ContextError::DeadlineExceeded));
        }
    });
}

/// Go's example: a context that ends with either of two.
#[test]
fn two_contexts_can_be_merged() {
    within(LIMIT, || {
        let (one, _cancel_one) = Context::background().with_cancel();
        let (two, cancel_two) = Context::background().with_cancel();
        let (merged, cancel) = one.with_cancel();
        let cause_of = two.clone();
        let stop = two.after_func(move || {
            cancel.cancel_cause(cause_of.cause().expect("it has ended"));
        });
        cancel_two.cancel_cause("ctx2 canceled");
        marmot_wait::park::block_on(merged.done());
        assert_eq!(merged.cause().unwrap().to_string(), "ctx2 canceled");
        assert_eq!(merged.err(), Some(ContextError::Canceled));
        assert!(!stop.stop());
        assert!(!one.is_done());
    });
}

/// A system without threads.
struct Exhausted;

impl Runner for Exhausted {
    fn enter_blocking(&self, _: BlockingKind, _: Note) {}
    fn leave_blocking(&self) {}
    fn spawn(&self, _: Pin<Box<dyn Future<Output = ()> + Send>>, _: &'static Location<'static>) {
        panic!("no thread left");
    }
}

#[test]
fn a_function_that_cannot_be_started_keeps_nobody_from_learning_of_the_end() {
    let (ctx, cancel) = Context::background().with_cancel();
    let (below, _below) = ctx.with_cancel();
    let before = set_runner(Some(&Exhausted));
    let _doomed = ctx.after_func(|| unreachable!("no thread for it"));
    set_runner(before);
    let (_stop, rx) = tell(&below);
    let mut wait = ByHand::new(below.done());
    wait.expect_pending();
    let ended = catch_unwind(AssertUnwindSafe(|| cancel.cancel()));
    assert_eq!(
        ended.unwrap_err().downcast_ref::<&str>(),
        Some(&"no thread left")
    );
    assert_eq!(wait.wakes(), 1);
    wait.expect_ready();
    ran(&rx);
}
