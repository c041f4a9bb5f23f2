//! Numbers about a runtime: what it has done so far, and how it stands.
//!
//! Counters are written where things happen: per P by whoever holds its lease, with plain
//! stores; for what is rare and belongs to no P, with atomic additions. Nothing is written for
//! an ordinary poll but its turn. Times are sampled (`machine::sampling`): one poll in 61
//! and at most one in a millisecond per machine is timed, and one in 16 of the goroutines that it
//! queues is stamped, so that the poll that takes it up can tell how long it was queued.

mod histogram;
mod openmetrics;
mod read;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use marmot_wait::WaitReason;

pub use histogram::Histogram;
pub(crate) use histogram::Recorder;
pub(crate) use read::read;

/// Adds to a counter that one thread at a time writes.
#[inline]
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    // ORDERING: Relaxed, a count; whoever may write it is alone, by the lease of its P or
    // because it is its machine's own, so no addition is lost.
    counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

/// What happened on one P so far. Written by the holder of its lease.
// ORDERING: Relaxed, counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Turns that ended without a poll.
    pub(crate) misses: AtomicU64,
    /// Successful looks at another P's queue, and what they brought.
    pub(crate) steals: AtomicU64,
    pub(crate) stolen: AtomicU64,
    /// Batches taken from the global queue.
    pub(crate) global_takes: AtomicU64,
    /// How often its machine gave it up for want of work.
    pub(crate) parks: AtomicU64,
    /// Batches of the driver that its machine kept to itself.
    pub(crate) batches_kept: AtomicU64,
    pub(crate) poll_time: Recorder,
    pub(crate) sched_latency: Recorder,
}

/// What happened that belongs to no P. Any thread adds.
// ORDERING: Relaxed, counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Ps taken from machines that blocked, from machines that burned, and given away by
    /// machines that said they would block.
    pub(crate) handoffs_blocked: AtomicU64,
    pub(crate) handoffs_burning: AtomicU64,
    pub(crate) handoffs_announced: AtomicU64,
    /// Goroutines moved from behind a long poll to where others reach them.
    pub(crate) flushes: AtomicU64,
    /// Machines that were woken and ran late.
    pub(crate) late_wakes: AtomicU64,
    /// Goroutines put to sleep that nothing can wake.
    pub(crate) lost: AtomicU64,
    pub(crate) timers_fired: AtomicU64,
    /// Polls that were long, by what their thread did when they were noticed.
    pub(crate) long_blocked: AtomicU64,
    pub(crate) long_burning: AtomicU64,
    pub(crate) long_polls: Recorder,
    /// Of polls and wakes that happened while their machine had no P.
    pub(crate) poll_time: Recorder,
    pub(crate) sched_latency: Recorder,
}

/// Goroutines by what they do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Goroutines {
    /// All that have not ended.
    pub total: u64,
    /// In a queue.
    pub runnable: u64,
    /// Being polled.
    pub running: u64,
    /// Waiting.
    pub waiting: u64,
    /// Those that wait, by why: every reason there is, zeroes too.
    #[cfg_attr(feature = "serde", serde(serialize_with = "ser::by_reason"))]
    pub by_reason: Vec<(WaitReason, u64)>,
    /// Started so far.
    pub created: u64,
    /// Those that nothing can wake any more, so far.
    pub lost: u64,
}

/// Threads that run goroutines, by what they do; the monitor's is not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Threads {
    /// All.
    pub total: usize,
    /// They have a P.
    pub running: usize,
    /// They have a P, no work, and look for some.
    pub spinning: usize,
    /// They block in a goroutine, without a P.
    pub blocked: usize,
    /// They burn CPU in a goroutine, without a P.
    pub burning: usize,
    /// They wait for a wake-up inside a goroutine, without a P.
    pub parked: usize,
    /// They wait for sockets and timers.
    pub polling: usize,
    /// They sleep.
    pub idle: usize,
}

/// How often a P changed hands, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Handoffs {
    /// Taken from a thread that blocked.
    pub blocked: u64,
    /// Taken from a thread that burned CPU.
    pub burning: u64,
    /// Given away by a thread that said it would block.
    pub announced: u64,
    /// Not the P, only the goroutine to run next, was taken from behind a long poll.
    pub flushed: u64,
}

