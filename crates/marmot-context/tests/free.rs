//! A context that nobody can see is freed, and its timer with it. Counted.
//!
//! One test: it counts all timers of the process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use marmot_context::{Cancel, Context};
use marmot_time::lanes::live_outside;

const LONG: Duration = Duration::from_secs(3600);

fn timed(parent: &Context, mark: &Arc<()>) -> (Context, Cancel) {
    parent.with_value(Arc::clone(mark)).with_timeout(LONG)
}

#[test]
fn an_invisible_context_is_freed_and_its_timer_with_it() {
    let mark = Arc::new(());
    let background = Context::background();
    let alive = || Arc::strong_count(&mark) - 1;
    assert_eq!(live_outside(), 0);

    // Both handles dropped.
    let (ctx, cancel) = timed(&background, &mark);
    assert_eq!((alive(), live_outside()), (1, 1));
    drop((ctx, cancel));
    assert_eq!((alive(), live_outside()), (0, 0));

    // Only detached, never cancelled.
    let (ctx, cancel) = timed(&background, &mark);
    cancel.detach();
    assert_eq!(live_outside(), 1, "the context can still be seen");
    drop(ctx);
    assert_eq!((alive(), live_outside()), (0, 0));

    // A cancelled context's timer goes at once, though the context is still held.
    let (ctx, cancel) = timed(&background, &mark);
    let (below, _below) = ctx.with_deadline(Instant::now() + LONG / 2);
    assert_eq!(live_outside(), 2);
    cancel.cancel();
    assert_eq!((alive(), live_outside()), (1, 0));
    drop((ctx, below));
    assert_eq!(alive(), 0);

    // A deadline above that is no later needs no second timer.
    let (ctx, _cancel) = timed(&background, &mark);
    let (later, _later) = ctx.with_timeout(LONG * 2);
    assert_eq!(live_outside(), 1);
    drop(later);

    // A child keeps its parents visible, and does not keep its own place when it goes.
    let (below, below_cancel) = timed(&ctx, &mark);
    drop(ctx);
    assert_eq!(alive(), 2);
    below_cancel.detach();
    drop(below);
    assert_eq!(alive(), 0);
    drop(_cancel);
    assert_eq!(live_outside(), 0);

    // One whose only child is a Cancel in somebody's hand is invisible.
    let (ctx, cancel) = timed(&background, &mark);
    cancel.detach();
    let (_, child_cancel) = ctx.with_cancel();
    drop(ctx);
    assert_eq!((alive(), live_outside()), (0, 0));
    drop(child_cancel);

    // A wait holds its context, and gives it back.
    let (ctx, cancel) = timed(&background, &mark);
    cancel.detach();
    let done = ctx.into_done();
    assert_eq!(live_outside(), 1);
    drop(done);
    assert_eq!((alive(), live_outside()), (0, 0));

    // A function to run holds the timer until it is stopped, and no longer.
    let (ctx, cancel) = timed(&background, &mark);
    cancel.detach();
    let captured = Arc::clone(&mark);
    let stop = ctx.after_func(move || drop(captured));
    drop(ctx);
    assert_eq!(live_outside(), 1, "it was promised to run");
    assert!(stop.stop());
    assert_eq!((alive(), live_outside()), (0, 0));

    // Ten thousand, made and dropped: nothing piles up above them.
    let (top, top_cancel) = timed(&background, &mark);
    for _ in 0..10_000 {
        let (below, cancel) = timed(&top, &mark);
        let stop = below.after_func(|| ());
        cancel.cancel();
        drop((below, stop));
    }
    assert_eq!((alive(), live_outside()), (1, 1));
    drop((top, top_cancel));
    assert_eq!((alive(), live_outside()), (0, 0));
}
