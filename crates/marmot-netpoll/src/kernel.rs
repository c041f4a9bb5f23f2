//! The kernel's side of the poller: waits, to the nanosecond where the system can.

use std::io;
use std::time::Duration;

use mio::{Events, Poll};

/// How many events one wait brings at most: 16 KiB of them, as in tokio; the rest comes with
/// the next.
const EVENTS: usize = 1024;

#[derive(Debug)]
pub(crate) struct Kernel {
    poll: Poll,
    events: Events,
}

impl Kernel {
    pub(crate) fn new() -> io::Result<Kernel> {
        Ok(Kernel {
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
        })
    }

    pub(crate) fn registry(&self) -> &mio::Registry {
        self.poll.registry()
    }

    /// Waits; a signal ends the wait with nothing.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<&Events> {
        let rest = wait_precisely(&self.poll, timeout)?;
        match self.poll.poll(&mut self.events, rest) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            waited => waited?,
        }
        Ok(&self.events)
    }
}

/// Waits with `ppoll` for the queue of events itself to become ready: `epoll_wait` counts in
/// milliseconds and would be up to one late. Costs one system call more, which a sleeper has
/// time for. Gives what is left to wait for the events.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn wait_precisely(poll: &Poll, timeout: Option<Duration>) -> io::Result<Option<Duration>> {
    use rustix::event::{PollFd, PollFlags, Timespec};

    const MILLISECOND: u32 = 1_000_000;
    let Some(span) = timeout.filter(|span| span.subsec_nanos() % MILLISECOND != 0) else {
        return Ok(timeout);
    };
    let Ok(span) = Timespec::try_from(span) else {
        return Ok(timeout);
    };
    let mut queue = [PollFd::new(poll.registry(), PollFlags::IN)];
    match rustix::event::poll(&mut queue, Some(&span)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(Some(Duration::ZERO)),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "as precise as the system's own wait"
)]
fn wait_precisely(_: &Poll, timeout: Option<Duration>) -> io::Result<Option<Duration>> {
    Ok(timeout)
}
