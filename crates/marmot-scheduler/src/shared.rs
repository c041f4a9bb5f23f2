//! What the machines of one runtime share.
//!
//! Lives as long as the process: a waker may outlive its runtime, and wakes without asking
//! whether the runtime is still there. What is large in it goes with the runtime.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Thread;

use crossbeam_utils::CachePadded;
use marmot_wait::clock;

use crate::builder::Config;
use crate::driver::{Driver, is_due};
use crate::events;
use crate::idle::IdleWord;
use crate::machine::{Machine, detached, header};
use crate::metrics::Counters;
use crate::processor::Processor;
use crate::procs::Procs;
use crate::run_queue::{GlobalQueue, HogLane};
use crate::scarcity::Scarcity;
use crate::task::header::{TaskRef, temper};
use crate::task::panic::contained;

/// How many goroutine numbers a machine takes at once.
const ID_BLOCK: u64 = 1024;

/// What the machines of one runtime share.
// ORDERING: Relaxed for all flags and counts: hints, or written under the scheduler's lock;
// where two of them have to be seen in order a fence is named (`idle/`, `set_closed`).
pub(crate) struct Shared {
    /// Idle Ps and searching machines.
    pub(crate) idle: CachePadded<IdleWord>,
    /// The monitor's clock, nanoseconds of `wait::clock`, a millisecond old at most while any
    /// P is in use.
    coarse: CachePadded<AtomicU64>,
    pub(crate) global: GlobalQueue,
    pub(crate) hogs: HogLane,
    pub(crate) procs: Procs,
    /// Whether a second machine would find a CPU.
    pub(crate) scarcity: Scarcity,
    pub(crate) driver: Box<dyn Driver>,
    pub(crate) config: Config,
    /// Tells its goroutines from those of other runtimes in records (`events/`); from 1, and
    /// the 255th and later ones share a number.
    pub(crate) number: u8,
    /// The number of Ps follows the process's quota of CPUs.
    pub(crate) follows_quota: AtomicBool,
    /// How much trouble there is with goroutines that burn ([`mood`]).
    pub(crate) mood: AtomicU8,
    /// So many machines more than usual may burn without a P.
    hogs_beyond: AtomicUsize,
    /// A machine waits in the driver.
    in_driver: AtomicBool,
    /// When a wake by a thread without a P was last stamped: once in a millisecond is enough.
    foreign_stamped: AtomicU64,
    /// When somebody last looked at the driver.
    driver_polled: AtomicU64,
    closing: AtomicBool,
    /// All machines have stopped; what is left is dropped where it lies.
    closed: AtomicBool,
    /// Main has called `goexit`.
    main_left: AtomicBool,
    /// When main began to end the process (0: it has not), and the status it gives.
    exit_began: AtomicU64,
    exit_status: AtomicI32,
    next_id: AtomicU64,
    /// What tells its goroutines from those of other runtimes, where they meet at a lock: to be
    /// added to their numbers.
    pub(crate) whose: u64,
    /// Goroutines started and ended by threads that are no machine.
    pub(crate) started: AtomicU64,
    pub(crate) ended: AtomicU64,
    pub(crate) counters: Counters,
    sched: Mutex<Sched>,
    /// Signalled when a machine's thread ends.
    pub(crate) thread_ended: Condvar,
    /// When the runtime was made, in nanoseconds of `wait::clock`.
    pub(crate) started_at: u64,
}

/// How much trouble there is with goroutines that burn.
pub(crate) mod mood {
    /// None: no machine burns without a P.
    pub(crate) const CALM: u8 = 0;
    /// Some: only goroutines known to be good run as they come, others a few at a time.
    pub(crate) const WARY: u8 = 1;
    /// So much that each P can still be taken from one more, but no further: only goroutines
    /// known to be good run.
    pub(crate) const FULL: u8 = 2;
}

