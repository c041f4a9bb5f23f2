//! The values in a channel, and what can be seen of it at a glance, without its lock.

#![expect(unsafe_code, reason = "what is seen at a glance is outside the lock")]

use std::collections::VecDeque;
use std::ptr::NonNull;

use crate::loom::{AtomicBool, AtomicUsize, Ordering};

/// What is told about a channel to whoever does not hold its lock. Written by lock holders
/// alone, and outdated at once: a hint whether taking the lock is worth it.
// ORDERING: Relaxed for all: whoever acts on it takes the lock first, and whoever knows of an
// operation's end, by whichever way, reads no older value than that operation left (coherence).
pub(crate) struct Glance {
    stored: AtomicUsize,
    closed: AtomicBool,
}

impl Glance {
    pub(crate) fn new() -> Glance {
        Glance {
            stored: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }

    /// How many values are in the buffer.
    #[inline]
    pub(crate) fn stored(&self) -> usize {
        self.stored.load(Ordering::Relaxed)
    }

    /// Whether the channel is closed.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// The buffer: a queue that keeps the glance true.
pub(crate) struct Buffer<T> {
    values: VecDeque<T>,
    glance: NonNull<Glance>,
}

// SAFETY: all it holds may go to another thread with `T: Send`; the glance it points to is
// atomics.
unsafe impl<T: Send> Send for Buffer<T> {}

impl<T> Buffer<T> {
    /// An empty one with room for `capacity` values; none if it can't be allocated.
    ///
    /// # Safety
    ///
    /// The glance is valid whenever the buffer is used, and is no other buffer's.
    pub(crate) unsafe fn new(capacity: usize, glance: NonNull<Glance>) -> Option<Buffer<T>> {
        let mut values = VecDeque::new();
        values.try_reserve_exact(capacity).ok()?;
        Some(Buffer { values, glance })
    }

    #[inline]
    fn glance(&self) -> &Glance {
        // SAFETY: valid, as `new` was promised; it is only ever shared.
        unsafe { self.glance.as_ref() }
    }

    #[inline]
    fn show(&self) {
        let stored = &self.glance().stored;
        stored.store(self.values.len(), Ordering::Relaxed);
    }

    /// Tells those without the lock that the channel is closed.
    pub(crate) fn show_closed(&self) {
        self.glance().closed.store(true, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    #[inline]
    pub(crate) fn push_back(&mut self, value: T) {
        self.values.push_back(value);
        self.show();
    }

    #[inline]
    pub(crate) fn push_front(&mut self, value: T) {
        self.values.push_front(value);
        self.show();
    }

    #[inline]
    pub(crate) fn pop_front(&mut self) -> Option<T> {
        let value = self.values.pop_front()?;
        self.show();
        Some(value)
    }

    /// All of them.
    pub(crate) fn take(&mut self) -> VecDeque<T> {
        let values = std::mem::take(&mut self.values);
        self.show();
        values
    }
}