/// Polls that took long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct LongPolls {
    /// So long is long: `longpoll` of `MARMOT_DEBUG`, or 10 ms.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "threshold_ns", serialize_with = "ser::ns")
    )]
    pub threshold: Duration,
    /// Those whose thread slept in the kernel when they were noticed.
    pub blocked: u64,
    /// Those whose thread ran.
    pub burning: u64,
    /// How long those took that are over, to the millisecond.
    pub time: Histogram,
}

/// Sockets and whatever else the world wakes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Netpoll {
    /// Waits in progress, of all runtimes of the process.
    pub waiters: usize,
    /// Waits that the poller has ended so far, likewise.
    pub wakeups: u64,
}

/// Numbers of one P.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProcMetrics {
    /// The P's number.
    pub id: u32,
    /// Goroutines polled, so far.
    pub polls: u64,
    /// Successful looks at the queue of another P, so far.
    pub steals: u64,
    /// Goroutines that these brought.
    pub stolen: u64,
    /// Batches taken from the global queue, so far.
    pub global_takes: u64,
    /// How often its thread gave it up for want of work.
    pub parks: u64,
    /// How often, as CPUs were scarce, its thread woke no other for what sockets and timers had
    /// woken together.
    pub batches_kept: u64,
    /// Goroutines in its queue now.
    pub queued: usize,
    /// Timers set in its queue now.
    pub timers: usize,
    /// How long polls took, of a sample: one in 61, and at most one in a millisecond.
    pub poll_time: Histogram,
    /// How long goroutines were queued before they ran, of a sample.
    pub sched_latency: Histogram,
}

/// Numbers about a runtime: what it has done since it was made, and how it stands.
///
/// Read while everything goes on, so numbers that belong together may differ by what happened
/// meanwhile.
///
/// # Examples
///
/// ```
/// # let rt = marmot_scheduler::Runtime::new()?;
/// let metrics = rt.handle().metrics();
/// assert_eq!(metrics.goroutines.total, 0);
/// assert!(metrics.to_openmetrics().ends_with("# EOF\n"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Metrics {
    /// How many Ps are in use.
    pub max_procs: usize,
    /// Each P that was ever made.
    pub procs: Vec<ProcMetrics>,
    /// Goroutines by what they do.
    pub goroutines: Goroutines,
    /// Threads by what they do.
    pub threads: Threads,
    /// Threads that were woken and got a CPU half a millisecond later or more, so far: two within a
    /// fifth of a second, and CPUs are taken to be scarce for two seconds.
    pub late_wakes: u64,
    /// Ps that changed hands.
    pub handoffs: Handoffs,
    /// Goroutines in the global queue now.
    pub queued_globally: usize,
    /// Goroutines in the lane of those that burn CPU now.
    pub queued_hogs: usize,
    /// Timers that fired, so far.
    pub timers_fired: u64,
    /// Polls that took long.
    pub long_polls: LongPolls,
    /// Sockets and whatever else the world wakes.
    pub netpoll: Netpoll,
    /// How long polls took, of a sample: see [`ProcMetrics`]; all Ps together.
    pub poll_time: Histogram,
    /// How long goroutines were queued before they ran, of a sample; all Ps together.
    pub sched_latency: Histogram,
}

impl Metrics {
    /// The numbers of all Ps, added up.
    #[must_use]
    pub fn total(&self) -> ProcMetrics {
        let mut total = ProcMetrics::default();
        for p in &self.procs {
            total.polls += p.polls;
            total.steals += p.steals;
            total.stolen += p.stolen;
            total.global_takes += p.global_takes;
            total.parks += p.parks;
            total.batches_kept += p.batches_kept;
            total.queued += p.queued;
            total.timers += p.timers;
            total.poll_time.add(&p.poll_time);
            total.sched_latency.add(&p.sched_latency);
        }
        total
    }

    /// As text for Prometheus and its like: OpenMetrics 1.0.
    #[must_use]
    pub fn to_openmetrics(&self) -> String {
        openmetrics::text(self)
    }
}

/// How fields that serde does not know are written.
#[cfg(feature = "serde")]
mod ser {
    use std::time::Duration;

    use marmot_wait::WaitReason;
    use serde::Serializer;

    pub(super) fn ns<S: Serializer>(d: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn by_reason<S: Serializer>(
        counts: &[(WaitReason, u64)],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(
            counts
                .iter()
                .map(|(reason, count)| (reason.as_str(), count)),
        )
    }
}
