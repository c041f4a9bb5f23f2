//! Goroutines that fail together.

use std::any::Any;
use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use marmot_chan::chan;
use marmot_context::errgroup::Group;
use marmot_context::{Context, ContextError};
use marmot_testing::{ByHand, Rng, within};
use marmot_wait::park::block_on;
use marmot_wait::{BlockingKind, Goexit, Note, Runner, set_runner};

const LIMIT: Duration = Duration::from_secs(20);

type Failed = Box<dyn Error + Send + Sync>;

async fn fine() -> Result<(), Failed> {
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Doomed(u32);

impl fmt::Display for Doomed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "doomed {}", self.0)
    }
}

impl Error for Doomed {}

/// Tasks that run when the test says so, in the order they were started.
struct ByTurns(());

/// Where they come from.
struct Starter;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

thread_local! {
    static TASKS: RefCell<Vec<Task>> = const { RefCell::new(Vec::new()) };
}

impl Runner for Starter {
    fn enter_blocking(&self, _: BlockingKind, _: Note) {}
    fn leave_blocking(&self) {}
    fn spawn(&self, future: Task, _: &'static Location<'static>) {
        TASKS.with(|tasks| tasks.borrow_mut().push(future));
    }
}

impl ByTurns {
    fn install() -> ByTurns {
        set_runner(Some(&Starter));
        ByTurns(())
    }

    /// How many have been started and have not ended.
    fn alive(&self) -> usize {
        TASKS.with(|tasks| tasks.borrow_mut().len())
    }

    /// Polls each one once; those that end are dropped, those started meanwhile come next.
    fn turn(&self) {
        let tasks = TASKS.with(|tasks| std::mem::take(&mut *tasks.borrow_mut()));
        for mut task in tasks {
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            if task.as_mut().poll(&mut cx).is_pending() {
                TASKS.with(|tasks| tasks.borrow_mut().push(task));
            }
        }
    }

    /// Cuts all of them off, as the end of a runtime does.
    fn cut_off(&self) {
        while let Some(task) = TASKS.with(|tasks| tasks.borrow_mut().pop()) {
            drop(task);
        }
    }
}

impl Drop for ByTurns {
    fn drop(&mut self) {
        self.cut_off();
        set_runner(None);
    }
}

#[test]
fn each_wait_gives_the_first_error_so_far() {
    let cases: [&[Option<u32>]; 5] = [
        &[],
        &[None],
        &[Some(1)],
        &[Some(1), None],
        &[None, Some(1), None, Some(2)],
    ];
    for case in cases {
        let group = Group::new();
        let mut first = None;
        assert!(group.wait_blocking().is_ok());
        for &result in case {
            group.go(async move { result.map_or(Ok(()), |n| Err(Doomed(n))) });
            first = first.or(result.map(Doomed));
            let error = group.wait_blocking().err();
            let error = error.as_deref().map(|error| error.downcast_ref::<Doomed>());
            assert_eq!(error, first.as_ref().map(Some));
        }
    }
}

#[test]
fn the_context_ends_with_the_first_error_which_is_its_cause() {
    let (group, ctx) = Group::with_context(&Context::background());
    group.go(async { Err(Doomed(7)) });
    group.go(fine());
    let error = group.wait_blocking().unwrap_err();
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    assert!(Arc::ptr_eq(&error, &ctx.cause().unwrap()), "the same value");
}

#[test]
fn the_context_ends_when_all_have_ended_well_and_were_waited_for() {
    let runner = ByTurns::install();
    let (group, ctx) = Group::with_context(&Context::background());
    group.go(fine());
    let mut wait = ByHand::new(group.wait());
    wait.expect_pending();
    runner.turn();
    assert_eq!(wait.wakes(), 1);
    assert_eq!(ctx.err(), None, "not before the wait is over");
    assert!(wait.expect_ready().is_ok());
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
    assert_eq!(ctx.cause().unwrap().to_string(), "context canceled");
}

#[test]
fn the_context_ends_with_the_last_handle_and_member() {
    let runner = ByTurns::install();
    let (group, ctx) = Group::with_context(&Context::background());
    group.go(fine());
    drop(group);
    assert_eq!(ctx.err(), None, "a member runs");
    runner.turn();
    assert_eq!(ctx.err(), Some(ContextError::Canceled));
}

