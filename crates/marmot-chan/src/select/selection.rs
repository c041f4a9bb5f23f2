//! The right to decide one select: shared by all its waiters, won by the first claim.
//!
//! ```text
//!             claim (a peer)            done
//!      Open ────────────────▶ Touched ────────▶ Decided(case)
//!     ▲  │ ▲                     │
//!     │  │ └─────────────────────┘ nudge (a peer), refresh (the owner)
//!     │  │ begin                           end (the owner): Open or Busy ──▶ Ended
//!     │  ▼
//!      Busy      reopen: none of the futures was ready, and nobody came by
//! ```
//!
//! While its owner polls the arms that are futures, nobody may decide for it: it is *busy*.
//! A peer that meets it then passes on to the next waiter and leaves a mark (*missed*), and the
//! owner looks again at its channels before it opens the selection. Go: the compare-and-swap on
//! `selectDone`; the busy phase is ours, since Go's select has no futures in it.
//!
//! The waker is the owner's while it is Busy, Decided or Ended, and whose it is that has
//! Touched it otherwise. So a claim is one locked instruction, and its owner's look at the
//! outcome none.
//!
//! **References.** The owner has one, and each waiter a [`Ticket`]. All tickets of a select are
//! made at once, by a plain store while nobody else has a reference; they come back to the owner
//! when its arms leave their lines, which counts them and stores 1 if it has them all. One that
//! is lost on another way counts itself.

#![expect(
    unsafe_code,
    reason = "references counted by the dozen, and a waker that changes hands without a lock"
)]

use std::ptr::NonNull;
use std::task::Waker;

use crate::loom::{AtomicU32, AtomicUsize, Ordering, UnsafeCell, spin_loop};

const BUSY: u32 = 0;
/// Busy, and somebody came by.
const BUSY_MISSED: u32 = 1;
const OPEN: u32 = 2;
/// Open, its waker called: its owner was asked to look again.
const OPEN_MISSED: u32 = 3;
/// Somebody has it for a moment.
const TOUCHED: u32 = 4;
/// Decided by nobody: the select was dropped, or has ended otherwise.
const ENDED: u32 = 5;
/// Decided for the case with the number that is left when this is subtracted.
const DECIDED: u32 = 8;

/// Shared by all waiters of one select.
struct Selection {
    refs: AtomicUsize,
    word: AtomicU32,
    waker: UnsafeCell<Option<Waker>>,
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

impl Selection {
    /// Takes it from `word`, for a moment. Whoever succeeds has the waker, and ends the moment
    /// with [`leave`](Selection::leave).
    fn touch(&self, word: u32) -> bool {
        self.change(word, TOUCHED)
    }

    #[inline]
    fn change(&self, from: u32, to: u32) -> bool {
        // ORDERING: Acquire pairs with the Release of whoever had the waker before (`leave`).
        // Release for `reopen`, which gives the waker away by this.
        self.word
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Goes to `word`, and gives the waker away.
    #[inline]
    fn leave(&self, word: u32) {
        // ORDERING: Release pairs with the Acquire of whoever has the waker next (`change`,
        // `glance`).
        self.word.store(word, Ordering::Release);
    }

    #[inline]
    fn glance(&self) -> u32 {
        // ORDERING: Acquire pairs with the Release in `leave`: whoever finds it decided finds
        // the peer done with the waker.
        self.word.load(Ordering::Acquire)
    }

    /// Lends the waker.
    ///
    /// # Safety
    ///
    /// The caller has the waker, as the head of this file says.
    #[inline]
    unsafe fn waker<R>(&self, f: impl FnOnce(&mut Option<Waker>) -> R) -> R {
        #[cfg(not(marmot_loom))]
        let pointer = self.waker.get();
        #[cfg(not(marmot_loom))]
        // SAFETY: the pointer comes from the cell, so it is valid and aligned; the waker is our
        // caller's alone, so this reference is the only one.
        let result = f(unsafe { &mut *pointer });
        #[cfg(marmot_loom)]
        let result = self.waker.with_mut(|pointer| {
            // SAFETY: as above; loom checks that nobody else is inside.
            f(unsafe { &mut *pointer })
        });
        result
    }
}

/// A waiter's reference to the selection of its select.
#[expect(missing_debug_implementations, reason = "nobody outside can reach one")]
pub struct Ticket(NonNull<Selection>);

// SAFETY: what is behind it is atomics, and a waker that changes hands as the head of this file
// says; wakers go to any thread.
unsafe impl Send for Ticket {}
// SAFETY: as above.
unsafe impl Sync for Ticket {}

impl Ticket {
    #[inline]
    fn selection(&self) -> &Selection {
        // SAFETY: the ticket is one of the references that keep it.
        unsafe { self.0.as_ref() }
    }

