//! M: a thread that runs goroutines, one turn after the other.
//!
//! ```text
//!    ┌──▶ find ──▶ poll ──┐          has a P, in a guarded region but for the polls
//!    │                    │
//!    └────────────────────┘
//!      │ nothing found          │ the monitor took the P during the poll
//!      ▼                        ▼
//!    give the P up, look again, sleep (`sleep.rs`) ──▶ woken with a P
//! ```

use std::cell::{Cell, UnsafeCell};
use std::panic::Location;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering,
};
use std::task::Poll;
use std::thread::Thread;

use marmot_wait::note::{self, Waits};
use marmot_wait::{WaitReason, begin_poll, clock, end_poll};

use crate::batch::Batch;
use crate::cycle;
use crate::events::{self, Stopped};
use crate::lease::Side;
use crate::leftovers;
use crate::processor::{Held, Processor};
use crate::shared::Shared;
use crate::sysmon::GUILTY_NS;
use crate::task::cell;
use crate::task::header::{Header, TaskRef, temper};
use crate::task::slab::Cache;
use crate::task::state::{Pause, Start};
use crate::threads::sys;

/// Operations a goroutine may do in one poll: as tokio's budget; each costs 0.3 ns to count.
pub(crate) const BUDGET: u32 = 128;

/// What happened to the P of a machine in a long poll.
pub(crate) mod detached {
    /// It has it.
    pub(crate) const NO: u8 = 0;
    /// It went to another machine: this one blocks its thread.
    pub(crate) const BLOCKED: u8 = 1;
    /// It went to another machine: this one burns CPU.
    pub(crate) const BURNING: u8 = 2;
    /// The machine gave it away itself: it waits for a wake-up inside a goroutine.
    pub(crate) const PARKED: u8 = 3;
}

/// Where a machine is with its samples.
///
/// ```text
///   OFF ──a 61st turn──▶ DUE ──its poll──▶ NEXT ──the poll after it──▶ TIMING ──its end──▶ OFF
/// ```
///
/// (Not the poll of the 61st turn itself: that one is the global queue's.)
pub(crate) mod sampling {
    pub(crate) const OFF: u8 = 0;
    /// A poll is to be timed soon.
    pub(crate) const DUE: u8 = 1;
    /// The next poll is.
    pub(crate) const NEXT: u8 = 2;
    /// This poll is timed; goroutines that are queued in it are stamped.
    pub(crate) const TIMING: u8 = 3;
    /// Goroutines that are queued are stamped.
    pub(crate) const WAKING: u8 = 4;
    /// Of those that one poll or one look at the world queues, so many get one stamp: the first
    /// does, and a thousand sockets that are ready at once do not cost a thousand looks at the clock,
    /// and as many again when they run.
    pub(crate) const EVERY: u32 = 16;
}

/// A flag that its machine's thread alone writes, and dumps glance at.
#[derive(Debug, Default)]
pub(crate) struct Flag(AtomicBool);

// ORDERING: Relaxed throughout, a glance.
impl Flag {
    #[inline]
    pub(crate) fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn set(&self, on: bool) {
        self.0.store(on, Ordering::Relaxed);
    }

    pub(crate) fn replace(&self, on: bool) -> bool {
        let before = self.get();
        self.set(on);
        before
    }
}

