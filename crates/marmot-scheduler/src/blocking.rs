//! A goroutine announces that it blocks its thread: the P is given away at once, and asked
//! for again afterwards.

use std::sync::atomic::Ordering;

use marmot_wait::note::Waits;
use marmot_wait::{BlockingKind, Note, WaitReason, clock};

use crate::events;
use crate::machine::{Machine, detached};
use crate::shared::{Kick, Shared};

/// Gives the P away: to a machine that sleeps if anything waits, else to the idle ones.
pub(crate) fn enter(m: &'static Machine, kind: BlockingKind, note: Note) {
    let depth = m.blocking_depth.get();
    m.blocking_depth.set(depth + 1);
    if depth > 0 {
        return;
    }
    put_note(m, kind, note);
    events::block_begins(m, note);
    let before = m.side.enter();
    // In a waker that the scheduler itself calls: the P is in use up the stack, and stays.
    let kick = if before { None } else { give_away(m, kind) };
    m.side.leave(before);
    if let Some(kick) = kick {
        m.shared.act(kick);
    }
    if !m.shared.hogs.is_empty() {
        // The place in their lane that has just become free may be theirs.
        m.shared.notify();
    }
}

fn put_note(m: &Machine, kind: BlockingKind, note: Note) {
    let note = match kind {
        BlockingKind::Park => note,
        BlockingKind::Call => Note {
            reason: WaitReason::Syscall,
            ..note
        },
    };
    let polled = crate::snapshot::polled(m);
    if let Some(g) = polled.filter(|g| g.id.load(Ordering::Relaxed) != 0) {
        g.put_note(note, Waits::Something, m.shared.coarse_now());
    }
}

fn give_away(m: &'static Machine, kind: BlockingKind) -> Option<Kick> {
    let shared = m.shared;
    let mut sched = shared.lock();
    let held = m.held();
    sched.attach(m);
    // What sleeps takes no CPU from the other hogs, one of which may have to wake it.
    m.leave_lane();
    match kind {
        BlockingKind::Park => {
            sched.parked += 1;
            m.detached.store(detached::PARKED, Ordering::Relaxed);
        }
        BlockingKind::Call => {
            sched.blocked += 1;
            m.detached.store(detached::BLOCKED, Ordering::Relaxed);
        }
    }
    let p = held.and(m.believed());
    m.set_proc(None);
    let p = p?;
    p.lease.give_up();
    shared
        .counters
        .handoffs_announced
        .fetch_add(1, Ordering::Relaxed);
    let watched = sched.in_driver.is_some();
    let world = shared.has_timers() || shared.driver.has_waiters();
    if !p.looks_empty() || shared.has_work(clock::now_ns()) || (world && !watched) {
        // Somebody needs it: queued tasks, or timers and sockets that nobody watches.
        return Some(sched.hand_over(shared, p, false));
    }
    if !sched.lay_down(p) {
        return None;
    }
    shared.idle.announce(false);
    // The second look of the idle protocol, under the lock that a waker would take.
    if !shared.has_work(0) {
        return None;
    }
    let p = sched.take_idle(shared)?;
    Some(sched.hand_over(shared, p, false))
}

/// Asks for a P again: the one it had, or another, if one is idle. Else the goroutine goes on
/// without one, and finds one after its poll.
pub(crate) fn leave(m: &'static Machine) {
    let depth = m.blocking_depth.get() - 1;
    m.blocking_depth.set(depth);
    if depth > 0 {
        return;
    }
    let before = m.side.enter();
    if !before {
        take_back(m.shared, m);
    }
    events::block_ended(m);
    m.side.leave(before);
    if let Some(g) = crate::snapshot::polled(m) {
        g.reason.store(WaitReason::Foreign as u8, Ordering::Relaxed);
    }
}

fn take_back(shared: &'static Shared, m: &'static Machine) {
    let mut sched = shared.lock();
    sched.attach(m);
    if let Some(p) = sched.take_idle(shared) {
        p.lease.grant(m);
        m.set_proc(Some(p));
        // The machine looks at the global queue and the timers first after this poll.
        m.fresh.set(true);
    } else {
        // It runs on without a P, which is not being asleep: counted until it has one again.
        sched.blocked += 1;
        m.detached.store(detached::BLOCKED, Ordering::Relaxed);
    }
}
