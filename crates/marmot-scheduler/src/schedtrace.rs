//! `MARMOT_DEBUG=schedtrace=1000,scheddetail=1`: how the scheduler stands, in the lines of Go's
//! GODEBUG of the same name.
//!
//! What Go tells and we have not (its collector, for one) stands there with the value that it
//! has in Go when nothing is the matter, so that what reads those lines reads ours.
//! Go: `schedtrace` in proc.go.

use std::fmt::{self, Display};
use std::io::{self, Write};

use marmot_wait::clock;

use crate::dump::{Dump, GoroutineState, MachineStatus, ProcStatus};
use crate::shared::Shared;

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// One line.
    Line,
    /// One for each P and M too.
    Machines,
    /// And one for each goroutine.
    All,
}

/// A number, or Go's `nil`.
struct OrNil<T>(Option<T>);

impl<T: Display> Display for OrNil<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("nil"),
        }
    }
}

/// Prints it to stderr, all at once.
pub(crate) fn print(shared: &'static Shared, detail: Detail) {
    let mut text = Vec::new();
    let written = write(&mut text, shared, &crate::snapshot::dump(shared), detail);
    written.expect("a vector takes everything");
    crate::task::panic::print(&String::from_utf8_lossy(&text));
}

/// Writes what a dump has seen.
pub(crate) fn write(
    out: &mut impl Write,
    shared: &Shared,
    dump: &Dump,
    detail: Detail,
) -> io::Result<()> {
    let since_start = clock::now_ns().saturating_sub(shared.started_at);
    let idle_procs = dump.procs.iter().filter(|p| p.status == ProcStatus::Idle);
    let spinning = dump.machines.iter().filter(|m| m.spinning);
    let idle = |m: &&crate::dump::Machine| m.status == MachineStatus::Idle;
    write!(
        out,
        "SCHED {}ms: gomaxprocs={} idleprocs={} threads={} spinningthreads={} needspinning=0 \
         idlethreads={} runqueue={}",
        since_start / 1_000_000,
        shared.procs.active(),
        idle_procs.count(),
        dump.machines.len(),
        spinning.count(),
        dump.machines.iter().filter(idle).count(),
        dump.queued_globally + dump.queued_hogs,
    )?;
    if detail == Detail::Line {
        return write_queues(out, dump);
    }
    writeln!(
        out,
        " gcwaiting=false nmidlelocked=0 stopwait=0 sysmonwait=false"
    )?;
    write_procs(out, dump)?;
    write_machines(out, dump)?;
    if detail == Detail::All {
        write_goroutines(out, dump)?;
    }
    Ok(())
}

/// ` [ 3 0 ] schedticks=[ 17 9 ]`
fn write_queues(out: &mut impl Write, dump: &Dump) -> io::Result<()> {
    write!(out, " [ ")?;
    for p in &dump.procs {
        write!(out, "{} ", p.queued)?;
    }
    write!(out, "] schedticks=[ ")?;
    for p in &dump.procs {
        write!(out, "{} ", p.turns)?;
    }
    writeln!(out, "]")
}

fn write_procs(out: &mut impl Write, dump: &Dump) -> io::Result<()> {
    for p in &dump.procs {
        // The numbers of Go's _Pidle, _Prunning and _Pdead.
        let status = match p.status {
            ProcStatus::Idle => 0,
            ProcStatus::Running => 1,
            ProcStatus::Retired => 4,
        };
        writeln!(
            out,
            "  P{}: status={status} schedtick={} syscalltick=0 m={} runqsize={} gfreecnt=0 \
             timerslen={}",
            p.id,
            p.turns,
            OrNil(p.machine),
            p.queued,
            p.timers,
        )?;
    }
    Ok(())
}

fn write_machines(out: &mut impl Write, dump: &Dump) -> io::Result<()> {
    for m in &dump.machines {
        let blocked = matches!(
            m.status,
            MachineStatus::Blocked | MachineStatus::Parked | MachineStatus::Idle
        );
        writeln!(
            out,
            "  M{}: p={} curg={} mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning={} \
             blocked={blocked} lockedg=nil",
            m.id,
            OrNil(m.proc),
            OrNil(m.goroutine),
            m.spinning,
        )?;
    }
    Ok(())
}

fn write_goroutines(out: &mut impl Write, dump: &Dump) -> io::Result<()> {
    for g in &dump.goroutines {
        // The numbers of Go's _Grunnable, _Grunning and _Gwaiting.
        let (status, reason) = match g.state {
            GoroutineState::Runnable => (1, ""),
            GoroutineState::Running => (2, ""),
            GoroutineState::Waiting => (4, g.reason.as_str()),
        };
        let machine = g.runs_on.map(|runs| runs.machine);
        writeln!(
            out,
            "  G{}: status={status}({reason}) m={} lockedm=nil",
            g.id,
            OrNil(machine),
        )?;
    }
    Ok(())
}
