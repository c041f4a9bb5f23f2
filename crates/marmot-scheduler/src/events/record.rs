//! What can be written down, and how it is packed into a record.
//!
//! ```text
//!   word 0   ticks
//!   word 1   kind (8 bits) · runtime (8 bits) · goroutine (48 bits)
//!   word 2   a      word 3   b        what they mean depends on the kind
//! ```
//!
//! Places of the program and names of regions are `'static`; a record holds their addresses.

#![expect(unsafe_code, reason = "records hold places and names as addresses")]

use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};

use marmot_wait::{Note, WaitReason, note};

use super::registry;
use super::ring::Words;
use super::ticks::ticks;
use crate::machine::{Machine, header};
use crate::processor::Processor;
use crate::shared::Shared;
use crate::task::header::{Header, TaskRef};

/// Somebody records.
// ORDERING: Relaxed; a thread may notice late that recording began or ended, and then writes
// a record less or more.
pub(super) static ON: AtomicBool = AtomicBool::new(false);

/// Whether somebody records: one load and one branch where nobody does.
#[inline(always)]
#[must_use]
pub fn on() -> bool {
    ON.load(Ordering::Relaxed)
}

/// A place in the program.
type Place = Option<&'static Location<'static>>;

/// A P of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProcId {
    /// The number of the runtime.
    pub runtime: u8,
    /// The number of the P in it.
    pub number: u32,
}

/// How a run of a goroutine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// The goroutine is over.
    Ended,
    /// It waits.
    Waits(WaitReason),
    /// It yielded, or has used its budget of operations.
    Yielded,
}

impl Stopped {
    /// What a poll's note says.
    pub(crate) fn because(reason: WaitReason) -> Stopped {
        match reason {
            WaitReason::Yield => Stopped::Yielded,
            reason => Stopped::Waits(reason),
        }
    }
}

/// Where a goroutine was queued that has been woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Woken {
    /// By a machine, on its P.
    Here,
    /// By a thread without a P, in the global queue.
    Globally,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A goroutine was made.
    Created {
        /// Where.
        birthplace: Place,
        /// The number of the goroutine that made it; 0 for none.
        parent: u64,
    },
    /// A goroutine began to run.
    Started {
        /// On this P.
        proc: ProcId,
        /// By the machine of this number.
        machine: u32,
        /// So many others were queued on the P.
        queued: u32,
        /// Where it was made.
        birthplace: Place,
    },
    /// A goroutine stopped running.
    Stopped {
        /// Why.
        why: Stopped,
        /// At which line, if it waits and the line is known.
        place: Place,
    },
    /// A goroutine was woken.
    Woken {
        /// By this goroutine; 0 for a thread that ran none.
        by: u64,
        /// Where it was queued.
        queued: Woken,
    },
    /// A machine took goroutines from another P.
    Stolen {
        /// For this P.
        thief: ProcId,
        /// From this one.
        victim: ProcId,
    },
    /// A machine has a P from here on.
    ProcStarted {
        /// The P.
        proc: ProcId,
        /// The machine.
        machine: u32,
    },
    /// A machine has given up its P.
    ProcStopped {
        /// The P.
        proc: ProcId,
        /// The machine.
        machine: u32,
    },
    /// The monitor took the P of a goroutine that goes on running.
    Retaken {
        /// The P.
        proc: ProcId,
        /// From this machine.
        machine: u32,
        /// Because its thread sleeps in the kernel; else because it burns CPU.
        blocked: bool,
    },
    /// The goroutine says that it blocks its thread.
    BlockBegan {
        /// Where.
        place: Place,
    },
    /// The goroutine's thread goes on.
    BlockEnded {
        /// With this P; without one if none was free.
        proc: Option<ProcId>,
    },
    /// Sockets were looked at, and had something to say.
    Netpolled {
        /// So many goroutines were concerned.
        woken: u64,
    },
    /// Timers were due.
    TimersFired {
        /// So many.
        count: u64,
    },
    /// The monitor saw a poll that does not end.
    LongPoll {
        /// For so long, in nanoseconds.
        ns: u64,
    },
    /// A region of the program began.
    RegionBegan {
        /// Its name.
        name: &'static str,
    },
    /// A region of the program ended.
    RegionEnded {
        /// Its name.
        name: &'static str,
    },
    /// A task began: something that several goroutines may work at.
    TaskBegan {
        /// Its name.
        name: &'static str,
        /// Its number.
        task: u32,
    },
    /// A task ended.
    TaskEnded {
        /// Its number.
        task: u64,
    },
    /// The program said something.
    Logged {
        /// The number of the text.
        text: u64,
    },
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When; see [`Anchor`](super::Anchor).
    pub ticks: u64,
    /// The number of the runtime; 0 for none.
    pub runtime: u8,
    /// Whom it concerns; 0 for no goroutine.
    pub goroutine: u64,
    /// What.
    pub kind: Kind,
}

