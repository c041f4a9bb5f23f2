//! The process's timer queues, one for each P: what a runtime drives, and what timers use.
//!
//! ```text
//!   P 0 ── lane 1 ─┐                        lane = lock(queue) + earliest deadline, readable
//!   P 1 ── lane 2 ─┴─ Group ── sleeper             without the lock
//!   no P ─ lane 0 ─── Group ── a thread of ours, started when first needed
//! ```
//!
//! A timer goes into the lane of the P on whose thread it is armed, and stays there, however
//! far its goroutine moves: its handle names the lane. So creating, resetting and dropping
//! timers takes one lock that is nearly always this P's own. Lanes are made once and used
//! again; identities in a lane are never used again, so a handle from a lane's earlier life
//! finds nothing.
//!
//! A lane's deadline cell says when the lane is to be served: at its earliest deadline, or a
//! little later if many follow closely (`coalesce.rs`). It may be too early after a
//! timer was taken back (*loose*), so that making and taking back one timer after the other
//! writes nothing that others read; whoever wants to sleep on it tightens it first.
//!
//! Locks: a lane's lock is a leaf. Under it no waker is called, cloned or dropped.
//!
//! # For a runtime
//!
//! Give each P a lane ([`Group::open_lane`]) and each thread the lane of its P
//! (`marmot_wait::set_lane`). On each turn compare the clock with [`deadline_cell`] and call
//! [`fire`] when it is due; any thread may, the monitor too. Sleep only after
//! [`Group::prepare_sleep`]. Before saying that nothing can ever run again ask [`live`] for each
//! lane and [`live_outside`]: they count exactly, while a deadline may still be that of a timer
//! that was taken back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use marmot_wait::{Latch, LatchGuard, WakeList};

use crate::announce::{EVER, look};
use crate::background;
use crate::coalesce::serve_at;
use crate::loom::AtomicU64;
use crate::queue::{Key, TimerQueue};

pub use crate::group::Group;

/// How many lanes a process may have. More than Ps anybody asks for; when they are used up,
/// a P shares the lane of the threads that have none.
const MAX_LANES: usize = 4096;
/// How many wakers are gathered before the lock is released: as many as a [`WakeList`] holds
/// without an allocation.
const BATCH: usize = 16;

static TABLE: [OnceLock<&'static Lane>; MAX_LANES] = [const { OnceLock::new() }; MAX_LANES];
static REGISTRY: Mutex<Registry> = Mutex::new(Registry {
    made: 0,
    closed: Vec::new(),
});

/// Which lanes exist, and which of them no runtime uses. Never touched by a timer.
struct Registry {
    made: usize,
    closed: Vec<u32>,
}

/// One queue of timers. Aligned so that two Ps' lanes share no pair of cache lines.
#[repr(align(128))]
pub(crate) struct Lane {
    id: u32,
    /// When to serve it. Written under the lock.
    deadline: AtomicU64,
    /// The deadline may be too early. Written under the lock.
    loose: AtomicBool,
    /// Protects the queue. No foreign code under it, and no other lock.
    inner: Latch<Inner>,
}

struct Inner {
    queue: TimerQueue<Waker>,
    /// No timer is due before this; the lane's deadline is not earlier, and later by less than
    /// a grain.
    earliest: u64,
    /// Whom an earlier deadline concerns; `None` when the lane is closed and was empty.
    group: Option<Arc<Group>>,
    /// A closed lane takes no new timers.
    open: bool,
}

/// Where a timer is registered: the lane, and the place in it. Two words, so that it travels
/// in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Registration {
    id: u64,
    /// The lane, and the index in it.
    place: u64,
}

impl Registration {
    /// Never registered.
    pub(crate) const NEW: Registration = Registration::none(u32::MAX);
    /// Over: there is nothing to wait for or to take back.
    pub(crate) const DUE: Registration = Registration::none(u32::MAX - 1);

    const fn none(lane: u32) -> Registration {
        Registration {
            id: 0,
            place: (lane as u64) << 32,
        }
    }

    #[inline]
    fn new(lane: u32, key: Key) -> Registration {
        Registration {
            id: key.id,
            place: u64::from(lane) << 32 | u64::from(key.index),
        }
    }