/// A thread that runs goroutines. Lives as long as the process; its thread sleeps when idle.
// ORDERING: Relaxed for all atomics but `handed`: counts and glances, or written under the
// scheduler's lock; `handed` is the Release and Acquire that hands a P over with its flags.
#[repr(align(128))]
pub(crate) struct Machine {
    pub(crate) shared: &'static Shared,
    /// Its half of the lease.
    pub(crate) side: Side,
    /// The P it believes to have; its own thread's alone. Null for none.
    proc: Cell<*const Processor>,
    /// The goroutine being polled wants to go to the end of the global queue.
    pub(crate) yielded: Cell<bool>,
    /// It searches for work (and is counted as a searcher).
    pub(crate) searching: Flag,
    /// The task being polled came from the hogs' lane.
    pub(crate) from_lane: AtomicBool,
    /// See [`sampling`].
    pub(crate) sampling: Cell<u8>,
    /// When the poll began that is being timed.
    timed_from: Cell<u64>,
    /// The coarse time of the last sample, and of the last wake that was stamped.
    pub(crate) sampled_at: Cell<u64>,
    stamped_at: Cell<u64>,
    /// How many were queued in this sample.
    stampable: Cell<u32>,
    /// It is in the driver, or on its way in or out.
    pub(crate) drives: Cell<bool>,
    /// It has just got its P: the global queue and the timers come first.
    pub(crate) fresh: Cell<bool>,
    /// What the driver woke when the machine was last there.
    pub(crate) batch: Batch,
    /// Turns of the global queue and the hogs so far.
    pub(crate) others: Cell<u32>,
    /// The last turn went to a timer ahead of the queue: the next one does not.
    pub(crate) jumped: Cell<bool>,
    /// When the last poll ended, in ticks of `events`, if somebody records and the machine has
    /// done nothing since that takes time; else 0.
    pub(crate) last_stop: Cell<u64>,
    /// How many announced blocking stretches it is in.
    pub(crate) blocking_depth: Cell<u32>,
    /// The next random number is made of this.
    random: Cell<u64>,
    /// Free goroutine numbers: the next, and the end.
    ids: Cell<(u64, u64)>,
    /// Goroutines started and ended on this machine; written by its thread alone.
    pub(crate) started: AtomicU64,
    pub(crate) ended: AtomicU64,
    /// Tasks that its polls have put at the end of its queue; written by its thread alone.
    pub(crate) queued: AtomicU64,
    /// Free cells; its own thread's alone.
    cache: UnsafeCell<Cache>,
    /// The goroutine being polled.
    pub(crate) task: AtomicPtr<Header>,
    /// See [`detached`]. Written under the scheduler's lock.
    pub(crate) detached: AtomicU8,
    /// The CPU time its thread had used when the monitor took its P for burning.
    pub(crate) cpu_at_loss: AtomicU64,
    /// The poll that the monitor saw it in, and since when, in nanoseconds of `wait::clock`.
    pub(crate) seen_tick: AtomicU32,
    pub(crate) seen_since: AtomicU64,
    /// A P handed to it while it slept.
    pub(crate) handed: AtomicPtr<Processor>,
    /// When it was woken for that; `u64::MAX` if its thread had to be started.
    pub(crate) woken_at: AtomicU64,
    /// It was woken to search, not with work at hand.
    pub(crate) woken_to_search: AtomicBool,
    /// Its thread runs.
    pub(crate) alive: AtomicBool,
    pub(crate) thread: OnceLock<Thread>,
    /// The kernel's number of its thread; 0 before it runs.
    pub(crate) tid: AtomicI32,
    pub(crate) id: u32,
}

#[expect(unsafe_code, reason = "cells of one thread beside atomics of all")]
// SAFETY: all cells (`proc`, `batch`, `sampling` and so on) and `cache` are used by the machine's own
// thread alone (through `current`); everything else is `Sync`.
unsafe impl Sync for Machine {}

#[expect(unsafe_code, reason = "as above")]
// SAFETY: the machine is made on one thread and then used by the one that runs it.
unsafe impl Send for Machine {}

impl Machine {
    pub(crate) fn new(shared: &'static Shared, id: u32) -> Machine {
        Machine {
            shared,
            side: Side::new(),
            proc: Cell::new(std::ptr::null()),
            yielded: Cell::new(false),
            searching: Flag::default(),
            from_lane: AtomicBool::new(false),
            sampling: Cell::new(sampling::OFF),
            timed_from: Cell::new(0),
            sampled_at: Cell::new(0),
            stamped_at: Cell::new(0),
            stampable: Cell::new(0),
            drives: Cell::new(false),
            fresh: Cell::new(true),
            batch: Batch::default(),
            others: Cell::new(0),
            jumped: Cell::new(false),
            last_stop: Cell::new(0),
            blocking_depth: Cell::new(0),
            random: Cell::new(
                shared.config.seed ^ u64::from(id).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            ),
            ids: Cell::new((0, 0)),
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            cache: UnsafeCell::new(Cache::new()),
            task: AtomicPtr::new(null_mut()),
            detached: AtomicU8::new(detached::NO),
            cpu_at_loss: AtomicU64::new(0),
            seen_tick: AtomicU32::new(0),
            seen_since: AtomicU64::new(0),
            handed: AtomicPtr::new(null_mut()),
            woken_at: AtomicU64::new(u64::MAX),
            woken_to_search: AtomicBool::new(false),
            alive: AtomicBool::new(false),
            thread: OnceLock::new(),
            tid: AtomicI32::new(0),
            id,
        }
    }

