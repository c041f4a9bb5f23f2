//! Where the next goroutine comes from: one short function per source, and their order.
//!
//! As Go's `findRunnable`: every 61st turn, and on a P that has just changed hands, the
//! global queue first; else `runnext` and the local queue; a share of the global queue; the
//! world, without waiting; half of another P's queue; last the lane of the hogs.

use std::sync::atomic::Ordering;

use marmot_wait::clock;

use crate::driver::is_due;
use crate::machine::{Machine, header, sampling};
use crate::metrics::add;
use crate::processor::Held;
use crate::shared::mood;
use crate::task::header::{TaskRef, temper};

/// Every so many turns the global queue comes first: Go's `schedtick%61`. 7 or never differed
/// by less than 3 % in the prototype.
const GLOBAL_TURN: u32 = 61;

/// The same while hogs abound.
const WARY_TURN: u32 = 4;

/// Every so many turns of the others the hogs come before the global queue.
const HOGS_TURN: u32 = 8;

impl Machine {
    /// The next goroutine to run here, or none after a look everywhere.
    pub(crate) fn find(&self, p: Held<'static>) -> Option<TaskRef> {
        loop {
            let task = self.candidate(p)?;
            if self.admits(task) {
                return Some(task);
            }
            add(&p.counts.misses, 1);
            self.shared.hogs.push_unknown(task);
        }
    }

    /// While hogs abound, only goroutines known to be good run as they come.
    #[inline]
    fn admits(&self, task: TaskRef) -> bool {
        self.shared.mood.load(Ordering::Relaxed) == mood::CALM || self.admits_warily(task)
    }

    #[cold]
    fn admits_warily(&self, task: TaskRef) -> bool {
        self.from_lane.load(Ordering::Relaxed)
            || matches!(
                header(task).temper.load(Ordering::Relaxed) & !temper::STAMPED,
                temper::GOOD | temper::DOUBTED
            )
    }

    #[inline]
    fn candidate(&self, p: Held<'static>) -> Option<TaskRef> {
        let turn = p.next_turn();
        if is_due(p.deadline, self.shared.coarse_now()) {
            self.let_ahead(p);
        }
        if (self.others_turn(turn) || self.fresh.get())
            && let Some(task) = self.out_of_turn(p)
        {
            return Some(task);
        }
        p.pop().or_else(|| self.elsewhere(p))
    }

