//! Wakes a poll at a moment, to some microseconds.
//!
//! `epoll_wait` counts milliseconds, too coarse for requests that are due 500 times a second; a
//! timer of the kernel's that the poll watches is exact, and leaves the core free until then.
//! Elsewhere polls count nanoseconds and the limit of the poll does.

#![cfg_attr(
    target_os = "linux",
    expect(
        unsafe_code,
        reason = "timerfd_create and timerfd_settime are C functions"
    )
)]

use std::io;
use std::time::{Duration, Instant};

use mio::Registry;

/// Apart from all places in lists of connections.
#[cfg(target_os = "linux")]
const ALARM: mio::Token = mio::Token(usize::MAX - 1);

#[cfg(target_os = "linux")]
pub(super) struct Alarm {
    timer: std::os::fd::OwnedFd,
    /// What it is set to, so as not to set it again.
    at: Option<Instant>,
}

#[cfg(target_os = "linux")]
impl Alarm {
    pub(super) fn new(registry: &Registry) -> io::Result<Self> {
        use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

        let flags = libc::TFD_NONBLOCK | libc::TFD_CLOEXEC;
        // SAFETY: takes two numbers and gives a descriptor, or -1.
        let timer = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if timer < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, open and nobody else's.
        let timer = unsafe { OwnedFd::from_raw_fd(timer) };
        let mut source = mio::unix::SourceFd(&timer.as_raw_fd());
        registry.register(&mut source, ALARM, mio::Interest::READABLE)?;
        Ok(Self { timer, at: None })
    }

    /// The poll wakes up at this moment. Nothing has to be read: each time that it goes off is
    /// an edge of its own.
    pub(super) fn set(&mut self, at: Instant) -> io::Result<()> {
        use std::os::fd::AsRawFd as _;

        if self.at == Some(at) {
            return Ok(());
        }
        self.at = Some(at);
        let nothing = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // To set it to nothing would switch it off.
        let span = at
            .saturating_duration_since(Instant::now())
            .max(Duration::from_nanos(1));
        let time = libc::itimerspec {
            it_interval: nothing,
            it_value: libc::timespec {
                tv_sec: span.as_secs() as libc::time_t,
                tv_nsec: span.subsec_nanos() as libc::c_long,
            },
        };
        let timer = self.timer.as_raw_fd();
        // SAFETY: the descriptor is open, the new time is read from a valid pointer, and the
        // old one is not asked for.
        let code =
            unsafe { libc::timerfd_settime(timer, 0, &raw const time, std::ptr::null_mut()) };
        if code != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// How long the poll may wait: the timer wakes it.
    #[expect(clippy::unused_self, reason = "as where there is no timer")]
    pub(super) fn limit(&self, _at: Instant, most: Duration) -> Duration {
        most
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub(super) fn new(_registry: &Registry) -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) fn set(&mut self, _at: Instant) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn limit(&self, at: Instant, most: Duration) -> Duration {
        most.min(at.saturating_duration_since(Instant::now()))
    }
}
