//! What `#[marmot::main]` and `#[marmot::test]` call.

use std::future::{Future, poll_fn};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use marmot_wait::park;

use crate::{Builder, Deadlock, JoinError, Panic, Runtime};

/// The options of the two attributes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    max_procs: Option<usize>,
    panic: Option<&'static str>,
    deadlock: Option<&'static str>,
}

impl Options {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Options {
        Options {
            max_procs: None,
            panic: None,
            deadlock: None,
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
            let _ = writeln!(
                std::io::stderr(),
                "fatal error: the runtime cannot start: {error}"
            );
            std::process::exit(2)
        }
    }
}

/// Runs the main goroutine. When it returns, the process does: goroutines that are still
/// there are cut off.
pub fn main<F>(options: Options, body: F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let runtime = start(options.builder());
    let main = runtime.spawn(body);
    let ended = runtime.block_on(main);
    let handle = runtime.handle();
    // Not shut down: as in Go, the end of main does not wait for anybody.
    std::mem::forget(runtime);
    match ended.map_err(JoinError::crash_main) {
        Ok(output) => output,
        // Main has called `goexit`: the others go on, and the monitor ends the process when
        // none is left.
        Err(_) => {
            handle.main_leaves();
            handle.block_on(std::future::pending())
        }
    }
}

/// How a test went, as far as it is known.
struct Outcome<T> {
    output: Option<Result<T, JoinError>>,
    deadlock: Option<String>,
    panics: Vec<String>,
    waker: Option<Waker>,
}

type Shared<T> = Arc<Mutex<Outcome<T>>>;

fn with<T, R>(outcome: &Shared<T>, f: impl FnOnce(&mut Outcome<T>) -> R) -> R {
    let mut guard = outcome.lock().unwrap_or_else(PoisonError::into_inner);
    let result = f(&mut guard);
    let waker = guard.waker.take();
    drop(guard);
    if let Some(waker) = waker {
        waker.wake();
    }
    result
}

/// Runs a test in a runtime of its own. It fails if its body panics or deadlocks, and if any
/// goroutine panics that nobody joins.
///
/// # Panics
///
/// If the test fails.
pub fn test<F>(options: Options, _path: &str, body: impl FnOnce() -> F) -> F::Output
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let outcome: Shared<F::Output> = Arc::new(Mutex::new(Outcome {
        output: None,
        deadlock: None,
        panics: Vec::new(),
        waker: None,
    }));
    let mut builder = options.builder();
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
    let root = runtime.spawn(body());
    let here = Arc::clone(&outcome);
    let joined = runtime.spawn(async move {
        let output = root.await;
        with(&here, |outcome| outcome.output = Some(output));
    });
    let ended = park::block_on(poll_fn(|cx| {
        let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = outcome.deadlock.take() {
            return Poll::Ready(Err(text));
        }
        match outcome.output.take() {
            Some(output) => Poll::Ready(Ok(output)),
            None => {
                outcome.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }));
    drop(joined);
    drop(runtime);
    let panics = with(&outcome, |outcome| std::mem::take(&mut outcome.panics));
    judge(ended, &panics)
}

fn judge<T>(ended: Result<Result<T, JoinError>, String>, panics: &[String]) -> T {
    match ended {
        Err(report) => panic!("{report}"),
        Ok(Err(error)) => match error.try_into_panic() {
            Ok(payload) => std::panic::resume_unwind(payload),
            Err(error) => panic!("the test's goroutine did not return: {error}"),
        },
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
