//! Who may poll a task's future, who has to queue it, and who frees it.
//!
//! ```text
//!              start                 pause, nobody woke it
//!   SCHED ───────────────▶ RUN ───────────────────────────▶ (idle)
//!     ▲                   │   │                               │
//!     │  pause, woken     │   │ finish                        │ wake: owes Enqueue
//!     ├───────────────────┘   ▼                               │
//!     │                     DONE                              │
//!     └───────────────────────────────────────────────────────┘
//! ```
//!
//! One word: flags in the low bits, a count of references above them. One reference is the
//! task's own ("life") from spawn to done; each waker, join handle and abort handle has one.
//! A place in a run queue needs none, since a queued task is not done.
//!
//! **The unshared path.** A poller that reads a count of 1 knows that no waker and no handle
//! exists: only the poll itself could make one, and it does so on this thread. Every count
//! made elsewhere came from an earlier poll and was published before this one began, so
//! coherence forbids reading the older 1. Such a task is moved by plain stores. The loads are
//! Acquire to see what the last dropped reference published.
//!
//! `CANCEL` asks whoever takes the task next to drop its future instead of polling it.
//! `JOIN`: a join handle exists and owns the output. `JWAKER`: the joiner's waker is set.
//!
//! The design is close to tokio's task state, with the life reference and the unshared path
//! added. Models: `task/models.rs`.

use crate::loom::{AtomicUsize, Ordering};

/// Queued, or owed a place in a queue by whoever set it; with `RUN`: woken while it ran.
const SCHED: usize = 1;
/// Somebody polls it, and alone may touch its future.
const RUN: usize = 1 << 1;
/// The future is gone; the output may be there.
const DONE: usize = 1 << 2;
/// A join handle exists.
const JOIN: usize = 1 << 3;
/// The joiner's waker is set, and may be read by whoever finishes the task.
const JWAKER: usize = 1 << 4;
/// Drop the future instead of polling it.
const CANCEL: usize = 1 << 5;
/// One reference.
const REF: usize = 1 << 6;
/// A count that no program reaches by holding wakers; one that leaks them in a loop is
/// stopped before the count wraps.
const MAX_REFS: usize = usize::MAX >> 2;

/// What a caller owes a task that it has woken.
#[must_use]
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Duty {
    /// Put it on a run queue: nobody else will.
    Enqueue,
    /// Nothing.
    Nothing,
}

/// What whoever took a task from a queue has to do with it.
#[must_use]
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Start {
    /// Poll it.
    Poll,
    /// Drop its future.
    Cancel,
}

/// What became of a task whose poll returned `Pending`.
#[must_use]
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) enum Pause {
    /// It waits; whoever wakes it queues it. No longer the poller's to touch.
    Waiting,
    /// It waits and nothing refers to it any more: nobody can ever wake it.
    Lost,
    /// It was woken during the poll: the poller queues it.
    Woken,
}

/// What the end of a task leaves to do.
#[must_use]
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(crate) struct Finish {
    /// A join handle owns the output; else the caller drops it.
    pub(crate) joined: bool,
    /// The joiner waits and is to be woken.
    pub(crate) wake_joiner: bool,
    /// No reference but the life is left: the caller frees the cell at once, and owes no
    /// [`drop_ref`](State::drop_ref).
    pub(crate) last: bool,
}

/// The word described above.
#[derive(Debug)]
pub(crate) struct State(AtomicUsize);

const fn refs(word: usize) -> usize {
    word / REF
}

impl State {
    /// A task that is about to be queued, with a join handle beside its life.
    #[cfg(test)]
    pub(crate) fn new() -> State {
        State(AtomicUsize::new(Self::SPAWNED))
    }

    /// The word of a task that has just been made.
    pub(crate) const SPAWNED: usize = SCHED | JOIN | (2 * REF);

    /// Makes a cell's word that of a new task. The cell is nobody else's.
    pub(crate) fn reset(&self) {
        // ORDERING: Relaxed; the queue that the task is put on publishes it.
        self.0.store(Self::SPAWNED, Ordering::Relaxed);
    }