/// What is under the scheduler's lock. Nothing under it blocks, calls a waker, or runs user
/// code. It may be taken inside a guarded region, and takes no other lock.
pub(crate) struct Sched {
    pub(crate) idle_procs: Vec<&'static Processor>,
    pub(crate) retired: Vec<&'static Processor>,
    /// Machines that sleep, the last to come first; not the one in the driver.
    pub(crate) idle_machines: Vec<&'static Machine>,
    /// The machine in the driver, as long as it can be handed a P.
    pub(crate) in_driver: Option<&'static Machine>,
    /// A machine is in the driver, or on its way in or out: nobody else may go there, or it
    /// would swallow an interrupt meant for the first.
    driver_taken: bool,
    pub(crate) machines: Vec<&'static Machine>,
    /// Machines without a thread, to be used again.
    pub(crate) spare: Vec<&'static Machine>,
    /// Threads that run, or are being started.
    pub(crate) threads: usize,
    /// Machines without their P: in a blocking call; burning; waiting for a wake-up.
    pub(crate) blocked: usize,
    pub(crate) burning: usize,
    /// How many polls that burned without a P have ended so far.
    pub(crate) burnt: u64,
    pub(crate) parked: usize,
    pub(crate) monitor: Option<Thread>,
    pub(crate) monitor_sleeps: bool,
    pub(crate) thread_failure_told: bool,
}

/// What has to be done, with no lock held, to get a machine going.
#[must_use]
pub(crate) enum Kick {
    Unpark(&'static Machine),
    Interrupt,
    Start(&'static Machine),
}

impl Shared {
    pub(crate) fn leak(driver: Box<dyn Driver>, config: Config) -> &'static Shared {
        Box::leak(Box::new(Shared {
            idle: CachePadded::new(IdleWord::new()),
            coarse: CachePadded::new(AtomicU64::new(clock::now_ns())),
            global: GlobalQueue::new(),
            hogs: HogLane::new(),
            procs: Procs::new(),
            scarcity: Scarcity::default(),
            driver,
            follows_quota: AtomicBool::new(config.follows_quota),
            config,
            number: crate::registry::next_number(),
            mood: AtomicU8::new(mood::CALM),
            hogs_beyond: AtomicUsize::new(0),
            in_driver: AtomicBool::new(false),
            foreign_stamped: AtomicU64::new(0),
            driver_polled: AtomicU64::new(0),
            closing: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            main_left: AtomicBool::new(false),
            exit_began: AtomicU64::new(0),
            exit_status: AtomicI32::new(0),
            next_id: AtomicU64::new(1),
            whose: crate::registry::next_whose(),
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            counters: Counters::default(),
            sched: Mutex::new(Sched::new()),
            thread_ended: Condvar::new(),
            started_at: clock::now_ns(),
        }))
    }

    #[expect(unsafe_code, reason = "headers keep a raw pointer to their runtime")]
    pub(crate) fn from_ptr(shared: *const Shared) -> &'static Shared {
        // SAFETY: headers get their pointer from a `&'static Shared`.
        unsafe { &*shared }
    }

    /// The scheduler's lock.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Sched> {
        // Code under the lock panics on a broken invariant only; the state is then as good
        // as it gets for the report.
        self.sched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    pub(crate) fn coarse_now(&self) -> u64 {
        // ORDERING: Relaxed, a clock.
        self.coarse.load(Ordering::Relaxed)
    }

