//! Who holds a mutex, and who gets it next.
//!
//! ```text
//!                     lock: CAS                          a waiter enlists
//!        0 ─────────────────────────────▶ LOCKED ────────────────────────▶ LOCKED|QUEUED
//!        ▲                                │    ▲                               │      │ ▲
//!        └────────── unlock: CAS ─────────┘    │ hand_off to the last waiter   │      └─┘ hand_off: the
//!                                              └───────────────────────────────┤      front has waited 1 ms
//!                    anybody may lock (barging)                                │
//!     LOCKED|QUEUED ◀──────────────────── QUEUED ◀───── unlock: the front is ──┘
//!                                                       woken, and not yet the holder
//! ```
//!
//! Whoever sets `LOCKED` puts the number of its goroutine beside it, so that who holds the lock
//! is known in the same instant. While somebody is queued the number also stands in the table
//! of what is held (`marmot_wait::held`): the announcer writes it there, then each new holder.
//!
//! `QUEUED` says that the line is not empty. It changes only under the line's lock, and while
//! it is set `LOCKED` is given back only under that lock: so a waiter that has enlisted
//! cannot be overlooked.
//!
//! After Go's `sync.Mutex`: a goroutine that is running may take the lock ahead of one that
//! was woken for it, which saves a switch per critical section; whoever has waited for a
//! millisecond is handed the lock by the one who releases it, and while such waiters are at
//! the front everybody is served in order ("starvation mode"). Unlike Go's, the one who
//! releases looks at the time, not the one who was woken: so a waiter need not be polled to
//! get its turn, and no bit is needed for the mode. A woken waiter keeps its place.

use std::task::{Context, Poll, Waker};

use std::panic::Location;
use std::ptr;

use marmot_wait::held::Holder;
use marmot_wait::{Key, WaitQueue, WaitReason, budget, note};

use crate::holder::{Guard, HolderRow, LockedAt};
use crate::line::{Fresh, Place};
use crate::loom::{AtomicU64, Latch, Ordering, now_ns};

/// Somebody holds the lock.
const LOCKED: u64 = 1;
/// Somebody is in the line.
const QUEUED: u64 = 2;
/// Who holds it does so with a guard that is made to be moved to other goroutines.
const MOVABLE: u64 = 4;
/// The number of the goroutine that holds it.
const GOROUTINE: u32 = 3;

/// The word while the present goroutine holds the lock with such a guard.
#[inline]
fn locked(guard: Guard) -> u64 {
    let how = match guard {
        Guard::Borrowed => LOCKED,
        Guard::Owned => LOCKED | MOVABLE,
    };
    note::whose() << GOROUTINE | how
}

/// How long one waits, in nanoseconds, before the lock is handed over. Go's value
/// (`starvationThresholdNs`).
const STARVING_NS: u64 = 1_000_000;

struct Waiter {
    /// `None` once it has been woken and not polled since.
    waker: Option<Waker>,
    since_ns: u64,
    /// The word once it holds the lock.
    locked: u64,
    /// The line of the program that waits.
    place: &'static Location<'static>,
    /// It holds the lock; its entry is out of the line.
    handed: bool,
}

pub(crate) struct RawMutex {
    state: AtomicU64,
    /// Where it was locked last: for reports, written by the holder.
    locked_at: LockedAt,
    row: HolderRow,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    line: Latch<WaitQueue<Waiter>>,
}

impl RawMutex {
    const_fn! {
        pub(crate) const fn new() -> RawMutex {
            RawMutex {
                state: AtomicU64::new(0),
                locked_at: LockedAt::new(),
                row: HolderRow::new(),
                line: Latch::new(WaitQueue::new()),
            }
        }
    }

