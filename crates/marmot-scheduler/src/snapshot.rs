//! How it stands: every goroutine of a runtime, read while it runs.
//!
//! Walks the slab's cells instead of keeping a list. A header's `id` is its seqlock: fields
//! read between two looks at the same number are that goroutine's, or were a moment ago.

use std::fmt::Write as _;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use marmot_wait::{WaitReason, clock};

use crate::machine::{Machine, header};
use crate::shared::Shared;
use crate::task::header::{Header, TaskRef, millis};
use crate::task::slab;
use crate::task::state::Glance;

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GoroutineState {
    /// In a queue.
    Runnable,
    /// Being polled.
    Running,
    /// Waiting; see its reason.
    Waiting,
}

/// One goroutine, as a dump tells it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Goroutine {
    /// Its number.
    pub id: u64,
    /// What it does.
    pub state: GoroutineState,
    /// Why it waits, if it does.
    pub reason: WaitReason,
    /// The address of what it waits for; 0 for none.
    pub object: usize,
    /// The line that waits, if known.
    pub waits_at: Option<&'static Location<'static>>,
    /// For how long it has been waiting.
    pub waiting_for: Duration,
    /// Where it was born.
    pub birthplace: Option<&'static Location<'static>>,
    /// The number of the goroutine that started it; 0 for none.
    pub parent: u64,
}

/// Every goroutine of the runtime, by number.
pub(crate) fn goroutines(shared: &'static Shared) -> Vec<Goroutine> {
    let now = millis(clock::now_ns());
    let mut all = Vec::new();
    slab::walk(|cell| all.extend(read(cell, shared, now)));
    all.sort_by_key(|g| g.id);
    all
}

/// How many goroutines the runtime has.
pub(crate) fn count(shared: &'static Shared) -> u64 {
    shared.live(&shared.lock())
}

/// The tasks of a runtime that nobody polls: for the end of the runtime alone.
pub(crate) fn tasks(shared: &'static Shared) -> Vec<TaskRef> {
    let mut all = Vec::new();
    slab::walk(|cell| {
        let task = TaskRef(cell);
        let g = header(task);
        // ORDERING: Acquire, and the fence below, as in `read`: the state is that of the
        // goroutine with this number, and not of the next one in its cell.
        let id = g.id.load(Ordering::Acquire);
        let unpolled = matches!(g.state.glance(), Glance::Runnable | Glance::Waiting);
        // ORDERING: Acquire, see above.
        fence(Ordering::Acquire);
        let same = id != 0 && g.id.load(Ordering::Relaxed) == id;
        // Last: another runtime may give the same number.
        if unpolled && same && std::ptr::eq(g.shared.load(Ordering::Relaxed), shared) {
            all.push(task);
        }
    });
    all
}

fn read(cell: NonNull<Header>, shared: &Shared, now_ms: u32) -> Option<Goroutine> {
    let g = header(TaskRef(cell));
    // ORDERING: Acquire pairs with the Release in `cell::place`: the fields are there.
    let id = g.id.load(Ordering::Acquire);
    if id == 0 || !std::ptr::eq(g.shared.load(Ordering::Relaxed), shared) {
        return None;
    }
    let state = match g.state.glance() {
        Glance::Dead => return None,
        Glance::Runnable => GoroutineState::Runnable,
        Glance::Running => GoroutineState::Running,
        Glance::Waiting => GoroutineState::Waiting,
    };
    let waits_at = g.waits_at.load(Ordering::Relaxed);
    let birthplace = g.birthplace.load(Ordering::Relaxed);
    let since = g.since_ms.load(Ordering::Relaxed);
    let (reason, object) = (g.wait_reason(), g.object.load(Ordering::Relaxed));
    // A goroutine that waits on its thread, in a `*_blocking` call, has said so.
    let waits = state == GoroutineState::Running && reason != WaitReason::Foreign;
    let state = if waits {
        GoroutineState::Waiting
    } else {
        state
    };
    let parent = g.parent.load(Ordering::Relaxed);
    // ORDERING: Acquire keeps the reads above before the second look (a seqlock's read side;
    // the write side is in `cell::free` and `cell::place`).
    fence(Ordering::Acquire);
    (g.id.load(Ordering::Relaxed) == id).then(|| Goroutine {
        id,
        state,
        reason,
        object,
        waits_at: place(waits_at),
        waiting_for: Duration::from_millis(now_ms.wrapping_sub(since).into()),
        birthplace: place(birthplace),
        parent,
    })
}

/// Every goroutine in the layout of Go's tracebacks.
pub(crate) fn stack(shared: &'static Shared) -> String {
    let mut out = String::new();
    for g in goroutines(shared) {
        let _ = writeln!(out, "{g}");
    }
    out
}

impl std::fmt::Display for Goroutine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "goroutine {} [", self.id)?;
        match self.state {
            GoroutineState::Runnable => f.write_str("runnable")?,
            GoroutineState::Running => f.write_str("running")?,
            GoroutineState::Waiting => {
                write!(f, "{}", self.reason)?;
                let minutes = self.waiting_for.as_secs() / 60;
                if minutes > 0 {
                    write!(f, ", {minutes} minutes")?;
                }
            }
        }
        f.write_str("]:\n")?;
        if let (GoroutineState::Waiting, Some(place)) = (self.state, self.waits_at) {
            writeln!(f, "\tat {place}")?;
        }
        match (self.birthplace, self.parent) {
            (Some(place), 0) => writeln!(f, "created by {place}"),
            (Some(place), parent) => writeln!(f, "created by {place} in goroutine {parent}"),
            (None, _) => Ok(()),
        }
    }
}

/// A place out of a header.
#[expect(unsafe_code, reason = "headers keep places as raw pointers")]
pub(crate) fn place(place: *mut Location<'static>) -> Option<&'static Location<'static>> {
    // SAFETY: null, or from a `&'static Location`. (In a free cell `waits_at` is a link; a
    // dump comes here only after it found the cell's id unchanged, so it never sees one.)
    unsafe { place.as_ref() }
}

/// The machine behind a lease's pointer.
#[expect(unsafe_code, reason = "machines live for ever")]
pub(crate) fn machine(machine: *mut Machine) -> Option<&'static Machine> {
    // SAFETY: null, or from a `&'static Machine`: machines are leaked.
    unsafe { machine.as_ref() }
}

/// The header of the goroutine that a machine polls. It may have ended by now: the cell is
/// then free or another's, but it is a header all the same, since the slab keeps its pages.
#[expect(unsafe_code, reason = "the slab's cells live for ever")]
pub(crate) fn polled(machine: &Machine) -> Option<&'static Header> {
    // SAFETY: null or a cell of the slab; only its atomics are touched.
    unsafe { machine.task.load(Ordering::Relaxed).as_ref() }
}