#[test]
fn an_error_ends_the_context_at_once_and_the_wait_when_all_have_ended() {
    let runner = ByTurns::install();
    let (group, ctx) = Group::with_context(&Context::background());
    let (tx, rx) = chan::<()>(0);
    group.go(async move {
        rx.recv().await;
        Ok::<(), Failed>(())
    });
    group.go(async { Err("the error") });
    let mut wait = ByHand::new(group.wait());
    wait.expect_pending();
    runner.turn();
    assert_eq!(ctx.cause().unwrap().to_string(), "the error");
    wait.expect_pending();
    tx.close();
    runner.turn();
    assert_eq!(wait.expect_ready().unwrap_err().to_string(), "the error");
}

#[test]
fn errors_of_any_kind_are_taken() {
    let group = Group::new();
    group.go(async { Err::<(), _>("text") });
    assert_eq!(group.wait_blocking().unwrap_err().to_string(), "text");
    group.go(async { Err::<(), _>(String::from("owned text")) });
    group.go(async { Err::<(), _>(ContextError::Canceled) });
    group.go(async { Err::<(), _>(Failed::from("boxed")) });
    assert_eq!(group.wait_blocking().unwrap_err().to_string(), "text");
}

fn question(group: &Group) -> Result<(), Box<dyn Error>> {
    group.wait_blocking()?;
    Ok(())
}

#[test]
fn the_question_mark_takes_the_error_of_a_wait() {
    let group = Group::new();
    group.go(async { Err(Doomed(1)) });
    assert_eq!(question(&group).unwrap_err().to_string(), "doomed 1");
}

#[test]
fn try_go_takes_as_many_as_the_limit_and_says_so() {
    within(LIMIT, || {
        let group = Group::new();
        let (tx, rx) = chan::<()>(0);
        let job = || {
            let tx = tx.clone();
            async move { tx.send(()).await }
        };
        group.set_limit(42);
        for _ in 0..42 {
            assert!(group.try_go(job()));
        }
        assert!(!group.try_go(job()));
        (0..42).for_each(|_| assert!(rx.recv_blocking().is_some()));
        group.wait_blocking().unwrap();
        group.set_limit(1);
        assert!(group.try_go(job()));
        assert!(!group.try_go(job()));
        rx.recv_blocking();
        group.wait_blocking().unwrap();
        group.set_limit(0);
        for _ in 0..1024 {
            assert!(!group.try_go(fine()));
        }
        group.wait_blocking().unwrap();
    });
}

#[test]
fn no_more_than_the_limit_run_at_a_time_and_all_of_them_run() {
    within(LIMIT, || {
        let group = Group::new();
        group.set_limit(3);
        let (active, runs) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for _ in 0..200 {
            let (active, runs) = (Arc::clone(&active), Arc::clone(&runs));
            group.go(async move {
                let now = active.fetch_add(1, Ordering::SeqCst) + 1;
                std::thread::yield_now();
                active.fetch_sub(1, Ordering::SeqCst);
                runs.fetch_add(1, Ordering::SeqCst);
                if now > 3 {
                    Err(format!("{now} are active"))
                } else {
                    Ok(())
                }
            });
        }
        group.wait_blocking().unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 200);
    });
}

#[test]
fn queued_members_run_in_the_order_they_came() {
    let runner = ByTurns::install();
    let group = Group::new();
    group.set_limit(1);
    let order: Arc<Mutex<Vec<u32>>> = Arc::default();
    for n in 0..5 {
        let order = Arc::clone(&order);
        group.go(async move {
            order.lock().unwrap().push(n);
            Ok::<(), Failed>(())
        });
        assert_eq!(runner.alive(), 1);
    }
    assert!(!group.try_go(fine()), "others are first");
    (0..5).for_each(|_| runner.turn());
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
    assert!(group.wait_blocking().is_ok());
}

#[test]
fn a_limit_may_be_changed_while_members_run() {
    let runner = ByTurns::install();
    let group = Group::new();
    group.set_limit(0);
    for _ in 0..6 {
        group.go(pending::<Result<(), Failed>>());
    }
    assert_eq!(runner.alive(), 0);
    assert_eq!(format!("{group:?}"), "Group { running: 0, queued: 6, .. }");
    ByHand::new(group.wait()).expect_pending();
    group.set_limit(2);
    assert_eq!(runner.alive(), 2);
    group.set_limit(1);
    assert_eq!(runner.alive(), 2, "nobody is stopped");
    group.set_limit(usize::MAX);
    assert_eq!(runner.alive(), 6);
}

