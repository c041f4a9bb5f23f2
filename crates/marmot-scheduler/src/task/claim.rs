//! What a join handle keeps, in one word: its goroutine, and how far it has come with it.
//!
//! One word, always written whole: a handle is moved as soon as it is made, and read as soon as
//! it is marked. What is written in parts and then read in one must first leave the store
//! buffer, which took 5 ns each time.

use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

use super::header::{Header, TaskRef};

/// A goroutine or none, and two marks in the bits that its address leaves free.
///
/// Atomic only because the compiler makes a marking of a plain word a write of one byte.
pub(super) struct Claim(AtomicPtr<Header>);

const MARKS: usize = Claim::POLLED | Claim::TAKEN;

const _: () = assert!(align_of::<Header>() > MARKS, "room for the marks");

impl Claim {
    /// The handle was polled at least once: then a waker may be there.
    pub(super) const POLLED: usize = 1;
    /// The output has been given.
    pub(super) const TAKEN: usize = 2;

    /// No goroutine: it was cut off before it began.
    pub(super) const fn none() -> Claim {
        Claim(AtomicPtr::new(ptr::null_mut()))
    }

    pub(super) fn of(task: TaskRef) -> Claim {
        Claim(AtomicPtr::new(task.0.as_ptr()))
    }

    #[inline]
    fn word(&self) -> *mut Header {
        // ORDERING: Relaxed; it is written through `&mut` only, so nobody writes meanwhile.
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn task(&self) -> Option<TaskRef> {
        NonNull::new(self.word().map_addr(|address| address & !MARKS)).map(TaskRef)
    }

    #[inline]
    pub(super) fn is(&self, mark: usize) -> bool {
        self.word().addr() & mark != 0
    }

    #[inline]
    pub(super) fn set(&mut self, mark: usize) {
        let marked = self.word().map_addr(|address| address | mark);
        // ORDERING: Relaxed, as in `word`.
        self.0.store(marked, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, Header, NonNull, TaskRef};

    #[test]
    fn marks_leave_the_goroutine_as_it_is() {
        let task = TaskRef(NonNull::<Header>::dangling());
        let mut claim = Claim::of(task);
        assert!(!claim.is(Claim::POLLED) && !claim.is(Claim::TAKEN));
        claim.set(Claim::TAKEN);
        assert!(!claim.is(Claim::POLLED) && claim.is(Claim::TAKEN));
        claim.set(Claim::POLLED);
        assert!(claim.is(Claim::POLLED) && claim.is(Claim::TAKEN));
        assert_eq!(claim.task(), Some(task));
        assert_eq!(Claim::none().task(), None);
    }
}