    /// Takes the right to touch the future, for a task that came from a queue.
    #[inline]
    pub(crate) fn start(&self) -> Start {
        // ORDERING: Acquire sees what the wakers that set SCHED wrote before (Release in the
        // wakes), and what the previous poll left (Release in `pause`): all that came between
        // are read-modify-writes, which carry both on.
        let word = self.0.load(Ordering::Acquire);
        debug_assert_eq!(
            word & (SCHED | RUN | DONE),
            SCHED,
            "a queued task is runnable"
        );
        let word = if refs(word) == 1 {
            // ORDERING: Relaxed, nobody else has a reference: see "The unshared path".
            self.0.store(word ^ (SCHED | RUN), Ordering::Relaxed);
            word
        } else {
            // ORDERING: Acquire as above; an RMW because wakers write this word too.
            // (SCHED is set and RUN is not, so adding their difference swaps them: one locked
            // instruction, where an exclusive or that gives the old word is a loop.)
            self.0.fetch_add(RUN - SCHED, Ordering::Acquire)
        };
        if word & CANCEL == 0 {
            Start::Poll
        } else {
            Start::Cancel
        }
    }

    /// Gives the right back after a poll that returned `Pending`.
    #[inline]
    pub(crate) fn pause(&self) -> Pause {
        // ORDERING: Acquire sees what the last dropped reference published.
        let word = self.0.load(Ordering::Acquire);
        if refs(word) == 1 {
            // ORDERING: Release; nobody else has a reference, and the next poller gets the task
            // from a queue, which publishes it. But a runtime that ends while this poll went on
            // takes the future without a queue (Acquire in `seize`).
            self.0.store(word & !RUN, Ordering::Release);
            return if word & SCHED == 0 {
                Pause::Lost
            } else {
                Pause::Woken
            };
        }
        // ORDERING: Release hands the future to the poll that the next wake leads to
        // (Acquire in `start`), which also sees what a waker wrote that set SCHED just now.
        // RUN is set, so subtracting clears it.
        let word = self.0.fetch_sub(RUN, Ordering::Release);
        if word & SCHED == 0 {
            Pause::Waiting
        } else {
            Pause::Woken
        }
    }

    /// Gives the right back for a task that wants to go on later; the caller queues it.
    #[inline]
    pub(crate) fn pause_runnable(&self) {
        // ORDERING: as in `pause`.
        let word = self.0.load(Ordering::Acquire);
        let next = (word & !RUN) | SCHED;
        if refs(word) == 1 {
            // ORDERING: Release, as in `pause`.
            self.0.store(next, Ordering::Release);
        } else if word & SCHED == 0 {
            // ORDERING: Release for `seize`, as above; the queue publishes the rest. Two flags
            // change at once: were RUN cleared first, a waker could queue the task a second
            // time.
            let mut word = word;
            while let Err(now) = self.0.compare_exchange_weak(
                word,
                (word & !RUN) | SCHED,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                word = now;
            }
        } else {
            // ORDERING: Release for `seize`, as above.
            self.0.fetch_sub(RUN, Ordering::Release);
        }
    }

    /// Ends the task: the future is dropped and the output, if any, is in its place.
    #[inline]
    pub(crate) fn finish(&self) -> Finish {
        // ORDERING: Acquire sees what the last dropped reference published, since the caller
        // frees the cell.
        let word = self.0.load(Ordering::Acquire);
        if refs(word) == 1 {
            return Finish {
                joined: false,
                wake_joiner: false,
                last: true,
            };
        }
        // ORDERING: Release publishes the output to the joiner (Acquire in `is_done`);
        // Acquire sees the joiner's waker (Release in `set_join_waker`).
        // RUN is set and DONE is not, as in `start`.
        let word = self.0.fetch_add(DONE - RUN, Ordering::AcqRel);
        Finish {
            joined: word & JOIN != 0,
            wake_joiner: word & JWAKER != 0,
            last: false,
        }
    }

    /// Wakes, keeping the waker's reference.
    #[inline]
    pub(crate) fn wake_by_ref(&self) -> Duty {
        // ORDERING: Release publishes what the waker's caller wrote to the poll that will
        // follow (Acquire in `start` or `pause`), even when SCHED is set already: that is
        // why this is a read-modify-write in every case, which also carries on what earlier
        // wakers of the same wait published.
        let word = self.0.fetch_or(SCHED, Ordering::Release);
        duty(word)
    }

