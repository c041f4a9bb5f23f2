//! Where CPUs are scarce, what the driver wakes at once is left to one machine.
//!
//! A machine comes from the driver with the goroutines of all sockets and timers that were due:
//! a *batch*. As any work, a batch is told: a second machine is woken for a share of it. That is
//! right where a CPU is free for it. Where none is, it waits for one, perhaps with its share in its
//! queue, behind whoever else is at work there (often the very client that is served), and then
//! makes that one wait in turn.
//!
//! So while CPUs are [scarce](crate::scarcity) a machine *keeps* its batch: it tells nobody of what
//! it queues until its queue is empty. It tells all the same
//!
//! - as soon as a goroutine joins the batch that has not ended a short poll yet ([`temper::GOOD`]), or
//!   is known for polls of [`ALLOWANCE_NS`] or more (`Header::note_length`): for so long the others
//!   shall not stand behind it;
//! - of what is left when its polls take longer than is worth keeping ([`ALLOWANCE_NS`]): where a
//!   handler computes for 50 us, half a CPU is better than none. If the next batch is no better, the
//!   ones after it are not kept at all for a while ([`TOLD_AHEAD`]);
//! - of what is left after [`GRACE_NS`].
//!
//! A look at the clock after each poll of a kept batch sees to that. A poll that does not end is the
//! monitor's business: it sees what is queued behind it, and tells.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use marmot_wait::clock;

use crate::machine::{Machine, header};
use crate::metrics::add;
use crate::processor::Held;
use crate::task::header::{Header, TaskRef, temper};

/// Of a batch that has taken so long the rest is told.
const GRACE_NS: u64 = 500_000;
/// A batch may take so long, and so much more for each of its polls; else its polls are worth a
/// second machine, even one that has to wait for a CPU. (The former is for one moment in which the
/// thread did not run.)
const ALLOWANCE_NS: u64 = 60_000;
const ALLOWANCE_OF_POLL_NS: u64 = 20_000;
/// After two batches in a row that took more, twice `TOLD_AHEAD` are not kept, and twice as many
/// after each further one, up to `TOLD_AHEAD << DOUBLINGS`.
const TOLD_AHEAD: u32 = 32;
const DOUBLINGS: u32 = 7;

/// The batch of a machine; its own thread's alone.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    kept: Cell<bool>,
    since_ns: Cell<u64>,
    /// When the last poll of a goroutine that goes on ended.
    looked_ns: Cell<u64>,
    /// When it will have taken more than it may.
    allowed_ns: Cell<u64>,
    /// So many in a row took more.
    too_long: Cell<u32>,
    /// So many of the next ones are not kept.
    told_ahead: Cell<u32>,
}

impl Batch {
    #[inline]
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.get()
    }

    fn keep(&self, now_ns: u64) {
        self.kept.set(true);
        self.since_ns.set(now_ns);
        self.looked_ns.set(now_ns);
        self.allowed_ns.set(now_ns + ALLOWANCE_NS);
    }

    /// A poll of this goroutine ends.
    pub(crate) fn judge(&self, g: &Header, now_ns: u64) {
        let poll = now_ns.saturating_sub(self.looked_ns.replace(now_ns));
        g.note_length(poll >= ALLOWANCE_NS);
    }

    /// A poll has ended: whether the batch may still be kept.
    fn goes_on(&self, now_ns: u64) -> bool {
        let allowed = self.allowed_ns.get() + ALLOWANCE_OF_POLL_NS;
        self.allowed_ns.set(allowed);
        if now_ns >= allowed {
            self.was_too_long();
            return false;
        }
        now_ns.saturating_sub(self.since_ns.get()) < GRACE_NS
    }

    #[cold]
    fn was_too_long(&self) {
        let times = self.too_long.get() + 1;
        self.too_long.set(times);
        if times > 1 {
            self.told_ahead.set(TOLD_AHEAD << times.min(DOUBLINGS));
        }
    }

    /// Whether the next one is not to be kept.
    fn is_told_ahead(&self) -> bool {
        let left = self.told_ahead.get();
        self.told_ahead.set(left.saturating_sub(1));
        left > 0
    }

    /// What is left of it is work as any other.
    #[inline]
    pub(crate) fn release(&self) {
        self.kept.set(false);
    }

    /// A goroutine that is about to be queued joins a batch that is kept: if it may.
    #[inline]
    pub(crate) fn join(&self, task: TaskRef) {
        let g = header(task);
        let temper = g.temper.load(Ordering::Relaxed);
        if temper & !temper::STAMPED != temper::GOOD || g.take_long() {
            self.release();
        }
    }
}