    /// A peer wants to serve `case`. It holds a channel's lock. Won, the ticket is
    /// [spent](Ticket::spend): its reference is the owner's now.
    #[inline]
    pub(crate) fn claim(&self, case: u32) -> Claim {
        let selection = self.selection();
        loop {
            match selection.glance() {
                word @ (OPEN | OPEN_MISSED) => {
                    if selection.touch(word) {
                        // SAFETY: we have just touched it.
                        let waker = unsafe { selection.waker(Option::take) };
                        selection.leave(DECIDED + case);
                        return Claim::Won(waker);
                    }
                }
                BUSY => {
                    if selection.change(BUSY, BUSY_MISSED) {
                        return Claim::Busy;
                    }
                }
                // Whoever holds a channel's lock reads no stale mark: it is only taken away
                // with the locks of all channels held.
                BUSY_MISSED => return Claim::Busy,
                TOUCHED => spin_loop(),
                _ => return Claim::Lost,
            }
        }
    }

    /// Gives the reference to the owner, who finds the select decided.
    #[inline]
    pub(crate) fn spend(self) {
        std::mem::forget(self);
    }

    /// Asks the owner to look at its channels again; the waker to be called, if any.
    #[cold]
    pub(crate) fn nudge(&self) -> Option<Waker> {
        let selection = self.selection();
        loop {
            match selection.glance() {
                OPEN => {
                    if selection.touch(OPEN) {
                        // SAFETY: we have just touched it.
                        let waker = unsafe { selection.waker(Option::take) };
                        selection.leave(OPEN_MISSED);
                        return waker;
                    }
                }
                BUSY => {
                    if selection.change(BUSY, BUSY_MISSED) {
                        return None;
                    }
                }
                TOUCHED => spin_loop(),
                _ => return None,
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        release(self.0, 1);
    }
}

/// The reference of the select itself.
pub(crate) struct Owner(NonNull<Selection>);

// SAFETY: as for `Ticket`.
unsafe impl Send for Owner {}
// SAFETY: as for `Ticket`.
unsafe impl Sync for Owner {}

impl Owner {
    /// Busy, so that nobody decides before the owner has enlisted everywhere.
    fn new() -> Owner {
        let selection = Box::new(Selection {
            refs: AtomicUsize::new(1),
            word: AtomicU32::new(BUSY),
            waker: UnsafeCell::new(None),
        });
        Owner(NonNull::from(Box::leak(selection)))
    }

    #[inline]
    fn selection(&self) -> &Selection {
        // SAFETY: the owner's is one of the references that keep it.
        unsafe { self.0.as_ref() }
    }

    /// So many tickets.
    #[inline]
    pub(crate) fn tickets(&mut self, count: usize) -> Tickets<'_> {
        let refs = &self.selection().refs;
        if self.is_alone() {
            // ORDERING: Relaxed: nobody else has a reference; each ticket goes with a lock that
            // publishes this.
            refs.store(1 + count, Ordering::Relaxed);
        } else {
            // ORDERING: Relaxed, as in `Arc`: our own keeps it.
            refs.fetch_add(count, Ordering::Relaxed);
        }
        Tickets {
            owner: self,
            left: count,
        }
    }

    #[inline]
    fn is_alone(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `release`: what was done through a
        // reference that is gone is over before the selection is used anew. (A count that is made by an owner is made through
        // `&mut`, so nobody adds to it meanwhile.)
        self.selection().refs.load(Ordering::Acquire) == 1
    }

    /// The owner is polled again: it keeps peers out while it decides.
    pub(crate) fn begin(&mut self) -> Found {
        let selection = self.selection();
        loop {
            let word = selection.glance();
            let taken = match word {
                OPEN => selection.change(OPEN, BUSY),
                OPEN_MISSED => selection.change(OPEN_MISSED, BUSY_MISSED),
                TOUCHED => {
                    spin_loop();
                    false
                }
                _ if word >= DECIDED => return Found::Decided(word - DECIDED),
                _ => true,
            };
            if taken {
                return Found::Undecided;
            }
        }
    }

    /// The owner has nothing to decide but its channels: it leaves the selection open and
    /// only sees to its waker. Gives the old waker, to be dropped without a lock.
    #[inline]
    pub(crate) fn refresh(&mut self, waker: &Waker) -> (Refreshed, Option<Waker>) {
        match self.selection().glance() {
            word if word >= DECIDED => (Refreshed::Decided(word - DECIDED), None),
            _ => self.refresh_slow(waker),
        }
    }

    #[cold]
    fn refresh_slow(&mut self, waker: &Waker) -> (Refreshed, Option<Waker>) {
        let selection = self.selection();
        loop {
            let word = selection.glance();
            match word {
                OPEN => {
                    if selection.touch(OPEN) {
                        // SAFETY: we have just touched it.
                        let old = unsafe { selection.waker(|slot| set_waker(slot, waker)) };
                        selection.leave(OPEN);
                        return (Refreshed::Waits, old);
                    }
                }
                OPEN_MISSED => {
                    if selection.change(OPEN_MISSED, BUSY) {
                        return (Refreshed::LookAgain, None);
                    }
                }
                TOUCHED => spin_loop(),
                _ if word >= DECIDED => return (Refreshed::Decided(word - DECIDED), None),
                _ => return (Refreshed::LookAgain, None),
            }
        }
    }

    /// Opens it, unless somebody came by; it is busy. Gives the old waker, to be dropped
    /// without a lock.
    pub(crate) fn reopen(&mut self, waker: &Waker) -> (Reopened, Option<Waker>) {
        let selection = self.selection();
        // SAFETY: it is busy, so the waker is ours.
        let old = unsafe { selection.waker(|slot| set_waker(slot, waker)) };
        let reopened = if selection.change(BUSY, OPEN) {
            Reopened::Open
        } else {
            Reopened::LookAgain
        };
        (reopened, old)
    }

    /// Opens it, whatever was missed; it is busy. Its owner has looked at all its channels, and
    /// holds their locks.
    #[inline]
    pub(crate) fn open(&mut self, waker: &Waker) -> Option<Waker> {
        let selection = self.selection();
        // SAFETY: it is busy, so the waker is ours.
        let old = unsafe { selection.waker(|slot| set_waker(slot, waker)) };
        selection.leave(OPEN);
        old
    }

    /// The owner has decided itself, or gives up: no peer can decide any more. Gives the
    /// waker, to be dropped without a lock.
    #[inline]
    pub(crate) fn end(&mut self) -> Option<Waker> {
        let selection = self.selection();
        loop {
            let word = selection.glance();
            match word {
                OPEN | OPEN_MISSED | BUSY | BUSY_MISSED => {
                    if selection.change(word, ENDED) {
                        break;
                    }
                }
                TOUCHED => spin_loop(),
                _ => break,
            }
        }
        // SAFETY: it is decided or has ended, so the waker is ours.
        unsafe { selection.waker(Option::take) }
    }

    /// Where the tickets come back to, once it has ended or is decided.
    #[inline]
    pub(crate) fn back(&mut self) -> Back<'_> {
        // Whoever has decided has spent a ticket.
        let count = usize::from(self.selection().glance() >= DECIDED);
        Back { owner: self, count }
    }

