//! The monitor: a thread without a P that keeps one bad goroutine from stopping the others.
//!
//! Every millisecond while any P is in use (parked when all are idle) it publishes the coarse
//! clock and looks at each P. A poll that does not end is one of three cases:
//!
//! 1. its thread **sleeps in the kernel**: the P is handed to another machine at once, if
//!    anything waits for it; the goroutine is queued apart until it has a short poll again,
//!    so that a crowd of such does not stand before the others. If it sleeps at a **lock**, only
//!    after a while (`LOCKED_NS`);
//! 2. it **burns CPU while another P serves** the rest: only what waits in `runnext` is moved
//!    to where thieves reach it, and overdue timers are fired;
//! 3. it **burns CPU and nobody else can serve**: the P is handed over, under a cap. The
//!    goroutine gets a strike; a hog is queued apart until it has a short poll again.
//!    (Decision 0016.)
//!
//! Beside that: timers and sockets that nobody watches, deadlocks, and the CPU quota.
//! Go: `sysmon` and `retake`, which preempts instead; the three cases are ours.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use marmot_wait::clock;

use crate::cycle;
use crate::deadlock::Watch;
use crate::driver::is_due;
use crate::events;
use crate::lease;
use crate::longpoll::{LongPolls, Seen, Survived};
use crate::machine::{Machine, detached};
use crate::processor::Processor;
use crate::schedtrace::{self, Detail};
use crate::shared::{Kick, Sched, Shared, mood};
use crate::threads::{Inspector, ThreadState, sys};

/// Between two looks while any P is in use.
const TICK: Duration = Duration::from_millis(1);
/// Between two looks while a blocked machine was seen at the last one.
const WATCHFUL: Duration = Duration::from_micros(100);
/// A poll that burns this long, with work waiting that nobody else can serve, loses its P.
const BURNING_NS: u64 = 1_000_000;
/// The same, if others could serve but have not.
const STUCK_NS: u64 = 10_000_000;
/// The same, for a poll that goes on filling its queue and keeps no timer waiting, if nobody
/// else serves; if others do, they steal from it, and it keeps its P. Taking it makes the rest
/// of a burst of spawns several times slower (the prototype: 8 to 20 times).
const PRODUCTIVE_NS: u64 = 100_000_000;
/// So many tasks queued between two looks make a poll productive, and for so long: the kernel
/// may give its CPU to others meanwhile.
const PRODUCTIVE_TASKS: u64 = 100;
const FRUITFUL_NS: u64 = 5_000_000;
/// A poll that waits for a lock loses its P after so long, and after so much more for each machine
/// that is without one already, up to the second.
///
/// Nearly always the lock is held for a moment, by a thread that runs or lacks a CPU (the
/// allocator's, the netpoller's), and who gets the P runs into the same lock. When it was taken at
/// once, as from other sleepers, 4 Ps that share 2 CPUs came to 70 threads in some minutes.
const LOCKED_NS: u64 = 1_000_000;
const LOCKED_AT_MOST_NS: u64 = STUCK_NS;
/// A thread that has used so much CPU in one poll since it was first seen was burning it.
pub(crate) const GUILTY_NS: u64 = 800_000;
/// Sockets are looked at when nobody else has for this long (Go: 10 ms).
const POLL_NS: u64 = 10_000_000;
/// A timer that is due within this is to be waited for by a machine, if one is to be had.
const SOON_NS: u64 = 4_000_000;
/// So long after the mood became the worst, one that is not known is let in; so long after
/// the lane has come to a stop, one of those that wait in it; and so long after as many burn as
/// may and none of them has ended, one more may.
const RELAX_NS: u64 = 100_000_000;
/// The quota of CPUs is read once in so long (Go: about a second).
const QUOTA_NS: u64 = 1_000_000_000;
/// Main waits so long for the lock of stdout before the process ends without it.
const EXIT_NS: u64 = 100_000_000;
/// So many quiet looks before the monitor sleeps: short pauses do not cost a wake-up each.
const QUIET_LOOKS: u32 = 4;

/// What the monitor saw of one P at its last look.
#[derive(Clone, Copy)]
struct Sight {
    machine: *const Machine,
    tick: u32,
    since: u64,
    /// The CPU time that its thread had used then.
    cpu: u64,
    /// Tasks it had queued at the last look, and when these were last many.
    queued: u64,
    fruitful: u64,
    /// This poll is known to be long.
    long: bool,
}

