//! What a piece of work costs: time on the wall, and processor time of the whole process.

#![expect(unsafe_code, reason = "getrusage and clock_gettime are C functions")]

use std::mem::MaybeUninit;
use std::time::{Duration, Instant};

/// What something has cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Time on the wall.
    pub wall: Duration,
    /// Processor time, user and system, all threads.
    pub cpu: Duration,
}

impl Cost {
    /// What `work` costs.
    pub fn of(work: impl FnOnce()) -> Self {
        let cpu = cpu_time();
        let start = Instant::now();
        work();
        let wall = start.elapsed();
        Self {
            wall,
            cpu: cpu_time().saturating_sub(cpu),
        }
    }
}

/// Processor time of this process so far.
///
/// # Panics
///
/// If the system does not know, which POSIX excludes.
#[must_use]
pub fn cpu_time() -> Duration {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: getrusage writes one rusage to the pointer, which is valid for that.
    let code = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
    assert_eq!(code, 0, "getrusage knows RUSAGE_SELF");
    // SAFETY: zeroed at first, which is a value of this plain C struct, then written.
    let usage = unsafe { usage.assume_init() };
    duration(usage.ru_utime) + duration(usage.ru_stime)
}

/// Processor time that this thread has used so far.
///
/// # Panics
///
/// If the system has no such clock, which Linux, macOS and the BSDs have.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec to the pointer, which is valid for that.
    let code = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(code, 0, "there is a clock for each thread");
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(micros)
}

/// Processor time that another process has used so far; `None` if there is none of this number.
#[cfg(target_os = "linux")]
#[must_use]
pub fn cpu_time_of(pid: u32) -> Option<Duration> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: writes one clock's number to the pointer, which is valid for that.
    let code = unsafe { libc::clock_getcpuclockid(pid.try_into().ok()?, &raw mut clock) };
    if code != 0 {
        return None;
    }
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec to the pointer, which is valid for that.
    let code = unsafe { libc::clock_gettime(clock, &raw mut time) };
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    (code == 0).then_some(Duration::new(u64::try_from(time.tv_sec).ok()?, nanos))
}

/// Processor time of another process, which only Linux tells.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn cpu_time_of(_pid: u32) -> Option<Duration> {
    None
}
