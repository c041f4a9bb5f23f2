//! What the events mean: what ran where and when, who woke whom.
//!
//! ```text
//!   started g on P ──▶ slice on P ── stopped ──▶ closed
//!                        │ P taken from under it, or it says that it blocks
//!                        ▼
//!                      slice beside the Ps, on its thread ── stopped, or a P again ──▶ closed
//! ```
//!
//! The story is told to a [`Teller`], which may write a file or draw a picture. What was lost
//! may leave holes, but never two slices at once on one track, and none open at the end.

use std::collections::HashMap;
use std::panic::Location;

use marmot_scheduler::events::{Kind, ProcId, Stopped};

use crate::collect::Timed;

/// A line of a trace that slices lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Track {
    /// What a P runs.
    Proc(ProcId),
    /// What a machine runs without a P.
    Adrift { runtime: u8, machine: u32 },
    /// What wakes goroutines from outside: timers, sockets, other threads.
    World { runtime: u8 },
    /// Regions and logs of a goroutine.
    Goroutine(Who),
    /// Regions and logs of a thread outside of goroutines.
    Thread(u32),
    /// A task of the program.
    Task(u32),
}

/// A goroutine of a runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Who {
    pub(crate) runtime: u8,
    pub(crate) goroutine: u64,
}

/// A number that changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Counter {
    /// Goroutines that have not ended, less those when recording began if that is not known.
    Goroutines { runtime: u8 },
    /// Goroutines queued on a P.
    Queued(ProcId),
}

/// A place in the program.
pub(crate) type Place = Option<&'static Location<'static>>;

/// What a slice is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// A run of a goroutine that was made there.
    Run(Place),
    /// A region or a task of the program.
    Said(&'static str),
}

/// A slice that begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begin {
    pub(crate) name: Name,
    /// Whose run it is, if it is one.
    pub(crate) who: Option<Who>,
    /// The machine that runs it.
    pub(crate) machine: Option<u32>,
    /// It goes on from a wake-up with this number.
    pub(crate) flow: Option<u64>,
}

/// How a slice ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The goroutine stopped running.
    Stopped(Stopped, Place),
    /// It goes on, without its P.
    LostProc,
    /// It says that it blocks its thread.
    Blocks,
    /// It has a P again.
    FoundProc,
    /// A region or a task is over.
    Over,
    /// The end was not recorded.
    Unknown,
}

/// Something without a length.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Instant {
    Wakes { whom: Who, flow: u64 },
    Stole { victim: ProcId },
    ProcStarted { machine: u32 },
    ProcStopped { machine: u32 },
    ProcTaken { blocked: bool },
    Netpolled { woken: u64 },
    TimersFired { count: u64 },
    LongPoll { who: Who, ns: u64 },
    Logged { text: u64 },
}

/// Who is told the story, in order of time.
pub(crate) trait Teller {
    fn begin(&mut self, ns: u64, track: Track, slice: Begin);
    fn end(&mut self, ns: u64, track: Track, end: End);
    fn instant(&mut self, ns: u64, track: Track, what: Instant);
    fn count(&mut self, ns: u64, counter: Counter, value: i64);
}

/// Where a goroutine runs.
#[derive(Clone, Copy, Debug)]
struct Run {
    track: Track,
    machine: u32,
    birthplace: Place,
}

/// A counter, told not more often than it can be seen.
#[derive(Clone, Copy, Debug)]
struct Gauge {
    value: i64,
    told: i64,
    told_at: u64,
}

/// Between two values of a counter.
const GAUGE_NS: u64 = 20_000;

/// What is known at the moment.
#[derive(Debug, Default)]
pub(crate) struct Story {
    runs: HashMap<Who, Run>,
    /// Who is on a track of runs.
    busy: HashMap<Track, Who>,
    /// Wake-ups that have not led to a run yet.
    woken: HashMap<Who, u64>,
    next_flow: u64,
    /// Regions that are open, by track, outer first.
    open: HashMap<Track, Vec<&'static str>>,
    gauges: HashMap<Counter, Gauge>,
    now: u64,
}

impl Story {
    /// So many goroutines there were before the first event.
    pub(crate) fn begin_with(&mut self, runtime: u8, goroutines: i64) {
        let gauge = Gauge {
            value: goroutines,
            told: i64::MIN,
            told_at: 0,
        };
        self.gauges.insert(Counter::Goroutines { runtime }, gauge);
    }

