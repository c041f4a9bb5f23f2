//! What every task's cell begins with: its state, and what a dump tells of it.
//!
//! A dump walks the slab's pages while goroutines come and go, so the fields it reads are
//! atomics, and `id` is its seqlock: 0 while the cell is free, else the number of the one
//! goroutine that the other fields describe.

use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use marmot_wait::note::Waits;
use marmot_wait::{Note, WaitReason, clock};

use super::cell::Vtable;
use super::state::State;
use crate::shared::Shared;

/// How a goroutine behaved so far, which decides where it is queued while hogs abound.
pub(crate) mod temper {
    /// It has not ended a poll yet.
    pub(crate) const UNKNOWN: u8 = 0;
    /// Its last poll was short.
    pub(crate) const GOOD: u8 = 1;
    /// The monitor took the P from its polls, and none was short since.
    pub(crate) const HOG: u8 = 2;
    /// The monitor took the P from a poll of a good one: once is not enough to judge by.
    pub(crate) const DOUBTED: u8 = 3;
    /// Beside one of the others: it is queued, and since when stands in `object`. Set by whoever
    /// queues it, cleared by its next poll.
    pub(crate) const STAMPED: u8 = 0x80;
}

/// What is so of few goroutines. Written by whoever polls one, or frees its cell; 0 in a free
/// cell.
pub(crate) mod flags {
    /// It has a name (`names.rs`).
    pub(crate) const NAMED: u8 = 1;
    /// Its last poll in a batch that was kept was long (`batch.rs`).
    pub(crate) const WAS_LONG: u8 = 2;
    /// From this bit on: so many more times its polls are taken to be long.
    pub(crate) const LONG: u8 = 4;
}

/// Beside the reason: it waits for nothing else, and that can be held by somebody.
const ALONE: u8 = Waits::ALONE;

/// The beginning of every cell.
// ORDERING: Relaxed for all fields but `state` and `id`: what a dump reads is a glance, made
// whole by the seqlock of `id` (Release in `cell::place`, fences in `cell::free` and
// `snapshot::read`); what a machine reads was published by the queue the task came through.
//
// What a wake looks at comes first, and what nobody looks at while it runs last: the first four
// words are in one line of the cache wherever a cell begins (`slab::STEP`).
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    /// Since when it waits, in milliseconds of the coarse clock.
    pub(crate) since_ms: AtomicU32,
    /// Why it waits ([`WaitReason`]), and [`ALONE`].
    pub(crate) reason: AtomicU8,
    /// See [`temper`].
    pub(crate) temper: AtomicU8,
    /// See [`flags`].
    pub(crate) flags: AtomicU8,
    /// The slab's size class; fixed for the cell.
    pub(crate) class: AtomicU8,
    /// The runtime it belongs to.
    pub(crate) shared: AtomicPtr<Shared>,
    /// How to act on what lies behind the header.
    vtable: AtomicPtr<Vtable>,
    /// Its number; 0 for a free cell.
    pub(crate) id: AtomicU64,
    /// The object it waits for; or since when it is queued ([`temper::STAMPED`]).
    pub(crate) object: AtomicUsize,
    /// The line where it waits; in a free cell, the next free cell of its list.
    pub(crate) waits_at: AtomicPtr<Location<'static>>,
    /// Where it was born.
    pub(crate) birthplace: AtomicPtr<Location<'static>>,
    /// The number of the goroutine that started it; 0 for none.
    pub(crate) parent: AtomicU64,
}

impl Header {
    /// Writes down what the goroutine waits for. By its poller, before it gives up the right.
    #[inline]
    pub(crate) fn put_note(&self, note: Note, waits: Waits, now_ns: u64) {
        // ORDERING: Relaxed throughout: dumps read a glance, see `snapshot`.
        self.object.store(note.object, Ordering::Relaxed);
        let place = note.place.map_or(std::ptr::null(), std::ptr::from_ref);
        self.waits_at.store(place.cast_mut(), Ordering::Relaxed);
        let alone = waits as u8 & ALONE;
        self.reason
            .store(note.reason as u8 | alone, Ordering::Relaxed);
        self.since_ms.store(millis(now_ns), Ordering::Relaxed);
    }

