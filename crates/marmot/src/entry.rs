//! What `#[marmot::main]` and `#[marmot::test]` call.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::{ExitCode, Termination};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use marmot_wait::park;

use crate::runtime::{Goroutine, GoroutineState};
use crate::{Builder, Deadlock, Handle, JoinError, Panic, Runtime};

/// The options of the two attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    max_procs: Option<usize>,
    panic: Option<&'static str>,
    deadlock: Option<&'static str>,
    leaks: Option<&'static str>,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Options {
        Options {
            max_procs: None,
            panic: None,
            deadlock: None,
            leaks: None,
        }
    }

    /// `max_procs = 2`.
    #[must_use]
    pub const fn max_procs(mut self, procs: usize) -> Options {
        self.max_procs = Some(procs);
        self
    }

    /// `panic = "crash" | "report"`.
    #[must_use]
    pub const fn panic(mut self, policy: &'static str) -> Options {
        self.panic = Some(policy);
        self
    }

    /// `deadlock = "fatal" | "report" | "off"`.
    #[must_use]
    pub const fn deadlock(mut self, policy: &'static str) -> Options {
        self.deadlock = Some(policy);
        self
    }

    /// `leaks = "report" | "fail" | "off"`.
    #[must_use]
    pub const fn leaks(mut self, policy: &'static str) -> Options {
        self.leaks = Some(policy);
        self
    }

    /// Real time is what there is.
    #[must_use]
    pub const fn real_time(self) -> Options {
        self
    }

    fn builder(self) -> Builder {
        let builder = Runtime::builder()
            .panic(match self.panic {
                Some("report") => Panic::Report,
                _ => Panic::Crash,
            })
            .deadlock(match self.deadlock {
                Some("report") => Deadlock::Report,
                Some("off") => Deadlock::Off,
                _ => Deadlock::Fatal,
            });
        match self.max_procs {
            Some(procs) => builder.max_procs(procs),
            None => builder,
        }
    }
}

fn start(builder: Builder) -> Runtime {
    match builder.build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("fatal error: the runtime cannot start: {error}");
            std::process::exit(2)
        }
    }
}

