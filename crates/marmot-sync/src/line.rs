//! What the lines of waiters of this crate have in common.
//!
//! Each primitive keeps an atomic word for its fast paths and a line behind an inner lock
//! for those who wait. Under that lock nothing foreign runs: a waker is cloned before the
//! lock is taken, and called or dropped after it is released.

use std::panic::Location;
use std::ptr;
use std::sync::PoisonError;
use std::task::{Poll, Waker};

use marmot_wait::{Key, WaitReason, note};

use crate::loom::{InnerGuard, InnerMutex};

/// Takes the inner lock. Nothing that can panic runs under it, so a poisoned one is as
/// good as any.
pub(crate) fn enter<T>(line: &InnerMutex<T>) -> InnerGuard<'_, T> {
    line.lock().unwrap_or_else(PoisonError::into_inner)
}

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

/// Puts the waker of the present poll into a waiter's entry, and the one that must not be
/// dropped yet into `fresh`.
pub(crate) fn rearm(slot: &mut Option<Waker>, fresh: &mut Option<Waker>) {
    match (slot.as_ref(), fresh.as_ref()) {
        (Some(old), Some(new)) if old.will_wake(new) => {}
        _ => std::mem::swap(slot, fresh),
    }
}