    #[inline]
    pub(crate) fn is_new(self) -> bool {
        self.place == Registration::NEW.place
    }

    /// Whether there may be something to take back.
    #[inline]
    pub(crate) fn is_armed(self) -> bool {
        self.place < Registration::DUE.place
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the lower half of the place is the index"
    )]
    fn key(self) -> Key {
        Key {
            index: self.place as u32,
            id: self.id,
        }
    }

    #[inline]
    fn lane(self) -> &'static Lane {
        let lane = (self.place >> 32) as usize;
        let lane = TABLE.get(lane).and_then(|lane| lane.get());
        lane.expect("a registration names a lane that was made")
    }
}

/// What has become of a timer.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is still waited for.
    Waiting,
    /// Its time has come.
    Fired,
}

/// Arms a timer: this waker is called when the deadline has come, unless it is taken back.
#[inline]
pub(crate) fn arm(deadline: u64, waker: Waker) -> Registration {
    match marmot_wait::lane().and_then(lane_of) {
        Some(lane) => lane.arm(deadline, waker),
        None => background::lane().arm(deadline, waker),
    }
}

/// Arms a timer again from its own waker, in the lane it has fired in: whoever serves that
/// lane, which may be any thread, does not draw the timer into its own.
pub(crate) fn arm_again(fired: Registration, deadline: u64, waker: Waker) -> Registration {
    if fired.is_armed() {
        fired.lane().arm(deadline, waker)
    } else {
        arm(deadline, waker)
    }
}

/// Asks after a timer, and has this waker called in place of the one before.
pub(crate) fn poll(registration: Registration, waker: &Waker) -> Fate {
    let lane = registration.lane();
    let inner = lane.lock();
    match inner.queue.get(registration.key()) {
        None => return Fate::Fired,
        Some(old) if old.will_wake(waker) => return Fate::Waiting,
        Some(_) => {}
    }
    drop(inner);
    let mut waker = waker.clone();
    let mut inner = lane.lock();
    let Some(slot) = inner.queue.get_mut(registration.key()) else {
        return Fate::Fired;
    };
    std::mem::swap(slot, &mut waker);
    // The guard goes before the old waker, which may run anything when it is dropped.
    drop(inner);
    Fate::Waiting
}

/// Takes a timer back; says whether it still was waited for.
#[inline]
pub(crate) fn disarm(registration: Registration) -> bool {
    registration.is_armed() && registration.lane().disarm(registration.key())
}

/// Gives a timer another deadline; says whether it still was waited for.
pub(crate) fn rearm(registration: Registration, deadline: u64) -> bool {
    registration.is_armed() && registration.lane().rearm(registration.key(), deadline)
}

/// When a lane is to be served next, in nanoseconds of `marmot_wait::clock`; `u64::MAX` for
/// never.
///
/// That is its earliest deadline, or half a millisecond later at most if a crowd of timers is due
/// by then; too early after a timer was taken back.
///
/// # Panics
///
/// If no such lane was ever opened.
#[must_use]
pub fn deadline_cell(lane: u32) -> &'static AtomicU64 {
    &lane_of(lane).expect("a lane that was opened").deadline
}

/// Wakes whoever waits for a deadline in this lane that is not after `now_ns`, if the lane is to
/// be served by then ([`deadline_cell`]); says how many.
///
/// Any thread may serve any lane. The wakers are called with no lock held; if one panics the
/// others are still called, and the panic goes on. Timers that are armed meanwhile have to wait
/// for the next call once those that were there have been served, so it always ends.
pub fn fire(lane: u32, now_ns: u64) -> usize {
    let Some(lane) = lane_of(lane) else { return 0 };
    let mut fired = 0;
    let mut at_most = None;
    while look(&lane.deadline) <= now_ns {
        let (owed, were_there) = lane.take_due(now_ns);
        fired += owed.len();
        let all = fired >= *at_most.get_or_insert(were_there);
        owed.wake_all();
        if all {
            break;
        }
    }
    fired
}