#[test]
fn ready_waits_for_room_and_not_longer() {
    let runner = ByTurns::install();
    let group = Group::new();
    group.set_limit(1);
    ByHand::new(group.ready()).expect_ready();
    group.go(fine());
    let mut one = ByHand::new(group.ready());
    let mut two = ByHand::new(group.ready());
    one.expect_pending();
    two.expect_pending();
    runner.turn();
    assert_eq!((one.wakes(), two.wakes()), (1, 1), "whoever comes first");
    one.expect_ready();
    group.go(fine());
    // It was released; then it is polled after the room was taken.
    two.expect_ready();
    ByHand::new(group.ready()).expect_pending();
}

#[test]
fn dropped_waits_leave_no_waker_behind() {
    let _runner = ByTurns::install();
    let group = Group::new();
    group.set_limit(1);
    group.go(pending::<Result<(), Failed>>());
    let (mut wait, mut ready) = (ByHand::new(group.wait()), ByHand::new(group.ready()));
    let counters = [Arc::clone(wait.counter()), Arc::clone(ready.counter())];
    wait.expect_pending();
    ready.expect_pending();
    wait.expect_pending();
    ready.expect_pending();
    drop((wait, ready));
    assert_eq!(counters.map(|counter| counter.handles()), [1, 1]);
}

#[test]
fn a_wait_is_over_when_nobody_was_left_even_if_another_started_since() {
    let runner = ByTurns::install();
    let group = Group::new();
    group.go(fine());
    let mut wait = ByHand::new(group.wait());
    wait.expect_pending();
    runner.turn();
    group.go(pending::<Result<(), Failed>>());
    assert!(wait.expect_ready().is_ok());
    ByHand::new(group.wait()).expect_pending();
}

#[test]
fn a_member_that_is_cut_off_counts_as_ended() {
    let runner = ByTurns::install();
    let (group, ctx) = Group::with_context(&Context::background());
    group.set_limit(1);
    group.go(pending::<Result<(), Failed>>());
    group.go(fine());
    let mut wait = ByHand::new(group.wait());
    wait.expect_pending();
    runner.turn();
    wait.expect_pending();
    runner.cut_off();
    assert!(wait.expect_ready().is_ok());
    assert!(ctx.is_done());
}

/// A runtime that has ended: what it is given it drops.
struct Ended;

impl Runner for Ended {
    fn enter_blocking(&self, _: BlockingKind, _: Note) {}
    fn leave_blocking(&self) {}
    fn spawn(&self, _: Task, _: &'static Location<'static>) {}
}

#[test]
fn a_long_queue_that_is_cut_off_needs_no_deep_stack() {
    let runner = ByTurns::install();
    let group = Group::new();
    group.set_limit(2);
    group.go(pending::<Result<(), Failed>>());
    group.go(pending::<Result<(), Failed>>());
    let dropped = Arc::new(());
    for _ in 0..100_000 {
        let dropped = Arc::clone(&dropped);
        group.go(async move {
            let _held = dropped;
            fine().await
        });
    }
    set_runner(Some(&Ended));
    runner.cut_off();
    assert_eq!(Arc::strong_count(&dropped), 1);
    assert!(group.wait_blocking().is_ok());
}

/// A system without threads.
struct Exhausted;

impl Runner for Exhausted {
    fn enter_blocking(&self, _: BlockingKind, _: Note) {}
    fn leave_blocking(&self) {}
    fn spawn(&self, _: Task, _: &'static Location<'static>) {
        panic!("no thread left");
    }
}

#[test]
fn a_queued_member_that_cannot_be_started_is_told_to_who_waits() {
    let _runner = ByTurns::install();
    let (group, ctx) = Group::with_context(&Context::background());
    group.set_limit(0);
    for _ in 0..3 {
        group.go(fine());
    }
    set_runner(Some(&Exhausted));
    group.set_limit(2);
    assert!(ctx.is_done());
    assert_eq!(wait_panics(&group), "no thread left");
    let started = catch_unwind(AssertUnwindSafe(|| group.go(fine())));
    assert_eq!(text(started.unwrap_err()), "no thread left");
    ByHand::new(group.ready()).expect_ready();
    set_runner(Some(&Starter));
}

