//! The waker of a task: a pointer to its header and four functions.

#![expect(unsafe_code, reason = "a RawWaker counts its references by hand")]

use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::cell;
use super::header::{Header, TaskRef};
use super::state::Duty;
use crate::current;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker that has no reference of its own: good for one poll, to be cloned by who keeps it,
/// and never to be dropped.
#[inline]
pub(super) fn borrowed(task: TaskRef) -> Waker {
    // SAFETY: the functions below keep RawWaker's contract for a pointer to a live header;
    // they are safe on any thread, as the state is one atomic and queues take any thread.
    unsafe { Waker::new(task.0.as_ptr().cast_const().cast(), &VTABLE) }
}

fn task_of(data: *const ()) -> TaskRef {
    TaskRef(NonNull::new(data.cast_mut().cast::<Header>()).expect("a waker has its task"))
}

/// The header behind a waker's pointer.
///
/// # Safety
///
/// The caller has a reference to the task for as long as it uses the header.
unsafe fn header_of<'a>(data: *const ()) -> &'a Header {
    // SAFETY: the caller's reference keeps the cell alive.
    unsafe { &*data.cast::<Header>() }
}

/// # Safety
///
/// As RawWakerVTable says; likewise below.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the waker being cloned has a reference, or borrows the poller's.
    let header = unsafe { header_of(data) };
    header.state.add_ref();
    RawWaker::new(data, &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the waker's own reference, given up by `wake`.
    let header = unsafe { header_of(data) };
    let shared = header.shared();
    let (duty, last) = header.state.wake();
    if duty == Duty::Enqueue {
        current::schedule::<false>(shared, task_of(data));
    } else if last {
        // SAFETY: the last reference is gone; a task without its life reference is done and
        // its output dropped or taken.
        unsafe { cell::free(task_of(data)) };
    }
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the waker's reference.
    let header = unsafe { header_of(data) };
    if header.state.wake_by_ref() == Duty::Enqueue {
        current::schedule::<false>(header.shared(), task_of(data));
    }
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the waker's own reference, given up here.
    let header = unsafe { header_of(data) };
    if header.state.drop_ref() {
        // SAFETY: as in `wake`.
        unsafe { cell::free(task_of(data)) };
    }
}
