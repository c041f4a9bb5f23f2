//! What a dump tells: goroutines, Ps and Ms as plain values, and their text in Go's layout.
//!
//! `snapshot.rs` fills them in. With the feature `serde` they serialise; durations then become
//! nanoseconds, and a wait reason its words.

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use marmot_wait::WaitReason;

/// A line of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Place {
    /// The file, as the compiler was told of it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

impl From<&'static Location<'static>> for Place {
    fn from(place: &'static Location<'static>) -> Place {
        Place {
            file: place.file(),
            line: place.line(),
            column: place.column(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What a goroutine does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum GoroutineState {
    /// In a queue.
    Runnable,
    /// Being polled.
    Running,
    /// Waiting; see its reason.
    Waiting,
}

/// Where a goroutine is being polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RunsOn {
    /// The number of the M.
    pub machine: u32,
    /// The kernel's number of its thread.
    pub thread: i32,
    /// The number of its P; `None` if the P went to another M because the poll did not end.
    pub proc: Option<u32>,
    /// The system call that its thread sleeps in, if it does and the system tells.
    pub system_call: Option<&'static str>,
}

/// Who has what a goroutine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct HeldBy {
    /// The number of the goroutine that took it, in its runtime.
    pub goroutine: u64,
    /// It is one of another runtime.
    pub elsewhere: bool,
    /// The line that took it, if known.
    pub place: Option<Place>,
}

/// One goroutine, as a dump tells it.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Goroutine {
    /// Its number.
    pub id: u64,
    /// Its name, if it was given one.
    pub name: Option<String>,
    /// What it does.
    pub state: GoroutineState,
    /// For how long, to the millisecond; `None` if that is not known: a poll that has just
    /// begun, or a place in a queue.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "in_state_ns", serialize_with = "ser::ns")
    )]
    pub in_state: Option<Duration>,
    /// Why it waits, if it does, in Go's words.
    #[cfg_attr(feature = "serde", serde(serialize_with = "ser::words"))]
    pub reason: WaitReason,
    /// The address of what it waits for; 0 for none.
    pub object: usize,
    /// The line that waits, if known.
    pub waits_at: Option<Place>,
    /// Who holds what it waits for, if that is a lock and somebody is known to.
    pub held_by: Option<HeldBy>,
    /// Nothing can wake it any more: there is no waker of it, and nobody can abort it.
    pub lost: bool,
    /// Where it runs, if it does.
    pub runs_on: Option<RunsOn>,
    /// Where it was born; `None` for a main goroutine.
    pub birthplace: Option<Place>,
    /// The number of the goroutine that started it; 0 for none.
    pub parent: u64,
}

/// What a P does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum ProcStatus {
    /// Nobody uses it.
    Idle,
    /// An M has it.
    Running,
    /// It is one too many (`gomaxprocs` was lowered).
    Retired,
}

/// One P: the right to run, and a queue.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Proc {
    /// Its number, from 0.
    pub id: u32,
    /// What it does.
    pub status: ProcStatus,
    /// The M that has it.
    pub machine: Option<u32>,
    /// Turns taken so far: polls, and searches for one.
    pub turns: u64,
    /// Goroutines in its queue, and in the place of the one to run next.
    pub queued: usize,
    /// Timers in its queue.
    pub timers: usize,
}

/// What an M does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum MachineStatus {
    /// It has a P and polls a goroutine.
    Running,
    /// It has a P and looks for a goroutine.
    Scheduling,
    /// It polls a goroutine that blocks the thread, or said it would; it has no P.
    Blocked,
    /// It polls a goroutine that burns CPU; the P was given to another M.
    Burning,
    /// It waits for a wake-up inside a goroutine (`block_on`, a `*_blocking` call).
    Parked,
    /// It waits for the world: sockets and timers.
    Polling,
    /// It has nothing to do, and sleeps.
    Idle,
}

