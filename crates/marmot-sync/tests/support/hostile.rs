//! A waker that panics where it is told to.

#![expect(
    unsafe_code,
    reason = "std lets only a table of raw functions clone a waker"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{RawWaker, RawWakerVTable, Waker};

/// What is done to a waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum At {
    Clone = 1,
    Wake = 2,
    Drop = 3,
}

/// Counts its calls, and panics once where it is told to.
#[derive(Default)]
pub(crate) struct Hostile {
    wakes: AtomicUsize,
    fails: AtomicU8,
}

static TABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_handle);

impl Hostile {
    pub(crate) fn new() -> Arc<Hostile> {
        Arc::default()
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        let data = Arc::into_raw(Arc::clone(self));
        // SAFETY: the table's functions take the pointer for what it is, one handle of an Arc of
        // something that is Send and Sync.
        unsafe { Waker::new(data.cast(), &TABLE) }
    }

    /// The next time, and then no more.
    pub(crate) fn fail(&self, at: At) {
        self.fails.store(at as u8, Ordering::SeqCst);
    }

    pub(crate) fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }

    /// How many lead here, this one too.
    pub(crate) fn handles(self: &Arc<Self>) -> usize {
        Arc::strong_count(self)
    }

    fn done(&self, at: At) {
        let fails = at as u8;
        let hit = self
            .fails
            .compare_exchange(fails, 0, Ordering::SeqCst, Ordering::SeqCst);
        assert!(hit.is_err(), "a waker fails at {at:?}");
    }
}

/// The handle that a waker is made of.
fn take(data: *const ()) -> Arc<Hostile> {
    // SAFETY: from `into_raw` in `waker` or `clone`; each waker is taken once, at its end.
    unsafe { Arc::from_raw(data.cast()) }
}

fn look(data: *const ()) -> Arc<Hostile> {
    let own = std::mem::ManuallyDrop::new(take(data));
    Arc::clone(&own)
}

fn clone(data: *const ()) -> RawWaker {
    let hostile = look(data);
    hostile.done(At::Clone);
    RawWaker::new(Arc::into_raw(hostile).cast(), &TABLE)
}

fn wake(data: *const ()) {
    let hostile = take(data);
    hostile.wakes.fetch_add(1, Ordering::SeqCst);
    hostile.done(At::Wake);
}

fn wake_by_ref(data: *const ()) {
    let hostile = look(data);
    hostile.wakes.fetch_add(1, Ordering::SeqCst);
    hostile.done(At::Wake);
}

fn drop_handle(data: *const ()) {
    take(data).done(At::Drop);
}