    /// Whether it is the others' turn. While hogs abound that is more often: some wait in the
    /// lane for no fault of their own. (Two constants: a division by a variable is 8 ns.)
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a rhythm, one beat off in 2 to the 32nd"
    )]
    fn others_turn(&self, turn: u64) -> bool {
        if self.shared.mood.load(Ordering::Relaxed) == mood::CALM {
            (turn as u32).is_multiple_of(GLOBAL_TURN)
        } else {
            (turn as u32).is_multiple_of(WARY_TURN)
        }
    }

    /// The global queue and the hogs have their turn; on a P that has just changed hands the
    /// timers come first, then whom they woke, then the global queue.
    #[cold]
    fn out_of_turn(&self, p: Held<'static>) -> Option<TaskRef> {
        self.last_stop.set(0);
        if !self.fresh.replace(false) {
            self.want_sample();
            return self.the_others(p);
        }
        if p.is_empty() {
            self.fire(p, clock::now_ns());
        }
        if p.has_next() {
            return p.pop();
        }
        self.global_share(p)
    }

    /// The global queue, then the hogs; now and then the hogs first, or a global queue that is never
    /// empty would keep them waiting for ever.
    fn the_others(&self, p: Held<'static>) -> Option<TaskRef> {
        let turn = self.others.get().wrapping_add(1);
        self.others.set(turn);
        let hog = if turn.is_multiple_of(HOGS_TURN) {
            self.next_hog()
        } else {
            None
        };
        hog.or_else(|| self.global_share(p))
            .or_else(|| self.next_hog())
    }

    fn elsewhere(&self, p: Held<'static>) -> Option<TaskRef> {
        self.batch.release();
        self.last_stop.set(0);
        self.global_share(p)
            .or_else(|| self.world(p))
            .or_else(|| self.steal(p))
            .or_else(|| self.next_hog())
    }

    fn global_share(&self, p: Held<'static>) -> Option<TaskRef> {
        let taken = self
            .shared
            .global
            .take_into(p.queue(), self.shared.procs.active());
        if taken.is_some() {
            add(&p.counts.global_takes, 1);
        }
        taken
    }

    /// Timers of this P that are due, and sockets if nobody waits for them.
    fn world(&self, p: Held<'static>) -> Option<TaskRef> {
        // ORDERING: Relaxed, see `is_due`.
        if p.deadline.load(Ordering::Relaxed) != u64::MAX {
            self.fire(p, clock::now_ns());
        }
        if self.is_worth_a_look() {
            self.begin_batch();
            self.shared.poll_driver();
        }
        p.pop()
    }

    /// One poll in 61 is timed, but not more than one in a millisecond: a hundredth of the cost of
    /// an ordinary poll then, even where polls take 100 ns.
    fn want_sample(&self) {
        let now = self.shared.coarse_now();
        if self.sampling.get() == sampling::OFF && self.sampled_at.replace(now) != now {
            self.sampling.set(sampling::DUE);
        }
    }

    /// Whether to look at the sockets without waiting. If no other P is busy there is nothing to
    /// steal either, so the next step is to wait for them: the look would be a system call for
    /// nothing, since a wait begins with a look.
    fn is_worth_a_look(&self) -> bool {
        let shared = self.shared;
        let (idle, _) = shared.idle.glance();
        idle as usize + 1 < shared.procs.active()
            && !shared.somebody_waits_in_driver()
            && shared.driver.has_waiters()
    }

    /// Timers are due. While others are queued, the earliest goes ahead of them every other turn,
    /// and the rest stays in the lane, where thieves and the monitor find it too: behind a long
    /// queue whoever has slept would be late by its length, and ahead of it all at once would keep
    /// the queue waiting.
    #[cold]
    fn let_ahead(&self, p: Held<'static>) {
        if p.is_empty() {
            self.jumped.set(false);
            self.fire(p, clock::now_ns());
        } else if !self.jumped.replace(false) && !p.has_next() {
            self.jumped.set(true);
            self.fire_one(p, self.shared.coarse_now());
        }
    }

    fn fire_one(&self, p: Held<'static>, now: u64) {
        if is_due(p.deadline, now) {
            self.last_stop.set(0);
            self.stamping(|| self.shared.fire_one(p.lane, now));
        }
    }

    fn fire(&self, p: Held<'static>, now: u64) {
        if is_due(p.deadline, now) {
            self.last_stop.set(0);
            self.stamping(|| self.shared.fire(p.lane, now));
        }
    }

    fn next_hog(&self) -> Option<TaskRef> {
        let task = self.shared.take_hog()?;
        self.from_lane.store(true, Ordering::Relaxed);
        Some(task)
    }

    /// The search has ended with a find: if nobody else searches and there is more anywhere,
    /// the next one is woken. Whoever pushed it saw us searching and woke nobody.
    #[cold]
    pub(crate) fn found_work(&self, p: Held<'static>) {
        self.searching.set(false);
        // It has the fence that orders the look below after it.
        if !self.shared.idle.end_search() {
            return;
        }
        let own = !self.batch.is_kept() && !p.is_empty();
        if own || self.shared.has_work_beside(&p) {
            self.shared.notify();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use crate::builder::Config;
    use crate::current;
    use crate::driver::{Driver, Lane};
    use crate::machine::{Machine, header};
    use crate::processor::Processor;
    use crate::shared::Shared;
    use crate::task::cell::{self, Birth};
    use crate::task::header::TaskRef;

    /// Timers that are due, each with the goroutine that it wakes.
    struct Due(Mutex<VecDeque<u64>>, &'static AtomicU64);

    impl Driver for Due {
        fn open_lane(&self) -> Lane {
            Lane {
                id: 0,
                deadline: self.1,
            }
        }
        fn close_lane(&self, _lane: u32) {}
        fn fire(&self, lane: u32, now_ns: u64) -> usize {
            (0..)
                .take_while(|_| self.fire_one(lane, now_ns) > 0)
                .count()
        }
        fn fire_one(&self, _lane: u32, _now_ns: u64) -> usize {
            let mut due = self.0.lock().expect("no panic under it");
            let Some(id) = due.pop_front() else { return 0 };
            if due.is_empty() {
                self.1.store(u64::MAX, Ordering::Relaxed);
            }
            let shared = current::machine().expect("a machine").shared;
            current::schedule::<false>(shared, task(shared, id));
            1
        }
        fn has_waiters(&self) -> bool {
            false
        }
        fn poll(&self) -> usize {
            0
        }
        fn wait(&self, _lanes: &[u32], _before_wake: &mut dyn FnMut()) {}
        fn interrupt(&self) {}
    }

    fn task(shared: &'static Shared, id: u64) -> TaskRef {
        let birth = Birth {
            shared,
            id,
            parent: 0,
            birthplace: None,
        };
        cell::make(async {}, birth)
    }

    /// A machine with a P, which this thread is from now on, and timers that are due.
    fn machine_with(due: Vec<u64>) -> (&'static Shared, &'static Machine) {
        let first = if due.is_empty() { u64::MAX } else { 0 };
        let deadline: &'static AtomicU64 = Box::leak(Box::new(AtomicU64::new(first)));
        let driver = Box::new(Due(Mutex::new(due.into()), deadline));
        let shared = Shared::leak(driver, Config::of_a_test());
        let p = shared
            .procs
            .add(Processor::new(0, shared.driver.open_lane()));
        let m: &'static Machine = Box::leak(Box::new(Machine::new(shared, 0)));
        current::enter_machine(m);
        m.set_proc(Some(p));
        p.lease.grant(m);
        (shared, m)
    }

    /// The order in which these are found: due timers, and a queue.
    fn order(due: Vec<u64>, queued: Vec<u64>) -> Vec<u64> {
        let count = due.len() + queued.len();
        let machine = thread::spawn(move || {
            let (shared, m) = machine_with(due);
            let held = m.held().expect("its own");
            for id in queued {
                held.push_back(task(shared, id));
            }
            (0..count)
                .map(|_| m.find(held).expect("as many as there are"))
                .map(|task| header(task).id.load(Ordering::Relaxed))
                .collect()
        });
        machine.join().expect("it ends well")
    }

    #[test]
    fn those_whose_time_has_come_and_the_queue_take_turns() {
        let found = order(vec![101, 102, 103], vec![1, 2, 3, 4, 5]);
        assert_eq!(found, [101, 1, 102, 2, 103, 3, 4, 5]);
    }

    #[test]
    fn a_hog_has_its_turn_beside_a_global_queue_that_is_never_empty() {
        let machine = thread::spawn(|| {
            let (shared, m) = machine_with(Vec::new());
            shared.procs.set_active(1);
            let held = m.held().expect("its own");
            shared.hogs.push(task(shared, 7));
            let found = (0..10_000).find(|&id| {
                // Everyone goes back to the end of the global queue.
                shared.push_global(task(shared, 1_000 + id));
                let next = m.find(held).expect("there is always somebody");
                header(next).id.load(Ordering::Relaxed) == 7
            });
            assert!(found.is_some_and(|turns| turns < 1_000), "{found:?}");
        });
        machine.join().expect("it ends well");
    }

    #[test]
    fn without_a_queue_all_whose_time_has_come_are_queued_at_once() {
        // The last one fired is the next to run, as the last one woken always is.
        assert_eq!(order(vec![101, 102, 103], vec![]), [103, 101, 102]);
    }
}