impl Sight {
    const NOTHING: Sight = Sight {
        machine: std::ptr::null(),
        tick: 0,
        since: 0,
        cpu: 0,
        queued: 0,
        fruitful: 0,
        long: false,
    };
}

/// The monitor of one runtime.
pub(crate) struct Monitor {
    shared: &'static Shared,
    sights: Vec<Sight>,
    inspector: Inspector,
    quiet_looks: u32,
    deadlock: Watch,
    long: LongPolls,
    /// When the next line about the scheduler is due; `u64::MAX` for never.
    trace_at: u64,
    cycles: cycle::Watch,
    full_since: u64,
    /// How many had been taken from the lane at the last look, and since when no more were.
    lane_taken: usize,
    lane_since: u64,
    /// How many burning polls had ended at the last look, and since when no more did while as
    /// many burn as may.
    burnt: u64,
    capped_since: u64,
    quota_read: u64,
    now: u64,
    /// When the last look was.
    before: u64,
}

/// The monitor's thread.
pub(crate) fn run(shared: &'static Shared) {
    sys::sharpen_timers();
    let mut monitor = Monitor {
        shared,
        sights: Vec::new(),
        inspector: Inspector::default(),
        quiet_looks: 0,
        deadlock: Watch::default(),
        long: LongPolls::default(),
        trace_at: match shared.config.debug.schedtrace {
            Some(_) => 0,
            None => u64::MAX,
        },
        cycles: cycle::Watch::default(),
        full_since: 0,
        lane_taken: 0,
        lane_since: 0,
        burnt: 0,
        capped_since: 0,
        quota_read: clock::now_ns(),
        now: 0,
        before: 0,
    };
    while !shared.is_closing() {
        let pause = monitor.look();
        monitor.rest(pause);
    }
}

impl Monitor {
    /// One round; how long to wait before the next.
    fn look(&mut self) -> Duration {
        self.before = std::mem::replace(&mut self.now, clock::now_ns());
        self.shared.set_coarse(self.now);
        if let Some(status) = self.shared.late_exit(self.now, EXIT_NS) {
            std::process::exit(status);
        }
        let slots = self.shared.procs.slots();
        self.sights.resize(slots, Sight::NOTHING);
        let mut stuck = Vec::new();
        let mut serving = false;
        for slot in 0..slots {
            let Some(p) = self.shared.procs.get(slot) else {
                continue;
            };
            match self.glance(slot, p) {
                Look::Idle | Look::Moving => serving |= !p.retire.load(Ordering::Relaxed),
                Look::Stuck(case) => stuck.push(case),
            }
        }
        self.relax();
        let mut watchful = false;
        for case in stuck {
            watchful |= self.treat(&case, serving);
        }
        self.long.look(self.shared, &mut self.inspector, self.now);
        self.world();
        self.follow_quota();
        self.trace();
        if watchful { WATCHFUL } else { TICK }
    }

    /// Lets one goroutine run from time to time that nothing is known of, though hogs abound:
    /// they may be waiting for it, or never end.
    fn relax(&mut self) {
        self.bear();
        self.unblock_lane();
        let mood = &self.shared.mood;
        if mood.load(Ordering::Relaxed) != mood::FULL {
            self.full_since = self.now;
        } else if self.now.saturating_sub(self.full_since) >= RELAX_NS {
            self.full_since = self.now;
            mood.store(mood::WARY, Ordering::Relaxed);
            self.shared.notify();
        }
    }

    /// Raises the cap on those that burn without a P while none of their polls ends: else they
    /// would keep the Ps for ever.
    fn bear(&mut self) {
        let shared = self.shared;
        if shared.mood.load(Ordering::Relaxed) == mood::CALM {
            self.capped_since = self.now;
            return;
        }
        let sched = shared.lock();
        let ended = std::mem::replace(&mut self.burnt, sched.burnt) != sched.burnt;
        if ended || sched.burning < shared.hog_cap() {
            self.capped_since = self.now;
        } else if self.now.saturating_sub(self.capped_since) >= RELAX_NS {
            self.capped_since = self.now;
            shared.bear_one_more(sched.burning);
        }
    }

