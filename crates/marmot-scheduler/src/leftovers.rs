//! What becomes of goroutines that nobody will poll any more, because their runtime has ended:
//! their futures are dropped, each once.
//!
//! Who may find one: the thread that ends the runtime, walking over the slab's cells; a machine
//! whose last poll outlived that walk; a thread that was just starting a goroutine. A walk
//! holds no references. So all of them take tasks (`State::seize`) under one lock, and a walk
//! lists and takes under it: what it found waiting is still that task when it is taken, since
//! nobody else can start, end or free it meanwhile.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::machine::header;
use crate::shared::Shared;
use crate::snapshot;
use crate::task::cell;
use crate::task::header::TaskRef;

/// No user code runs under it.
static TAKING: Mutex<()> = Mutex::new(());

fn taking() -> MutexGuard<'static, ()> {
    TAKING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Drops every goroutine that nobody polls, of a runtime whose machines start no other poll.
/// `true`: there were some, whose destructors may have made others.
pub(crate) fn drop_all(shared: &'static Shared) -> bool {
    let guard = taking();
    let mut taken = snapshot::tasks(shared);
    taken.retain(|task| header(*task).state.seize());
    drop(guard);
    let any = !taken.is_empty();
    taken.into_iter().for_each(cell::drop_future);
    any
}

/// Drops this goroutine, if its runtime has ended and the walk has not come to it, or never
/// will. The caller has a reference to it, and has just given up the right to poll it.
pub(crate) fn drop_one(shared: &'static Shared, task: TaskRef) {
    if !shared.is_closed() {
        return;
    }
    let guard = taking();
    let taken = header(task).state.seize();
    drop(guard);
    if taken {
        cell::drop_future(task);
    }
}
