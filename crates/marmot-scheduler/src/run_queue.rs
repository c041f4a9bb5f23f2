//! The queues of runnable tasks: one local to each P, one global, and the lane of the hogs.
//!
//! The only file that names crossbeam-deque. Local queues are its FIFO worker, unbounded: a
//! burst of spawns is absorbed where it is made instead of being moved to the global queue
//! (measured: a ring of 256 with overflow is 2 to 8 times slower on bursts).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_deque::{Injector, Steal, Worker};

use crate::task::header::TaskRef;

/// At most this many tasks move at once, from the global queue or from a victim: half of
/// Go's local queue. 32 to 256 made no clear difference in the prototype.
const BATCH: usize = 128;

/// A task in a queue may move between threads.
#[derive(Clone, Copy, Debug)]
struct Queued(TaskRef);

#[expect(unsafe_code, reason = "a task may be polled on any thread")]
// SAFETY: tasks are made of `Send` futures only, and their headers are atomics.
unsafe impl Send for Queued {}

/// The owner's end of a P's queue. First in, first out.
#[derive(Debug)]
pub(crate) struct LocalQueue(Worker<Queued>);

/// Everybody else's end.
#[derive(Debug)]
pub(crate) struct Stealer(crossbeam_deque::Stealer<Queued>);

impl LocalQueue {
    pub(crate) fn new() -> LocalQueue {
        LocalQueue(Worker::new_fifo())
    }

