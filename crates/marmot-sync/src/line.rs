//! What the lines of waiters of this crate have in common.
//!
//! Each primitive keeps an atomic word for its fast paths and a line behind an inner lock
//! for those who wait. Under that lock nothing foreign runs: a waker is cloned, called and dropped
//! outside of it ([`Fresh`]).

use std::panic::Location;
use std::ptr;
use std::task::{Context, Poll, Waker};

use marmot_wait::{Key, WaitReason, note};

/// What every waiting future keeps: its place in the line once it has one, and the line of
/// the program that made it.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) key: Option<Key>,
    caller: &'static Location<'static>,
}

impl Place {
    /// Not in the line yet.
    #[inline]
    #[track_caller]
    pub(crate) fn new() -> Place {
        Place::at(Location::caller())
    }

    /// Not in the line yet; made by that line of the program.
    #[inline]
    pub(crate) fn at(caller: &'static Location<'static>) -> Place {
        Place { key: None, caller }
    }

    /// The line of the program that waits.
    pub(crate) fn caller(&self) -> &'static Location<'static> {
        self.caller
    }

    /// Says what is waited for, and waits.
    pub(crate) fn pending<O: ?Sized, R>(&self, reason: WaitReason, object: &O) -> Poll<R> {
        note::set(reason, ptr::from_ref(object).addr(), self.caller);
        Poll::Pending
    }

    /// The same, for something that a goroutine holds (0 if which is not known), to be woken by
    /// this waker.
    pub(crate) fn pending_for<O: ?Sized, R>(
        &self,
        reason: WaitReason,
        object: &O,
        waker: &Waker,
        holder: u64,
    ) -> Poll<R> {
        let object = ptr::from_ref(object).addr();
        note::set_held(reason, object, self.caller, waker, holder);
        Poll::Pending
    }
}

/// What a wait is for, until it has it.
#[inline]
pub(crate) fn unfinished<T: ?Sized>(of: Option<&T>) -> &T {
    match of {
        Some(of) => of,
        None => finished(),
    }
}

/// The same, taken away: the wait is over.
#[inline]
pub(crate) fn finish<T>(of: &mut Option<T>) -> T {
    match of.take() {
        Some(of) => of,
        None => finished(),
    }
}

#[cold]
fn finished() -> ! {
    panic!("a wait was polled after it had completed")
}

/// The waker of the present poll, cloned outside of the line's lock, and only if it is needed:
/// whoever was woken mostly gets what it waited for, or waits on with the waker it left there.
pub(crate) struct Fresh<'a> {
    present: &'a Waker,
    own: Option<Waker>,
}

impl Fresh<'_> {
    /// The line's lock is taken in `step`, which gives `None`, and leaves everything as it was, if
    /// it needs a clone after all.
    pub(crate) fn poll<R>(
        place: &mut Place,
        cx: &Context<'_>,
        mut step: impl FnMut(&mut Place, &mut Fresh<'_>) -> Option<Poll<R>>,
    ) -> Poll<R> {
        // Who is not in line yet will be.
        let own = place.key.is_none().then(|| cx.waker().clone());
        Fresh::with(cx.waker(), own, |fresh| step(place, fresh))
    }

    /// The same for a step of any kind, with a clone at hand or without.
    pub(crate) fn with<R>(
        present: &Waker,
        own: Option<Waker>,
        mut step: impl FnMut(&mut Fresh<'_>) -> Option<R>,
    ) -> R {
        let mut fresh = Fresh { present, own };
        loop {
            if let Some(result) = step(&mut fresh) {
                return result;
            }
            fresh.own = Some(present.clone());
        }
    }

    /// The waker itself.
    pub(crate) fn present(&self) -> &Waker {
        self.present
    }

    /// The clone, for one who gets in line.
    pub(crate) fn take(&mut self) -> Option<Waker> {
        self.own.take()
    }

    /// Sees to it that a waiter's entry wakes the present poll. `None`: that takes a clone.
    pub(crate) fn rearm(&mut self, slot: &mut Option<Waker>) -> Option<()> {
        match slot {
            Some(old) if old.will_wake(self.present) => Some(()),
            _ => {
                // The one before is dropped with `self`, after the lock.
                let own = self.own.take()?;
                self.own = slot.replace(own);
                Some(())
            }
        }
    }
}
