//! How it stands: every goroutine, P and M of a runtime, read while they go on.
//!
//! Walks the slab's cells instead of keeping a list. A header's `id` is its seqlock: fields
//! read between two looks at the same number are that goroutine's, or were a moment ago.
//!
//! Nobody is asked to answer, and no lock is taken that is held while code of the program runs:
//! so it works while all threads are stuck. A running goroutine is looked up among the polls of
//! the machines, and the kernel is asked what its thread does.

use std::collections::HashMap;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use marmot_wait::held::{self, Holder};
use marmot_wait::{WaitReason, clock};

use crate::dump::{
    Dump, Goroutine, GoroutineState, HeldBy, Machine as MachineEntry, MachineStatus, Proc,
    ProcStatus, RunsOn,
};
use crate::machine::{Machine, detached, header};
use crate::procs::Procs;
use crate::shared::{Sched, Shared};
use crate::task::header::{Header, TaskRef, millis};
use crate::task::slab;
use crate::task::state::Glance;
use crate::threads::Inspector;

/// A poll shorter than this is not worth asking the kernel about.
const LONG: Duration = Duration::from_millis(1);

/// Every goroutine of the runtime, by number.
pub(crate) fn goroutines(shared: &'static Shared) -> Vec<Goroutine> {
    let mut eye = Eye::new(shared);
    let mut all = Vec::with_capacity(usize::try_from(count(shared)).unwrap_or(0));
    slab::walk(|cell| all.extend(eye.read(cell)));
    all.sort_by_key(|g| g.id);
    all
}

/// Every goroutine, P and M of the runtime.
pub(crate) fn dump(shared: &'static Shared) -> Dump {
    let goroutines = goroutines(shared);
    Dump {
        goroutines,
        procs: shared.procs.iter().map(|p| proc_entry(shared, p)).collect(),
        machines: machines(shared),
        queued_globally: shared.global.len(),
        queued_hogs: shared.hogs.len(),
    }
}

/// Every M that has a thread.
pub(crate) fn machines(shared: &'static Shared) -> Vec<MachineEntry> {
    let sched = shared.lock();
    let living = sched.machines.iter().filter(|m| m.lives());
    living.map(|m| machine_entry(&sched, shared, m)).collect()
}

/// Shows the state of every goroutine of the runtime, and why it waits.
pub(crate) fn tally(shared: &'static Shared, mut each: impl FnMut(GoroutineState, WaitReason)) {
    slab::walk(|cell| {
        let g = header(TaskRef(cell));
        // ORDERING: Acquire, and the fence below, as in `Eye::read`.
        let id = g.id.load(Ordering::Acquire);
        if id == 0 || !std::ptr::eq(g.shared.load(Ordering::Relaxed), shared) {
            return;
        }
        let reason = g.wait_reason();
        let state = state_of(g.state.glance(), reason);
        // ORDERING: Acquire, see above.
        fence(Ordering::Acquire);
        if let (Some(state), true) = (state, g.id.load(Ordering::Relaxed) == id) {
            each(state, reason);
        }
    });
}

fn proc_entry(shared: &Shared, p: &crate::processor::Processor) -> Proc {
    let holder = machine(p.lease.glance()).map(|m| m.id);
    Proc {
        id: p.id,
        status: match holder {
            Some(_) => ProcStatus::Running,
            None if p.retire.load(Ordering::Relaxed) => ProcStatus::Retired,
            None => ProcStatus::Idle,
        },
        machine: holder,
        turns: p.turns.load(Ordering::Relaxed),
        queued: p.queued(),
        timers: shared.driver.timers(p.lane),
    }
}

fn machine_entry(sched: &Sched, shared: &Shared, m: &'static Machine) -> MachineEntry {
    let proc = proc_of(&shared.procs, m);
    let polling = m.side.glance().1;
    let drives = sched.in_driver.is_some_and(|driving| driving.id == m.id);
    let goroutine = polled(m).map(|g| g.id.load(Ordering::Relaxed));
    MachineEntry {
        id: m.id,
        thread: m.tid.load(Ordering::Relaxed),
        status: match m.detached.load(Ordering::Relaxed) {
            detached::BLOCKED => MachineStatus::Blocked,
            detached::BURNING => MachineStatus::Burning,
            detached::PARKED => MachineStatus::Parked,
            _ if polling => MachineStatus::Running,
            _ if proc.is_some() => MachineStatus::Scheduling,
            _ if drives => MachineStatus::Polling,
            _ => MachineStatus::Idle,
        },
        proc,
        goroutine: goroutine.filter(|id| *id != 0),
        spinning: m.searching.get(),
    }
}

