//! The table of what can happen to one that waits, for everything in this crate that can be
//! waited for. It is that of `marmot-sync`.

#[path = "../../marmot-sync/tests/support/hostile.rs"]
mod hostile;
#[path = "../../marmot-sync/tests/support/table.rs"]
#[expect(dead_code, reason = "all who wait here are told at once")]
mod table;

use std::cell::RefCell;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context as Task, Poll, Waker};
use std::time::Duration;

use hostile::{At, Hostile};
use marmot_context::errgroup::Group;
use marmot_context::rate::Limiter;
use marmot_context::{Cancel, Context};
use marmot_wait::{BlockingKind, Note, Runner, set_runner};
use table::{Boxed, Next, Thing, all_rows, boxed};

/// A context, and what ends it.
struct Ends<const HOW: u8>(Context, Cancel);

impl<const HOW: u8> Thing for Ends<HOW> {
    const NEXT: Next = Next::All;

    fn new() -> Self {
        let (context, cancel) = Context::background().with_cancel();
        Ends(context, cancel)
    }

    fn wait(&self) -> Boxed<'_> {
        match HOW {
            0 => boxed(self.0.done()),
            1 => boxed(self.0.clone().into_done()),
            2 => boxed(self.0.run(pending::<()>())),
            // A deadline far away below it.
            _ => {
                let (below, cancel) = self.0.with_timeout(Duration::from_secs(3600));
                cancel.detach();
                boxed(below.into_done())
            }
        }
    }

    fn open(&self) {
        self.1.cancel();
    }

    fn is_whole(&self) -> bool {
        self.0.is_done()
    }
}

#[test]
fn whatever_happens_to_one_that_waits_for_an_end_the_others_learn_of_it() {
    all_rows::<Ends<0>>();
    all_rows::<Ends<1>>();
    all_rows::<Ends<2>>();
    all_rows::<Ends<3>>();
}

/// Keeps what it is given, for the test to end.
struct Keeper;

thread_local! {
    static KEPT: RefCell<Vec<Pin<Box<dyn Future<Output = ()> + Send>>>> = const { RefCell::new(Vec::new()) };
}

impl Runner for Keeper {
    fn enter_blocking(&self, _: BlockingKind, _: Note) {}
    fn leave_blocking(&self) {}
    fn spawn(
        &self,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
        _: &'static Location<'static>,
    ) {
        KEPT.with_borrow_mut(|kept| kept.push(future));
    }
}

/// A group with one member, which is all that has room.
struct Works<const HOW: u8>(Group);

impl<const HOW: u8> Thing for Works<HOW> {
    const NEXT: Next = Next::All;

    fn new() -> Self {
        let group = Group::new();
        group.set_limit(1);
        let before = set_runner(Some(&Keeper));
        group.go(pending::<Result<(), String>>());
        set_runner(before);
        Works(group)
    }

    fn wait(&self) -> Boxed<'_> {
        match HOW {
            0 => boxed(self.0.wait()),
            _ => boxed(self.0.ready()),
        }
    }

    fn open(&self) {
        let kept = KEPT.with_borrow_mut(std::mem::take);
        drop(kept);
    }

    fn is_whole(&self) -> bool {
        self.0.try_go(async { Ok::<(), String>(()) }) && self.0.wait_blocking().is_ok()
    }
}

#[test]
fn whatever_happens_to_one_that_waits_for_a_group_the_others_learn_of_it() {
    all_rows::<Works<0>>();
    all_rows::<Works<1>>();
}

#[test]
fn a_wait_for_tokens_that_cannot_leave_its_waker_gives_them_back() {
    let limiter = Limiter::new(0.001, 1);
    assert!(limiter.allow());
    let background = Context::background();
    for at in [At::Clone, At::Drop] {
        let hostile = Hostile::new();
        let before = limiter.tokens();
        let mut wait = Box::pin(limiter.wait(&background));
        let ended = catch_unwind(AssertUnwindSafe(|| {
            hostile.fail(at);
            let waker = hostile.waker();
            let polled = wait.as_mut().poll(&mut Task::from_waker(&waker));
            // Its own handle: that in the timer goes with the wait.
            std::mem::forget(waker);
            polled.is_pending()
        }));
        assert_eq!(ended.is_err(), at == At::Clone);
        assert!(limiter.tokens() < before - 0.5 || ended.is_err());
        let left = catch_unwind(AssertUnwindSafe(|| drop(wait)));
        assert_eq!(left.is_err(), at == At::Drop);
        assert!(limiter.tokens() > before - 0.5, "{at:?}");
    }
}

/// What a wait is at its first poll after its end.
fn again<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    let mut cx = Task::from_waker(Waker::noop());
    assert!(future.as_mut().poll(&mut cx).is_ready());
    future.as_mut().poll(&mut cx)
}

#[test]
fn an_end_that_is_asked_for_again_is_still_the_end() {
    let (context, cancel) = Context::background().with_cancel();
    cancel.cancel();
    assert!(again(context.done()).is_ready());
    assert!(again(context.clone().into_done()).is_ready());
    assert!(again(context.run(pending::<()>())).is_ready());
    let group = Group::new();
    assert!(matches!(again(group.wait()), Poll::Ready(Ok(()))));
    assert!(again(group.ready()).is_ready());
}