    /// Makes it new, for another select. Only whoever holds the last reference can.
    fn renew(&mut self) -> bool {
        let alone = self.is_alone();
        if alone {
            // ORDERING: Relaxed: nobody else has a reference.
            self.selection().word.store(BUSY, Ordering::Relaxed);
        }
        alone
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // (A spent ticket is ours to count.)
        let spent = usize::from(self.selection().glance() >= DECIDED);
        release(self.0, 1 + spent);
    }
}

/// So many references less.
fn release(selection: NonNull<Selection>, count: usize) {
    // SAFETY: they are our caller's, and keep it until they are given up here.
    let refs = unsafe { &(*selection.as_ptr()).refs };
    // ORDERING: Release keeps every use before the count; Acquire lets the last one see all of
    // them before it frees the selection.
    if refs.fetch_sub(count, Ordering::AcqRel) == count {
        // SAFETY: it came from a box, and those were the last references.
        drop(unsafe { Box::from_raw(selection.as_ptr()) });
    }
}

/// Tickets that are handed out.
pub(crate) struct Tickets<'a> {
    owner: &'a Owner,
    left: usize,
}

impl Tickets<'_> {
    /// One of them.
    #[inline]
    pub(crate) fn one(&mut self) -> Ticket {
        self.left = self.left.checked_sub(1).expect("a ticket is left");
        Ticket(self.owner.0)
    }
}