    /// Lets one out of the lane if none came out for a while, because the polls of those that
    /// run do not end: as long as there is a machine that may burn without a P, should it be
    /// such a one too.
    fn unblock_lane(&mut self) {
        let shared = self.shared;
        let lane = &shared.hogs;
        let moved = std::mem::replace(&mut self.lane_taken, lane.taken()) != lane.taken();
        if moved || lane.is_empty() {
            self.lane_since = self.now;
        } else if self.now.saturating_sub(self.lane_since) >= RELAX_NS {
            self.lane_since = self.now;
            if shared.lock().burning < shared.hog_cap() {
                lane.let_one_in();
                if shared.mood.load(Ordering::Relaxed) == mood::FULL {
                    shared.mood.store(mood::WARY, Ordering::Relaxed);
                }
                shared.notify();
            }
        }
    }

    /// Follows the process's quota of CPUs while it runs, as Go 1.25.
    fn follow_quota(&mut self) {
        let follows = self.shared.follows_quota.load(Ordering::Relaxed);
        if follows && self.now.saturating_sub(self.quota_read) >= QUOTA_NS {
            self.quota_read = self.now;
            crate::runtime::set_procs(self.shared, crate::cpus::default_procs());
        }
    }

    fn long_ns(&self) -> u64 {
        u64::try_from(self.shared.config.long_poll.as_nanos()).unwrap_or(u64::MAX)
    }

    /// `MARMOT_DEBUG=schedtrace`.
    fn trace(&mut self) {
        let Some(every) = self.shared.config.debug.schedtrace else {
            return;
        };
        if self.now >= self.trace_at {
            self.trace_at = self.now + u64::try_from(every.as_nanos()).unwrap_or(u64::MAX / 2);
            let detail = match self.shared.config.debug.scheddetail {
                true => Detail::All,
                false => Detail::Line,
            };
            schedtrace::print(self.shared, detail);
        }
    }

    /// What one P does.
    fn glance(&mut self, slot: usize, p: &'static Processor) -> Look {
        let machine = p.lease.glance();
        let Some(m) = crate::snapshot::machine(machine) else {
            self.sights[slot] = Sight::NOTHING;
            return Look::Idle;
        };
        let (tick, polling) = m.side.glance();
        let before = self.sights[slot];
        let same = polling && std::ptr::eq(before.machine, m) && before.tick == tick;
        let now_queued = m.queued.load(Ordering::Relaxed);
        let many = now_queued.saturating_sub(before.queued) >= PRODUCTIVE_TASKS;
        let fruitful = if many { self.now } else { before.fruitful };
        let productive = self.now.saturating_sub(fruitful) <= FRUITFUL_NS;
        let (since, cpu) = match same {
            true => (before.since, before.cpu),
            false if polling => (self.now, sys::cpu_ns(m.tid.load(Ordering::Relaxed))),
            false => (self.now, 0),
        };
        if polling && !same {
            // The order of the two does not matter: a dump looks at both and the machine's own.
            m.seen_since.store(since, Ordering::Relaxed);
            m.seen_tick.store(tick, Ordering::Relaxed);
        }
        let age = self.now.saturating_sub(since);
        let long = same && age >= self.long_ns();
        if long && !before.long {
            let seen = Seen {
                m,
                tick,
                since_ns: since,
                cpu_ns: cpu,
            };
            self.long.watch(seen, Survived::AsItWas);
        }
        self.sights[slot] = Sight {
            machine: m,
            tick,
            since,
            cpu,
            queued: now_queued,
            fruitful,
            long,
        };
        if polling {
            Look::Stuck(Case {
                p,
                m,
                tick,
                since,
                cpu,
                productive,
                again: same,
            })
        } else {
            Look::Moving
        }
    }

    /// Deals with a P whose machine is in a poll. `true`: look again soon.
    fn treat(&mut self, case: &Case, serving: bool) -> bool {
        let p = case.p;
        if p.retire.load(Ordering::Relaxed) && case.again {
            self.hand_off(case, detached::BLOCKED);
            return false;
        }
        let overdue = is_due(p.deadline, self.now);
        let queued = !p.looks_empty();
        let waiting = queued
            || overdue
            || !self.shared.global.is_empty()
            || !self.shared.hogs.is_empty()
            || self.unwatched_world();
        if !waiting {
            return false;
        }
        let tid = case.m.tid.load(Ordering::Relaxed);
        // (Filling a queue may take a page fault or a lock of the allocator; that is not it.)
        let state = match case.productive {
            true => ThreadState::Running,
            false => self.inspector.state(tid),
        };
        match state {
            ThreadState::Blocked => {
                self.hand_off(case, detached::BLOCKED);
                return true;
            }
            ThreadState::Locked if case.again => self.treat_locked(case, serving),
            ThreadState::Running if case.again => {
                self.treat_burning(case, serving, queued, overdue);
            }
            _ => {}
        }
        false
    }

