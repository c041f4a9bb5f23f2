//! A context that nobody can see is freed, and its timer with it. Counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use marmot_context::{Cancel, Context};
use marmot_time::lanes::live_outside;

const LONG: Duration = Duration::from_secs(3600);

/// One test at a time: timers are counted for the whole process.
static ALONE: Mutex<()> = Mutex::new(());

/// Counts contexts by a value that each carries, and timers.
struct Count {
    mark: Arc<()>,
    _alone: MutexGuard<'static, ()>,
}

impl Count {
    fn new() -> Count {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Count {
            mark: Arc::new(()),
            _alone: alone,
        }
    }

    /// A context with a timer, that counts.
    fn timed(&self, parent: &Context) -> (Context, Cancel) {
        parent.with_value(Arc::clone(&self.mark)).with_timeout(LONG)
    }

    #[track_caller]
    fn expect(&self, contexts: usize, timers: usize) {
        let counted = (Arc::strong_count(&self.mark) - 1, live_outside());
        assert_eq!(counted, (contexts, timers), "(contexts, timers)");
    }
}

fn background() -> Context {
    Context::background()
}

#[test]
fn a_context_goes_with_its_handles() {
    let count = Count::new();
    let (ctx, cancel) = count.timed(&background());
    count.expect(1, 1);
    drop((ctx, cancel));
    count.expect(0, 0);
}

#[test]
fn a_detached_context_goes_with_its_last_handle_and_its_timer_with_it() {
    let count = Count::new();
    let (ctx, cancel) = count.timed(&background());
    cancel.detach();
    count.expect(1, 1);
    drop(ctx.clone());
    count.expect(1, 1);
    drop(ctx);
    count.expect(0, 0);
}

#[test]
fn a_cancel_takes_all_timers_below_back_at_once() {
    let count = Count::new();
    let (ctx, cancel) = count.timed(&background());
    let (below, _below) = ctx.with_deadline(Instant::now() + LONG / 2);
    count.expect(1, 2);
    cancel.cancel();
    count.expect(1, 0);
    drop((ctx, below));
    count.expect(0, 0);
}

#[test]
fn a_deadline_above_that_is_no_later_needs_no_second_timer() {
    let count = Count::new();
    let (ctx, _cancel) = count.timed(&background());
    let (_later, _later_cancel) = ctx.with_timeout(LONG * 2);
    count.expect(1, 1);
}

#[test]
fn a_child_keeps_what_is_above_it_and_goes_alone() {
    let count = Count::new();
    let (top, top_cancel) = count.timed(&background());
    let (below, below_cancel) = count.timed(&top);
    top_cancel.detach();
    drop(top);
    // The child's deadline is later, so it has no timer of its own.
    count.expect(2, 1);
    below_cancel.detach();
    drop(below);
    count.expect(0, 0);
}

#[test]
fn a_context_whose_only_child_is_a_cancel_in_somebodys_hand_is_invisible() {
    let count = Count::new();
    let (ctx, cancel) = count.timed(&background());
    cancel.detach();
    let (_, child_cancel) = ctx.with_cancel();
    drop(ctx);
    count.expect(0, 0);
    drop(child_cancel);
}

#[test]
fn a_wait_holds_its_context_and_gives_it_back() {
    let count = Count::new();
    let (ctx, cancel) = count.timed(&background());
    cancel.detach();
    let done = ctx.into_done();
    count.expect(1, 1);
    drop(done);
    count.expect(0, 0);
}

#[test]
fn a_function_to_run_holds_the_timer_until_it_is_stopped_and_no_longer() {
    let count = Count::new();
    let (ctx, cancel) = count.timed(&background());
    cancel.detach();
    let captured = Arc::clone(&count.mark);
    let stop = ctx.after_func(move || drop(captured));
    drop(ctx);
    count.expect(1, 1);
    assert!(stop.stop());
    count.expect(0, 0);
}

#[test]
fn nothing_piles_up_under_a_long_lived_context() {
    let count = Count::new();
    let (top, _top) = count.timed(&background());
    for _ in 0..10_000 {
        let (below, cancel) = count.timed(&top);
        let stop = below.after_func(|| ());
        assert!(stop.stop());
        cancel.cancel();
        drop(below);
    }
    count.expect(1, 1);
}