/// The kinds by number.
mod code {
    pub(super) const CREATED: u8 = 1;
    pub(super) const STARTED: u8 = 2;
    pub(super) const STOPPED: u8 = 3;
    pub(super) const WOKEN: u8 = 4;
    pub(super) const STOLEN: u8 = 5;
    pub(super) const PROC_STARTED: u8 = 6;
    pub(super) const PROC_STOPPED: u8 = 7;
    pub(super) const RETAKEN: u8 = 8;
    pub(super) const BLOCK_BEGAN: u8 = 9;
    pub(super) const BLOCK_ENDED: u8 = 10;
    pub(super) const NETPOLLED: u8 = 11;
    pub(super) const TIMERS_FIRED: u8 = 12;
    pub(super) const LONG_POLL: u8 = 13;
    pub(super) const REGION_BEGAN: u8 = 14;
    pub(super) const REGION_ENDED: u8 = 15;
    pub(super) const TASK_BEGAN: u8 = 16;
    pub(super) const TASK_ENDED: u8 = 17;
    pub(super) const LOGGED: u8 = 18;
}

/// How a run ended, by number: the reasons of a wait follow these.
mod stop {
    pub(super) const ENDED: u64 = 0;
    pub(super) const YIELDED: u64 = 1;
    pub(super) const WAITS: u64 = 2;
}

/// A goroutine's number in a record; they count from 1 and do not reach this.
const GOROUTINE: u64 = (1 << 48) - 1;

/// Writes a record that happened at this tick.
#[inline]
fn record_at(ticks: u64, code: u8, runtime: u8, goroutine: u64, a: u64, b: u64) {
    let what = u64::from(code) << 56 | u64::from(runtime) << 48 | goroutine & GOROUTINE;
    registry::write([ticks, what, a, b]);
}

#[inline]
fn record(code: u8, runtime: u8, goroutine: u64, a: u64, b: u64) {
    record_at(ticks(), code, runtime, goroutine, a, b);
}

fn address(place: Place) -> u64 {
    place.map_or(0, |place| {
        std::ptr::from_ref(place).expose_provenance() as u64
    })
}

/// A P and a machine in one word.
fn pair(proc: u32, other: u32) -> u64 {
    u64::from(proc) | u64::from(other) << 32
}

/// A goroutine has been made, and is not queued yet. (All it takes is the task, so that its
/// caller has nothing to keep for it.)
#[cold]
#[inline(never)]
pub(crate) fn created(task: TaskRef) {
    let g = header(task);
    let id = g.id.load(Ordering::Relaxed);
    let parent = g.parent.load(Ordering::Relaxed);
    record(code::CREATED, g.shared().number, id, birthplace(g), parent);
}

/// Where a goroutine was made, as it is recorded.
fn birthplace(g: &Header) -> u64 {
    g.birthplace.load(Ordering::Relaxed).expose_provenance() as u64
}

/// A goroutine is about to be polled; `before`: when the poll before it on this machine
/// ended, if this one follows at once. Inside a guarded region.
pub(crate) fn started(m: &Machine, goroutine: u64, g: &Header, before: u64) {
    // (The length of one's own queue costs no fence.)
    let (proc, queued) = match m.held() {
        Some(p) => (p.id, u32::try_from(p.queue().len()).unwrap_or(u32::MAX)),
        None => (u32::MAX, 0),
    };
    let now = if before == 0 { ticks() } else { before };
    // A P's number needs 10 bits, and a machine's 14.
    let a = u64::from(proc & 0xFFFF) | u64::from(m.id & 0xFFFF) << 16 | u64::from(queued) << 32;
    record_at(
        now,
        code::STARTED,
        m.shared.number,
        goroutine,
        a,
        birthplace(g),
    );
}