/// As [`fire`], for the earliest deadline alone: for a machine that has others to run too, and
/// lets those whose time has come go first, one by one.
pub fn fire_one(lane: u32, now_ns: u64) -> usize {
    let Some(lane) = lane_of(lane) else { return 0 };
    if look(&lane.deadline) > now_ns {
        return 0;
    }
    let owed = lane.take_first(now_ns);
    let fired = usize::from(owed.is_some());
    owed.into_iter().for_each(Waker::wake);
    fired
}

/// How many timers are waited for in this lane.
#[must_use]
pub fn live(lane: u32) -> usize {
    lane_of(lane).map_or(0, |lane| lane.lock().queue.len())
}

/// How many timers are waited for in lanes that no runtime serves: who reports a deadlock has
/// to ask, for one of them may wake a goroutine.
#[must_use]
pub fn live_outside() -> usize {
    let mut unserved_lanes = Vec::new();
    unserved(&mut unserved_lanes);
    unserved_lanes.extend(background::own_lane());
    unserved_lanes.into_iter().map(live).sum()
}

/// When to serve a lane next, not too early; `u64::MAX` for never.
pub(crate) fn next_deadline(lane: u32) -> u64 {
    lane_of(lane).map_or(EVER, Lane::tight_deadline)
}

/// The lanes that were closed: no runtime serves them.
pub(crate) fn unserved(into: &mut Vec<u32>) {
    into.clear();
    into.extend_from_slice(&registry().closed);
}

/// Opens a lane for this group.
pub(crate) fn open(group: &Arc<Group>) -> u32 {
    take_empty(group)
        .or_else(|| make(group))
        .unwrap_or_else(|| background::lane().id)
}

/// Closes a lane; its timers go to the background thread.
pub(crate) fn close(id: u32) {
    if background::own_lane() == Some(id) {
        return;
    }
    let Some(lane) = lane_of(id) else { return };
    let Some(empty) = lane.close() else { return };
    if empty {
        registry().closed.push(id);
        return;
    }
    let heirs = background::group();
    lane.lock().group = Some(Arc::clone(heirs));
    registry().closed.push(id);
    // Only now: the thread looks at the list again, and at every deadline in it.
    heirs.interrupt();
}

/// A lane made new; `None` if there are too many. Also for the background thread.
pub(crate) fn make(group: &Arc<Group>) -> Option<u32> {
    let mut registry = registry();
    let id = u32::try_from(registry.made).ok()?;
    let place = TABLE.get(registry.made)?;
    registry.made += 1;
    place.get_or_init(|| Box::leak(Box::new(Lane::new(id, Arc::clone(group)))));
    Some(id)
}

/// A closed lane that is empty, opened again.
fn take_empty(group: &Arc<Group>) -> Option<u32> {
    let mut registry = registry();
    let at = registry
        .closed
        .iter()
        .position(|&id| lane_of(id).is_some_and(|lane| lane.reopen(group)))?;
    Some(registry.closed.swap_remove(at))
}

#[inline]
pub(crate) fn lane_of(id: u32) -> Option<&'static Lane> {
    TABLE.get(id as usize)?.get().copied()
}