    /// Tells one event.
    pub(crate) fn tell(&mut self, timed: &Timed, to: &mut impl Teller) {
        self.now = timed.ns;
        let event = timed.event;
        let runtime = event.runtime;
        let who = Who {
            runtime,
            goroutine: event.goroutine,
        };
        match event.kind {
            Kind::Created { .. } => self.count(Counter::Goroutines { runtime }, 1, to),
            Kind::Started {
                proc,
                machine,
                queued,
                birthplace,
            } => {
                let track = match proc.number {
                    NO_PROC => Track::Adrift { runtime, machine },
                    _ => Track::Proc(proc),
                };
                self.start(
                    who,
                    Run {
                        track,
                        machine,
                        birthplace,
                    },
                    to,
                );
                self.gauge(Counter::Queued(proc), i64::from(queued), to);
            }
            Kind::Stopped { why, place } => {
                self.stop(who, End::Stopped(why, place), to);
                if why == Stopped::Ended {
                    self.count(Counter::Goroutines { runtime }, -1, to);
                    self.close_regions(Track::Goroutine(who), to);
                    self.woken.remove(&who);
                }
            }
            Kind::Woken { by, .. } => self.wake(who, by, to),
            _ => self.tell_proc(timed, who, to),
        }
    }

    /// What becomes of Ps.
    fn tell_proc(&mut self, timed: &Timed, who: Who, to: &mut impl Teller) {
        let runtime = who.runtime;
        match timed.event.kind {
            Kind::Stolen { thief, victim } => {
                to.instant(self.now, Track::Proc(thief), Instant::Stole { victim });
            }
            Kind::ProcStarted { proc, machine } => {
                self.interrupted(Track::Proc(proc), to);
                to.instant(
                    self.now,
                    Track::Proc(proc),
                    Instant::ProcStarted { machine },
                );
            }
            Kind::ProcStopped { proc, machine } => {
                to.instant(
                    self.now,
                    Track::Proc(proc),
                    Instant::ProcStopped { machine },
                );
                self.gauge(Counter::Queued(proc), 0, to);
            }
            Kind::Retaken {
                proc,
                machine,
                blocked,
            } => {
                let adrift = Track::Adrift { runtime, machine };
                if self.busy.get(&Track::Proc(proc)) == Some(&who) {
                    self.move_run(who, adrift, End::LostProc, to);
                }
                to.instant(self.now, Track::Proc(proc), Instant::ProcTaken { blocked });
            }
            Kind::BlockBegan { .. } => {
                let machine = self.runs.get(&who).map(|run| run.machine);
                if let Some(machine) = machine {
                    let adrift = Track::Adrift { runtime, machine };
                    self.move_run(who, adrift, End::Blocks, to);
                }
            }
            Kind::BlockEnded { proc } => {
                if let Some(proc) = proc {
                    self.move_run(who, Track::Proc(proc), End::FoundProc, to);
                }
            }
            _ => self.tell_outside(timed, who, to),
        }
    }

    /// What comes from outside, and from the monitor.
    fn tell_outside(&mut self, timed: &Timed, who: Who, to: &mut impl Teller) {
        let runtime = who.runtime;
        match timed.event.kind {
            Kind::Netpolled { woken } => {
                to.instant(
                    self.now,
                    Track::World { runtime },
                    Instant::Netpolled { woken },
                );
            }
            Kind::TimersFired { count } => {
                to.instant(
                    self.now,
                    Track::World { runtime },
                    Instant::TimersFired { count },
                );
            }
            Kind::LongPoll { ns } => {
                if let Some(run) = self.runs.get(&who) {
                    to.instant(self.now, run.track, Instant::LongPoll { who, ns });
                }
            }
            _ => self.tell_said(timed, who, to),
        }
    }

    /// What the program itself says.
    fn tell_said(&mut self, timed: &Timed, who: Who, to: &mut impl Teller) {
        let own = match who.goroutine {
            0 => Track::Thread(timed.ring),
            _ => Track::Goroutine(who),
        };
        match timed.event.kind {
            Kind::RegionBegan { name } => self.open_region(own, name, to),
            Kind::RegionEnded { name } => self.close_region(own, name, to),
            Kind::TaskBegan { name, task } => self.open_region(Track::Task(task), name, to),
            Kind::TaskEnded { task } => {
                let task = u32::try_from(task).unwrap_or(u32::MAX);
                self.close_regions(Track::Task(task), to);
            }
            Kind::Logged { text } => to.instant(self.now, own, Instant::Logged { text }),
            _ => {}
        }
    }

