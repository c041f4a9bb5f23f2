//! Nobody works behind the program's back: contexts start no goroutines and no threads.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use marmot_context::{Context, ContextError};
use marmot_wait::park::block_on;
use marmot_wait::{BlockingKind, Note, Runner, set_runner};

/// Counts what it is asked to start, and runs it at once.
struct Counting(AtomicUsize);

impl Runner for Counting {
    fn enter_blocking(&self, _: BlockingKind, _: Note) {}
    fn leave_blocking(&self) {}
    fn spawn(
        &self,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
        _: &'static Location<'static>,
    ) {
        self.0.fetch_add(1, Ordering::SeqCst);
        block_on(future);
    }
}

static STARTED: Counting = Counting(AtomicUsize::new(0));

#[test]
fn trees_of_contexts_start_no_goroutine_and_a_function_starts_one() {
    set_runner(Some(&STARTED));
    let started = || STARTED.0.load(Ordering::SeqCst);
    let mut held = Vec::new();
    let (top, cancel) = Context::background().with_cancel();
    let mut ctx = top.clone();
    for n in 0..10_u64 {
        let (below, cancel) = ctx
            .with_value(n)
            .with_timeout(Duration::from_secs(3600 - n));
        held.push(cancel);
        ctx = below;
    }
    let mut done = marmot_testing::ByHand::new(ctx.done());
    done.expect_pending();
    cancel.cancel();
    assert_eq!(done.expect_ready(), ());
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    assert_eq!(started(), 0);

    let (ctx, cancel) = Context::background().with_cancel();
    let stopped = ctx.after_func(|| unreachable!("it was stopped"));
    stopped.stop();
    ctx.after_func(|| ());
    assert_eq!(started(), 0, "not before the end");
    cancel.cancel();
    assert_eq!(started(), 1);
    set_runner(None);
}