    /// The P this machine may use, if it still may. Inside a guarded region.
    #[inline]
    #[expect(unsafe_code, reason = "opens the core under the lease")]
    pub(crate) fn held(&self) -> Option<Held<'static>> {
        let proc = self.proc.get();
        if proc.is_null() {
            return None;
        }
        // SAFETY: Ps live as long as the process.
        let proc: &'static Processor = unsafe { &*proc };
        if !proc.lease.is_held_by(self) {
            return None;
        }
        // SAFETY: the lease is ours, and we are in a guarded region as the contract says.
        Some(unsafe { proc.hold() })
    }

    /// The P it believes to have.
    #[inline]
    #[expect(unsafe_code, reason = "Ps live for ever")]
    pub(crate) fn believed(&self) -> Option<&'static Processor> {
        // SAFETY: Ps live as long as the process.
        unsafe { self.proc.get().as_ref() }
    }

    /// Takes or gives up a P, as far as this thread's own notes go.
    pub(crate) fn set_proc(&self, proc: Option<&'static Processor>) {
        self.batch.release();
        self.proc
            .set(proc.map_or(std::ptr::null(), std::ptr::from_ref));
        if let Some(proc) = proc {
            marmot_wait::set_lane(Some(proc.lane));
        }
    }

    /// This machine's free cells.
    #[expect(unsafe_code, reason = "its own thread's alone")]
    #[expect(
        clippy::mut_from_ref,
        reason = "no two borrows at once: callers return at once"
    )]
    pub(crate) fn cache(&self) -> &mut Cache {
        // SAFETY: only the machine's own thread comes here, and `Cache`'s methods call
        // nothing that could come here again.
        unsafe { &mut *self.cache.get() }
    }

    /// Whether it has a thread.
    pub(crate) fn lives(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Whether its thread may take another task: it runs, and is not in a poll.
    pub(crate) fn is_scheduling(&self) -> bool {
        self.alive.load(Ordering::Relaxed) && !self.side.glance().1
    }

    /// A random number (xorshift64*, Vigna 2014).
    #[inline]
    pub(crate) fn random(&self) -> u32 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        (x.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) as u32
    }

    /// A number for a new goroutine. Machines take them in blocks, so no counter is shared.
    #[inline]
    pub(crate) fn next_id(&self) -> u64 {
        let (next, end) = self.ids.get();
        if next == end {
            let (next, end) = self.shared.take_ids();
            self.ids.set((next + 1, end));
            return next;
        }
        self.ids.set((next + 1, end));
        next
    }

    /// Runs goroutines until the runtime closes. The thread's whole life.
    pub(crate) fn run(&'static self) {
        while !self.shared.is_closing() {
            match self.held() {
                None => {
                    if !self.sleep() {
                        break;
                    }
                }
                Some(p) => match self.find(p) {
                    Some(task) => self.turn(p, task),
                    None => self.rest(),
                },
            }
        }
        self.quit();
    }

    /// One task's poll and what follows from it.
    pub(crate) fn turn(&'static self, p: Held<'static>, task: TaskRef) {
        if self.searching.get() {
            self.found_work(p);
        }
        match header(task).state.start() {
            Start::Poll if events::on() => self.poll_recorded(task),
            Start::Poll => self.poll::<false>(task),
            Start::Cancel => self.unguarded(|| cell::drop_future(task)),
        }
        self.leave_lane();
        self.after_poll();
    }

    /// The same with the beginning and the end of the poll written down.
    #[cold]
    #[inline(never)]
    fn poll_recorded(&self, task: TaskRef) {
        self.poll::<true>(task);
    }

    /// Polls outside the guarded region, then queues what wants to go on.
    #[inline]
    fn poll<const RECORDED: bool>(&self, task: TaskRef) {
        let g = header(task);
        let id = g.id.load(Ordering::Relaxed);
        let temper = g.temper.load(Ordering::Relaxed);
        let started = if temper == temper::GOOD {
            u64::MAX
        } else {
            self.shared.coarse_now()
        };
        if (temper & temper::STAMPED) | self.sampling.get() != 0 {
            self.begin_sample(g);
        }
        // ORDERING: Relaxed; the monitor and dumps take a glance.
        self.task.store(task.0.as_ptr(), Ordering::Relaxed);
        g.reason.store(WaitReason::Foreign as u8, Ordering::Relaxed);
        if RECORDED {
            events::started(self, id, g, self.last_stop.replace(0));
        }
        begin_poll(self.shared.whose | id, BUDGET);
        self.side.begin_poll();
        let pause = match cell::poll_once(task) {
            Poll::Ready(()) => {
                let _ = end_poll();
                self.yielded.set(false);
                if RECORDED {
                    self.stopped(id, Stopped::Ended, None);
                }
                None
            }
            Poll::Pending => {
                let (note, waits) = (end_poll(), note::waits());
                g.put_note(note, waits, self.shared.coarse_now());
                self.judge(g, started);
                if RECORDED {
                    // Before the right is given back: it may run elsewhere at once.
                    self.stopped(id, Stopped::because(note.reason), note.place);
                }
                if self.shared.is_closing() {
                    self.pause_at_the_end(task);
                    None
                } else {
                    let pause = self.pause::<RECORDED>(task);
                    if waits == Waits::ForItself {
                        cycle::caught(self.shared, id);
                    }
                    Some(pause)
                }
            }
        };
        self.side.end_poll();
        self.task.store(null_mut(), Ordering::Relaxed);
        if self.sampling.get() == sampling::TIMING {
            self.end_sample();
        }
        if let Some(Rest::Queue(how)) = pause {
            self.requeue(task, how);
        }
    }

    /// Before a poll that may have to be timed, of a goroutine that may have been stamped when
    /// it was queued.
    #[cold]
    fn begin_sample(&self, g: &Header) {
        if let Some(queued_ns) = g.take_stamp() {
            self.tell_latency(queued_ns);
        }
        match self.sampling.get() {
            sampling::DUE => self.sampling.set(sampling::NEXT),
            sampling::NEXT => {
                self.sampling.set(sampling::TIMING);
                self.stampable.set(0);
                self.timed_from.set(clock::now_ns());
            }
            _ => {}
        }
    }

    /// Stamps a goroutine that is being queued, if it is its turn.
    #[cold]
    pub(crate) fn stamp(&self, g: &Header) {
        let before = self.stampable.get();
        self.stampable.set(before.wrapping_add(1));
        if before.is_multiple_of(sampling::EVERY) {
            g.stamp();
        }
    }

    fn tell_latency(&self, queued_ns: u64) {
        match self.held() {
            Some(p) => p.counts.sched_latency.record(queued_ns),
            None => self.shared.counters.sched_latency.record_shared(queued_ns),
        }
    }

    /// After a poll that was timed.
    #[cold]
    fn end_sample(&self) {
        self.sampling.set(sampling::OFF);
        let took_ns = clock::now_ns().saturating_sub(self.timed_from.get());
        match self.held() {
            Some(p) => p.counts.poll_time.record(took_ns),
            None => self.shared.counters.poll_time.record_shared(took_ns),
        }
    }

    /// Runs what wakes goroutines outside any poll: timers, the world. They are stamped, once
    /// in a millisecond.
    pub(crate) fn stamping(&self, wakes: impl FnOnce()) {
        let now = self.shared.coarse_now();
        if self.sampling.get() != sampling::OFF || self.stamped_at.get() == now {
            return wakes();
        }
        self.stamped_at.set(now);
        self.sampling.set(sampling::WAKING);
        self.stampable.set(0);
        wakes();
        self.sampling.set(sampling::OFF);
    }

    /// The poll of a task from the lane of the hogs no longer counts there: it has ended, or
    /// it sleeps in the kernel.
    #[inline]
    pub(crate) fn leave_lane(&self) {
        // ORDERING: Relaxed; whoever swaps it first counts it, and the counter orders nothing.
        if self.from_lane.load(Ordering::Relaxed) && self.from_lane.swap(false, Ordering::Relaxed) {
            self.shared.hogs.done();
        }
    }

    /// A short poll makes a good goroutine of one that is new or was a hog.
    #[inline]
    fn judge(&self, g: &Header, started: u64) {
        if self.detached.load(Ordering::Relaxed) != detached::NO {
            return self.judge_detached(g);
        }
        if self.batch.is_kept() {
            self.batch.judge(g, clock::now_ns());
        }
        if started == u64::MAX {
            return;
        }
        if self.shared.coarse_now().saturating_sub(started) < LONG_POLL_NS {
            g.temper.store(temper::GOOD, Ordering::Relaxed);
        }
    }

    /// The monitor took the P from this poll. If the thread has used its CPU since, the
    /// goroutine is a hog; else it was the kernel that kept it from running, and it is as it was.
    #[cold]
    fn judge_detached(&self, g: &Header) {
        if self.detached.load(Ordering::Relaxed) != detached::BURNING {
            return;
        }
        let used = sys::cpu_ns(self.tid.load(Ordering::Relaxed));
        if used.saturating_sub(self.cpu_at_loss.load(Ordering::Relaxed)) >= GUILTY_NS {
            g.strike();
        }
    }

    #[inline]
    fn pause<const RECORDED: bool>(&self, task: TaskRef) -> Rest {
        let g = header(task);
        if self.yielded.replace(false) {
            g.state.pause_runnable();
            return Rest::Queue(How::Globally);
        }
        match g.state.pause() {
            Pause::Waiting => Rest::Nothing,
            Pause::Lost => {
                self.shared.count_lost();
                Rest::Nothing
            }
            Pause::Woken => {
                if RECORDED {
                    events::woken(task);
                }
                Rest::Queue(How::Locally)
            }
        }
    }

    /// Notes the end of a poll, for the next one to begin at, if it follows at once.
    fn stopped(&self, id: u64, why: Stopped, place: Option<&'static Location<'static>>) {
        self.last_stop.set(events::stopped(self, id, why, place));
    }

    /// The runtime closes: nobody will poll the task again. Gives the right back, and drops the
    /// future if the walk over the cells may have been here already.
    #[cold]
    fn pause_at_the_end(&self, task: TaskRef) {
        self.yielded.set(false);
        let g = header(task);
        // A reference of our own: once paused, the task may be dropped by the walk.
        g.state.add_ref();
        match g.state.pause() {
            Pause::Woken => self.shared.global.push(task),
            Pause::Waiting | Pause::Lost => {}
        }
        leftovers::drop_one(self.shared, task);
        cell::drop_ref(task);
    }

    /// Queues a task that wants to go on, behind the others: a yield at the end of the global
    /// queue, or of the local one while the global one is empty, which is as far back.
    #[inline]
    fn requeue(&self, task: TaskRef, how: How) {
        if header(task).temper.load(Ordering::Relaxed) == temper::HOG {
            return self.shared.push_hog(task);
        }
        match (self.held(), how) {
            (Some(p), How::Locally) => p.push_back(task),
            (Some(p), How::Globally) if self.shared.global.is_empty() => {
                p.push_back(task);
            }
            _ => self.shared.push_global(task),
        }
    }

    /// Runs user code with the guarded region left for its length.
    fn unguarded(&self, f: impl FnOnce()) {
        self.side.begin_poll();
        f();
        self.side.end_poll();
    }

    /// Sees whether the P is still here, and wanted.
    #[inline]
    fn after_poll(&'static self) {
        match self.held() {
            // ORDERING: Relaxed; whoever sets it does not wait for the effect.
            Some(p) if p.retire.load(Ordering::Relaxed) => self.retire(p),
            Some(p) if self.batch.is_kept() => self.look_at_batch(p),
            Some(_) => {}
            None => self.lost_proc(),
        }
    }
}

/// A poll of a task on trial that took this long was long: two ticks of the monitor.
const LONG_POLL_NS: u64 = 2_000_000;

/// What a paused task leaves to do.
enum Rest {
    Nothing,
    Queue(How),
}

/// Where a task that wants to go on is queued.
#[derive(Clone, Copy)]
enum How {
    /// At the end of the local queue: it was woken during its poll.
    Locally,
    /// At the end of the global queue: it yielded.
    Globally,
}

/// The header of a queued or running task.
#[inline]
#[expect(
    unsafe_code,
    reason = "a task in a queue is not done, so its cell lives"
)]
pub(crate) fn header<'a>(task: TaskRef) -> &'a Header {
    // SAFETY: callers have the task from a queue, or are about to queue it: it is not done,
    // so its life reference keeps the cell.
    unsafe { task.0.as_ref() }
}
