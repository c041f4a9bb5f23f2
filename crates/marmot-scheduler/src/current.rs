//! Which machine and which runtime this thread belongs to, and what goroutines do through it:
//! be made, be queued, block, yield.

use std::cell::Cell;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use marmot_wait::{BlockingKind, Note, Runner, WaitReason, note};

use crate::blocking;
use crate::events;
use crate::leftovers;
use crate::machine::{Machine, header, sampling};
use crate::shared::Shared;
use crate::task::cell::{self, Birth};
use crate::task::header::{Header, TaskRef, temper};
use crate::task::join::JoinHandle;
use crate::task::{panic, slab};

thread_local! {
    /// The machine that this thread is.
    static MACHINE: Cell<Option<&'static Machine>> = const { Cell::new(None) };
    /// The runtime that this thread has entered.
    static RUNTIME: Cell<Option<&'static Shared>> = const { Cell::new(None) };
}

/// The machine that this thread is, if it is one.
#[inline]
pub(crate) fn machine() -> Option<&'static Machine> {
    // A thread that is ending is no machine any more.
    MACHINE.try_with(Cell::get).ok().flatten()
}

/// The runtime this thread belongs to, or has entered.
pub(crate) fn runtime() -> Option<&'static Shared> {
    RUNTIME.try_with(Cell::get).ok().flatten()
}

pub(crate) fn enter_machine(machine: &'static Machine) {
    MACHINE.set(Some(machine));
    RUNTIME.set(Some(machine.shared));
    marmot_wait::set_runner(Some(machine.shared));
}

pub(crate) fn leave_machine() {
    marmot_wait::set_runner(None);
    RUNTIME.set(None);
    MACHINE.set(None);
}

/// Makes the runtime that of this thread until the guard is dropped.
pub(crate) fn enter(shared: &'static Shared) -> Entered {
    let runner = marmot_wait::set_runner(Some(shared));
    // A machine of another runtime keeps its lane: that one's timers are what it can reach.
    let lane = match machine() {
        Some(_) => marmot_wait::lane(),
        None => marmot_wait::set_lane(shared.procs.get(0).map(|p| p.lane)),
    };
    Entered {
        runtime: RUNTIME.replace(Some(shared)),
        runner,
        lane,
    }
}

/// Goes back to the runtime before, when dropped.
pub(crate) struct Entered {
    runtime: Option<&'static Shared>,
    runner: Option<&'static dyn Runner>,
    lane: Option<u32>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        RUNTIME.set(self.runtime);
        marmot_wait::set_runner(self.runner);
        if machine().is_none() {
            marmot_wait::set_lane(self.lane);
        }
    }
}

