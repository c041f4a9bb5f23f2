//! The few things code inside a goroutine may say to whoever polls it.
//!
//! The scheduler installs a [`Runner`] on each of its threads. Under a foreign executor, and
//! on a plain thread, there is none, and each question has a harmless answer.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::Waker;

use crate::local::LOCAL;
use crate::note::{Note, Waits};

/// The lane of a thread that has none.
pub(crate) const NO_LANE: u32 = u32::MAX;

/// Why a thread is about to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockingKind {
    /// It waits for a wake-up from another goroutine or thread ([`park`](crate::park)).
    Park,
    /// It is in a system call or in foreign code that comes back by itself.
    Call,
}

/// Whoever polls goroutines on this thread.
pub trait Runner: Sync {
    /// The goroutine on this thread is about to block it: its P may go to another thread.
    /// Calls nest; each is paired with a [`leave_blocking`](Runner::leave_blocking).
    fn enter_blocking(&self, kind: BlockingKind, note: Note);
    /// The thread goes on.
    fn leave_blocking(&self);
    /// Runs this future as a goroutine of its own, born at `place`.
    fn spawn(
        &self,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
        place: &'static Location<'static>,
    );
    /// Whether this is the waker of the goroutine that this thread polls, and not one that
    /// somebody within it has put in its place.
    fn owns(&self, waker: &Waker) -> bool {
        let _ = waker;
        false
    }
}

/// Installs whoever polls on this thread; `None` takes it away. Gives the one before.
pub fn set_runner(runner: Option<&'static dyn Runner>) -> Option<&'static dyn Runner> {
    LOCAL.with(|local| local.runner.replace(runner))
}

/// Whoever polls on this thread.
#[inline]
#[must_use]
pub fn runner() -> Option<&'static dyn Runner> {
    LOCAL.with(|local| local.runner.get())
}

/// The queue of timers that belongs to the P of this thread; `None` outside a runtime.
#[inline]
#[must_use]
pub fn lane() -> Option<u32> {
    match LOCAL.with(|local| local.lane.get()) {
        NO_LANE => None,
        lane => Some(lane),
    }
}

/// Says which queue of timers belongs to this thread's P. Gives the one before.
#[inline]
pub fn set_lane(lane: Option<u32>) -> Option<u32> {
    match LOCAL.with(|local| local.lane.replace(lane.unwrap_or(NO_LANE))) {
        NO_LANE => None,
        lane => Some(lane),
    }
}

/// Begins the poll of a goroutine on this thread: its number among all runtimes
/// ([`held::number`](crate::held::number)), and how many operations it may do. Forgets what an earlier poll said. For whoever polls; one thread-local access.
#[inline]
pub fn begin_poll(goroutine: u64, operations: u32) {
    LOCAL.with(|local| {
        local.goroutine.set(goroutine);
        local.note.set(Note::NONE);
        local.waits.set(Waits::Nothing);
        local.budget.set(operations + 1);
    });
}

/// Ends the poll that [`begin_poll`] began; gives what its last leaf said it waits for.
#[inline]
#[must_use]
pub fn end_poll() -> Note {
    LOCAL.with(|local| {
        local.goroutine.set(0);
        local.budget.set(0);
        local.note.get()
    })
}

/// Runs `f`, which may block the thread, with the P of this thread free to go elsewhere.
///
/// Outside a runtime it just runs `f`.
///
/// # Panics
///
/// If `f` does; the P's way back is the same.
pub fn blocking<R>(kind: BlockingKind, note: Note, f: impl FnOnce() -> R) -> R {
    let Some(runner) = runner() else { return f() };
    runner.enter_blocking(kind, note);
    let _back = Leave(runner);
    f()
}

/// Leaves the blocking stretch, while unwinding too.
struct Leave(&'static dyn Runner);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.leave_blocking();
    }
}
