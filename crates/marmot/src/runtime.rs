//! The runtime, after Go's package of that name: start it, and ask it.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::time::Duration;

use marmot_wait::{BlockingKind, Note, WaitReason};

use crate::reactor::Reactor;
pub use crate::{AbortHandle, Deadlock, JoinError, JoinHandle, Panic};

/// What [`dump()`] gives: goroutines, Ps and Ms as plain values.
pub use marmot_scheduler::dump;
/// What [`metrics()`] gives: counters, gauges and histograms.
pub use marmot_scheduler::metrics;
pub use marmot_scheduler::{
    Dump, Goroutine, GoroutineState, Gosched, Handle, Metrics, Scope, ScopedJoinHandle, Stats,
    goexit, gosched, num_cpu, scope,
};

/// Goroutines on threads, with timers and sockets.
///
/// Dropping it shuts it down: goroutines that wait are dropped, polls in progress are waited
/// for, but not for longer than a second.
///
/// # Examples
///
/// ```
/// use marmot::{Panic, Runtime};
///
/// let rt = Runtime::builder().max_procs(2).panic(Panic::Report).build()?;
/// assert_eq!(rt.block_on(rt.spawn(async { 6 * 7 })).unwrap(), 42);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct Runtime(marmot_scheduler::Runtime);

impl Runtime {
    /// A runtime with the defaults.
    ///
    /// # Errors
    ///
    /// If a thread or the poller can't be created.
    pub fn new() -> io::Result<Runtime> {
        Runtime::builder().build()
    }

    /// Options first.
    #[must_use]
    pub fn builder() -> Builder {
        Builder(marmot_scheduler::Builder::new())
    }

    /// Runs a future to its end on this thread, inside the runtime: what it starts runs there.
    /// Any future will do, `Send` or not. Legal inside a goroutine too: its P goes to another
    /// thread while this one waits.
    ///
    /// # Panics
    ///
    /// If the future does.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    /// Starts a goroutine.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.0.spawn(future)
    }

    /// A way to this runtime from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.0.handle()
    }

    /// Shuts down: goroutines that wait are dropped, polls in progress are waited for, up to
    /// `patience`; those that then still run are left to end on their own.
    pub fn shutdown_timeout(self, patience: Duration) {
        self.0.shutdown_timeout(patience);
    }
}

/// Makes a [`Runtime`]; see [`Runtime::builder`].
#[derive(Debug)]
pub struct Builder(marmot_scheduler::Builder);

impl Builder {
    /// How many goroutines run at the same time. Overrides the environment's `GOMAXPROCS`;
    /// without both, the CPUs that the process may use (affinity and cgroup quota). From 1 to
    /// 1024.
    #[must_use]
    pub fn max_procs(self, procs: usize) -> Builder {
        Builder(self.0.max_procs(procs))
    }

    /// What a panic does that nobody can observe; [`Panic::Report`] by default.
    /// `MARMOT_PANIC=crash|report` overrides it.
    #[must_use]
    pub fn panic(self, policy: Panic) -> Builder {
        Builder(self.0.panic(policy))
    }

    /// What happens when no goroutine can ever go on; [`Deadlock::Report`] by default.
    #[must_use]
    pub fn deadlock(self, policy: Deadlock) -> Builder {
        Builder(self.0.deadlock(policy))
    }

    /// Calls `f` with a deadlock report instead of printing it: when all goroutines are asleep,
    /// when some wait for each other in a circle, and when one waits for what it holds itself.
    #[must_use]
    pub fn on_deadlock(self, f: impl Fn(&str) + Send + Sync + 'static) -> Builder {
        Builder(self.0.on_deadlock(f))
    }

    /// Calls `f` with the report of a panic that nobody can observe, instead of applying the
    /// policy.
    #[must_use]
    pub fn on_panic(self, f: impl Fn(&str) + Send + Sync + 'static) -> Builder {
        Builder(self.0.on_panic(f))
    }

    /// How long all goroutines must have been asleep before it is told, where a thread that is
    /// not the runtime's could still wake one; a second by default.
    #[must_use]
    pub fn deadlock_grace(self, grace: Duration) -> Builder {
        Builder(self.0.deadlock_grace(grace))
    }

    /// For a test's runtime; see the scheduler's.
    pub(crate) fn isolated(self) -> Builder {
        Builder(self.0.isolated(true))
    }

    /// SIGQUIT prints every goroutine of the process to stderr and ends it with status 2, as in
    /// Go. That is the default of [`#[marmot::main]`](macro@crate::main), not of a runtime made
    /// by hand. `MARMOT_DEBUG=sigquit=0|1` overrides both.
    ///
    /// A program that handles SIGQUIT itself, before or after, keeps it. Elsewhere than on Unix
    /// it changes nothing.
    #[must_use]
    pub fn sigquit(self, dumps: bool) -> Builder {
        Builder(self.0.sigquit(dumps))
    }

    /// How many threads at most; 10,000 by default, as in Go.
    #[must_use]
    pub fn max_threads(self, threads: usize) -> Builder {
        Builder(self.0.max_threads(threads))
    }

    /// How many threads at most burn CPU in goroutines that do not let others run; 8 by
    /// default, at least 2.
    #[must_use]
    pub fn hog_threads(self, threads: usize) -> Builder {
        Builder(self.0.hog_threads(threads))
    }

    /// The stack of each thread, in bytes; std's default otherwise.
    #[must_use]
    pub fn stack_size(self, bytes: usize) -> Builder {
        Builder(self.0.stack_size(bytes))
    }

    /// What the threads are called; a number follows.
    #[must_use]
    pub fn thread_name(self, name: impl Into<String>) -> Builder {
        Builder(self.0.thread_name(name))
    }