    pub(crate) fn stealer(&self) -> Stealer {
        Stealer(self.0.stealer())
    }

    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        self.0.push(Queued(task));
    }

    #[inline]
    pub(crate) fn pop(&self) -> Option<TaskRef> {
        self.0.pop().map(|queued| queued.0)
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Stealer {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes half of the queue, at most a batch, into `dest`, and one of it at once.
    pub(crate) fn steal_into(&self, dest: &LocalQueue) -> Option<TaskRef> {
        until_settled(|| self.0.steal_batch_with_limit_and_pop(&dest.0, BATCH))
    }
}

/// The queue of those who have no P, of explicit yields, and of what a retired P leaves.
#[derive(Debug)]
pub(crate) struct GlobalQueue(Injector<Queued>);

impl GlobalQueue {
    pub(crate) fn new() -> GlobalQueue {
        GlobalQueue(Injector::new())
    }

    pub(crate) fn push(&self, task: TaskRef) {
        self.0.push(Queued(task));
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes a fair share (one part of as many as there are Ps, at most a batch) into `dest`,
    /// and one of it at once.
    pub(crate) fn take_into(&self, dest: &LocalQueue, procs: usize) -> Option<TaskRef> {
        if self.0.is_empty() {
            return None;
        }
        let share = (self.0.len() / procs.max(1) + 1).min(BATCH);
        until_settled(|| self.0.steal_batch_with_limit_and_pop(&dest.0, share))
    }
}

fn until_settled(mut steal: impl FnMut() -> Steal<Queued>) -> Option<TaskRef> {
    loop {
        match steal() {
            Steal::Success(queued) => return Some(queued.0),
            Steal::Empty => return None,
            Steal::Retry => {}
        }
    }
}

/// Known hogs and, while hogs abound, those of whom nothing is known yet, each in a line of
/// their own: at most so many of both run at a time as there are Ps, and one more from time to
/// time if none of these ends.
// ORDERING: Relaxed; written under the lock or counted, and read without it as a hint: the
// idle protocol's fence follows a push.
#[derive(Debug)]
pub(crate) struct HogLane {
    lines: Mutex<Lines>,
    len: AtomicUsize,
    /// Tasks taken from the lane whose poll has not ended.
    running: AtomicUsize,
    /// Tasks taken so far.
    taken: AtomicUsize,
    /// The next may be taken though as many run as may.
    one_more: AtomicBool,
}

/// The two lines of the lane.
#[derive(Debug, Default)]
struct Lines {
    hogs: VecDeque<Queued>,
    unknown: VecDeque<Queued>,
    /// Turns taken: every so many belong to the hogs, however many others wait.
    turns: usize,
}

/// Every so many tasks from the lane are hogs.
const HOGS_TURN: usize = 4;

impl Lines {
    fn len(&self) -> usize {
        self.hogs.len() + self.unknown.len()
    }

    fn pop(&mut self) -> Option<Queued> {
        self.turns += 1;
        let (first, second) = match self.turns.is_multiple_of(HOGS_TURN) {
            true => (&mut self.hogs, &mut self.unknown),
            false => (&mut self.unknown, &mut self.hogs),
        };
        first.pop_front().or_else(|| second.pop_front())
    }
}

impl HogLane {
    pub(crate) fn new() -> HogLane {
        HogLane {
            lines: Mutex::new(Lines::default()),
            len: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            one_more: AtomicBool::new(false),
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        // Nothing in here can panic half-way but an allocation, which ends the process.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a hog.
    pub(crate) fn push(&self, task: TaskRef) {
        let mut lines = self.lines();
        lines.hogs.push_back(Queued(task));
        self.len.store(lines.len(), Ordering::Relaxed);
    }

    /// Queues one of whom nothing is known.
    pub(crate) fn push_unknown(&self, task: TaskRef) {
        let mut lines = self.lines();
        lines.unknown.push_back(Queued(task));
        self.len.store(lines.len(), Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// How many of its tasks are being polled.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// How many were taken so far.
    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    /// Lets the next one run though as many run as may: their polls may never end.
    pub(crate) fn let_one_in(&self) {
        self.one_more.store(true, Ordering::Relaxed);
    }

    /// Whether somebody waits who may run, if `limit` may.
    pub(crate) fn admits(&self, limit: usize) -> bool {
        !self.is_empty() && (self.running() < limit || self.one_more.load(Ordering::Relaxed))
    }

    /// Takes the next, if fewer than `limit` run; to be paired with [`done`](Self::done).
    pub(crate) fn take(&self, limit: usize) -> Option<TaskRef> {
        if self.is_empty() {
            return None;
        }
        let mut lines = self.lines();
        if !self.admits(limit) {
            return None;
        }
        let queued = lines.pop()?;
        self.one_more.store(false, Ordering::Relaxed);
        self.len.store(lines.len(), Ordering::Relaxed);
        self.running.fetch_add(1, Ordering::Relaxed);
        self.taken.fetch_add(1, Ordering::Relaxed);
        Some(queued.0)
    }

    /// The poll of a task from the lane has ended.
    pub(crate) fn done(&self) {
        self.running.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::ptr::{NonNull, without_provenance_mut};
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::{BATCH, LocalQueue};
    use crate::task::header::TaskRef;

    /// The n-th task: an address that is never read from.
    fn task(n: usize) -> TaskRef {
        TaskRef(NonNull::new(without_provenance_mut((n + 1) * 4096)).expect("not null"))
    }

    /// Miri is slow.
    const ROUNDS: usize = if cfg!(miri) { 200 } else { 100_000 };
    const COUNTS: usize = if cfg!(miri) { 20 } else { 300 };

    #[test]
    fn as_many_come_out_as_were_put_in_and_in_that_order() {
        let queue = LocalQueue::new();
        for count in 0..COUNTS {
            assert!(queue.is_empty());
            (0..count).for_each(|n| queue.push(task(n)));
            assert_eq!(queue.is_empty(), count == 0);
            assert!((0..count).all(|n| queue.pop() == Some(task(n))));
            assert_eq!(queue.pop(), None);
        }
    }

    #[test]
    fn a_thief_takes_half_and_each_task_is_in_one_place() {
        for count in 1..COUNTS {
            let (victim, thief) = (LocalQueue::new(), LocalQueue::new());
            (0..count).for_each(|n| victim.push(task(n)));
            let first = victim.stealer().steal_into(&thief).expect("there are some");
            let stolen: Vec<_> = [first]
                .into_iter()
                .chain(std::iter::from_fn(|| thief.pop()))
                .collect();
            let half = count.div_ceil(2).min(BATCH);
            assert!(
                stolen.len().abs_diff(half) <= 1,
                "{} of {count}",
                stolen.len()
            );
            let left = std::iter::from_fn(|| victim.pop());
            let all: BTreeSet<_> = left.chain(stolen).map(|task| task.0).collect();
            assert!(all.into_iter().eq((0..count).map(|n| task(n).0)));
        }
    }

    #[test]
    fn a_queue_that_is_never_empty_never_looks_so() {
        let queue = LocalQueue::new();
        let (stealer, over) = (queue.stealer(), AtomicBool::new(false));
        queue.push(task(0));
        thread::scope(|scope| {
            let watcher = scope.spawn(|| {
                let mut looks = 0_u64;
                while !over.load(Ordering::Relaxed) {
                    assert!(!stealer.is_empty());
                    looks += 1;
                }
                looks
            });
            for n in 1..ROUNDS {
                queue.push(task(n));
                assert_eq!(queue.pop(), Some(task(n - 1)));
            }
            // The watcher has to have had its chance, on one core too.
            thread::yield_now();
            over.store(true, Ordering::Relaxed);
            watcher.join().expect("it saw no empty queue");
        });
    }
}
