//! The one thread-local of this crate: what the poll in progress may say and use.
//!
//! Constant initialiser and no destructor, so that an access is a plain load from the
//! thread's block, without a check whether it has been set up.

use std::cell::Cell;
use std::mem::ManuallyDrop;

use crate::ambient::Ambient;
use crate::note::{Note, Waits};
use crate::runner::{NO_LANE, Runner};

pub(crate) struct Local {
    /// Operations left to the goroutine being polled; 0 means nobody counts, 1 that it is spent.
    pub(crate) budget: Cell<u32>,
    /// Which queue of timers belongs to this thread's P.
    pub(crate) lane: Cell<u32>,
    /// The goroutine being polled, by its number among all runtimes; 0 for none.
    pub(crate) goroutine: Cell<u64>,
    /// How many leaves have returned `Pending` in this poll, and of what kind if it was one.
    pub(crate) waits: Cell<Waits>,
    /// What the last leaf future to return `Pending` waits for.
    pub(crate) note: Cell<Note>,
    /// Whoever polls on this thread.
    pub(crate) runner: Cell<Option<&'static dyn Runner>>,
    /// Whether `ambient` holds something.
    pub(crate) is_ambient: Cell<bool>,
    /// What goroutines that are started now inherit. Empty whenever nothing is polled on this
    /// thread, so it never needs a destructor.
    pub(crate) ambient: Cell<ManuallyDrop<Ambient>>,
}

thread_local! {
    pub(crate) static LOCAL: Local = const {
        Local {
            budget: Cell::new(0),
            lane: Cell::new(NO_LANE),
            goroutine: Cell::new(0),
            waits: Cell::new(Waits::Nothing),
            note: Cell::new(Note::NONE),
            runner: Cell::new(None),
            is_ambient: Cell::new(false),
            ambient: Cell::new(ManuallyDrop::new(None)),
        }
    };
}