/// A poll has ended; when.
pub(crate) fn stopped(m: &Machine, goroutine: u64, why: Stopped, place: Place) -> u64 {
    let why = match why {
        Stopped::Ended => stop::ENDED,
        Stopped::Yielded => stop::YIELDED,
        Stopped::Waits(reason) => stop::WAITS + reason as u64,
    };
    let now = ticks();
    record_at(
        now,
        code::STOPPED,
        m.shared.number,
        goroutine,
        why,
        address(place),
    );
    now
}

/// A goroutine was woken, and is about to be queued.
#[cold]
#[inline(never)]
pub(crate) fn woken(task: TaskRef) {
    let g = header(task);
    let shared = g.shared();
    let here = crate::current::machine().is_some_and(|m| std::ptr::eq(m.shared, shared));
    let (id, by) = (g.id.load(Ordering::Relaxed), note::goroutine());
    record(code::WOKEN, shared.number, id, by, u64::from(here));
}

/// A machine took goroutines from another P.
pub(crate) fn stolen(m: &Machine, thief: u32, victim: u32) {
    if on() {
        record(code::STOLEN, m.shared.number, 0, pair(thief, victim), 0);
    }
}

/// A machine has a P from here on.
pub(crate) fn proc_started(m: &Machine, p: &Processor) {
    if on() {
        let (runtime, who) = (m.shared.number, pair(p.id, m.id));
        record(code::PROC_STARTED, runtime, 0, who, 0);
    }
}

/// A machine gives up its P.
pub(crate) fn proc_stopped(m: &Machine, p: &Processor) {
    if on() {
        let (runtime, who) = (m.shared.number, pair(p.id, m.id));
        record(code::PROC_STOPPED, runtime, 0, who, 0);
    }
}

/// The monitor took the P of a poll, and has not given it to anybody yet.
pub(crate) fn retaken(p: &Processor, m: &Machine, blocked: bool) {
    if !on() {
        return;
    }
    let (runtime, who) = (m.shared.number, pair(p.id, m.id));
    record(code::RETAKEN, runtime, polled(m), who, u64::from(blocked));
}

/// The goroutine of this thread says that it blocks it.
pub(crate) fn block_begins(m: &Machine, note: Note) {
    if on() {
        let goroutine = note::goroutine();
        record(
            code::BLOCK_BEGAN,
            m.shared.number,
            goroutine,
            address(note.place),
            0,
        );
    }
}

/// The thread goes on, with this P or without one.
pub(crate) fn block_ended(m: &Machine) {
    if on() {
        let proc = m.believed().map_or(0, |p| u64::from(p.id) + 1);
        let goroutine = note::goroutine();
        record(code::BLOCK_ENDED, m.shared.number, goroutine, proc, 0);
    }
}

/// The number of the goroutine that a machine polls.
fn polled(m: &Machine) -> u64 {
    crate::snapshot::polled(m).map_or(0, |g| g.id.load(Ordering::Relaxed))
}

/// Sockets were looked at.
pub(crate) fn netpolled(shared: &Shared, woken: usize) {
    if on() && woken > 0 {
        record(code::NETPOLLED, shared.number, 0, woken as u64, 0);
    }
}

/// Timers were fired.
pub(crate) fn timers_fired(shared: &Shared, count: u64) {
    if on() {
        record(code::TIMERS_FIRED, shared.number, 0, count, 0);
    }
}

/// The monitor saw a poll that does not end.
pub(crate) fn long_poll(m: &Machine, ns: u64) {
    if on() {
        record(code::LONG_POLL, m.shared.number, polled(m), ns, 0);
    }
}

/// The number of the runtime of this thread; 0 for none.
fn runtime_here() -> u8 {
    crate::current::machine().map_or(0, |m| m.shared.number)
}

fn record_name(code: u8, goroutine: u64, name: &'static str, more: u32) {
    let length = u32::try_from(name.len()).expect("a name shorter than 4 GiB");
    let address = name.as_ptr().expose_provenance() as u64;
    record(code, runtime_here(), goroutine, address, pair(length, more));
}

/// A region of this goroutine begins.
pub fn region_begins(goroutine: u64, name: &'static str) {
    record_name(code::REGION_BEGAN, goroutine, name, 0);
}

/// A region of this goroutine ends.
pub fn region_ends(goroutine: u64, name: &'static str) {
    record_name(code::REGION_ENDED, goroutine, name, 0);
}

/// A task begins.
pub fn task_begins(goroutine: u64, name: &'static str, task: u32) {
    record_name(code::TASK_BEGAN, goroutine, name, task);
}