    pub(crate) fn set_coarse(&self, now_ns: u64) {
        self.coarse.store(now_ns, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        // ORDERING: Relaxed; machines are woken after it is set, which orders it.
        self.closing.load(Ordering::Relaxed)
    }

    pub(crate) fn close(&self) {
        // ORDERING: SeqCst is not needed: see `is_closing`. Release for spawns that see it.
        self.closing.store(true, Ordering::Release);
    }

    /// The machines have stopped: from here on a goroutine that is made or found is dropped
    /// by whoever made or found it.
    pub(crate) fn set_closed(&self) {
        self.closed.store(true, Ordering::Relaxed);
        // ORDERING: SeqCst: store buffering with `is_closed`: either a thread that has just
        // queued a goroutine sees the flag, or the walk over the cells finds the goroutine.
        fence(Ordering::SeqCst);
    }

    /// Asked by whoever has queued a goroutine on a runtime that is closing.
    pub(crate) fn is_closed(&self) -> bool {
        // ORDERING: SeqCst: pairs with the fence in `set_closed`.
        fence(Ordering::SeqCst);
        self.closed.load(Ordering::Relaxed)
    }

    /// A block of goroutine numbers for a machine.
    pub(crate) fn take_ids(&self) -> (u64, u64) {
        // ORDERING: Relaxed, a counter.
        let first = self.next_id.fetch_add(ID_BLOCK, Ordering::Relaxed);
        (first, first + ID_BLOCK)
    }

    /// One goroutine number, for a thread that is no machine.
    pub(crate) fn take_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Goroutines that were started and have not ended.
    pub(crate) fn live(&self, sched: &Sched) -> u64 {
        // ORDERING: Relaxed, see `Shared`. Ends are read before starts, so that the difference is not negative.
        let sum = |own: &AtomicU64, of: fn(&Machine) -> &AtomicU64| {
            let machines = sched.machines.iter().map(|m| of(m).load(Ordering::Relaxed));
            machines.sum::<u64>() + own.load(Ordering::Relaxed)
        };
        let ended = sum(&self.ended, |m| &m.ended);
        sum(&self.started, |m| &m.started).saturating_sub(ended)
    }

    /// Goroutines started so far.
    pub(crate) fn started_so_far(&self, sched: &Sched) -> u64 {
        let machines = sched
            .machines
            .iter()
            .map(|m| m.started.load(Ordering::Relaxed));
        machines.sum::<u64>() + self.started.load(Ordering::Relaxed)
    }

    /// Main has begun to end the process.
    pub(crate) fn exit_begins(&self, status: i32) {
        self.exit_status.store(status, Ordering::Relaxed);
        // ORDERING: Release publishes the status to the monitor (Acquire in `late_exit`).
        self.exit_began
            .store(clock::now_ns().max(1), Ordering::Release);
    }

    /// The status of an exit that has been going on for longer than `patience_ns`.
    pub(crate) fn late_exit(&self, now_ns: u64, patience_ns: u64) -> Option<i32> {
        // ORDERING: Acquire pairs with the Release in `exit_begins`.
        let began = self.exit_began.load(Ordering::Acquire);
        let late = began != 0 && now_ns.saturating_sub(began) > patience_ns;
        late.then(|| self.exit_status.load(Ordering::Relaxed))
    }

    /// The main goroutine has called `goexit`: the process ends when the others have.
    pub(crate) fn main_leaves(&self) {
        self.main_left.store(true, Ordering::Relaxed);
    }

    pub(crate) fn main_has_left(&self) -> bool {
        self.main_left.load(Ordering::Relaxed)
    }

    pub(crate) fn count_lost(&self) {
        self.counters.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Queues a task for whoever comes first, and gets somebody to come.
    pub(crate) fn push_global(&'static self, task: TaskRef) {
        self.global.push(task);
        self.notify();
    }

    /// Queues a task in the lane of the hogs.
    pub(crate) fn push_hog(&'static self, task: TaskRef) {
        self.hogs.push(task);
        self.notify();
    }

    /// Queues a task that somebody without a P has woken.
    pub(crate) fn push_foreign(&'static self, task: TaskRef) {
        let now = self.coarse_now();
        if header(task).temper.load(Ordering::Relaxed) == temper::HOG {
            self.push_hog(task);
        } else {
            if self.foreign_stamped.load(Ordering::Relaxed) != now {
                self.foreign_stamped.store(now, Ordering::Relaxed);
                header(task).stamp();
            }
            self.push_global(task);
        }
    }

    /// A hog, if fewer run than there are Ps.
    pub(crate) fn take_hog(&self) -> Option<TaskRef> {
        if self.hogs.is_empty() || self.mood.load(Ordering::Relaxed) == mood::FULL {
            return None;
        }
        self.hogs.take(self.procs.active())
    }

    /// How many machines may burn without a P: as configured, but enough for each P to be
    /// taken from two hogs, and more while polls burn that do not end.
    pub(crate) fn hog_cap(&self) -> usize {
        self.usual_hog_cap() + self.hogs_beyond.load(Ordering::Relaxed)
    }

    fn usual_hog_cap(&self) -> usize {
        self.config.hog_cap.max(2 * self.procs.active())
    }

    /// As many burn as may, and none of them ends: one more may. The caller holds the lock.
    pub(crate) fn bear_one_more(&self, burning: usize) {
        // ORDERING: Relaxed; written under the scheduler's lock only, and a glance elsewhere.
        let before = self.hogs_beyond.load(Ordering::Relaxed);
        self.hogs_beyond.store(before + 1, Ordering::Relaxed);
        self.set_mood(burning);
    }

    /// Of those that burn beyond the usual cap, one has ended: as many fewer may.
    fn forgo(&self, burning: usize) {
        let beyond = burning.saturating_sub(self.usual_hog_cap());
        // ORDERING: Relaxed, as above.
        let before = self.hogs_beyond.load(Ordering::Relaxed);
        self.hogs_beyond
            .store(before.min(beyond), Ordering::Relaxed);
    }

    /// Says how many machines burn without a P now.
    pub(crate) fn set_mood(&self, burning: usize) {
        let full = burning + self.procs.active() >= self.hog_cap();
        let mood = match burning {
            0 => mood::CALM,
            _ if full => mood::FULL,
            _ => mood::WARY,
        };
        self.mood.store(mood, Ordering::Relaxed);
    }

    /// Work has been pushed: if a P is idle and nobody searches, wakes one machine.
    #[inline]
    pub(crate) fn notify(&'static self) {
        if self.idle.wants_searcher() {
            self.wake_one();
        }
    }

    #[cold]
    pub(crate) fn wake_one(&'static self) {
        if self.is_closing() || !self.idle.try_begin_search() {
            return;
        }
        let kick = {
            let mut sched = self.lock();
            match sched.take_idle(self) {
                Some(p) => Some(sched.hand_over(self, p, true)),
                None => {
                    self.idle.end_search();
                    None
                }
            }
        };
        if let Some(kick) = kick {
            self.act(kick);
        }
    }

    /// Does what [`Sched::hand_over`] asked for.
    pub(crate) fn act(&self, kick: Kick) {
        match kick {
            Kick::Unpark(machine) => {
                machine
                    .thread
                    .get()
                    .expect("a sleeping machine has a thread")
                    .unpark();
            }
            Kick::Interrupt => self.driver.interrupt(),
            Kick::Start(machine) => crate::threads::start(machine),
        }
    }

    /// Fires what is due in a lane. Wakers are foreign code.
    pub(crate) fn fire(&self, lane: u32, now_ns: u64) {
        self.firing(|| self.driver.fire(lane, now_ns));
    }

    /// Fires the first of what is due in a lane.
    pub(crate) fn fire_one(&self, lane: u32, now_ns: u64) {
        self.firing(|| self.driver.fire_one(lane, now_ns));
    }

    fn firing(&self, fire: impl FnOnce() -> usize) {
        contained(&self.config, || {
            let fired = fire() as u64;
            if fired > 0 {
                self.counters
                    .timers_fired
                    .fetch_add(fired, Ordering::Relaxed);
                events::timers_fired(self, fired);
            }
        });
    }

    /// Looks at the world without waiting.
    pub(crate) fn poll_driver(&self) {
        self.polled_driver();
        contained(&self.config, || events::netpolled(self, self.driver.poll()));
    }

    pub(crate) fn somebody_waits_in_driver(&self) -> bool {
        // ORDERING: Relaxed, a hint: a needless look at the driver does no harm.
        self.in_driver.load(Ordering::Relaxed)
    }

    pub(crate) fn polled_driver(&self) {
        self.driver_polled
            .store(self.coarse_now(), Ordering::Relaxed);
    }

    pub(crate) fn driver_polled_at(&self) -> u64 {
        self.driver_polled.load(Ordering::Relaxed)
    }

    /// Whether any queue has something, or any timer is due: the second look of a machine
    /// that has announced its idle P.
    pub(crate) fn has_work(&self, now_ns: u64) -> bool {
        self.has_common_work()
            || self
                .procs
                .iter()
                .any(|p| !p.stealer.is_empty() || is_due(p.deadline, now_ns))
    }

    /// Whether any queue has something but that of this P.
    pub(crate) fn has_work_beside(&self, p: &Processor) -> bool {
        self.has_common_work()
            || self
                .procs
                .iter()
                .any(|other| other.id != p.id && !other.stealer.is_empty())
    }

    /// Whether a queue of all has something for whoever comes.
    fn has_common_work(&self) -> bool {
        !self.global.is_empty()
            || (self.hogs.admits(self.procs.active())
                && self.mood.load(Ordering::Relaxed) != mood::FULL)
    }

    /// Whether any timer is set at all.
    pub(crate) fn has_timers(&self) -> bool {
        // ORDERING: Relaxed, see `is_due`.
        self.procs
            .iter()
            .any(|p| p.deadline.load(Ordering::Relaxed) != u64::MAX)
    }
}

impl Sched {
    fn new() -> Sched {
        Sched {
            idle_procs: Vec::new(),
            retired: Vec::new(),
            idle_machines: Vec::new(),
            in_driver: None,
            driver_taken: false,
            machines: Vec::new(),
            spare: Vec::new(),
            threads: 0,
            blocked: 0,
            burning: 0,
            burnt: 0,
            parked: 0,
            monitor: None,
            monitor_sleeps: false,
            thread_failure_told: false,
        }
    }

    /// Takes a P that nobody uses; the caller grants it.
    pub(crate) fn take_idle(&mut self, shared: &Shared) -> Option<&'static Processor> {
        let p = self.idle_procs.pop()?;
        shared.idle.take();
        self.wake_monitor(shared);
        Some(p)
    }

    /// Something runs again: the monitor has to watch it.
    fn wake_monitor(&mut self, shared: &Shared) {
        if std::mem::take(&mut self.monitor_sleeps) {
            shared.set_coarse(clock::now_ns());
            if let Some(monitor) = &self.monitor {
                monitor.unpark();
            }
        }
    }

    /// Lays a P down whose holder has given it up: idle, or retired if it is one too many.
    /// `true` if it is idle now; the caller announces it.
    pub(crate) fn lay_down(&mut self, p: &'static Processor) -> bool {
        if p.retire.load(Ordering::Relaxed) {
            self.retired.push(p);
            return false;
        }
        self.idle_procs.push(p);
        true
    }

    /// Gives a P to a machine that sleeps, or to a new one; `search`: it is counted as a
    /// searcher already.
    pub(crate) fn hand_over(
        &mut self,
        shared: &'static Shared,
        p: &'static Processor,
        search: bool,
    ) -> Kick {
        let (machine, kick) = match self.idle_machines.pop() {
            Some(machine) => (machine, Kick::Unpark(machine)),
            None => match self.in_driver.take() {
                Some(machine) => (machine, Kick::Interrupt),
                None => {
                    let machine = self.new_machine(shared);
                    (machine, Kick::Start(machine))
                }
            },
        };
        machine.woken_to_search.store(search, Ordering::Relaxed);
        // A thread that has to be started first says nothing of free CPUs.
        let woken_at = match kick {
            Kick::Start(_) => u64::MAX,
            Kick::Unpark(_) | Kick::Interrupt => clock::now_ns(),
        };
        machine.woken_at.store(woken_at, Ordering::Relaxed);
        p.lease.grant(machine);
        // ORDERING: Release hands the P and the flag over (Acquire in `adopt`).
        machine
            .handed
            .store(std::ptr::from_ref(p).cast_mut(), Ordering::Release);
        kick
    }

    /// A machine whose thread is about to be started.
    pub(crate) fn new_machine(&mut self, shared: &'static Shared) -> &'static Machine {
        self.threads += 1;
        let machine = self.spare.pop().unwrap_or_else(|| {
            let id = u32::try_from(self.machines.len()).expect("fewer than 2^32 machines");
            let machine = Machine::new(shared, id);
            let machine: &'static Machine = Box::leak(Box::new(machine));
            self.machines.push(machine);
            machine
        });
        machine.alive.store(true, Ordering::Relaxed);
        machine
    }

    /// Notes where a machine without a P is about to sleep: in the driver if nobody is there.
    pub(crate) fn enlist(&mut self, shared: &Shared, machine: &'static Machine) {
        if self.driver_taken {
            self.idle_machines.push(machine);
        } else {
            self.driver_taken = true;
            self.in_driver = Some(machine);
            machine.drives.set(true);
            shared.in_driver.store(true, Ordering::Relaxed);
        }
    }

    /// Takes a machine off the list of sleepers, and out of the driver. `false`: it was
    /// handed a P meanwhile.
    pub(crate) fn unlist(&mut self, shared: &Shared, machine: &Machine) -> bool {
        if machine.drives.replace(false) {
            self.driver_taken = false;
            shared.in_driver.store(false, Ordering::Relaxed);
            return self.in_driver.take().is_some();
        }
        let found = self.idle_machines.iter().position(|m| m.id == machine.id);
        if let Some(at) = found {
            self.idle_machines.remove(at);
        }
        found.is_some()
    }

    /// The machine is no longer one of those that lost or gave away their P.
    pub(crate) fn attach(&mut self, machine: &Machine) {
        match machine.detached.swap(detached::NO, Ordering::Relaxed) {
            detached::BLOCKED => self.blocked -= 1,
            detached::PARKED => self.parked -= 1,
            detached::BURNING => {
                self.burning -= 1;
                self.burnt += 1;
                machine.shared.forgo(self.burning);
                machine.shared.set_mood(self.burning);
            }
            _ => {}
        }
    }

    /// Whether a hand-over would need a new thread.
    pub(crate) fn nobody_sleeps(&self) -> bool {
        self.idle_machines.is_empty() && self.in_driver.is_none()
    }

    /// Nothing runs, searches, blocks or burns.
    pub(crate) fn is_quiet(&self, shared: &Shared) -> bool {
        let laid_down = self.idle_procs.len() + self.retired.len();
        laid_down == shared.procs.slots() && self.blocked == 0 && self.burning == 0
    }
}