/// One M: a thread that runs goroutines.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Machine {
    /// Its number, from 0.
    pub id: u32,
    /// The kernel's number of its thread.
    pub thread: i32,
    /// What it does.
    pub status: MachineStatus,
    /// The P that it has.
    pub proc: Option<u32>,
    /// The goroutine that it polls.
    pub goroutine: Option<u64>,
    /// It looks for work and has none.
    pub spinning: bool,
}

/// A runtime, as it stood: every goroutine, P and M.
///
/// Taken while all of them go on, so it is no instant: two goroutines that hand something to
/// each other may be seen before and after. Each goroutine's own entry is of one piece.
///
/// The text ([`Display`](fmt::Display)) is that of the goroutines, in Go's layout.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Dump {
    /// Every goroutine, by number.
    pub goroutines: Vec<Goroutine>,
    /// Every P.
    pub procs: Vec<Proc>,
    /// Every M whose thread lives.
    pub machines: Vec<Machine>,
    /// Goroutines in the global queue.
    pub queued_globally: usize,
    /// Goroutines in the lane of those that burn CPU.
    pub queued_hogs: usize,
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.goroutines
            .iter()
            .try_for_each(|goroutine| writeln!(f, "{goroutine}"))
    }
}

impl fmt::Display for Goroutine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        if let Some(name) = &self.name {
            writeln!(f, "\tnamed {name}")?;
        }
        if let (GoroutineState::Waiting, Some(place)) = (self.state, self.waits_at) {
            writeln!(f, "\tat {place}")?;
        }
        if self.state == GoroutineState::Waiting && self.object != 0 {
            writeln!(f, "\ton {:#x}", self.object)?;
        }
        if let Some(held) = &self.held_by {
            write!(f, "\theld by goroutine {}", held.goroutine)?;
            if held.elsewhere {
                write!(f, " of another runtime")?;
            }
            match held.place {
                Some(place) => writeln!(f, ", taken at {place}")?,
                None => writeln!(f)?,
            }
        }
        if self.lost {
            writeln!(f, "\tlost: nothing can wake it")?;
        }
        if let Some(runs) = &self.runs_on {
            self.tell_running(runs, f)?;
        }
        match (self.birthplace, self.parent) {
            (Some(place), 0) => writeln!(f, "created by {place}"),
            (Some(place), parent) => writeln!(f, "created by {place} in goroutine {parent}"),
            (None, _) => Ok(()),
        }
    }
}

impl Goroutine {
    /// `goroutine 7 [chan receive, 3 minutes]:`
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "goroutine {} [", self.id)?;
        match self.state {
            GoroutineState::Runnable => f.write_str("runnable")?,
            GoroutineState::Running => f.write_str("running")?,
            GoroutineState::Waiting => write!(f, "{}", self.reason)?,
        }
        let minutes = self.in_state.map_or(0, |d| d.as_secs() / 60);
        if minutes > 0 {
            write!(f, ", {minutes} minutes")?;
        }
        f.write_str("]:\n")
    }

    fn tell_running(&self, runs: &RunsOn, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\ton M{} (thread {})", runs.machine, runs.thread)?;
        if runs.proc.is_none() {
            f.write_str(", without a P")?;
        }
        if let Some(since) = self.in_state {
            write!(f, ", for {since:.3?}")?;
        }
        match runs.system_call {
            Some(call) => writeln!(f, ", blocked in {call}"),
            None => f.write_str("\n"),
        }
    }
}

/// How fields that serde does not know are written.
#[cfg(feature = "serde")]
mod ser {
    use std::time::Duration;

    use marmot_wait::WaitReason;
    use serde::Serializer;

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(super) fn ns<S: Serializer>(d: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        match d {
            Some(d) => to.serialize_some(&u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)),
            None => to.serialize_none(),
        }
    }

    pub(super) fn words<S: Serializer>(reason: &WaitReason, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(reason.as_str())
    }
}
