//! Who holds a P just now: its machine, or whom the monitor gave it to during a long poll.
//!
//! ```text
//!   machine M                                  monitor (under the scheduler's lock)
//!   ─────────                                  ───────
//!   in_sched = true                            owner = null
//!   LIGHT fence            ◀── pair ──▶        HEAVY fence
//!   owner == M ? use P : do without            in_sched, or tick moved ? owner = M (failed)
//!   in_sched = before (Release)                                        : P is the monitor's
//! ```
//!
//! Everything of a P that is not atomic is touched only inside a *guarded region*, between
//! [`Side::enter`] and [`Side::leave`]; a poll is outside (so the P can be taken), and what
//! the poll calls (wakes, spawns) enters again. Regions nest.
//!
//! **Why it is right.** With `fence(SeqCst)` on both sides this is store buffering: either M
//! sees `owner == null`, or the monitor sees `in_sched`. With membarrier the monitor's call
//! makes every running thread of the process pass a full barrier between its start and its
//! return; so M's program order has a point b such that all before b is visible to the
//! monitor's later loads, and all after b sees `owner == null`. If `in_sched = true` lies
//! before b and the matching `leave` after the monitor's load, the monitor reads true and
//! gives up. If the `leave` was before the load, its Release store is what the monitor's
//! Acquire reads, and all of M's use of the P happens before the monitor's. If
//! `in_sched = true` lies after b, M's look at the owner is after b too: it sees null.
//! The light fence then only has to keep the compiler from moving M's two accesses.
//!
//! The language's memory model does not know membarrier (C++ proposal P1202 describes such
//! asymmetric fences); the models run the SeqCst form, which has the same control flow, and
//! `tests/lease.rs` stresses both, beside a control without the heavy fence that fails.

mod fence;
#[cfg(all(test, marmot_loom))]
mod models;

#[cfg(not(marmot_loom))]
pub use fence::{FenceKind, fence_kind, heavy, light, register, set_fence_kind};
#[cfg(marmot_loom)]
use fence::{heavy, light};

use crate::loom::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

/// A machine's half of the lease.
#[derive(Debug)]
pub struct Side {
    /// In a guarded region.
    in_sched: AtomicBool,
    /// Moves with each poll, so that the monitor can tell one long poll from many short ones.
    tick: AtomicU32,
}

impl Default for Side {
    fn default() -> Side {
        Side::new()
    }
}

impl Side {
    /// A machine that is scheduling.
    #[must_use]
    pub fn new() -> Side {
        Side {
            in_sched: AtomicBool::new(true),
            tick: AtomicU32::new(0),
        }
    }

    /// Enters a guarded region; gives what [`leave`](Side::leave) wants back.
    #[inline]
    pub fn enter(&self) -> bool {
        // ORDERING: Relaxed; only this thread writes it. The fence below orders the store
        // before the look at the owner.
        let before = self.in_sched.load(Ordering::Relaxed);
        self.in_sched.store(true, Ordering::Relaxed);
        light();
        before
    }

    /// Leaves a guarded region, for the one around it.
    #[inline]
    pub fn leave(&self, before: bool) {
        // ORDERING: Release hands what was done with the P to a monitor that reads it
        // (Acquire in `revoke`).
        self.in_sched.store(before, Ordering::Release);
    }

    /// Begins a poll: from here the P may be taken.
    #[inline]
    pub fn begin_poll(&self) {
        // ORDERING: Relaxed, only this thread writes it; the Release below publishes it, so
        // that a monitor that sees the region left sees the new tick too.
        let tick = self.tick.load(Ordering::Relaxed);
        self.tick.store(tick.wrapping_add(1), Ordering::Relaxed);
        // ORDERING: Release as in `leave`.
        self.in_sched.store(false, Ordering::Release);
    }

    /// Ends a poll: back in the scheduler. The caller then looks at the owner.
    #[inline]
    pub fn end_poll(&self) {
        // ORDERING: as in `enter`.
        self.in_sched.store(true, Ordering::Relaxed);
        light();
    }

    /// How many polls have begun, and whether one is going on outside any region: a glance.
    #[must_use]
    pub fn glance(&self) -> (u32, bool) {
        // ORDERING: Relaxed; `revoke` looks again, in order.
        let tick = self.tick.load(Ordering::Relaxed);
        // ORDERING: Acquire pairs with the Release in `begin_poll`: the end of a runtime that
        // sees a machine in its poll also sees which task it took.
        (tick, !self.in_sched.load(Ordering::Acquire))
    }
}

/// A P's half: the machine that may use it.
#[derive(Debug)]
pub struct Lease<M> {
    owner: AtomicPtr<M>,
}

impl<M> Default for Lease<M> {
    fn default() -> Lease<M> {
        Lease::new()
    }
}

impl<M> Lease<M> {
    /// A P that nobody holds.
    #[must_use]
    pub fn new() -> Lease<M> {
        Lease {
            owner: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    /// Whether this machine may use the P. Asked inside a guarded region; a yes holds until
    /// the region is left. A no may be an attempt of the monitor's that is about to fail: a
    /// machine that would act on having lost its P asks again under the scheduler's lock.
    #[inline]
    #[must_use]
    pub fn is_held_by(&self, machine: *const M) -> bool {
        // ORDERING: Acquire pairs with the Release of `grant`, and of `revoke` when it failed.
        std::ptr::eq(self.owner.load(Ordering::Acquire), machine)
    }

    /// Who holds the P: a glance.
    #[must_use]
    pub fn glance(&self) -> *mut M {
        // ORDERING: Acquire, so that the machine behind the pointer can be looked at.
        self.owner.load(Ordering::Acquire)
    }

    /// Gives the P to a machine. Under the scheduler's lock, by whoever has the P.
    pub fn grant(&self, machine: *const M) {
        // ORDERING: Release hands the P's plain parts over (Acquire in `is_held_by`).
        self.owner.store(machine.cast_mut(), Ordering::Release);
    }

    /// Takes the P away from nobody but oneself: its machine gives it up, inside a region and
    /// under the scheduler's lock.
    pub fn give_up(&self) {
        // ORDERING: Relaxed; under the scheduler's lock, which hands the P on.
        self.owner.store(std::ptr::null_mut(), Ordering::Relaxed);
    }

    /// Takes the P from a machine that has been in the poll number `tick`. Under the
    /// scheduler's lock, by the monitor alone. `false`: the machine has moved, or is using it.
    pub fn revoke(&self, machine: *const M, side: &Side, tick: u32) -> bool {
        // ORDERING: Relaxed; the heavy fence orders it before the looks below.
        self.owner.store(std::ptr::null_mut(), Ordering::Relaxed);
        heavy();
        // ORDERING: Acquire pairs with the Release in `leave` and `begin_poll`: everything
        // the machine did with the P happened before.
        let inside = side.in_sched.load(Ordering::Acquire);
        // ORDERING: Relaxed; read after `in_sched`, whose Release published it.
        if inside || side.tick.load(Ordering::Relaxed) != tick {
            self.grant(machine);
            return false;
        }
        true
    }
}