    fn treat_locked(&mut self, case: &Case, serving: bool) {
        if serving {
            self.relieve(case);
        }
        let age = self.now.saturating_sub(case.since);
        if age >= LOCKED_NS && age >= self.patience_ns() {
            self.hand_off(case, detached::BLOCKED);
        }
    }

    /// How long a poll may wait for a lock now.
    fn patience_ns(&self) -> u64 {
        let without = self.shared.lock().blocked as u64;
        (LOCKED_NS * (1 + without)).min(LOCKED_AT_MOST_NS)
    }

    fn treat_burning(&mut self, case: &Case, serving: bool, queued: bool, overdue: bool) {
        let age = self.now.saturating_sub(case.since);
        if serving {
            self.relieve(case);
        }
        let limit = match serving {
            true if case.productive => u64::MAX,
            false if case.productive && !overdue => PRODUCTIVE_NS,
            true => STUCK_NS,
            false => BURNING_NS,
        };
        if age >= limit && (queued || !serving) {
            self.hand_off(case, detached::BURNING);
        }
    }

    /// Others serve: lets them have what is behind the long poll.
    fn relieve(&mut self, case: &Case) {
        let shared = self.shared;
        if case.p.has_next() {
            let sched = shared.lock();
            let flushed = self.with_revoked(case, |p| p.flush_next());
            drop(sched);
            if flushed == Some(true) {
                shared.counters.flushes.fetch_add(1, Ordering::Relaxed);
                self.long.watch(case.seen(), Survived::Flushed);
                shared.notify();
            }
        } else if !case.p.stealer.is_empty() {
            shared.notify();
        }
        if is_due(case.p.deadline, self.now) {
            shared.fire(case.p.lane, self.now);
        }
    }