#[test]
fn members_may_start_members() {
    within(LIMIT, || {
        let group = Group::new();
        let (there, runs) = (group.clone(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&runs);
        group.go(async move {
            for _ in 0..5 {
                let count = Arc::clone(&count);
                there.go(async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    Ok::<(), Failed>(())
                });
            }
            Ok::<(), Failed>(())
        });
        group.wait_blocking().unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 5);
    });
}

fn text(payload: Box<dyn Any + Send>) -> String {
    payload
        .downcast::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|payload| payload.downcast::<String>().map(|text| *text))
        .expect("a panic with a text")
}

fn wait_panics(group: &Group) -> String {
    let wait = catch_unwind(AssertUnwindSafe(|| group.wait_blocking()));
    text(wait.expect_err("it panics"))
}

#[test]
fn a_panic_ends_the_context_at_once_and_goes_on_in_wait() {
    let runner = ByTurns::install();
    let (group, ctx) = Group::with_context(&Context::background());
    let (tx, rx) = chan::<()>(0);
    group.go(async move {
        rx.recv().await;
        Err("later, and less important")
    });
    group.go(async {
        if true {
            panic!("the member's panic");
        }
        Ok::<(), Failed>(())
    });
    runner.turn();
    assert!(ctx.is_done(), "before anybody waits");
    assert!(
        ctx.cause()
            .unwrap()
            .to_string()
            .contains("the member's panic")
    );
    ByHand::new(group.wait()).expect_pending();
    tx.close();
    runner.turn();
    assert_eq!(wait_panics(&group), "the member's panic");
    assert_eq!(
        wait_panics(&group),
        "the member's panic",
        "for everybody who waits"
    );
}

#[test]
fn the_payload_of_a_panic_arrives_whole() {
    let group = Group::new();
    group.go(async {
        if true {
            std::panic::panic_any(Doomed(7));
        }
        Ok::<(), Failed>(())
    });
    let wait = catch_unwind(AssertUnwindSafe(|| group.wait_blocking()));
    assert_eq!(wait.unwrap_err().downcast_ref(), Some(&Doomed(7)));
}

#[test]
fn a_panic_that_nobody_can_wait_for_is_that_of_its_goroutine() {
    let runner = ByTurns::install();
    let (group, ctx) = Group::with_context(&Context::background());
    group.go(async {
        if true {
            panic!("nobody waits");
        }
        Ok::<(), Failed>(())
    });
    drop(group);
    let panic = catch_unwind(AssertUnwindSafe(|| runner.turn()));
    assert_eq!(text(panic.unwrap_err()), "nobody waits");
    assert!(ctx.cause().unwrap().to_string().contains("nobody waits"));
}

#[test]
fn goexit_in_a_member_is_no_failure_and_goes_on_to_the_goroutine() {
    let runner = ByTurns::install();
    let (group, ctx) = Group::with_context(&Context::background());
    let dropped = Arc::new(());
    let held = Arc::clone(&dropped);
    group.go(async move {
        let _held = held;
        if true {
            resume_unwind(Box::new(Goexit));
        }
        Ok::<(), Failed>(())
    });
    let exit = catch_unwind(AssertUnwindSafe(|| runner.turn()));
    assert!(exit.unwrap_err().is::<Goexit>());
    assert_eq!(Arc::strong_count(&dropped), 1);
    assert!(!ctx.is_done());
    assert!(group.wait_blocking().is_ok());
}

#[test]
fn what_a_member_holds_is_dropped_before_it_counts_as_ended() {
    struct Last(Group, Arc<Mutex<String>>);
    impl Drop for Last {
        fn drop(&mut self) {
            *self.1.lock().unwrap() = format!("{:?}", self.0);
        }
    }
    let runner = ByTurns::install();
    let (group, seen) = (Group::new(), Arc::default());
    let last = Last(group.clone(), Arc::clone(&seen));
    group.go(async move {
        let _last = &last;
        Ok::<(), Failed>(())
    });
    runner.turn();
    assert_eq!(*seen.lock().unwrap(), "Group { running: 1, queued: 0, .. }");
}