/// A task ends.
pub fn task_ends(goroutine: u64, task: u32) {
    record(
        code::TASK_ENDED,
        runtime_here(),
        goroutine,
        u64::from(task),
        0,
    );
}

/// The program says something; the text of this number.
pub fn log(goroutine: u64, text: u64) {
    record(code::LOGGED, runtime_here(), goroutine, text, 0);
}

/// Reads a record that is whole.
#[expect(
    clippy::cast_possible_truncation,
    reason = "takes apart what was packed above"
)]
pub(super) fn unpack([ticks, what, a, b]: Words) -> Option<Event> {
    let runtime = (what >> 48) as u8;
    let proc = |number: u64| ProcId {
        runtime,
        number: number as u32,
    };
    let (low, high) = (proc(a & 0xFFFF_FFFF), (a >> 32) as u32);
    let kind = match (what >> 56) as u8 {
        code::CREATED => Kind::Created {
            birthplace: place(a),
            parent: b,
        },
        code::STARTED => Kind::Started {
            proc: proc(a & 0xFFFF),
            machine: (a >> 16) as u32 & 0xFFFF,
            queued: high,
            birthplace: place(b),
        },
        code::STOPPED => Kind::Stopped {
            why: stop_of(a),
            place: place(b),
        },
        code::WOKEN => Kind::Woken {
            by: a,
            queued: if b == 1 { Woken::Here } else { Woken::Globally },
        },
        code::STOLEN => Kind::Stolen {
            thief: low,
            victim: proc(u64::from(high)),
        },
        code::PROC_STARTED => Kind::ProcStarted {
            proc: low,
            machine: high,
        },
        code::PROC_STOPPED => Kind::ProcStopped {
            proc: low,
            machine: high,
        },
        code::RETAKEN => Kind::Retaken {
            proc: low,
            machine: high,
            blocked: b == 1,
        },
        code::BLOCK_BEGAN => Kind::BlockBegan { place: place(a) },
        code::BLOCK_ENDED => Kind::BlockEnded {
            proc: a.checked_sub(1).map(proc),
        },
        code::NETPOLLED => Kind::Netpolled { woken: a },
        code::TIMERS_FIRED => Kind::TimersFired { count: a },
        code::LONG_POLL => Kind::LongPoll { ns: a },
        number => unpack_said(number, a, b)?,
    };
    Some(Event {
        ticks,
        runtime,
        goroutine: what & GOROUTINE,
        kind,
    })
}

/// What the program says.
fn unpack_said(number: u8, a: u64, b: u64) -> Option<Kind> {
    Some(match number {
        code::REGION_BEGAN => Kind::RegionBegan { name: name(a, b) },
        code::REGION_ENDED => Kind::RegionEnded { name: name(a, b) },
        code::TASK_BEGAN => Kind::TaskBegan {
            name: name(a, b),
            task: (b >> 32) as u32,
        },
        code::TASK_ENDED => Kind::TaskEnded { task: a },
        code::LOGGED => Kind::Logged { text: a },
        _ => return None,
    })
}

fn stop_of(number: u64) -> Stopped {
    match number {
        stop::ENDED => Stopped::Ended,
        stop::YIELDED => Stopped::Yielded,
        reason => {
            let reason = u8::try_from(reason - stop::WAITS).unwrap_or(0);
            Stopped::Waits(WaitReason::from_u8(reason))
        }
    }
}

/// The place at an address out of a whole record.
#[expect(clippy::cast_possible_truncation, reason = "it was an address here")]
fn place(address: u64) -> Place {
    let place = std::ptr::with_exposed_provenance::<Location<'static>>(address as usize);
    // SAFETY: 0, or from a `&'static Location` in the record's writer; the ring gives whole
    // records only, so this word is what was written.
    unsafe { place.as_ref() }
}

/// The name at an address and of a length out of a whole record.
#[expect(clippy::cast_possible_truncation, reason = "it was an address here")]
fn name(address: u64, length: u64) -> &'static str {
    let begin = std::ptr::with_exposed_provenance::<u8>(address as usize);
    let length = (length & 0xFFFF_FFFF) as usize;
    // SAFETY: begin and length of a `&'static str`, written by `record_name` into one record,
    // which the ring gives whole or not at all.
    let bytes = unsafe { std::slice::from_raw_parts(begin, length) };
    // SAFETY: as above, it was a `str`.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}
