//! A runtime: start, spawn, `block_on`, and shutdown in numbered steps.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use marmot_wait::{ambient, park};

use crate::builder::{Builder, Config};
use crate::current;
use crate::driver::Driver;
use crate::dump::{Dump, Goroutine};
use crate::metrics::{self, Metrics};
use crate::processor::Processor;
use crate::registry::{OurRuntime, OurThread};
use crate::shared::{Kick, Sched, Shared};
use crate::snapshot;
use crate::task::join::JoinHandle;
use crate::task::panic;
use crate::{lease, leftovers, sigquit, sysmon, threads};

/// Goroutines on threads.
///
/// Dropping it shuts it down: goroutines that wait are dropped, polls in progress are waited
/// for, but not for longer than a second.
pub struct Runtime {
    shared: &'static Shared,
    monitor: Option<thread::JoinHandle<()>>,
    _counted: OurRuntime,
}

/// A way to a runtime from any thread. Cheap to copy; outlives the runtime harmlessly.
#[derive(Clone, Copy)]
pub struct Handle {
    shared: &'static Shared,
}

/// How long dropping a runtime waits for polls in progress.
const PATIENCE: Duration = Duration::from_secs(1);

impl Runtime {
    /// A runtime with the defaults.
    ///
    /// # Errors
    ///
    /// If a thread can't be created.
    pub fn new() -> io::Result<Runtime> {
        Builder::new().build()
    }

    /// Options first.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn start(
        procs: usize,
        driver: Box<dyn Driver>,
        config: Config,
    ) -> io::Result<Runtime> {
        lease::register();
        panic::install_hook();
        if config.sigquit {
            sigquit::install();
        }
        let shared = Shared::leak(driver, config);
        let mut sched = shared.lock();
        grow(shared, &mut sched, procs);
        // It begins without a P, and sleeps in the driver until there is something to do.
        let first = sched.new_machine(shared);
        drop(sched);
        let mut runtime = Runtime {
            shared,
            monitor: None,
            _counted: OurRuntime::new(shared),
        };
        if let Err(error) = threads::try_start(first) {
            shared.lock().threads -= 1;
            first.alive.store(false, Ordering::Relaxed);
            return Err(error);
        }
        let name = format!("{}-monitor", shared.config.name);
        let monitor = thread::Builder::new().name(name).spawn(move || {
            let _ours = OurThread::new();
            sysmon::run(shared);
        })?;
        shared.lock().monitor = Some(monitor.thread().clone());
        runtime.monitor = Some(monitor);
        Ok(runtime)
    }

    /// A way to this runtime from any thread.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle {
            shared: self.shared,
        }
    }

    /// Starts a goroutine.
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle().spawn(future)
    }

    /// Runs a future to its end on this thread, inside the runtime: what it spawns runs there.
    ///
    /// Legal inside a goroutine too: its P goes to another thread while this one waits.
    ///
    /// # Panics
    ///
    /// If the future does.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.handle().block_on(future)
    }

    /// Shuts down: goroutines that wait are dropped, polls in progress are waited for, up to
    /// `patience`. Those that then still run are left to end on their own.
    pub fn shutdown_timeout(mut self, patience: Duration) {
        self.shut_down(patience);
    }

    fn shut_down(&mut self, patience: Duration) {
        let Some(monitor) = self.monitor.take() else {
            return;
        };
        let shared = self.shared;
        // 1. Nothing new is started, and machines end after the poll they are in.
        shared.close();
        // 2. Sleepers are told.
        let own = current::machine().is_some_and(|m| std::ptr::eq(m.shared, shared));
        self.wake_everybody();
        monitor.thread().unpark();
        // 3. Their threads end; ours cannot, if we are called from a goroutine.
        wait_for_machines(shared, usize::from(own), Instant::now() + patience);
        drop(monitor.join());
        // 4. Those that are left are in a poll, and take no task afterwards.
        lease::heavy();
        while shared.lock().machines.iter().any(|m| m.is_scheduling()) {
            self.wake_everybody();
            thread::sleep(Duration::from_micros(100));
        }
        // 5. What is left of the goroutines is dropped here, as if their runtime still ran.
        shared.set_closed();
        let _entered = current::enter(shared);
        let hidden = HiddenPanics(panic::polls_here(true));
        while leftovers::drop_all(shared) {}
        drop(hidden);
        // 6. The Ps' queues of timers are free for others, and the driver lets go.
        for p in shared.procs.iter() {
            shared.driver.close_lane(p.lane);
        }
        shared.driver.close();
    }

    fn wake_everybody(&self) {
        let shared = self.shared;
        let sleepers: Vec<_> = shared.lock().idle_machines.clone();
        for machine in sleepers {
            shared.act(Kick::Unpark(machine));
        }
        shared.driver.interrupt();
    }
}