    /// Takes the P for a moment, under the scheduler's lock, which the caller holds.
    #[expect(unsafe_code, reason = "opens the core of a revoked P")]
    fn with_revoked<R>(
        &self,
        case: &Case,
        f: impl FnOnce(crate::processor::Held<'static>) -> R,
    ) -> Option<R> {
        if !revoke(case) {
            return None;
        }
        // SAFETY: revoked, and granted again only below.
        let result = f(unsafe { case.p.hold() });
        case.p.lease.grant(case.m);
        Some(result)
    }

    /// Hands the P of a stuck machine to another one.
    fn hand_off(&mut self, case: &Case, how: u8) {
        let Some(kick) = self.take_away(case, how) else {
            return;
        };
        match kick {
            Some(kick) => self.shared.act(kick),
            // The P is retired, and what it had is in the global queue.
            None => self.shared.notify(),
        }
    }

    /// Revokes; what is to be done then. `None`: nothing was taken.
    fn take_away(&mut self, case: &Case, how: u8) -> Option<Option<Kick>> {
        let shared = self.shared;
        let mut sched = shared.lock();
        if how == detached::BURNING && sched.burning >= shared.hog_cap() {
            return None;
        }
        if sched.threads >= shared.config.max_threads && sched.nobody_sleeps() {
            return None;
        }
        if !revoke(case) {
            return None;
        }
        // Before anybody else can run goroutines on it.
        events::retaken(case.p, case.m, how == detached::BLOCKED);
        self.long.watch(case.seen(), Survived::HandedOff);
        let cpu = sys::cpu_ns(case.m.tid.load(Ordering::Relaxed));
        case.m.cpu_at_loss.store(cpu, Ordering::Relaxed);
        case.m.detached.store(how, Ordering::Relaxed);
        // A thread that the kernel keeps from running looks as if it burned, but it has not
        // used its CPU; whether it does from here on, its machine sees at the end of the poll.
        let guilty = how == detached::BLOCKED || cpu.saturating_sub(case.cpu) >= GUILTY_NS;
        if guilty && let Some(g) = crate::snapshot::polled(case.m) {
            g.strike();
        }
        let counters = &shared.counters;
        if how == detached::BURNING {
            sched.burning += 1;
            shared.set_mood(sched.burning);
            counters.handoffs_burning.fetch_add(1, Ordering::Relaxed);
        } else {
            sched.blocked += 1;
            // What sleeps takes no CPU from the other hogs.
            case.m.leave_lane();
            counters.handoffs_blocked.fetch_add(1, Ordering::Relaxed);
        }
        if case.p.retire.load(Ordering::Relaxed) {
            self.retire_revoked(&mut sched, case.p);
            return Some(None);
        }
        Some(Some(sched.hand_over(shared, case.p, false)))
    }

    /// Leaves the tasks of a revoked P that is one too many to the others.
    #[expect(unsafe_code, reason = "opens the core of a revoked P")]
    fn retire_revoked(&self, sched: &mut Sched, p: &'static Processor) {
        // SAFETY: revoked, and granted to nobody.
        unsafe { p.hold() }.drain(|task| self.shared.global.push(task));
        sched.retired.push(p);
    }

    /// Whether timers are due or sockets unwatched while no machine waits in the driver.
    fn unwatched_world(&self) -> bool {
        let shared = self.shared;
        !shared.somebody_waits_in_driver()
            && (shared.procs.iter().any(|p| is_due(p.deadline, self.now)) || self.poll_is_late())
    }

    fn poll_is_late(&self) -> bool {
        let shared = self.shared;
        shared.driver.has_waiters() && self.now.saturating_sub(shared.driver_polled_at()) >= POLL_NS
    }

    /// Timers and sockets that nobody watches.
    fn world(&self) {
        let shared = self.shared;
        if shared.somebody_waits_in_driver() {
            return;
        }
        if self.poll_is_late() {
            shared.poll_driver();
        }
        let (idle, _) = shared.idle.glance();
        if idle > 0 && self.world_is_neglected() {
            // A P is idle, so nobody will miss its machine: let one go and watch.
            shared.wake_one();
        }
    }

    /// Whether a timer will be due soon (the next look may be late), or somebody waits for a
    /// socket and nobody has looked since the last look. A machine that goes to and fro between
    /// its goroutines and the driver is not to be joined by another every millisecond.
    fn world_is_neglected(&self) -> bool {
        let shared = self.shared;
        let soon = self.now + SOON_NS;
        shared.procs.iter().any(|p| is_due(p.deadline, soon))
            || (shared.driver_polled_at() < self.before && shared.driver.has_waiters())
    }

    /// Waits for the next look; sleeps while nothing runs.
    fn rest(&mut self, pause: Duration) {
        let quiet = {
            let mut sched = self.shared.lock();
            let quiet = sched.is_quiet(self.shared);
            self.quiet_looks = if quiet { self.quiet_looks + 1 } else { 0 };
            sched.monitor_sleeps = self.quiet_looks >= QUIET_LOOKS;
            sched.monitor_sleeps
        };
        if !quiet {
            self.deadlock.nothing_suspicious();
            self.cycles.something_runs();
            self.cycles.look(self.shared);
            return thread::sleep(pause);
        }
        // A trace goes on while nothing does, as in Go.
        let trace = Duration::from_nanos(self.trace_at.saturating_sub(self.now));
        let trace = (self.trace_at != u64::MAX).then_some(trace);
        // A deadlock of all counts on being asked when it said; a cycle can wait.
        let cycles = self.cycles.look(self.shared);
        let deadlock = self.deadlock.look(self.shared).or(cycles);
        match deadlock.into_iter().chain(trace).min() {
            Some(again) => {
                thread::park_timeout(again);
                // Whoever took a P unparked us and cleared the flag; after a timeout it is ours to.
                self.shared.lock().monitor_sleeps = false;
            }
            None => {
                thread::park();
                self.lets_them_begin();
            }
        }
    }

    /// Something runs again, but has only just begun: there is nothing to see yet, and whoever
    /// woke us holds the lock.
    fn lets_them_begin(&self) {
        if !self.shared.is_closing() {
            thread::sleep(TICK);
        }
    }
}

/// A machine in a poll, holding a P.
struct Case {
    p: &'static Processor,
    m: &'static Machine,
    tick: u32,
    since: u64,
    /// The CPU time that its thread had used when it was first seen in this poll.
    cpu: u64,
    /// It has queued many tasks since the last look.
    productive: bool,
    /// Seen in the same poll before.
    again: bool,
}

impl Case {
    fn seen(&self) -> Seen {
        Seen {
            m: self.m,
            tick: self.tick,
            since_ns: self.since,
            cpu_ns: self.cpu,
        }
    }
}

enum Look {
    Idle,
    Moving,
    Stuck(Case),
}

/// Under the scheduler's lock.
fn revoke(case: &Case) -> bool {
    let lease: &lease::Lease<Machine> = &case.p.lease;
    lease.is_held_by(case.m) && lease.revoke(case.m, &case.m.side, case.tick)
}