impl Machine {
    /// The driver is about to wake goroutines here.
    pub(crate) fn begin_batch(&self) {
        let shared = self.shared;
        let alone = shared.procs.active() == 1;
        if !alone && shared.scarcity.is_at(shared.coarse_now()) {
            self.keep_batch();
        }
    }

    #[cold]
    fn keep_batch(&self) {
        if self.batch.is_told_ahead() {
            return;
        }
        if let Some(p) = self.held() {
            add(&p.counts.batches_kept, 1);
            self.batch.keep(clock::now_ns());
        }
    }

    /// After a poll of a batch that is kept.
    pub(crate) fn look_at_batch(&self, p: Held<'static>) {
        if !self.batch.goes_on(self.batch.looked_ns.get()) {
            self.batch.release();
            self.tell_rest(p);
        } else if p.is_empty() {
            self.batch.too_long.set(0);
        }
    }

    #[cold]
    fn tell_rest(&self, p: Held<'static>) {
        if !p.stealer.is_empty() {
            self.shared.notify();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;
    use std::task::Poll;
    use std::thread;
    use std::time::Duration;

    use marmot_wait::clock;

    use super::{ALLOWANCE_NS, Batch, GRACE_NS};
    use crate::builder::Config;
    use crate::current;
    use crate::driver::{Driver, Lane, NoDriver};
    use crate::machine::{Machine, header};
    use crate::processor::Processor;
    use crate::shared::Shared;
    use crate::task::cell::{self, Birth};
    use crate::task::header::{TaskRef, flags, temper};
    use crate::task::join::JoinHandle;

    /// A world in which three goroutines are woken whenever somebody waits for it.
    #[derive(Default)]
    struct Three(NoDriver);

    impl Driver for Three {
        fn open_lane(&self) -> Lane {
            self.0.open_lane()
        }
        fn close_lane(&self, lane: u32) {
            self.0.close_lane(lane);
        }
        fn fire(&self, _lane: u32, _now_ns: u64) -> usize {
            0
        }
        fn fire_one(&self, _lane: u32, _now_ns: u64) -> usize {
            0
        }
        fn has_waiters(&self) -> bool {
            true
        }
        fn poll(&self) -> usize {
            0
        }
        fn wait(&self, _lanes: &[u32], before_wake: &mut dyn FnMut()) {
            before_wake();
            let shared = current::machine().expect("a machine waits").shared;
            (0..3).for_each(|_| current::schedule::<false>(shared, task(shared, temper::GOOD)));
        }
        fn interrupt(&self) {}
    }

    /// A goroutine of this temper, that ends at once.
    fn task(shared: &'static Shared, temper: u8) -> TaskRef {
        task_of(shared, temper, async {})
    }

    fn task_of<F>(shared: &'static Shared, temper: u8, future: F) -> TaskRef
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let birth = Birth {
            shared,
            id: shared.take_id(),
            parent: 0,
            birthplace: None,
        };
        let task = cell::make(future, birth);
        header(task).temper.store(temper, Ordering::Relaxed);
        task
    }

    /// A machine with a P, and one that sleeps beside an idle P.
    struct Pair {
        shared: &'static Shared,
        busy: &'static Machine,
        asleep: &'static Machine,
    }

    impl Pair {
        /// This thread is the busy machine from now on.
        fn new() -> Pair {
            let shared = Shared::leak(Box::new(Three::default()), Config::of_a_test());
            let machine =
                |id| -> &'static Machine { Box::leak(Box::new(Machine::new(shared, id))) };
            let (busy, asleep) = (machine(0), machine(1));
            let proc = |id| {
                let lane = shared.driver.open_lane();
                shared.procs.add(Processor::new(id, lane))
            };
            let (first, second) = (proc(0), proc(1));
            shared.procs.set_active(2);
            first.lease.grant(busy);
            current::enter_machine(busy);
            busy.set_proc(Some(first));
            // Whoever wakes it wakes this thread, which does not care.
            asleep.thread.set(thread::current()).expect("the first");
            let mut sched = shared.lock();
            sched.idle_machines.push(asleep);
            sched.lay_down(second);
            drop(sched);
            shared.idle.announce(false);
            Pair {
                shared,
                busy,
                asleep,
            }
        }

        fn queue(&self, count: usize, temper: u8) {
            for _ in 0..count {
                current::schedule::<false>(self.shared, task(self.shared, temper));
            }
        }

        fn make_cpus_scarce(&self) {
            let now = clock::now_ns();
            self.shared.set_coarse(now);
            for _ in 0..2 {
                assert!(self.shared.scarcity.runs(0, now + 1_000_000));
            }
        }

        /// Whether the other one was woken.
        fn is_told(&self) -> bool {
            !self.asleep.handed.load(Ordering::Relaxed).is_null()
        }

        /// A batch is kept, and these are queued. It takes no time until a test says so: the
        /// thread may be kept from running.
        fn kept(count: usize) -> Pair {
            let pair = Pair::new();
            pair.make_cpus_scarce();
            pair.busy.begin_batch();
            assert!(pair.busy.batch.is_kept());
            pair.busy.batch.since_ns.set(u64::MAX);
            pair.busy.batch.allowed_ns.set(u64::MAX / 2);
            pair.queue(count, temper::GOOD);
            pair
        }
    }

    /// On a thread of its own, which is a machine from then on.
    fn on_a_machine(test: fn()) {
        thread::spawn(test).join().expect("it ends well");
    }

    #[test]
    fn while_there_are_cpus_another_machine_is_woken_for_a_batch() {
        on_a_machine(|| {
            let pair = Pair::new();
            pair.busy.begin_batch();
            pair.queue(2, temper::GOOD);
            assert!(pair.is_told());
        });
    }

    #[test]
    fn while_cpus_are_scarce_nobody_is_woken_for_a_batch() {
        on_a_machine(|| {
            let pair = Pair::kept(8);
            let held = pair.busy.held().expect("its own");
            while !held.is_empty() {
                pair.busy.find(held).expect("one is queued");
                pair.busy.look_at_batch(held);
            }
            assert!(!pair.is_told());
            assert_eq!(held.counts.batches_kept.load(Ordering::Relaxed), 1);
        });
    }

    #[test]
    fn a_batch_ends_with_its_queue() {
        on_a_machine(|| {
            let pair = Pair::kept(1);
            let held = pair.busy.held().expect("its own");
            assert!(pair.busy.find(held).is_some());
            assert!(pair.busy.find(held).is_none());
            // It has searched; what ends the search is work as any other.
            pair.queue(2, temper::GOOD);
            pair.busy.found_work(held);
            assert!(pair.is_told());
        });
    }

    #[test]
    fn a_batch_with_one_that_is_not_known_to_be_quick_is_told() {
        for temper in [temper::UNKNOWN, temper::DOUBTED] {
            let machine = thread::spawn(move || {
                let pair = Pair::kept(3);
                pair.queue(1, temper);
                assert!(pair.is_told());
            });
            machine.join().expect("it ends well");
        }
    }

    #[test]
    fn a_stamp_is_no_reason_to_tell() {
        on_a_machine(|| {
            let pair = Pair::kept(3);
            pair.queue(1, temper::GOOD | temper::STAMPED);
            assert!(!pair.is_told());
        });
    }

    #[test]
    fn a_batch_that_takes_long_is_told() {
        on_a_machine(|| {
            let pair = Pair::kept(3);
            let held = pair.busy.held().expect("its own");
            pair.busy.look_at_batch(held);
            assert!(!pair.is_told());
            pair.busy.batch.since_ns.set(0);
            pair.busy.batch.looked_ns.set(GRACE_NS);
            pair.busy.look_at_batch(held);
            assert!(pair.is_told());
        });
    }

    #[test]
    fn a_search_that_ends_in_a_batch_that_is_kept_tells_what_others_left_to_it() {
        on_a_machine(|| {
            let pair = Pair::kept(3);
            let held = pair.busy.held().expect("its own");
            pair.shared.idle.begin_search();
            pair.busy.found_work(held);
            assert!(!pair.is_told());
            // Somebody sees a search, and leaves this to it.
            pair.shared.idle.begin_search();
            pair.shared.global.push(task(pair.shared, temper::GOOD));
            pair.busy.found_work(held);
            assert!(pair.is_told());
        });
    }

    #[test]
    fn a_machine_keeps_what_the_driver_wakes_as_it_comes_back() {
        on_a_machine(|| {
            let pair = Pair::new();
            pair.make_cpus_scarce();
            pair.busy.rest();
            let held = pair.busy.held().expect("the world has woken somebody");
            assert_eq!(held.queued(), 3);
            assert!(pair.busy.batch.is_kept());
            pair.busy.found_work(held);
            assert!(!pair.is_told());
        });
    }

    #[test]
    fn a_machine_that_was_woken_says_how_late_it_runs() {
        on_a_machine(|| {
            let pair = Pair::new();
            pair.queue(2, temper::GOOD);
            assert!(pair.is_told());
            // It runs long after that.
            pair.asleep.woken_at.store(0, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
            assert!(pair.asleep.adopt());
            let late = pair.shared.counters.late_wakes.load(Ordering::Relaxed);
            assert_eq!(late, 1);
        });
    }

    /// A batch of polls that take so many microseconds: how many it takes until it is told.
    fn told_after(batch: &Batch, polls_us: impl IntoIterator<Item = u64>) -> Option<usize> {
        let mut now = 1_000_000_000;
        batch.keep(now);
        polls_us.into_iter().position(|poll| {
            now += poll * 1_000;
            !batch.goes_on(now)
        })
    }

    #[test]
    fn short_polls_may_fill_the_grace() {
        let polls = std::iter::repeat(4);
        let told = told_after(&Batch::default(), polls);
        assert_eq!(told, Some(GRACE_NS as usize / 4_000 - 1));
    }

    #[test]
    fn polls_that_compute_are_told_after_one_or_two_of_them() {
        let told = |poll| told_after(&Batch::default(), std::iter::repeat(poll));
        assert_eq!(told(100), Some(0));
        assert_eq!(told(50), Some(1));
        assert_eq!(told(30), Some(5));
    }

    #[test]
    fn a_moment_without_a_cpu_is_no_reason_to_tell() {
        let polls = [4, 60, 4, 4, 4, 4];
        assert_eq!(told_after(&Batch::default(), polls), None);
    }

    #[test]
    fn after_two_batches_that_were_too_long_the_next_ones_are_told_ahead() {
        let batch = Batch::default();
        let told_ahead = |polls_us| {
            assert_eq!(told_after(&batch, [polls_us]), Some(0));
            std::iter::from_fn(|| batch.is_told_ahead().then_some(())).count()
        };
        let waits: Vec<_> = (0..10).map(|_| told_ahead(100)).collect();
        assert_eq!(
            waits,
            [0, 128, 256, 512, 1024, 2048, 4096, 4096, 4096, 4096]
        );
    }

    /// A goroutine whose polls in batches that were kept were long, or not.
    fn after_polls(pair: &Pair, long: &[bool]) -> TaskRef {
        let task = task(pair.shared, temper::GOOD);
        let g = header(task);
        g.flags.store(flags::NAMED, Ordering::Relaxed);
        let batch = Batch::default();
        let mut now = 0;
        batch.keep(now);
        for long in long {
            now += if *long {
                ALLOWANCE_NS
            } else {
                ALLOWANCE_NS - 1
            };
            batch.judge(g, now);
        }
        task
    }

    #[test]
    fn a_batch_with_one_that_is_known_to_be_long_is_told() {
        on_a_machine(|| {
            let pair = Pair::kept(3);
            let task = after_polls(&pair, &[true, true]);
            current::schedule::<false>(pair.shared, task);
            assert!(pair.is_told());
        });
    }

    #[test]
    fn two_long_polls_in_a_row_count_for_63_more() {
        on_a_machine(|| {
            let pair = Pair::new();
            let taken = |polls: &[bool]| {
                let g = header(after_polls(&pair, polls));
                let taken = std::iter::from_fn(|| g.take_long().then_some(())).count();
                assert!(g.flags.load(Ordering::Relaxed) & flags::NAMED != 0);
                taken
            };
            assert_eq!(taken(&[true, true]), 63);
            assert_eq!(taken(&[false, true]), 0);
            assert_eq!(taken(&[true, false, true]), 0);
            assert_eq!(taken(&[true, true, true, true]), 63);
        });
    }

    #[test]
    fn one_that_was_long_again_after_its_time_is_known_at_once() {
        on_a_machine(|| {
            let pair = Pair::new();
            let g = header(after_polls(&pair, &[true, true]));
            while g.take_long() {}
            g.note_length(true);
            assert!(g.take_long());
            while g.take_long() {}
            g.note_length(false);
            g.note_length(true);
            assert!(!g.take_long());
        });
    }

    #[test]
    fn polls_of_a_kept_batch_are_judged_and_the_next_goroutine_in_the_cell_knows_nothing_of_it() {
        on_a_machine(|| {
            let pair = Pair::kept(0);
            let held = pair.busy.held().expect("its own");
            let mut polls = 0;
            let burns_twice = std::future::poll_fn(move |cx| {
                polls += 1;
                if polls > 2 {
                    return Poll::Ready(());
                }
                let began = clock::now_ns();
                while clock::now_ns() - began < ALLOWANCE_NS {}
                cx.waker().wake_by_ref();
                Poll::Pending
            });
            let task = task_of(pair.shared, temper::GOOD, burns_twice);
            drop(JoinHandle::<()>::of(task));
            current::schedule::<false>(pair.shared, task);
            for _ in 0..2 {
                let task = pair.busy.find(held).expect("it is queued");
                pair.busy.turn(held, task);
            }
            assert!(header(task).take_long());
            pair.busy.turn(held, held.pop().expect("it goes on"));
            let next = self::task(pair.shared, temper::GOOD);
            assert!(next == task, "the same cell");
            assert_eq!(header(next).flags.load(Ordering::Relaxed), 0);
        });
    }

    #[test]
    fn what_is_told_ahead_is_not_kept() {
        on_a_machine(|| {
            let pair = Pair::new();
            pair.make_cpus_scarce();
            let batch = &pair.busy.batch;
            batch.told_ahead.set(1);
            pair.busy.begin_batch();
            assert!(!batch.is_kept());
            pair.busy.begin_batch();
            assert!(batch.is_kept());
        });
    }

    #[test]
    fn a_batch_that_went_well_makes_up_for_those_before() {
        on_a_machine(|| {
            let pair = Pair::kept(1);
            let (batch, held) = (&pair.busy.batch, pair.busy.held().expect("its own"));
            batch.too_long.set(5);
            assert!(pair.busy.find(held).is_some());
            pair.busy.look_at_batch(held);
            assert_eq!(batch.too_long.get(), 0);
        });
    }

    #[test]
    fn a_batch_is_not_kept_with_another_p() {
        on_a_machine(|| {
            let pair = Pair::kept(3);
            let p = pair.busy.believed();
            pair.busy.set_proc(p);
            pair.queue(1, temper::GOOD);
            assert!(pair.is_told());
        });
    }
}