/// The machine that this thread is, if it is one of this runtime.
#[inline]
fn machine_of(shared: &'static Shared) -> Option<&'static Machine> {
    machine().filter(|m| std::ptr::eq(m.shared, shared))
}

/// A free cell of the slab.
#[inline]
pub(crate) fn alloc_cell(class: u8) -> NonNull<Header> {
    match machine() {
        Some(m) => m.cache().alloc(class),
        None => slab::alloc_loose(class),
    }
}

/// Takes a cell back.
#[inline]
pub(crate) fn free_cell(class: u8, cell: NonNull<Header>) {
    match machine() {
        Some(m) => m.cache().free(class, cell),
        None => slab::free_loose(class, cell),
    }
}

/// Adds one to a counter that only this thread writes.
#[inline]
fn bump(counter: &AtomicU64) {
    // ORDERING: Relaxed, a count; only this thread writes it, so no increment is lost.
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[inline]
pub(crate) fn count_end(shared: &'static Shared) {
    match machine_of(shared) {
        Some(m) => bump(&m.ended),
        None => _ = shared.ended.fetch_add(1, Ordering::Relaxed),
    }
}

/// Starts a goroutine.
#[inline]
pub(crate) fn spawn<F>(
    shared: &'static Shared,
    birthplace: Option<&'static Location<'static>>,
    future: F,
) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    if shared.is_closing() {
        drop(future);
        return JoinHandle::cut_off();
    }
    let machine = machine_of(shared);
    let id = match machine {
        Some(m) => {
            bump(&m.started);
            m.next_id()
        }
        None => {
            shared.started.fetch_add(1, Ordering::Relaxed);
            shared.take_id()
        }
    };
    let birth = Birth {
        shared,
        id,
        parent: note::goroutine(),
        birthplace,
    };
    crate::tell::spawned(id, birth.parent, birthplace);
    let task = cell::make(future, birth);
    schedule::<true>(shared, task);
    if shared.is_closing() {
        drop_if_closed(shared, task);
    }
    JoinHandle::of(task)
}

/// The runtime closed while this goroutine was being queued: drops it, unless the walk over
/// the cells does.
#[cold]
fn drop_if_closed(shared: &'static Shared, task: TaskRef) {
    leftovers::drop_one(shared, task);
}

/// Queues a task that has just been made or woken: as the next to run on this thread's P, or
/// globally if it has none.
#[inline]
pub(crate) fn schedule<const NEW: bool>(shared: &'static Shared, task: TaskRef) {
    if events::on() {
        if NEW {
            events::created(task);
        } else {
            events::woken(task);
        }
    }
    let Some(m) = machine_of(shared) else {
        return shared.push_foreign(task);
    };
    if header(task).temper.load(Ordering::Relaxed) == temper::HOG {
        return shared.push_hog(task);
    }
    if m.sampling.get() >= sampling::TIMING {
        m.stamp(header(task));
    }
    if m.batch.is_kept() {
        m.batch.join(task);
    }
    let before = m.side.enter();
    let queued = m.held().map(|p| p.push_next(task));
    m.side.leave(before);
    match queued {
        Some(false) => {}
        Some(true) => {
            bump(&m.queued);
            if shared.procs.active() > 1 && !m.batch.is_kept() {
                shared.notify();
            }
        }
        None => shared.push_global(task),
    }
}

/// What code inside a goroutine may say to whoever polls it. A timer's function may remember
/// it and start goroutines through it later, from any thread.
impl Runner for Shared {
    fn enter_blocking(&self, kind: BlockingKind, note: Note) {
        if let Some(m) = machine() {
            blocking::enter(m, kind, note);
        }
    }

    fn leave_blocking(&self) {
        if let Some(m) = machine() {
            blocking::leave(m);
        }
    }

    fn spawn(
        &self,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
        place: &'static Location<'static>,
    ) {
        drop(spawn(Shared::from_ptr(self), Some(place), future));
    }

    fn owns(&self, waker: &Waker) -> bool {
        is_polled_with(waker)
    }
}

/// Names the goroutine that this thread polls; nothing if there is none.
///
/// Dumps and deadlock reports show the name beside the number.
pub fn set_name(name: &str) {
    if let Some(g) = machine().and_then(crate::snapshot::polled) {
        crate::names::set(g, name);
    }
}

/// Whether this is the waker of the goroutine that this thread polls.
#[inline]
pub(crate) fn is_polled_with(waker: &Waker) -> bool {
    machine().is_some_and(|m| is_of_its_task(m, waker))
}

/// Whether this is the waker of the task that the machine polls.
#[inline]
fn is_of_its_task(m: &Machine, waker: &Waker) -> bool {
    std::ptr::eq(waker.data(), m.task.load(Ordering::Relaxed).cast())
}

/// See [`gosched`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Gosched(bool);

/// Lets others run: the goroutine goes to the end of the global queue, as in Go.
///
/// Under a foreign executor it wakes itself and waits once.
///
/// # Cancel safety
///
/// Nothing to lose.
pub fn gosched() -> Gosched {
    Gosched(false)
}

impl Future for Gosched {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        note::set(WaitReason::Yield, 0, Location::caller());
        match machine() {
            // The machine queues the goroutine it polls without a detour through the waker; a
            // waker of somebody else (a nested `block_on`, a set of futures) has to be told.
            Some(m) if is_of_its_task(m, cx.waker()) => m.yielded.set(true),
            _ => cx.waker().wake_by_ref(),
        }
        Poll::Pending
    }
}

/// See [`goexit`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct GoexitFuture(());

/// Ends this goroutine: its destructors run, nobody else is concerned, and whoever joins it
/// gets an error that says so. In the main goroutine the others go on, and the process ends
/// with a report when none is left.
///
/// # Cancel safety
///
/// Nothing to lose.
pub fn goexit() -> GoexitFuture {
    GoexitFuture(())
}

impl Future for GoexitFuture {
    type Output = std::convert::Infallible;

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Self::Output> {
        std::panic::resume_unwind(Box::new(panic::Goexit))
    }
}