    /// Closes whatever is open.
    pub(crate) fn finish(&mut self, ns: u64, to: &mut impl Teller) {
        self.now = self.now.max(ns);
        let mut tracks: Vec<Track> = self.busy.keys().copied().collect();
        tracks.sort_unstable();
        tracks
            .into_iter()
            .for_each(|track| self.interrupted(track, to));
        let mut tracks: Vec<Track> = self.open.keys().copied().collect();
        tracks.sort_unstable();
        tracks
            .into_iter()
            .for_each(|track| self.close_regions(track, to));
        let mut gauges: Vec<Counter> = self.gauges.keys().copied().collect();
        gauges.sort_unstable();
        for counter in gauges {
            let gauge = self.gauges[&counter];
            if gauge.told != gauge.value {
                to.count(self.now, counter, gauge.value);
            }
        }
    }

    fn start(&mut self, who: Who, run: Run, to: &mut impl Teller) {
        // Ends that were lost.
        self.stop(who, End::Unknown, to);
        self.interrupted(run.track, to);
        let flow = self.woken.remove(&who);
        self.put(who, run, flow, to);
    }

    fn put(&mut self, who: Who, run: Run, flow: Option<u64>, to: &mut impl Teller) {
        let slice = Begin {
            name: Name::Run(run.birthplace),
            who: Some(who),
            machine: Some(run.machine),
            flow,
        };
        to.begin(self.now, run.track, slice);
        self.busy.insert(run.track, who);
        self.runs.insert(who, run);
    }

    fn stop(&mut self, who: Who, end: End, to: &mut impl Teller) {
        if let Some(run) = self.runs.remove(&who) {
            self.busy.remove(&run.track);
            to.end(self.now, run.track, end);
        }
    }

    /// Somebody else comes to a track: whoever was there has stopped unseen.
    fn interrupted(&mut self, track: Track, to: &mut impl Teller) {
        if let Some(who) = self.busy.get(&track).copied() {
            self.stop(who, End::Unknown, to);
        }
    }

    /// A run goes on elsewhere.
    fn move_run(&mut self, who: Who, track: Track, why: End, to: &mut impl Teller) {
        let Some(run) = self.runs.get(&who).copied() else {
            return;
        };
        if run.track == track {
            return;
        }
        self.stop(who, why, to);
        self.interrupted(track, to);
        self.put(who, Run { track, ..run }, None, to);
    }

    fn wake(&mut self, whom: Who, by: u64, to: &mut impl Teller) {
        let by = Who {
            goroutine: by,
            ..whom
        };
        let track = match self.runs.get(&by) {
            Some(run) => run.track,
            None => Track::World {
                runtime: whom.runtime,
            },
        };
        self.next_flow += 1;
        let flow = self.next_flow;
        // Woken while it runs, it has woken itself, or somebody unseen has: no arrow.
        if !self.runs.contains_key(&whom) && by != whom {
            self.woken.insert(whom, flow);
            to.instant(self.now, track, Instant::Wakes { whom, flow });
        }
    }

    fn open_region(&mut self, track: Track, name: &'static str, to: &mut impl Teller) {
        self.open.entry(track).or_default().push(name);
        let slice = Begin {
            name: Name::Said(name),
            who: None,
            machine: None,
            flow: None,
        };
        to.begin(self.now, track, slice);
    }

    /// Closes a region and those inside, whose guards have outlived it.
    fn close_region(&mut self, track: Track, name: &'static str, to: &mut impl Teller) {
        let Some(open) = self.open.get_mut(&track) else {
            return;
        };
        let Some(at) = open.iter().rposition(|region| *region == name) else {
            return;
        };
        let closed = open.drain(at..).count();
        (0..closed).for_each(|_| to.end(self.now, track, End::Over));
    }

    fn close_regions(&mut self, track: Track, to: &mut impl Teller) {
        let open = self.open.remove(&track).unwrap_or_default();
        open.iter().for_each(|_| to.end(self.now, track, End::Over));
    }

    fn count(&mut self, counter: Counter, change: i64, to: &mut impl Teller) {
        let value = self.gauges.get(&counter).map_or(0, |gauge| gauge.value);
        self.gauge(counter, value + change, to);
    }

    fn gauge(&mut self, counter: Counter, value: i64, to: &mut impl Teller) {
        let gauge = self.gauges.entry(counter).or_insert(Gauge {
            value,
            told: i64::MIN,
            told_at: 0,
        });
        gauge.value = value;
        let due = self.now.saturating_sub(gauge.told_at) >= GAUGE_NS;
        if gauge.told != value && due {
            gauge.told = value;
            gauge.told_at = self.now;
            to.count(self.now, counter, value);
        }
    }
}

/// How a record says that a machine has no P.
const NO_PROC: u32 = 0xFFFF;
