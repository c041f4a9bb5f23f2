//! A program that is dropped at each of its awaits leaves nothing behind.
//!
//! One test: it counts all timers of the process.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use marmot_context::errgroup::Group;
use marmot_context::rate::Limiter;
use marmot_context::{Cancel, Context, ContextError};
use marmot_testing::{CountingWaker, until};
use marmot_time::lanes::live_outside;

const LONG: Duration = Duration::from_secs(3600);

/// Waits for as many polls as it is told, and counts them all.
struct Turns(usize);

impl Future for Turns {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Every kind of wait of this crate, each for some polls.
async fn program(root: Context, limiter: Limiter, mark: Arc<()>) {
    let (ctx, cancel) = root.with_value(Arc::clone(&mark)).with_timeout(LONG);
    let race = |ctx: Context| async move {
        futures::future::select(std::pin::pin!(ctx.done()), Turns(2)).await;
    };
    race(ctx.clone()).await;
    ctx.run(Turns(2)).await.expect("it goes on");
    ctx.scope(async {
        let (below, _below) = Context::current().with_cancel();
        assert!(below.value::<Arc<()>>().is_some());
        let stop = below.after_func({
            let mark = Arc::clone(&mark);
            move || drop(mark)
        });
        race(below).await;
        assert!(stop.stop());
    })
    .await;
    let tokens = limiter.wait_n(&ctx, 2);
    futures::future::select(std::pin::pin!(tokens), Turns(2)).await;
    let (group, members) = Group::with_context(&ctx);
    group.set_limit(0);
    group.go({
        let held = (members.clone(), mark);
        async move {
            drop(held);
            Ok::<(), ContextError>(())
        }
    });
    futures::future::select(group.wait(), Turns(2)).await;
    futures::future::select(group.ready(), Turns(2)).await;
    race(members).await;
    cancel.cancel();
    assert_eq!(ctx.run(Turns(2)).await, Err(ContextError::Canceled));
}

/// Polls the program this often, then drops it; says whether it had ended.
fn cut_off_after(polls: usize, root: &Context, limiter: &Limiter, mark: &Arc<()>) -> bool {
    let counter = CountingWaker::new();
    let waker: Waker = counter.waker();
    let mut cx = Task::from_waker(&waker);
    let mut program = Box::pin(program(root.clone(), limiter.clone(), Arc::clone(mark)));
    let ended = (0..polls).any(|_| program.as_mut().poll(&mut cx).is_ready());
    drop(program);
    drop(waker);
    assert_eq!(counter.handles(), 1, "a waker is left after {polls} polls");
    ended
}

#[test]
fn a_program_that_is_dropped_at_any_await_leaves_nothing_behind() {
    let mark = Arc::new(());
    let (root, _cancel): (Context, Cancel) = Context::background().with_cancel();
    let limiter = Limiter::new(1e-6, 2);
    assert!(limiter.allow());
    let mut polls = 0;
    while !cut_off_after(polls, &root, &limiter, &mark) {
        // A function that was to run at the end runs now, on a thread of its own.
        until(Duration::from_secs(20), "all is dropped", || {
            Arc::strong_count(&mark) == 1
        });
        assert_eq!(live_outside(), 0, "after {polls} polls");
        assert!((limiter.tokens() - 1.0).abs() < 0.01, "after {polls} polls");
        polls += 1;
    }
    assert!(polls > 10, "it was cut off in many places");
    assert_eq!((Arc::strong_count(&mark), live_outside()), (1, 0));
}