    /// Wakes and drops the waker's reference. `true`: it was the last one, free the cell.
    #[inline]
    pub(crate) fn wake(&self) -> (Duty, bool) {
        // ORDERING: Relaxed, a guess that the loop checks.
        let mut word = self.0.load(Ordering::Relaxed);
        loop {
            let next = (word | SCHED) - REF;
            // ORDERING: Release as in `wake_by_ref`; AcqRel for the dropped reference, as in
            // `drop_ref`.
            match self
                .0
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return (duty(word), refs(word) == 1),
                Err(now) => word = now,
            }
        }
    }

    /// Asks for the future to be dropped unpolled.
    pub(crate) fn cancel(&self) -> Duty {
        // ORDERING: Release as in `wake_by_ref`: the drop of the future sees what was written
        // before the abort.
        let word = self.0.fetch_or(SCHED | CANCEL, Ordering::Release);
        duty(word)
    }

    /// Takes a task that nobody runs, queued or not, to drop its future. `false` if it is
    /// done, or somebody runs it. Only for a runtime whose machines have all stopped.
    pub(crate) fn seize(&self) -> bool {
        // ORDERING: Acquire sees what the last poll left (Release in `pause` and
        // `pause_runnable`).
        let word = self.0.fetch_or(RUN | CANCEL, Ordering::Acquire);
        if word & DONE != 0 {
            // ORDERING: Relaxed; RUN has no meaning beside DONE, this only tidies up.
            self.0.fetch_and(!RUN, Ordering::Relaxed);
        }
        word & (RUN | DONE) == 0
    }

    /// One more reference.
    #[inline]
    pub(crate) fn add_ref(&self) {
        // ORDERING: Relaxed; whoever adds one has one, so the cell lives.
        let word = self.0.fetch_add(REF, Ordering::Relaxed);
        assert!(word < MAX_REFS, "too many references to one goroutine");
    }

    /// One reference less. `true`: it was the last one, free the cell.
    #[inline]
    pub(crate) fn drop_ref(&self) -> bool {
        // ORDERING: Release keeps every use of the cell before the count; Acquire lets the
        // last one see all of them before it frees the cell.
        refs(self.0.fetch_sub(REF, Ordering::AcqRel)) == 1
    }

    /// As [`drop_ref`](State::drop_ref), for a task that is done: the last reference needs no
    /// locked instruction, since nobody else can add one.
    #[inline]
    pub(crate) fn drop_ref_shared(&self) -> bool {
        // ORDERING: Acquire sees every use of the cell by those who dropped theirs (Release in
        // `drop_ref`).
        refs(self.0.load(Ordering::Acquire)) == 1 || self.drop_ref()
    }

    /// Whether the task is done, and its output there for a joiner.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `finish`.
        self.0.load(Ordering::Acquire) & DONE != 0
    }

    /// Announces the joiner's waker, which has been written. `false`: the task is done.
    pub(crate) fn set_join_waker(&self) -> bool {
        // ORDERING: in `update`: Release publishes the waker to `finish`; Acquire, when it is
        // refused, sees the output.
        self.update(|word| {
            if word & DONE == 0 {
                Some(word | JWAKER)
            } else {
                None
            }
        })
    }

    /// Takes the announcement back, so that the waker may be changed. `false`: the task is
    /// done or no waker is set, and the field stays as it is.
    pub(crate) fn unset_join_waker(&self) -> bool {
        self.update(|word| {
            if word & (DONE | JWAKER) == JWAKER {
                Some(word & !JWAKER)
            } else {
                None
            }
        })
    }

    /// Gives up the join handle's claim to the output. `true`: the task is done, and the
    /// output is the caller's to drop.
    pub(crate) fn drop_join(&self) -> bool {
        // ORDERING: Acquire sees the output if DONE. There is nothing to publish: the handle
        // has not touched the output, and its reference is still to be dropped.
        self.0.fetch_and(!JOIN, Ordering::Acquire) & DONE != 0
    }

    /// Gives up a join handle that has never been used, and its reference, if the task has
    /// not moved since it was made.
    #[inline]
    pub(crate) fn drop_join_fresh(&self) -> bool {
        // ORDERING: Release for the dropped reference, as in `drop_ref`; nothing is read.
        let (old, new) = (Self::SPAWNED, SCHED | REF);
        self.0
            .compare_exchange(old, new, Ordering::Release, Ordering::Relaxed)
            .is_ok()
    }

    /// What the task does, for a dump: a glance, outdated at once.
    pub(crate) fn glance(&self) -> Glance {
        // ORDERING: Relaxed, nothing is done with the answer but to print it.
        let word = self.0.load(Ordering::Relaxed);
        match word {
            _ if word & DONE != 0 => Glance::Dead,
            _ if word & RUN != 0 => Glance::Running,
            _ if word & SCHED != 0 => Glance::Runnable,
            _ => Glance::Waiting,
        }
    }

    /// Whether it waits and nothing refers to it any more: nobody can ever wake it. A yes is
    /// for good, as long as it is the same task.
    pub(crate) fn is_lost(&self) -> bool {
        // ORDERING: Relaxed, as in `glance`: nothing else is concluded from it.
        let word = self.0.load(Ordering::Relaxed);
        word & (SCHED | RUN | DONE) == 0 && refs(word) == 1
    }

    /// Whether it waits, and there is one waker of it in the world: whoever has that one is the
    /// only one who can make it go on. `false` also where an abort handle exists.
    pub(crate) fn waits_for_one(&self) -> bool {
        // ORDERING: Relaxed, as in `glance`.
        let word = self.0.load(Ordering::Relaxed);
        let idle = word & (SCHED | RUN | DONE | CANCEL) == 0;
        let handle = usize::from(word & JOIN != 0);
        // Its life, the join handle, and that waker.
        idle && refs(word) == 1 + handle + 1
    }

    fn update(&self, next: impl Fn(usize) -> Option<usize>) -> bool {
        // ORDERING: Release on success and Acquire on failure, as the callers say.
        self.0
            .fetch_update(Ordering::Release, Ordering::Acquire, next)
            .is_ok()
    }
}