fn proc_of(procs: &Procs, m: &'static Machine) -> Option<u32> {
    let held = |p: &&crate::processor::Processor| p.lease.is_held_by(m);
    procs.iter().find(held).map(|p| p.id)
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

/// What one walk over the cells knows beforehand, and whom it asks.
struct Eye {
    shared: &'static Shared,
    now_ns: u64,
    /// Who polls which cell.
    polls: HashMap<*mut Header, &'static Machine>,
    /// Who holds what.
    held: HashMap<usize, Holder>,
    kernel: Inspector,
}

impl Eye {
    fn new(shared: &'static Shared) -> Eye {
        let polls = |m: &&'static Machine| (m.task.load(Ordering::Relaxed), *m);
        let polls = shared.lock().machines.iter().map(polls).collect();
        Eye {
            shared,
            now_ns: clock::now_ns(),
            polls,
            held: held::all()
                .into_iter()
                .map(|held| (held.object, held.holder))
                .collect(),
            kernel: Inspector::default(),
        }
    }

    fn read(&mut self, cell: NonNull<Header>) -> Option<Goroutine> {
        let g = header(TaskRef(cell));
        // ORDERING: Acquire pairs with the Release in `cell::place`: the fields are there.
        let id = g.id.load(Ordering::Acquire);
        if id == 0 || !std::ptr::eq(g.shared.load(Ordering::Relaxed), self.shared) {
            return None;
        }
        let reason = g.wait_reason();
        let state = state_of(g.state.glance(), reason)?;
        let waits_at = g.waits_at.load(Ordering::Relaxed);
        let birthplace = g.birthplace.load(Ordering::Relaxed);
        let since_ms = g.since_ms.load(Ordering::Relaxed);
        let object = g.object.load(Ordering::Relaxed);
        let lost = g.state.is_lost();
        let name = crate::names::of(g);
        let parent = g.parent.load(Ordering::Relaxed);
        let runs = self.polls.get(&cell.as_ptr()).copied();
        // ORDERING: Acquire keeps the reads above before the second look (a seqlock's read
        // side; the write side is in `cell::free` and `cell::place`).
        fence(Ordering::Acquire);
        if g.id.load(Ordering::Relaxed) != id {
            return None;
        }
        let runs = runs.filter(|_| state == GoroutineState::Running);
        let in_state = match state {
            GoroutineState::Runnable => None,
            GoroutineState::Running => runs.and_then(|m| self.running_for(m)),
            GoroutineState::Waiting => Some(Duration::from_millis(
                millis(self.now_ns).wrapping_sub(since_ms).into(),
            )),
        };
        Some(Goroutine {
            id,
            name: name.map(|name| String::from(&*name)),
            state,
            in_state,
            reason,
            object: match state {
                GoroutineState::Waiting => object,
                _ => 0,
            },
            waits_at: place(waits_at).map(Into::into),
            held_by: match state {
                GoroutineState::Waiting => self.held_by(object),
                _ => None,
            },
            lost,
            runs_on: runs.map(|m| self.runs_on(m, in_state)),
            birthplace: place(birthplace).map(Into::into),
            parent,
        })
    }

    fn held_by(&self, object: usize) -> Option<HeldBy> {
        let holder = self.held.get(&object)?;
        (holder.goroutine != 0).then(|| HeldBy {
            goroutine: held::goroutine_of(holder.goroutine),
            elsewhere: held::runtime_of(holder.goroutine) != held::runtime_of(self.shared.whose),
            place: holder.place.map(Into::into),
        })
    }

    /// How long the machine has been in its poll, if the monitor has noticed it.
    fn running_for(&self, m: &Machine) -> Option<Duration> {
        let (tick, polling) = m.side.glance();
        let seen = polling && m.seen_tick.load(Ordering::Relaxed) == tick;
        let since = m.seen_since.load(Ordering::Relaxed);
        seen.then(|| Duration::from_nanos(self.now_ns.saturating_sub(since)))
    }

    fn runs_on(&mut self, m: &'static Machine, running_for: Option<Duration>) -> RunsOn {
        let thread = m.tid.load(Ordering::Relaxed);
        let long = running_for.is_some_and(|d| d >= LONG);
        RunsOn {
            machine: m.id,
            thread,
            proc: proc_of(&self.shared.procs, m),
            system_call: if long {
                self.kernel.system_call(thread)
            } else {
                None
            },
        }
    }
}

/// What a goroutine does; `None` if it is over.
pub(crate) fn state_of(glance: Glance, reason: WaitReason) -> Option<GoroutineState> {
    match glance {
        Glance::Dead => None,
        Glance::Runnable => Some(GoroutineState::Runnable),
        // A goroutine that waits on its thread, in a `*_blocking` call, has said so.
        Glance::Running if reason != WaitReason::Foreign => Some(GoroutineState::Waiting),
        Glance::Running => Some(GoroutineState::Running),
        Glance::Waiting => Some(GoroutineState::Waiting),
    }
}

/// Every goroutine in the layout of Go's tracebacks.
pub(crate) fn stack(shared: &'static Shared) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for g in goroutines(shared) {
        let _ = writeln!(out, "{g}");
    }
    out
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
