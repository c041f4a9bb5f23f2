//! P: the right to run goroutines, and a local queue of them.
//!
//! A P's plain parts (`Core`) are touched only by the machine that holds its lease, inside a
//! guarded region, or by the monitor after a successful revoke (`lease/`).

#![expect(
    unsafe_code,
    reason = "the core is reached under the lease instead of a lock"
)]

use std::cell::{Cell, UnsafeCell};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use crossbeam_utils::CachePadded;

use crate::driver::Lane;
use crate::lease::Lease;
use crate::machine::Machine;
use crate::metrics::Counts;
use crate::run_queue::{LocalQueue, Stealer};
use crate::task::header::{Header, TaskRef};

/// So many tasks in a row may come from `runnext`; then the next one goes to the end of the
/// queue. Two goroutines that wake each other must not keep the others waiting. 64 costs
/// nothing measurable, 3 (tokio's) cost 10 % of spawn+join in the prototype.
const CHAIN: u32 = 64;

/// The parts that only the holder of the lease may touch.
struct Core {
    queue: LocalQueue,
    /// Tasks in a row that came from `runnext`.
    chain: Cell<u32>,
}

/// The right to run goroutines.
// ORDERING: Relaxed for `retire` and `turns`, a wish and a count; `runnext` is ordered by the
// lease, whose holder alone writes it.
pub(crate) struct Processor {
    /// Its number, from 0.
    pub(crate) id: u32,
    /// Its queue of timers.
    pub(crate) lane: u32,
    /// When that queue is to be served, in nanoseconds of `wait::clock`.
    pub(crate) deadline: &'static AtomicU64,
    /// Who may use it.
    pub(crate) lease: CachePadded<Lease<Machine>>,
    pub(crate) stealer: Stealer,
    /// To be given up at the end of the turn: there are fewer Ps now.
    pub(crate) retire: AtomicBool,
    /// Turns taken. Written by the holder of the lease only.
    pub(crate) turns: AtomicU64,
    /// What happened on it so far.
    pub(crate) counts: Counts,
    /// The one to run next, ahead of the queue. Written by the holder of the lease only; an
    /// atomic so that the monitor can see whether somebody waits behind a long poll.
    runnext: AtomicPtr<Header>,
    core: UnsafeCell<Core>,
}

// SAFETY: all fields are `Sync` but `core`, which only the holder of the lease touches.
unsafe impl Sync for Processor {}

// SAFETY: nothing in it is bound to a thread.
unsafe impl Send for Processor {}

/// A P whose core may be touched: proof that its holder is inside a guarded region.
#[derive(Clone, Copy)]
pub(crate) struct Held<'p>(&'p Processor);

impl std::ops::Deref for Held<'_> {
    type Target = Processor;
    fn deref(&self) -> &Processor {
        self.0
    }
}

impl Processor {
    pub(crate) fn new(id: u32, lane: Lane) -> Processor {
        let queue = LocalQueue::new();
        let stealer = queue.stealer();
        Processor {
            id,
            lane: lane.id,
            deadline: lane.deadline,
            lease: CachePadded::new(Lease::new()),
            stealer,
            retire: AtomicBool::new(false),
            turns: AtomicU64::new(0),
            counts: Counts::default(),
            runnext: AtomicPtr::new(null_mut()),
            core: UnsafeCell::new(Core {
                queue,
                chain: Cell::new(0),
            }),
        }
    }

    /// Opens the core.
    ///
    /// # Safety
    ///
    /// The caller holds the lease, inside a guarded region that outlives the result, or has
    /// revoked it and not granted it since.
    #[inline]
    pub(crate) unsafe fn hold(&self) -> Held<'_> {
        Held(self)
    }

    /// Whether somebody waits in `runnext`: a glance.
    pub(crate) fn has_next(&self) -> bool {
        !self.runnext.load(Ordering::Relaxed).is_null()
    }

    /// How many are queued here: a glance.
    pub(crate) fn queued(&self) -> usize {
        self.stealer.len() + usize::from(self.has_next())
    }

    /// Whether nothing is queued here: a glance.
    pub(crate) fn looks_empty(&self) -> bool {
        !self.has_next() && self.stealer.is_empty()
    }
}

impl Held<'_> {
    #[inline]
    fn core(&self) -> &Core {
        // SAFETY: `hold`'s contract; all access is by shared reference to cells of this
        // thread, so regions may nest.
        unsafe { &*self.0.core.get() }
    }

    /// Puts a task ahead of the queue. `true`: it took the place of another, which is now at
    /// the end of the queue, for others to steal.
    #[inline]
    pub(crate) fn push_next(self, task: TaskRef) -> bool {
        // ORDERING: Relaxed; only the holder of the lease writes it, and the lease hands it on.
        let before = self.0.runnext.load(Ordering::Relaxed);
        self.0.runnext.store(task.0.as_ptr(), Ordering::Relaxed);
        match NonNull::new(before) {
            None => false,
            Some(displaced) => {
                self.core().queue.push(TaskRef(displaced));
                true
            }
        }
    }

    /// Puts a task at the end of the queue.
    #[inline]
    pub(crate) fn push_back(self, task: TaskRef) {
        self.core().queue.push(task);
    }

    /// The next of the local ones: `runnext`, unless its chain is too long, then the queue.
    #[inline]
    pub(crate) fn pop(self) -> Option<TaskRef> {
        let core = self.core();
        if let Some(next) = self.take_next() {
            let chain = core.chain.get() + 1;
            if chain <= CHAIN || core.queue.is_empty() {
                core.chain.set(chain);
                return Some(next);
            }
            core.queue.push(next);
        }
        core.chain.set(0);
        core.queue.pop()
    }

    #[inline]
    fn take_next(self) -> Option<TaskRef> {
        // ORDERING: Relaxed, as in `push_next`.
        let next = NonNull::new(self.0.runnext.load(Ordering::Relaxed))?;
        self.0.runnext.store(null_mut(), Ordering::Relaxed);
        Some(TaskRef(next))
    }

    /// Whether only stealing can help: nothing is queued here.
    pub(crate) fn is_empty(self) -> bool {
        !self.0.has_next() && self.core().queue.is_empty()
    }

    /// Moves `runnext` to where thieves can reach it. `true` if there was one.
    pub(crate) fn flush_next(self) -> bool {
        let next = self.take_next();
        let core = self.core();
        next.into_iter().for_each(|task| core.queue.push(task));
        next.is_some()
    }

    /// Takes everything, in the order in which it would have run.
    pub(crate) fn drain(self, mut to: impl FnMut(TaskRef)) {
        self.take_next().into_iter().for_each(&mut to);
        while let Some(task) = self.core().queue.pop() {
            to(task);
        }
    }

    /// The local queue, as the place for a stolen batch.
    pub(crate) fn queue(&self) -> &LocalQueue {
        &self.core().queue
    }

    /// Counts a turn. Every 61st looks at the global queue first.
    #[inline]
    pub(crate) fn next_turn(self) -> u64 {
        // ORDERING: Relaxed, as in `push_next`.
        let turn = self.0.turns.load(Ordering::Relaxed) + 1;
        self.0.turns.store(turn, Ordering::Relaxed);
        turn
    }
}
