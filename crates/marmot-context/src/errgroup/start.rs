//! Starting members, one after the other.
//!
//! A runtime that ends drops what it is given at once, and outside a runtime there may be no
//! thread for it. A member that is dropped has ended, and the next in the queue takes its
//! place, in the midst of the start of the one before. So a start within a start of this
//! thread is put off until the outer one is done: a long queue needs no deep stack.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::errgroup::Inner;
use crate::errgroup::member::{Job, text_of};
use crate::errgroup::state::Panic;
use crate::spawn::spawn;

/// Members that were admitted, and their groups.
type Admitted = Vec<(Arc<Inner>, Job)>;

thread_local! {
    /// What the outer start has put before it; `None` outside of one.
    static PUT_OFF: Cell<Option<Admitted>> = const { Cell::new(None) };
}

/// Starts a member that was admitted.
pub(super) fn start(group: &Arc<Inner>, mut job: Job) {
    let place = job.place();
    job.as_mut().enter(Arc::clone(group));
    spawn(job, place);
}

/// Starts members that waited in the queue. One that can't be started has panicked.
pub(super) fn start_queued(group: &Arc<Inner>, jobs: Vec<Job>) {
    if jobs.is_empty() {
        return;
    }
    let mut admitted: Admitted = jobs
        .into_iter()
        .map(|job| (Arc::clone(group), job))
        .collect();
    // While this thread ends there is no outer start.
    let outer = PUT_OFF.try_with(Cell::take).ok().flatten();
    if let Some(mut later) = outer {
        later.append(&mut admitted);
        PUT_OFF.set(Some(later));
        return;
    }
    while !admitted.is_empty() {
        admitted = start_each(admitted);
    }
}

/// Starts these; gives those that were put off meanwhile.
fn start_each(admitted: Admitted) -> Admitted {
    PUT_OFF.try_with(|later| later.set(Some(Vec::new()))).ok();
    for (group, job) in admitted {
        let started = catch_unwind(AssertUnwindSafe(|| start(&group, job)));
        if let Err(payload) = started {
            fail(&group, payload);
        }
    }
    let later = PUT_OFF.try_with(Cell::take).ok().flatten();
    later.unwrap_or_default()
}

/// The one who waits for the group learns that a member was not started. (If nobody can, the
/// panic has been told by the hook, and there is nobody whose it is.)
fn fail(group: &Inner, payload: Box<dyn Any + Send>) {
    let text = text_of(&*payload);
    let payload = Some(payload);
    let _told = group.panicked(Panic { payload, text });
}