fn registry() -> MutexGuard<'static, Registry> {
    // Nothing panics under this lock but an allocation that fails.
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lane {
    fn new(id: u32, group: Arc<Group>) -> Lane {
        Lane {
            id,
            deadline: AtomicU64::new(EVER),
            loose: AtomicBool::new(false),
            inner: Latch::new(Inner {
                queue: TimerQueue::new(),
                earliest: EVER,
                group: Some(group),
                open: true,
            }),
        }
    }

    #[inline]
    fn lock(&self) -> LatchGuard<'_, Inner> {
        // Nothing panics under it but an allocation that fails, before it changes anything.
        self.inner.lock()
    }

    #[inline]
    fn arm(&self, deadline: u64, waker: Waker) -> Registration {
        let mut inner = self.lock();
        if !inner.open {
            drop(inner);
            // Closed under a thread that still names it. That other lane never is.
            return background::lane().arm(deadline, waker);
        }
        let key = inner.queue.insert(deadline, waker);
        if deadline < inner.earliest {
            self.lowered(inner, deadline);
        }
        Registration::new(self.id, key)
    }

    fn rearm(&self, key: Key, deadline: u64) -> bool {
        let mut inner = self.lock();
        let was_there = inner.queue.reset(key, deadline);
        if was_there {
            self.slacken();
            if deadline < inner.earliest {
                self.lowered(inner, deadline);
            }
        }
        was_there
    }

    #[inline]
    fn disarm(&self, key: Key) -> bool {
        let mut inner = self.lock();
        let removed = inner.queue.remove(key);
        if let Some((deadline, _)) = removed
            && deadline <= look(&self.deadline)
        {
            self.slacken();
        }
        // The waker may run anything when it is dropped: after the guard.
        drop(inner);
        removed.is_some()
    }

    /// A deadline is the earliest now: tells others, and the sleeper if it would oversleep it.
    fn lowered(&self, mut inner: LatchGuard<'_, Inner>, deadline: u64) {
        inner.earliest = deadline;
        let ring = match &inner.group {
            Some(group) if group.sleeper().lower(&self.deadline, deadline) => {
                Some(Arc::clone(group))
            }
            Some(_) => None,
            None => {
                self.set_deadline(deadline);
                None
            }
        };
        drop(inner);
        if let Some(group) = ring {
            group.interrupt();
        }
    }

    /// The deadline may be too early from now on.
    fn slacken(&self) {
        // ORDERING: Relaxed. Whoever misses it wakes for nothing, once.
        self.loose.store(true, Ordering::Relaxed);
    }

    fn set_deadline(&self, deadline: u64) {
        // ORDERING: Relaxed. Others read it as a hint; who relies on it holds the lock, or
        // went through the fences of `announce`.
        self.deadline.store(deadline, Ordering::Relaxed);
    }

    /// Makes the deadline what it should be, now that everything is served that was due by
    /// then. Only ever puts it off: nobody has to be told.
    fn tighten(&self, inner: &mut Inner, served: u64) -> u64 {
        let earliest = inner.queue.next_deadline().unwrap_or(EVER);
        inner.earliest = earliest;
        let deadline = if earliest <= served {
            earliest
        } else {
            serve_at(&inner.queue, earliest)
        };
        self.set_deadline(deadline);
        // ORDERING: Relaxed, see `slacken`.
        self.loose.store(false, Ordering::Relaxed);
        deadline
    }

    fn tight_deadline(&self) -> u64 {
        // ORDERING: Relaxed, see `slacken`.
        if self.loose.load(Ordering::Relaxed) {
            self.tighten(&mut self.lock(), 0)
        } else {
            look(&self.deadline)
        }
    }

    /// A batch of wakers whose time has come, and how many timers there were before.
    fn take_due(&self, now: u64) -> (WakeList, usize) {
        let mut owed = WakeList::new();
        let mut inner = self.lock();
        let were_there = inner.queue.len();
        while owed.len() < BATCH {
            let Some(waker) = inner.queue.pop_due(now) else {
                break;
            };
            owed.push(waker);
        }
        self.tighten(&mut inner, now);
        (owed, were_there)
    }

    /// The first waker whose time has come.
    fn take_first(&self, now: u64) -> Option<Waker> {
        let mut inner = self.lock();
        let waker = inner.queue.pop_due(now);
        self.tighten(&mut inner, now);
        waker
    }

    /// Takes no more timers from now on; says whether none is left, or `None` if it was
    /// closed before.
    fn close(&self) -> Option<bool> {
        let mut inner = self.lock();
        if !std::mem::take(&mut inner.open) {
            return None;
        }
        let before = inner.group.take();
        let empty = inner.queue.len() == 0;
        drop(inner);
        // It may be the group's last owner, and its interrupt owns what it likes.
        drop(before);
        Some(empty)
    }

    /// Opens the lane for another group if it is empty.
    fn reopen(&self, group: &Arc<Group>) -> bool {
        let mut inner = self.lock();
        let empty = inner.queue.len() == 0;
        if empty {
            self.tighten(&mut inner, 0);
            inner.open = true;
            let before = inner.group.replace(Arc::clone(group));
            drop(inner);
            drop(before);
        }
        empty
    }
}
