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

use marmot_wait::{Key, WaitQueue, WaitReason, budget, note};

use crate::line::{Place, enter, rearm};
use crate::loom::{AtomicUsize, Holder, InnerMutex, Ordering, now_ns};

/// Somebody holds the lock.
const LOCKED: usize = 1;
/// Somebody is in the line.
const QUEUED: usize = 2;

/// How long one waits, in nanoseconds, before the lock is handed over. Go's value
/// (`starvationThresholdNs`).
const STARVING_NS: u64 = 1_000_000;

struct Waiter {
    /// `None` once it has been woken and not polled since.
    waker: Option<Waker>,
    since_ns: u64,
    /// It holds the lock; its entry is out of the line.
    handed: bool,
}

pub(crate) struct RawMutex {
    state: AtomicUsize,
    /// Which goroutine locked it last: a hint for dumps, written by the holder.
    holder: Holder,
    /// Those who wait. Under this lock no waker is called, cloned or dropped.
    line: InnerMutex<WaitQueue<Waiter>>,
}

impl RawMutex {
    const_fn! {
        pub(crate) const fn new() -> RawMutex {
            RawMutex {
                state: AtomicUsize::new(0),
                holder: Holder::new(0),
                line: InnerMutex::new(WaitQueue::new()),
            }
        }
    }

    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        // ORDERING: Acquire pairs with the Release of the `unlock` whose 0 it reads, so that
        // this holder sees what the last one wrote. A failure decides nothing.
        let free = self
            .state
            .compare_exchange(0, LOCKED, Ordering::Acquire, Ordering::Relaxed);
        if free.is_err() && !self.barge() {
            return false;
        }
        self.remember_holder();
        true
    }

    /// Takes the lock past those in the line, if nobody holds it.
    #[cold]
    fn barge(&self) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below.
        let mut state = self.state.load(Ordering::Relaxed);
        while state & LOCKED == 0 {
            // ORDERING: Acquire as in `try_lock`; the 0 or QUEUED it reads was written by a
            // Release, or by a read-modify-write that carries it on.
            match self.state.compare_exchange_weak(
                state,
                state | LOCKED,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    #[inline]
    fn remember_holder(&self) {
        // ORDERING: Relaxed, a number for dumps; nothing is read through it.
        self.holder.store(note::goroutine(), Ordering::Relaxed);
    }

    /// Which goroutine holds the lock; 0 if none does or a plain thread.
    pub(crate) fn holder(&self) -> u64 {
        if self.is_locked() {
            // ORDERING: Relaxed, as in `remember_holder`.
            self.holder.load(Ordering::Relaxed)
        } else {
            0
        }
    }

    pub(crate) fn is_locked(&self) -> bool {
        // ORDERING: Relaxed, the answer may be old when the caller reads it.
        self.state.load(Ordering::Relaxed) & LOCKED != 0
    }

    #[inline]
    pub(crate) fn poll_lock(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        if place.key.is_none() {
            std::task::ready!(budget::poll_proceed(cx));
            if self.try_lock() {
                return Poll::Ready(());
            }
        }
        self.poll_lock_slow(place, cx)
    }

    #[cold]
    fn poll_lock_slow(&self, place: &mut Place, cx: &mut Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        let gone;
        let mut line = enter(&self.line);
        let entry = place.key.and_then(|key| line.get_mut(key));
        if entry.is_some_and(|waiter| waiter.handed) || self.lock_or_announce() {
            gone = place.key.take().and_then(|key| self.leave(&mut line, key));
            drop(line);
            drop(gone);
            self.remember_holder();
            return Poll::Ready(());
        }
        match place.key.and_then(|key| line.get_mut(key)) {
            Some(waiter) => rearm(&mut waiter.waker, &mut waker),
            None => {
                budget::refund();
                place.key = Some(line.push_back(Waiter {
                    waker: waker.take(),
                    since_ns: now_ns(),
                    handed: false,
                }));
            }
        }
        drop(line);
        place.pending(WaitReason::MutexLock, self)
    }

    /// Takes the lock if it is free, else says that somebody waits. Under the line's lock.
    fn lock_or_announce(&self) -> bool {
        // ORDERING: Relaxed, only the guess for the exchange below; and if it already says
        // LOCKED|QUEUED it is not old, since that state is only left under the line's lock.
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let free = state & LOCKED == 0;
            let next = if free { state | LOCKED } else { state | QUEUED };
            if next == state {
                return false;
            }
            // ORDERING: Acquire as in `try_lock` when it takes the lock; when it announces,
            // the line's lock publishes the entry that follows.
            match self.state.compare_exchange_weak(
                state,
                next,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => return free,
                Err(now) => state = now,
            }
        }
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
        // ORDERING: Release pairs with the Acquire of the next `try_lock`: without it the
        // next holder could miss what this one wrote.
        let alone = self
            .state
            .compare_exchange(LOCKED, 0, Ordering::Release, Ordering::Relaxed);
        if alone.is_err() {
            self.unlock_slow();
        }
    }

    #[cold]
    fn unlock_slow(&self) {
        let mut line = enter(&self.line);
        let waker = match line.front_mut() {
            None => {
                // ORDERING: Release as in `unlock`.
                self.state.store(0, Ordering::Release);
                None
            }
            Some((_, front)) if now_ns().saturating_sub(front.since_ns) >= STARVING_NS => {
                front.handed = true;
                let waker = front.waker.take();
                self.hand_off(&mut line);
                waker
            }
            Some((_, front)) => {
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
    fn hand_off(&self, line: &mut WaitQueue<Waiter>) {
        line.detach_front();
        if line.is_empty() {
            // ORDERING: Relaxed: the new holder learns of it, and of what was written
            // before, through the line's lock.
            self.state.store(LOCKED, Ordering::Relaxed);
        }
    }

    /// A waiting future is dropped: what it was given goes on to the next.
    #[cold]
    pub(crate) fn abandon(&self, key: Key) {
        let mut line = enter(&self.line);
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