    /// Makes the runtime and its first threads.
    ///
    /// # Errors
    ///
    /// If a thread or the poller can't be created.
    pub fn build(self) -> io::Result<Runtime> {
        self.0
            .driver(Box::new(Reactor::new()?))
            .build()
            .map(Runtime)
    }
}

/// Starts a goroutine on the runtime of this thread: the function behind [`go!`](crate::go!).
/// It inherits the ambient [`Context`](crate::Context).
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    Handle::current().spawn(future)
}

/// Runs a future to its end on this thread, inside the runtime that the thread belongs to, or
/// inside one made for this call.
///
/// # Panics
///
/// If the future does, or if a runtime can't be made.
///
/// # Examples
///
/// ```
/// use marmot::prelude::*;
///
/// assert_eq!(marmot::block_on(async { go!(async { 2 }).await.unwrap() + 1 }), 3);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    if let Some(handle) = Handle::try_current() {
        return handle.block_on(future);
    }
    let runtime = Runtime::new().unwrap_or_else(|error| panic!("no runtime can be made: {error}"));
    runtime.block_on(future)
}

/// Runs `f`, which may block this thread: the P goes to another thread at once if anyone needs
/// it.
///
/// Without it the monitor notices within a millisecond or two; this is for calls that are
/// known to block.
///
/// # Panics
///
/// If `f` does.
///
/// # Examples
///
/// ```
/// use marmot::runtime;
///
/// let text = runtime::blocking(|| std::fs::read_to_string("Cargo.toml"));
/// assert!(text.is_ok());
/// ```
#[track_caller]
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    let place = Some(Location::caller());
    let note = Note {
        reason: WaitReason::Syscall,
        object: 0,
        place,
    };
    marmot_wait::blocking(BlockingKind::Call, note, f)
}

/// How many goroutines of this runtime have not ended.
///
/// # Panics
///
/// Outside a runtime.
#[must_use]
#[track_caller]
pub fn num_goroutine() -> usize {
    Handle::current().num_goroutine()
}

/// How many Ps there are; with `Some(n)`, how many there were, and `n` from now on.
///
/// Takes effect while running. `Some(0)` only asks, as `None`.
///
/// # Panics
///
/// Outside a runtime.
#[track_caller]
pub fn gomaxprocs(procs: Option<usize>) -> usize {
    Handle::current().gomaxprocs(procs)
}

/// Names the goroutine that calls this: dumps, deadlock reports and traces show the name.
/// Elsewhere it does nothing.
///
/// # Examples
///
/// ```
/// use marmot::prelude::*;
///
/// # marmot::block_on(async {
/// let (started, wait) = chan::<()>(0);
/// go!(async move {
///     runtime::set_name("reader of the queue");
///     drop(started);
///     std::future::pending::<()>().await
/// });
/// wait.recv().await;
/// assert!(runtime::stack().contains("named reader of the queue"));
/// # });
/// ```
pub fn set_name(name: impl AsRef<str>) {
    marmot_scheduler::set_name(name.as_ref());
}

/// Every goroutine, P and M of this runtime, as they stand.
///
/// Asks nobody to stop, so it works while every thread is stuck; and it walks over the
/// goroutines without a lock, so the others go on meanwhile. With the feature `serde` the
/// result serialises.
///
/// # Panics
///
/// Outside a runtime; [`Handle::dump`] works from everywhere.
///
/// # Complexity
///
/// O(n log n) for n goroutines: a second for a million.
///
/// # Examples
///
/// ```
/// use marmot::prelude::*;
///
/// # marmot::block_on(async {
/// let (tx, rx) = chan::<u32>(0);
/// go!(async move { rx.recv().await });
/// sleep(ms(5)).await;
/// let dump = runtime::dump();
/// let waits = &dump.goroutines[0];
/// assert_eq!(waits.reason.as_str(), "chan receive");
/// assert!(waits.birthplace.is_some_and(|place| place.line > 0));
/// # drop(tx);
/// # });
/// ```
#[must_use]
#[track_caller]
pub fn dump() -> Dump {
    Handle::current().dump()
}

/// Numbers about this runtime: what it has done since it was made, and how it stands.
///
/// # Panics
///
/// Outside a runtime; [`Handle::metrics`] works from everywhere.
///
/// # Complexity
///
/// Looks at every goroutine once.
///
/// # Examples
///
/// ```
/// use marmot::prelude::*;
///
/// # marmot::block_on(async {
/// for _ in 0..100 {
///     go!(async {}).await.unwrap();
/// }
/// let metrics = runtime::metrics();
/// assert_eq!(metrics.goroutines.created, 100);
/// println!("{}", metrics.to_openmetrics());
/// # });
/// ```
#[must_use]
#[track_caller]
pub fn metrics() -> Metrics {
    Handle::current().metrics()
}

/// The goroutines of this runtime that nothing can ever wake: they wait, and there is no waker
/// of them left and no handle to abort them.
///
/// Each of them is a leak for certain. A goroutine that waits for something that still exists
/// but will never happen is not among them.
///
/// # Panics
///
/// Outside a runtime.
///
/// # Examples
///
/// ```
/// use marmot::prelude::*;
///
/// # marmot::block_on(async {
/// go!(std::future::pending::<()>());       // drops its waker at once
/// # while runtime::leaked().is_empty() { sleep(ms(1)).await }
/// assert_eq!(runtime::leaked().len(), 1);
/// # });
/// ```
#[must_use]
#[track_caller]
pub fn leaked() -> Vec<Goroutine> {
    Handle::current().leaked()
}

/// Every goroutine, in the layout of Go's tracebacks.
///
/// # Panics
///
/// Outside a runtime.
#[must_use]
#[track_caller]
pub fn stack() -> String {
    Handle::current().stack()
}