    #[inline]
    pub(crate) fn try_lock(&self, guard: Guard, place: &'static Location<'static>) -> bool {
        let locked = locked(guard);
        // ORDERING: Acquire pairs with the Release of the `unlock` whose 0 it reads, so that
        // this holder sees what the last one wrote. A failure decides nothing.
        let free = self
            .state
            .compare_exchange(0, locked, Ordering::Acquire, Ordering::Relaxed);
        if free.is_err() && !self.barge(locked, place) {
            return false;
        }
        self.locked_at.set(place);
        true
    }

    /// Takes the lock past those in the line, if nobody holds it.
    #[cold]
    fn barge(&self, locked: u64, place: &'static Location<'static>) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        while state & LOCKED == 0 {
            // ORDERING: Acquire as in `try_lock`; the 0 or QUEUED it reads was written by a
            // Release, or by a read-modify-write that carries it on.
            match self.state.compare_exchange_weak(
                state,
                state | locked,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => {
                    self.row.set(holder_of(locked, Some(place)));
                    return true;
                }
                Err(now) => state = now,
            }
        }
        false
    }

    /// Which goroutine holds the lock; 0 if none does or a plain thread.
    pub(crate) fn holder(&self) -> u64 {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        self.state.load(Ordering::Relaxed) >> GOROUTINE
    }

    /// Where it was locked, if somebody holds it.
    pub(crate) fn locked_at(&self) -> Option<&'static Location<'static>> {
        self.locked_at.get().filter(|_| self.is_locked())
    }

    pub(crate) fn is_locked(&self) -> bool {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        self.state.load(Ordering::Relaxed) & LOCKED != 0
    }

    #[inline]
    pub(crate) fn poll_lock(
        &self,
        guard: Guard,
        place: &mut Place,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if place.key.is_none() {
            std::task::ready!(budget::poll_proceed(cx));
            if self.try_lock(guard, place.caller()) {
                return Poll::Ready(());
            }
        }
        self.poll_lock_slow(locked(guard), place, cx)
    }

    #[cold]
    fn poll_lock_slow(&self, locked: u64, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        Fresh::poll(place, cx, |place, fresh| {
            let gone;
            let mut line = self.line.lock();
            let entry = place.key.and_then(|key| line.get_mut(key));
            let handed = entry.is_some_and(|waiter| waiter.handed);
            if handed || self.lock_or_announce(locked, place.caller()) {
                gone = place.key.take().and_then(|key| self.leave(&mut line, key));
                drop(line);
                drop(gone);
                self.locked_at.set(place.caller());
                if handed {
                    self.row.set(holder_of(locked, Some(place.caller())));
                }
                return Some(Poll::Ready(()));
            }
            match place.key.and_then(|key| line.get_mut(key)) {
                Some(waiter) => fresh.rearm(&mut waiter.waker)?,
                None => {
                    budget::refund();
                    place.key = Some(line.push_back(Waiter {
                        waker: fresh.take(),
                        since_ns: now_ns(),
                        locked,
                        place: place.caller(),
                        handed: false,
                    }));
                }
            }
            drop(line);
            // ORDERING: Relaxed: if it is this goroutine it is not old, and else it does not matter.
            let holder = holder_of(self.state.load(Ordering::Relaxed), None).certain();
            Some(place.pending_for(WaitReason::MutexLock, self, fresh.present(), holder))
        })
    }

    /// Takes the lock if it is free, else says that somebody waits. Under the line's lock.
    fn lock_or_announce(&self, locked: u64, place: &'static Location<'static>) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below; and if it already says
        // LOCKED|QUEUED it is not old, since that state is only left under the line's lock.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let free = state & LOCKED == 0;
            let next = if free { state | locked } else { state | QUEUED };
            if next == state {
                return false;
            }
            // ORDERING: Acquire as in `try_lock` when it takes the lock. Announcing publishes
            // nothing: nobody barges before the present holder has gone out under the line's
            // lock, which shows it the entry and the row that follow, and whose Release passes
            // them on.
            match self.state.compare_exchange_weak(
                state,
                next,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) if free => {
                    self.row.set(holder_of(locked, Some(place)));
                    return true;
                }
                Ok(_) => {
                    self.row.take(ptr::from_ref(self).addr());
                    self.row.set(holder_of(state, self.locked_at.get()));
                    return false;
                }
                Err(now) => state = now,
            }
        }
    }

    /// What the table says of the lock, if somebody waits for it: looked at under the line's
    /// lock. And what is so.
    #[cfg(all(test, marmot_loom))]
    pub(super) fn told(&self) -> Option<(Option<bool>, Option<bool>)> {
        let line = self.line.lock();
        // ORDERING: Relaxed: the caller holds the lock, and the line's lock shows who waits.
        let state = self.state.load(Ordering::Relaxed);
        let is_so = (state & LOCKED != 0).then_some(state & MOVABLE != 0);
        let told = (state & QUEUED != 0).then(|| (self.row.says(), is_so));
        drop(line);
        told
    }

    /// Takes an entry away. Under the line's lock; the entry is dropped after it.
    fn leave(&self, line: &mut WaitQueue<Waiter>, key: Key) -> Option<Waiter> {
        let waiter = line.remove(key);
        if line.is_empty() {
            // ORDERING: Relaxed: a read-modify-write, so it carries on the Release of the
            // unlock before it; that nobody waits is published by the line's lock.
            self.state.fetch_and(!QUEUED, Ordering::Relaxed);
        }
        waiter
    }

    #[inline]
    pub(crate) fn unlock(&self) {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let state = self.state.load(Ordering::Relaxed);
        // ORDERING: Release pairs with the Acquire of the next `try_lock`: without it the
        // next holder could miss what this one wrote.
        if state & QUEUED != 0
            || self
                .state
                .compare_exchange(state, 0, Ordering::Release, Ordering::Relaxed)
                .is_err()
        {
            self.unlock_slow();
        }
    }

    #[cold]
    fn unlock_slow(&self) {
        let mut line = self.line.lock();
        let waker = match line.front_mut() {
            None => {
                // ORDERING: Release as in `unlock`.
                self.state.store(0, Ordering::Release);
                None
            }
            Some((_, front)) if now_ns().saturating_sub(front.since_ns) >= STARVING_NS => {
                front.handed = true;
                let waker = front.waker.take();
                let (locked, place) = (front.locked, front.place);
                self.hand_off(&mut line, locked, place);
                waker
            }
            Some((_, front)) => {
                self.row.set(Holder::NONE);
                // ORDERING: Release as in `unlock`, for whoever barges.
                self.state.store(QUEUED, Ordering::Release);
                front.waker.take()
            }
        };
        drop(line);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Leaves the lock taken, for the one at the front, which leaves the line.
    fn hand_off(
        &self,
        line: &mut WaitQueue<Waiter>,
        locked: u64,
        place: &'static Location<'static>,
    ) {
        line.detach_front();
        let queued = if line.is_empty() { 0 } else { QUEUED };
        self.row.set(Holder {
            granted: true,
            ..holder_of(locked, Some(place))
        });
        // ORDERING: Relaxed: the new holder learns of it, and of what was written before,
        // through the line's lock.
        self.state.store(locked | queued, Ordering::Relaxed);
    }

    /// A waiting future is dropped: what it was given goes on to the next.
    #[cold]
    pub(crate) fn abandon(&self, key: Key) {
        let mut line = self.line.lock();
        let gone = self.leave(&mut line, key);
        if gone.as_ref().is_some_and(|waiter| waiter.handed) {
            drop(line);
            self.unlock();
            return;
        }
        // A wake-up for a lock that is free now may have been this one's: the next is woken.
        let free = !self.is_locked();
        let next = line.front_mut().filter(|_| free);
        let waker = next.and_then(|(_, front)| front.waker.take());
        drop(line);
        drop(gone);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// What the table of what is held says of this state.
fn holder_of(state: u64, place: Option<&'static Location<'static>>) -> Holder {
    Holder {
        goroutine: state >> GOROUTINE,
        place,
        movable: state & MOVABLE != 0,
        granted: false,
    }
}
