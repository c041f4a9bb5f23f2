//! Reading the counters of a runtime into [`Metrics`].

use std::sync::atomic::{AtomicU64, Ordering};

use marmot_wait::WaitReason;

use super::{Goroutines, Handoffs, LongPolls, Metrics, Netpoll, ProcMetrics, Threads};
use crate::dump::{GoroutineState, MachineStatus};
use crate::processor::Processor;
use crate::shared::Shared;
use crate::snapshot;

fn get(counter: &AtomicU64) -> u64 {
    // ORDERING: Relaxed, a count.
    counter.load(Ordering::Relaxed)
}

/// Everything there is to know.
pub(crate) fn read(shared: &'static Shared) -> Metrics {
    let counters = &shared.counters;
    let procs: Vec<_> = shared.procs.iter().map(|p| proc(shared, p)).collect();
    let mut metrics = Metrics {
        max_procs: shared.procs.active(),
        procs,
        goroutines: goroutines(shared),
        threads: threads(shared),
        late_wakes: get(&counters.late_wakes),
        handoffs: Handoffs {
            blocked: get(&counters.handoffs_blocked),
            burning: get(&counters.handoffs_burning),
            announced: get(&counters.handoffs_announced),
            flushed: get(&counters.flushes),
        },
        queued_globally: shared.global.len(),
        queued_hogs: shared.hogs.len(),
        timers_fired: get(&counters.timers_fired),
        long_polls: LongPolls {
            threshold: shared.config.long_poll,
            blocked: get(&counters.long_blocked),
            burning: get(&counters.long_burning),
            time: counters.long_polls.read(),
        },
        netpoll: Netpoll {
            waiters: shared.driver.waiters(),
            wakeups: shared.driver.wakeups(),
        },
        poll_time: counters.poll_time.read(),
        sched_latency: counters.sched_latency.read(),
    };
    let total = metrics.total();
    metrics.poll_time.add(&total.poll_time);
    metrics.sched_latency.add(&total.sched_latency);
    metrics
}

fn proc(shared: &Shared, p: &Processor) -> ProcMetrics {
    let counts = &p.counts;
    // The misses first: a turn is counted before it can miss.
    let misses = get(&counts.misses);
    ProcMetrics {
        id: p.id,
        polls: get(&p.turns).saturating_sub(misses),
        steals: get(&counts.steals),
        stolen: get(&counts.stolen),
        global_takes: get(&counts.global_takes),
        parks: get(&counts.parks),
        batches_kept: get(&counts.batches_kept),
        queued: p.queued(),
        timers: shared.driver.timers(p.lane),
        poll_time: counts.poll_time.read(),
        sched_latency: counts.sched_latency.read(),
    }
}

fn goroutines(shared: &'static Shared) -> Goroutines {
    let mut by_reason: Vec<_> = WaitReason::ALL.iter().map(|reason| (*reason, 0)).collect();
    let mut all = Goroutines {
        created: shared.started_so_far(&shared.lock()),
        lost: get(&shared.counters.lost),
        ..Goroutines::default()
    };
    snapshot::tally(shared, |state, reason| {
        all.total += 1;
        match state {
            GoroutineState::Runnable => all.runnable += 1,
            GoroutineState::Running => all.running += 1,
            GoroutineState::Waiting => {
                all.waiting += 1;
                by_reason[reason as usize].1 += 1;
            }
        }
    });
    all.by_reason = by_reason;
    all
}

fn threads(shared: &'static Shared) -> Threads {
    let mut all = Threads::default();
    for m in snapshot::machines(shared) {
        all.total += 1;
        all.spinning += usize::from(m.spinning);
        match m.status {
            MachineStatus::Running | MachineStatus::Scheduling => all.running += 1,
            MachineStatus::Blocked => all.blocked += 1,
            MachineStatus::Burning => all.burning += 1,
            MachineStatus::Parked => all.parked += 1,
            MachineStatus::Polling => all.polling += 1,
            MachineStatus::Idle => all.idle += 1,
        }
    }
    all
}