impl Drop for Tickets<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.left > 0 {
            release(self.owner.0, self.left);
        }
    }
}

/// Where the tickets of a select come back to, to be counted all at once.
#[expect(missing_debug_implementations, reason = "nobody outside can reach one")]
pub struct Back<'a> {
    owner: &'a mut Owner,
    count: usize,
}

impl Back<'_> {
    /// One of them.
    #[inline]
    pub(crate) fn take(&mut self, ticket: Ticket) {
        if ticket.0 == self.owner.0 {
            self.count += 1;
            std::mem::forget(ticket);
        }
    }
}

impl Drop for Back<'_> {
    #[inline]
    fn drop(&mut self) {
        let refs = &self.owner.selection().refs;
        // The spent ticket is counted here: not once more when the owner is dropped.
        // ORDERING: Relaxed: decided or ended, nobody acts on the difference.
        self.owner.selection().word.store(ENDED, Ordering::Relaxed);
        // ORDERING: Acquire, as in `is_alone`.
        if refs.load(Ordering::Acquire) == 1 + self.count {
            // ORDERING: Relaxed: they are all ours, so nobody else has one.
            refs.store(1, Ordering::Relaxed);
        } else if self.count > 0 {
            release(self.owner.0, self.count);
        }
    }
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

    use super::Owner;

    thread_local! {
        static SPARE: Cell<Option<Owner>> = const { Cell::new(None) };
    }

    #[inline]
    pub(crate) fn take() -> Owner {
        SPARE
            .try_with(Cell::take)
            .ok()
            .flatten()
            .unwrap_or_else(Owner::new)
    }

    #[inline]
    pub(crate) fn keep(mut selection: Owner) {
        if selection.renew() {
            // The thread is ending if it fails; then nobody needs a spare.
            let _ = SPARE.try_with(|spare| spare.set(Some(selection)));
        }
    }
}

#[cfg(marmot_loom)]
mod spare {
    use super::Owner;

    pub(crate) fn take() -> Owner {
        Owner::new()
    }

    pub(crate) fn keep(mut selection: Owner) {
        let _ = selection.renew();
    }
}

pub(crate) use spare::{keep, take};
