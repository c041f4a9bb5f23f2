//! The right to decide one select: shared by all its waiters, won by the first claim.
//!
//! ```text
//!                 claim (a peer)                    claim or keep
//!        Open ───────────────────────▶ Decided ◀──────────────────── Busy
//!          │                                                          ▲ │
//!          └──────────────── begin (its owner polls futures) ─────────┘ │
//!          ▲                                                            │
//!          └──────────────── reopen (none was ready) ───────────────────┘
//! ```
//!
//! While its owner polls the arms that are futures, nobody may decide for it: it is *busy*.
//! A peer that meets it then passes on to the next waiter and leaves a mark, and the owner
//! looks again at its channels before it opens the selection. Go: the compare-and-swap on
//! `selectDone`; the busy phase is ours, since Go's select has no futures in it.

use std::sync::Arc;
use std::task::Waker;

use crate::lock::Lock;

/// Decided by nobody: the select was dropped, or has ended otherwise.
const NO_CASE: u32 = u32::MAX;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Open,
    Busy,
    Decided(u32),
}

struct Inner {
    phase: Phase,
    /// Somebody passed by while it was busy, or asks its owner to look again.
    missed: bool,
    waker: Option<Waker>,
}

/// Shared by all waiters of one select.
#[expect(missing_debug_implementations, reason = "nobody outside can reach one")]
pub struct Selection {
    inner: Lock<Inner>,
}

/// What a peer gets when it claims.
#[must_use]
pub(crate) enum Claim {
    /// The select is decided for this case; its owner is owed a wake-up.
    Won(Option<Waker>),
    /// Another case won: this waiter is a leftover.
    Lost,
    /// Its owner is deciding: pass on, it will look again.
    Busy,
}

/// What the owner finds when it comes back.
#[must_use]
pub(crate) enum Found {
    /// A peer has decided for this case.
    Decided(u32),
    /// Nobody has; it is the owner's turn.
    Undecided,
}

/// What comes of opening a selection again.
#[must_use]
pub(crate) enum Reopened {
    /// It is open, and nobody came by meanwhile.
    Open,
    /// It is still busy: somebody came by, so look at the channels first.
    LookAgain,
}

impl Selection {
    /// Busy, so that nobody decides before the owner has enlisted everywhere.
    pub(crate) fn new() -> Selection {
        Selection {
            inner: Lock::new(Inner {
                phase: Phase::Busy,
                missed: false,
                waker: None,
            }),
        }
    }

    /// A peer wants to serve `case`.
    pub(crate) fn claim(&self, case: u32) -> Claim {
        let mut inner = self.inner.lock();
        match inner.phase {
            Phase::Open => {
                inner.phase = Phase::Decided(case);
                Claim::Won(inner.waker.take())
            }
            Phase::Busy => {
                inner.missed = true;
                Claim::Busy
            }
            Phase::Decided(_) => Claim::Lost,
        }
    }

    /// Asks the owner to look at its channels again; the waker to be called, if any.
    pub(crate) fn nudge(&self) -> Option<Waker> {
        let mut inner = self.inner.lock();
        inner.missed = true;
        match inner.phase {
            Phase::Open => inner.waker.take(),
            Phase::Busy | Phase::Decided(_) => None,
        }
    }

    /// The owner is polled again: it keeps peers out while it decides.
    pub(crate) fn begin(&self) -> Found {
        let mut inner = self.inner.lock();
        if let Phase::Decided(case) = inner.phase {
            return Found::Decided(case);
        }
        inner.phase = Phase::Busy;
        Found::Undecided
    }

    /// The owner has nothing to decide but its channels: it leaves the selection open and
    /// only sees to its waker. Gives the old waker, to be dropped without a lock.
    pub(crate) fn refresh(&self, waker: &Waker) -> (Refreshed, Option<Waker>) {
        let mut inner = self.inner.lock();
        if let Phase::Decided(case) = inner.phase {
            return (Refreshed::Decided(case), None);
        }
        if inner.missed {
            inner.phase = Phase::Busy;
            return (Refreshed::LookAgain, None);
        }
        (Refreshed::Waits, set_waker(&mut inner.waker, waker))
    }

    /// Opens it, unless somebody came by. Gives the old waker, to be dropped without a lock.
    pub(crate) fn reopen(&self, waker: &Waker) -> (Reopened, Option<Waker>) {
        let mut inner = self.inner.lock();
        if inner.missed {
            return (Reopened::LookAgain, None);
        }
        inner.phase = Phase::Open;
        (Reopened::Open, set_waker(&mut inner.waker, waker))
    }

    /// Opens it: its owner has looked, with all its channels locked, at what it missed.
    pub(crate) fn open(&self, waker: &Waker) -> Option<Waker> {
        let mut inner = self.inner.lock();
        inner.missed = false;
        inner.phase = Phase::Open;
        set_waker(&mut inner.waker, waker)
    }

    /// The owner has decided itself, or gives up: no peer can decide any more. Gives the
    /// waker, to be dropped without a lock.
    pub(crate) fn end(&self) -> Option<Waker> {
        let mut inner = self.inner.lock();
        if !matches!(inner.phase, Phase::Decided(_)) {
            inner.phase = Phase::Decided(NO_CASE);
        }
        inner.waker.take()
    }

    /// Makes it new, for another select. Only whoever holds the last reference can.
    fn renew(this: &mut Arc<Selection>) -> bool {
        let Some(unshared) = Arc::get_mut(this) else {
            return false;
        };
        let inner = unshared.inner.get_mut();
        inner.phase = Phase::Busy;
        inner.missed = false;
        true
    }
}

/// What the owner finds when it only sees to its waker.
#[must_use]
pub(crate) enum Refreshed {
    /// A peer has decided for this case.
    Decided(u32),
    /// Nothing has happened.
    Waits,
    /// It is busy now: look at the channels.
    LookAgain,
}

fn set_waker(slot: &mut Option<Waker>, waker: &Waker) -> Option<Waker> {
    match slot {
        Some(known) if known.will_wake(waker) => None,
        _ => slot.replace(waker.clone()),
    }
}

/// One spare selection a thread, so that a select that waits needs no allocation.
#[cfg(not(marmot_loom))]
mod spare {
    use std::cell::Cell;
    use std::sync::Arc;

    use super::Selection;

    thread_local! {
        static SPARE: Cell<Option<Arc<Selection>>> = const { Cell::new(None) };
    }

    pub(crate) fn take() -> Arc<Selection> {
        SPARE
            .try_with(Cell::take)
            .ok()
            .flatten()
            .unwrap_or_else(|| Arc::new(Selection::new()))
    }

    pub(crate) fn keep(mut selection: Arc<Selection>) {
        if Selection::renew(&mut selection) {
            // The thread is ending if it fails; then nobody needs a spare.
            let _ = SPARE.try_with(|spare| spare.set(Some(selection)));
        }
    }
}

#[cfg(marmot_loom)]
mod spare {
    use std::sync::Arc;

    use super::Selection;

    pub(crate) fn take() -> Arc<Selection> {
        Arc::new(Selection::new())
    }

    pub(crate) fn keep(mut selection: Arc<Selection>) {
        let _ = Selection::renew(&mut selection);
    }
}

pub(crate) use spare::{keep, take};