    /// Notes since when it is queued: for whoever is about to queue it.
    #[cold]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "wraps on purpose on 32 bits"
    )]
    pub(crate) fn stamp(&self) {
        // ORDERING: Relaxed; the queue publishes both to the poll. A strike at the same moment
        // (it had just ended the poll that the monitor looked at) may undo the flag: a sample
        // less.
        self.object
            .store(clock::now_ns() as usize, Ordering::Relaxed);
        let temper = self.temper.load(Ordering::Relaxed);
        self.temper
            .store(temper | temper::STAMPED, Ordering::Relaxed);
    }

    /// For how long it was queued, if somebody has stamped it; by its poller.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "wraps on purpose on 32 bits"
    )]
    pub(crate) fn take_stamp(&self) -> Option<u64> {
        let temper = self.temper.load(Ordering::Relaxed);
        if temper & temper::STAMPED == 0 {
            return None;
        }
        self.temper
            .store(temper & !temper::STAMPED, Ordering::Relaxed);
        let since = self.object.load(Ordering::Relaxed);
        Some((clock::now_ns() as usize).wrapping_sub(since) as u64)
    }

    /// Whether a poll of it was long: by its poller. After two in a row it is taken to be so each time
    /// for a while. (After one, its thread may have been kept from running.)
    #[inline]
    pub(crate) fn note_length(&self, long: bool) {
        let flags = self.flags.load(Ordering::Relaxed);
        if long || flags & flags::WAS_LONG != 0 {
            self.change_length(flags, long);
        }
    }

    #[cold]
    fn change_length(&self, flags: u8, long: bool) {
        let changed = match long {
            true if flags & flags::WAS_LONG != 0 => flags | !(flags::LONG - 1),
            true => flags | flags::WAS_LONG,
            false => flags & !flags::WAS_LONG,
        };
        self.flags.store(changed, Ordering::Relaxed);
    }

    /// Whether its next poll is taken to be long. By whoever is about to queue it.
    #[inline]
    pub(crate) fn take_long(&self) -> bool {
        let flags = self.flags.load(Ordering::Relaxed);
        let long = flags >= flags::LONG;
        if long {
            self.flags.store(flags - flags::LONG, Ordering::Relaxed);
        }
        long
    }

    /// It burned, or blocked, through a whole look of the monitor. The first time a good one is
    /// only doubted: the host may have stopped the whole machine.
    pub(crate) fn strike(&self) {
        let worse = match self.temper.load(Ordering::Relaxed) {
            temper::GOOD => temper::DOUBTED,
            _ => temper::HOG,
        };
        self.temper.store(worse, Ordering::Relaxed);
    }

    /// Why it waits, if it does.
    pub(crate) fn wait_reason(&self) -> WaitReason {
        WaitReason::from_u8(self.reason.load(Ordering::Relaxed) & !ALONE)
    }

    /// Whether in its last poll it waited for one thing alone, which can be held.
    pub(crate) fn waits_for_held(&self) -> bool {
        self.reason.load(Ordering::Relaxed) & ALONE != 0
    }

    /// How to act on what lies behind the header of a task that has been made.
    #[inline]
    #[expect(
        unsafe_code,
        reason = "an atomic, so that dumps may hold references to headers"
    )]
    pub(crate) fn vtable(&self) -> &'static Vtable {
        // SAFETY: set by `set_vtable` when the task was made, to a reference.
        unsafe { &*self.vtable.load(Ordering::Relaxed) }
    }

    pub(crate) fn set_vtable(&self, vtable: &'static Vtable) {
        let vtable = std::ptr::from_ref(vtable).cast_mut();
        self.vtable.store(vtable, Ordering::Relaxed);
    }

    /// The runtime it belongs to.
    #[inline]
    pub(crate) fn shared(&self) -> &'static Shared {
        let shared = self.shared.load(Ordering::Relaxed);
        Shared::from_ptr(shared)
    }
}

/// The coarse clock in milliseconds; wraps after 49 days, which a dump can live with.
#[expect(clippy::cast_possible_truncation, reason = "wraps on purpose")]
pub(crate) fn millis(ns: u64) -> u32 {
    (ns / 1_000_000) as u32
}

/// A task in a queue: a pointer to its cell, which lives because a queued task is not done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TaskRef(pub(crate) NonNull<Header>);

impl std::fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TaskRef({:p})", self.0)
    }
}