/// Runs the main goroutine. When it returns the process ends, there and then: goroutines that
/// are still there are cut off.
#[track_caller]
pub fn main<F>(options: Options, body: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Termination + Send + 'static,
{
    let runtime = start(options.builder().sigquit(true));
    let handle = runtime.handle();
    let main = handle.spawn_main(async move { handle.exit(status(body.await.report())) });
    let ended: Result<Infallible, JoinError> = runtime.block_on(main);
    // Not shut down: as in Go, the end of main does not wait for anybody.
    std::mem::forget(runtime);
    let Err(error) = ended;
    // Main has not returned: it panicked, which ends the process here, or has called `goexit`.
    // Then the others go on, and the monitor ends the process when none is left.
    let _goexit = error.crash_main();
    handle.main_leaves();
    handle.block_on(std::future::pending())
}

/// The number in an exit code, which std keeps to itself.
fn status(code: ExitCode) -> i32 {
    let number = (0..=u8::MAX).find(|&number| ExitCode::from(number) == code);
    number.map_or(1, i32::from)
}

/// A test in which all goroutines sleep so long, with foreign threads about, has failed.
const GRACE: Duration = Duration::from_secs(5);

/// How long the end of a test waits for polls in progress: if all goroutines have ended, for
/// the threads they ended on; if not, as the end of any runtime.
const LATE: Duration = Duration::from_secs(10);
const PROMPT: Duration = Duration::from_secs(1);

/// Goroutines that all wait so long after the body has returned are left behind, if that fails
/// the test; those that still run get longer.
const LEAK_PATIENCE: Duration = Duration::from_secs(1);
/// The same if it is only told.
const TOLD_PATIENCE: Duration = Duration::from_millis(100);
/// So many times longer is waited for those that run.
const RUNNING: u32 = 5;

/// Waits for the goroutines that a test has started to end; what is left of them then.
fn leaked(handle: Handle, patience: Duration) -> Vec<Goroutine> {
    let began = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        if handle.num_goroutine() == 0 {
            return Vec::new();
        }
        let waited = began.elapsed();
        if waited >= patience {
            let left = handle.dump().goroutines;
            let all_wait = left.iter().all(|g| g.state == GoroutineState::Waiting);
            if all_wait || waited >= patience * RUNNING {
                return left;
            }
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn complaint(left: &[Goroutine]) -> String {
    let mut text = match left.len() {
        1 => "the test has left a goroutine behind".to_owned(),
        n => format!("the test has left {n} goroutines behind"),
    };
    text.push_str(" (wait for them, or say `leaks = \"off\"`):\n");
    for g in left {
        text.push_str(&format!("\n{g}"));
    }
    text
}

/// How a test went, as far as it is known.
#[derive(Default)]
struct Outcome {
    deadlock: Option<String>,
    panics: Vec<String>,
    waker: Option<Waker>,
}

type Shared = Arc<Mutex<Outcome>>;

fn with<R>(outcome: &Shared, f: impl FnOnce(&mut Outcome) -> R) -> R {
    let mut guard = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    let result = f(&mut guard);
    let waker = guard.waker.take();
    drop(guard);
    if let Some(waker) = waker {
        waker.wake();
    }
    result
}

/// Runs a test in a runtime of its own. It fails if its body panics or deadlocks, if any
/// goroutine panics that nobody joins, and, if it is told to, if goroutines are left behind.
///
/// # Panics
///
/// If the test fails.
#[track_caller]
pub fn test<F>(options: Options, _path: &str, body: impl FnOnce() -> F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let outcome = Shared::default();
    let mut builder = options.builder().deadlock_grace(GRACE).isolated();
    let here = Arc::clone(&outcome);
    builder =
        builder.on_panic(move |text| with(&here, |outcome| outcome.panics.push(text.to_owned())));
    if !matches!(options.deadlock, Some("report" | "off")) {
        let here = Arc::clone(&outcome);
        builder = builder.on_deadlock(move |text| {
            with(&here, |outcome| outcome.deadlock = Some(text.to_owned()))
        });
    }
    let runtime = start(builder);
    let mut root = pin!(runtime.handle().spawn_main(body()));
    let ended = park::block_on(poll_fn(|cx| {
        {
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(text) = outcome.deadlock.take() {
                return Poll::Ready(Err(text));
            }
            outcome.waker = Some(cx.waker().clone());
        }
        root.as_mut().poll(cx).map(Ok)
    }));
    let fails = options.leaks == Some("fail");
    let patience = if fails { LEAK_PATIENCE } else { TOLD_PATIENCE };
    let (left, patience) = match (&ended, options.leaks) {
        (Ok(Ok(_)), None | Some("report" | "fail")) => match leaked(runtime.handle(), patience) {
            none if none.is_empty() => (none, LATE),
            some => (some, PROMPT),
        },
        _ => (Vec::new(), PROMPT),
    };
    // Those that have ended may still be on their way out, with a panic to tell.
    runtime.shutdown_timeout(patience);
    let panics = with(&outcome, |outcome| std::mem::take(&mut outcome.panics));
    let output = judge(ended, &panics);
    if !left.is_empty() {
        let text = complaint(&left);
        assert!(!fails, "{text}");
        // As in Go they are cut off, and the test is none the worse for it.
        eprintln!("{text}");
    }
    output
}

/// The panic of the test's own goroutine goes on here. It was caught, and so has printed
/// nothing yet.
fn fail(error: JoinError) -> ! {
    if let Some(message) = error.standard_message() {
        let thread = std::thread::current();
        eprintln!("\nthread '{}' {message}", thread.name().unwrap_or("main"));
    }
    match error.try_into_panic() {
        Ok(payload) => std::panic::resume_unwind(payload),
        Err(error) => panic!("the test's goroutine did not return: {error}"),
    }
}

fn judge<T>(ended: Result<Result<T, JoinError>, String>, panics: &[String]) -> T {
    match ended {
        Err(report) => panic!("{report}"),
        Ok(Err(error)) => fail(error),
        Ok(Ok(output)) => {
            assert!(
                panics.is_empty(),
                "a goroutine of this test panicked:\n{}",
                panics.join("\n")
            );
            output
        }
    }
}
