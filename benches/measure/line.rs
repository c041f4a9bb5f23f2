//! How long a cache line takes from one core to the other.
//!
//! ```text
//!    core a:  wait for 2k      write 2k + 1
//!    core b:  wait for 2k + 1  write 2k + 2        one trip is half of a turn
//! ```
//!
//! The host of a virtual machine may move its cores, and then every row that crosses cores
//! changes up to threefold, unseen in load or steal time. So a round of measurements is
//! framed by this figure, and a round with a far line is set aside.

#![expect(
    unsafe_code,
    reason = "pins its two threads: sched_setaffinity is a C function"
)]

use std::hint::spin_loop;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

/// A line that takes longer than this is called far, in nanoseconds. Two cores of one
/// socket take 30 to 80, two that were moved apart about 200.
pub const FAR_NS: f64 = 110.0;

/// Turns in a batch: some tens of microseconds, less than a slice of the scheduler's.
const TURNS: u64 = 500;

/// Batches, of which the fastest counts: the others were disturbed.
const BATCHES: u64 = 40;

/// The time of one trip between the first two cores of this process, in nanoseconds.
/// `None` if it has one core, or if the system does not let us choose.
#[must_use]
pub fn trip_ns() -> Option<f64> {
    let (here, there) = two_cores()?;
    let line = Arc::new(AtomicU64::new(0));
    let echo = thread::spawn({
        let line = Arc::clone(&line);
        move || {
            let pinned = pin(there);
            answer(&line);
            pinned
        }
    });
    let asker = thread::spawn(move || (pin(here), ask(&line)));
    let (pinned_here, best) = asker.join().ok()?;
    let pinned_there = echo.join().ok()?;
    (pinned_here && pinned_there).then_some(best)
}

fn ask(line: &AtomicU64) -> f64 {
    let mut best = f64::INFINITY;
    for batch in 0..BATCHES {
        let start = Instant::now();
        for turn in batch * TURNS..(batch + 1) * TURNS {
            // ORDERING: Relaxed, here and in `answer`: nothing but the number crosses.
            line.store(2 * turn + 1, Ordering::Relaxed);
            wait_for(line, 2 * turn + 2);
        }
        let trip = start.elapsed().as_nanos() as f64 / (2 * TURNS) as f64;
        best = best.min(trip);
    }
    best
}

fn answer(line: &AtomicU64) {
    for turn in 0..BATCHES * TURNS {
        wait_for(line, 2 * turn + 1);
        // ORDERING: Relaxed, as in `ask`.
        line.store(2 * turn + 2, Ordering::Relaxed);
    }
}

fn wait_for(line: &AtomicU64, value: u64) {
    // ORDERING: Relaxed, as in `ask`.
    while line.load(Ordering::Relaxed) != value {
        spin_loop();
    }
}

#[cfg(target_os = "linux")]
fn two_cores() -> Option<(usize, usize)> {
    let mut set = empty_set();
    // SAFETY: writes at most the size of the set to the set.
    let code = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    if code != 0 {
        return None;
    }
    let cores = usize::try_from(libc::CPU_SETSIZE).ok()?;
    let mut ours = (0..cores).filter(|&core| {
        // SAFETY: the core is below CPU_SETSIZE, so the bit is inside the set.
        unsafe { libc::CPU_ISSET(core, &set) }
    });
    Some((ours.next()?, ours.next()?))
}

#[cfg(target_os = "linux")]
fn pin(core: usize) -> bool {
    let mut set = empty_set();
    // SAFETY: the core came from `two_cores`, so the bit is inside the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: reads the set, whose size it is told.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) == 0 }
}

#[cfg(target_os = "linux")]
fn empty_set() -> libc::cpu_set_t {
    // SAFETY: a plain C struct of integers, for which zeros are a value.
    unsafe { std::mem::zeroed() }
}

#[cfg(not(target_os = "linux"))]
fn two_cores() -> Option<(usize, usize)> {
    None
}

#[cfg(not(target_os = "linux"))]
fn pin(_core: usize) -> bool {
    false
}