/// What a task does, as far as a glance tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Glance {
    /// In a queue.
    Runnable,
    /// Being polled.
    Running,
    /// Waiting.
    Waiting,
    /// Over.
    Dead,
}

fn duty(before: usize) -> Duty {
    if before & (SCHED | RUN | DONE) == 0 {
        Duty::Enqueue
    } else {
        Duty::Nothing
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use super::{Duty, Pause, Start, State};

    #[test]
    fn a_task_woken_twice_is_queued_once() {
        let state = State::new();
        assert_eq!(state.start(), Start::Poll);
        assert_eq!(state.pause(), Pause::Waiting);
        assert_eq!(state.wake_by_ref(), Duty::Enqueue);
        assert_eq!(state.wake_by_ref(), Duty::Nothing);
    }

    #[test]
    fn a_task_woken_while_it_runs_is_queued_by_its_poller() {
        let state = State::new();
        assert_eq!(state.start(), Start::Poll);
        assert_eq!(state.wake_by_ref(), Duty::Nothing);
        assert_eq!(state.pause(), Pause::Woken);
        assert_eq!(state.start(), Start::Poll);
    }

    #[test]
    fn a_task_without_references_is_known_to_be_lost() {
        let state = State::new();
        assert!(state.drop_join_fresh());
        assert_eq!(state.start(), Start::Poll);
        assert_eq!(state.pause(), Pause::Lost);
    }

    #[test]
    fn a_cancelled_task_is_not_polled_again() {
        let state = State::new();
        assert_eq!(state.start(), Start::Poll);
        assert_eq!(state.pause(), Pause::Waiting);
        assert_eq!(state.cancel(), Duty::Enqueue);
        assert_eq!(state.start(), Start::Cancel);
        assert!(state.finish().joined);
        assert!(state.is_done());
        assert_eq!(state.cancel(), Duty::Nothing);
    }
}