/// Puts the thread's way with panics back, while unwinding too.
struct HiddenPanics(bool);

impl Drop for HiddenPanics {
    fn drop(&mut self) {
        panic::polls_here(self.0);
    }
}

/// Waits until at most `own` machines are left.
fn wait_for_machines(shared: &'static Shared, own: usize, until: Instant) {
    let mut sched = shared.lock();
    while sched.threads > own {
        let Some(patience) = until.checked_duration_since(Instant::now()) else {
            break;
        };
        // A machine may go to sleep after it was woken, having seen no P; look again soon.
        let slice = patience.min(Duration::from_millis(5));
        let (again, _) = shared
            .thread_ended
            .wait_timeout(sched, slice)
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        sched = again;
        let sleepers = sched.idle_machines.clone();
        if sched.threads > own {
            drop(sched);
            sleepers
                .into_iter()
                .for_each(|m| shared.act(Kick::Unpark(m)));
            shared.driver.interrupt();
            sched = shared.lock();
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.shut_down(PATIENCE);
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let procs = self.shared.procs.active();
        f.debug_struct("Runtime")
            .field("max_procs", &procs)
            .finish_non_exhaustive()
    }
}

impl Handle {
    /// The runtime of this thread: that of the goroutine it runs, or the one entered by
    /// `block_on`.
    #[must_use]
    pub fn try_current() -> Option<Handle> {
        current::runtime().map(|shared| Handle { shared })
    }

    /// The runtime of this thread.
    ///
    /// # Panics
    ///
    /// Outside a runtime.
    #[must_use]
    #[track_caller]
    pub fn current() -> Handle {
        match Handle::try_current() {
            Some(handle) => handle,
            None => outside(),
        }
    }

    /// Starts a goroutine, which inherits what is ambient here. On a runtime that is shutting
    /// down the future is dropped at once, and the handle tells that it was cancelled.
    #[inline]
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let place = Some(Location::caller());
        if ambient::is_set() {
            return spawn_heir(self.shared, place, future);
        }
        current::spawn(self.shared, place, future)
    }

    /// Starts a goroutine that was born there.
    pub(crate) fn spawn_at<F>(
        &self,
        future: F,
        place: &'static Location<'static>,
    ) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        current::spawn(self.shared, Some(place), future)
    }

    /// Starts the main goroutine of a program or test: no line of the program has created it.
    #[doc(hidden)]
    pub fn spawn_main<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        current::spawn(self.shared, None, future)
    }

    /// As [`Runtime::block_on`].
    ///
    /// # Panics
    ///
    /// If the future does.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = current::enter(self.shared);
        park::block_on(future)
    }

    /// Goroutines that have not ended.
    #[must_use]
    pub fn num_goroutine(&self) -> usize {
        usize::try_from(snapshot::count(self.shared)).unwrap_or(usize::MAX)
    }

    /// How many Ps there are; with `Some(n)`, how many there were, and `n` from now on.
    ///
    /// Takes effect while running: new Ps at once, superfluous ones as soon as the polls on
    /// them end. The caller's P stays. `Some(0)` only asks.
    #[must_use = "the previous number; ignore it with `let _ =`"]
    pub fn gomaxprocs(&self, procs: Option<usize>) -> usize {
        let Some(wanted @ 1..) = procs else {
            return self.shared.procs.active();
        };
        self.shared.follows_quota.store(false, Ordering::Relaxed);
        set_procs(self.shared, wanted)
    }

    /// Every goroutine, by number.
    #[must_use]
    pub fn goroutines(&self) -> Vec<Goroutine> {
        snapshot::goroutines(self.shared)
    }

    /// Every goroutine, P and M, as they stand.
    ///
    /// Asks nobody to stop, so it works while every thread is stuck.
    #[must_use]
    pub fn dump(&self) -> Dump {
        snapshot::dump(self.shared)
    }

    /// The goroutines that nothing can ever wake: they wait, and there is no waker of them left
    /// and no handle to abort them.
    #[must_use]
    pub fn leaked(&self) -> Vec<Goroutine> {
        let mut all = snapshot::goroutines(self.shared);
        all.retain(|g| g.lost);
        all
    }

    /// Every goroutine, in the layout of Go's tracebacks.
    #[must_use]
    pub fn stack(&self) -> String {
        snapshot::stack(self.shared)
    }

    /// Numbers about the runtime: what it has done so far, and how it stands.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        metrics::read(self.shared)
    }

    /// What the scheduler has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        let sched = self.shared.lock();
        Stats {
            threads: sched.threads,
            handoffs_blocked: counters.handoffs_blocked.load(Ordering::Relaxed),
            handoffs_burning: counters.handoffs_burning.load(Ordering::Relaxed),
            lost: counters.lost.load(Ordering::Relaxed),
            started: self.shared.started_so_far(&sched),
            queued_globally: self.shared.global.len() + self.shared.hogs.len(),
            queued_locally: self.shared.procs.iter().map(|p| p.stealer.len()).sum(),
        }
    }

    /// Ends the process with this status, there and then, for the main goroutine.
    ///
    /// Stdout's lock is taken for good: a goroutine that is printing a line finishes it, and no
    /// other begins one that would be cut off in the middle. If somebody keeps the lock, the
    /// monitor ends the process after a tenth of a second.
    #[doc(hidden)]
    pub fn exit(&self, status: i32) -> ! {
        self.shared.exit_begins(status);
        std::mem::forget(io::stdout().lock());
        std::process::exit(status)
    }

    /// The main goroutine has called [`goexit`](crate::goexit): the process ends when the
    /// others have.
    #[doc(hidden)]
    pub fn main_leaves(&self) {
        self.shared.main_leaves();
        // The monitor may have gone to sleep over a runtime that was not dead without this.
        if let Some(monitor) = &self.shared.lock().monitor {
            monitor.unpark();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// What a scheduler has done so far.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Threads that run goroutines, asleep or not.
    pub threads: usize,
    /// Ps taken from polls that blocked their thread.
    pub handoffs_blocked: u64,
    /// Ps taken from polls that burned CPU.
    pub handoffs_burning: u64,
    /// Goroutines that went to sleep with nothing left that could wake them.
    pub lost: u64,
    /// Goroutines started.
    pub started: u64,
    /// Goroutines in the global queue and the lane of the hogs: a glance.
    pub queued_globally: usize,
    /// Goroutines in the queues of the Ps: a glance.
    pub queued_locally: usize,
}

/// Starts a goroutine that inherits what is ambient. Apart, so that starting one without stays
/// as short as it is.
#[inline(never)]
fn spawn_heir<F>(
    shared: &'static Shared,
    place: Option<&'static Location<'static>>,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    current::spawn(shared, place, ambient::inherit(future))
}

#[cold]
#[track_caller]
fn outside() -> ! {
    panic!(
        "no runtime on this thread: call it inside `#[marmot::main]`, `marmot::block_on(async {{ .. }})` \
         or `Runtime::block_on`"
    )
}

/// Changes the number of Ps; what it was.
pub(crate) fn set_procs(shared: &'static Shared, wanted: usize) -> usize {
    let wanted = wanted.clamp(1, crate::procs::MAX_PROCS);
    let mut sched = shared.lock();
    let before = shared.procs.active();
    match wanted.cmp(&before) {
        std::cmp::Ordering::Less => shrink(shared, &mut sched, wanted),
        std::cmp::Ordering::Equal => {}
        std::cmp::Ordering::Greater => {
            grow(shared, &mut sched, wanted);
            drop(sched);
            shared.notify();
        }
    }
    before
}

/// More Ps: retired ones first, then new ones.
fn grow(shared: &'static Shared, sched: &mut Sched, procs: usize) {
    for p in shared
        .procs
        .iter()
        .filter(|p| p.retire.swap(false, Ordering::Relaxed))
    {
        if let Some(at) = sched.retired.iter().position(|retired| retired.id == p.id) {
            sched.retired.swap_remove(at);
            add_idle(shared, sched, p);
        }
    }
    while shared.procs.slots() < procs {
        let id = u32::try_from(shared.procs.slots()).expect("at most 1024 Ps");
        let p = shared
            .procs
            .add(Processor::new(id, shared.driver.open_lane()));
        add_idle(shared, sched, p);
    }
    shared.procs.set_active(shared.procs.slots());
    if shared.procs.slots() > procs {
        shrink(shared, sched, procs);
    }
}

fn add_idle(shared: &'static Shared, sched: &mut Sched, p: &'static Processor) {
    sched.idle_procs.push(p);
    shared.idle.add();
}

/// Fewer Ps: idle ones first; busy ones, but not the caller's, at the end of their poll.
fn shrink(shared: &'static Shared, sched: &mut Sched, procs: usize) {
    let mut superfluous = shared.procs.active().saturating_sub(procs);
    shared.procs.set_active(procs);
    while superfluous > 0 {
        let Some(p) = sched.take_idle(shared) else {
            break;
        };
        p.retire.store(true, Ordering::Relaxed);
        sched.retired.push(p);
        superfluous -= 1;
    }
    let own = current::machine()
        .and_then(crate::machine::Machine::believed)
        .map(|p| p.id);
    let busy = shared.procs.iter().filter(|p| Some(p.id) != own);
    for p in busy
        .filter(|p| !p.retire.load(Ordering::Relaxed))
        .take(superfluous)
    {
        p.retire.store(true, Ordering::Relaxed);
    }
}