#[test]
fn a_queue_that_never_runs_is_freed_with_the_group() {
    let held = Arc::new(());
    let group = Group::new();
    group.set_limit(0);
    let there = Arc::clone(&held);
    group.go(async move {
        drop(there);
        Ok::<(), Failed>(())
    });
    drop(group);
    assert_eq!(Arc::strong_count(&held), 1);
}

/// Go's example: three searches at once, three results in order.
#[test]
fn a_parallel_search_gives_its_results_in_order() {
    within(LIMIT, || {
        let (group, ctx) = Group::with_context(&Context::background());
        let kinds = ["web", "image", "video"];
        let results: Arc<Mutex<[String; 3]>> = Arc::default();
        for (n, kind) in kinds.into_iter().enumerate() {
            let (results, ctx) = (Arc::clone(&results), ctx.clone());
            group.go(async move {
                let found = async { format!("{kind} result for \"golang\"") };
                results.lock().unwrap()[n] = ctx.run(found).await?;
                Ok::<(), ContextError>(())
            });
        }
        group.wait_blocking().unwrap();
        let want = kinds.map(|kind| format!("{kind} result for \"golang\""));
        assert_eq!(*results.lock().unwrap(), want);
    });
}

/// Go's example: paths flow to digesters, sums flow to a collector; an error stops them all.
#[test]
fn a_pipeline_sums_everything_and_stops_at_the_first_error() {
    fn sum(n: u64) -> u64 {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17)
    }
    fn pipeline(count: u64, bad: Option<u64>) -> Result<u64, String> {
        let (group, ctx) = Group::with_context(&Context::background());
        let (paths_in, paths) = chan::<u64>(0);
        let (sums_in, sums) = chan::<u64>(0);
        group.go({
            let ctx = ctx.clone();
            async move {
                for n in 0..count {
                    if Some(n) == bad {
                        return Err(format!("path {n} is bad"));
                    }
                    let sent = ctx.run(paths_in.send(n)).await;
                    sent.map_err(|ended| ended.to_string())?
                        .map_err(|e| e.to_string())?;
                }
                Ok(())
            }
        });
        for _ in 0..3 {
            let (ctx, paths, sums_in) = (ctx.clone(), paths.clone(), sums_in.clone());
            group.go(async move {
                while let Some(n) = paths.recv().await {
                    let sent = ctx.run(sums_in.send(sum(n))).await;
                    sent.map_err(|ended| ended.to_string())?
                        .map_err(|e| e.to_string())?;
                }
                Ok::<(), String>(())
            });
        }
        drop((paths, sums_in));
        let (tx, total) = mpsc::channel();
        std::thread::spawn(move || {
            let total = sums.iter().fold(0_u64, u64::wrapping_add);
            tx.send(total).expect("the test waits");
        });
        group.wait_blocking().map_err(|error| error.to_string())?;
        Ok(total.recv().expect("a sum"))
    }
    within(LIMIT, || {
        let want = (0..200).map(sum).fold(0_u64, u64::wrapping_add);
        assert_eq!(pipeline(200, None), Ok(want));
        assert_eq!(pipeline(200, Some(50)), Err("path 50 is bad".to_owned()));
    });
}

#[test]
fn members_that_fail_at_random_from_many_threads_agree_on_one_error() {
    within(LIMIT, || {
        let mut rng = Rng::from_env();
        for _ in 0..20 {
            let (group, ctx) = Group::with_context(&Context::background());
            group.set_limit(1 + rng.below(4));
            let ended = Arc::new(AtomicUsize::new(0));
            let bad = rng.below(20);
            for n in 0..20 {
                let (ctx, ended) = (ctx.clone(), Arc::clone(&ended));
                group.go(async move {
                    ended.fetch_add(1, Ordering::SeqCst);
                    if n == bad {
                        return Err(Doomed(1));
                    }
                    if ctx.is_done() {
                        Err(Doomed(2))
                    } else {
                        Ok(())
                    }
                });
            }
            let error = block_on(group.wait()).unwrap_err();
            assert_eq!(error.downcast_ref(), Some(&Doomed(1)));
            assert_eq!(ended.load(Ordering::SeqCst), 20);
        }
    });
}
