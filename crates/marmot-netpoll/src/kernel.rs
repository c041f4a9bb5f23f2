//! The kernel's side of the poller: waits, to the nanosecond where the system can.

use std::io;
use std::time::Duration;

use mio::{Events, Poll};

/// How many events one wait brings at most: 16 KiB of them, as in tokio; the rest comes with
/// the next. 128, 256 and 512 did an echo of 1000 connections as fast, give or take 2 %.
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

    /// Waits; a signal may end the wait with nothing.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<&Events> {
        match timeout.map(precise::split) {
            Some((whole, rest)) if !rest.is_zero() => self.wait_precisely(whole, rest)?,
            _ => self.take(timeout)?,
        }
        Ok(&self.events)
    }

    /// Takes events, waiting for them for so long, in whole milliseconds.
    fn take(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => self.events.clear(),
            waited => waited?,
        }
        Ok(())
    }

    /// Waits for whole milliseconds as ever, where an event needs no other call, and then for
    /// the rest until the queue of events is ready, which only then needs one more to take
    /// them.
    fn wait_precisely(&mut self, whole: Duration, rest: Duration) -> io::Result<()> {
        let mut left = rest;
        self.events.clear();
        if !whole.is_zero() {
            let began = std::time::Instant::now();
            self.take(Some(whole))?;
            left = (whole + rest).saturating_sub(began.elapsed());
        }
        let nothing_yet = self.events.is_empty() && !left.is_zero();
        if nothing_yet && precise::is_ready_within(&self.poll, left)? {
            self.take(Some(Duration::ZERO))?;
        }
        Ok(())
    }
}

/// `epoll_wait` counts in milliseconds and would be up to one late; `ppoll` in nanoseconds.
#[cfg(any(target_os = "linux", target_os = "android"))]
mod precise {
    use std::io;
    use std::time::Duration;

    use mio::Poll;
    use rustix::event::{PollFd, PollFlags, Timespec};
    use rustix::io::Errno;

    /// Whole milliseconds, and the rest.
    pub(super) fn split(span: Duration) -> (Duration, Duration) {
        const MILLISECOND: u32 = 1_000_000;
        let rest = Duration::from_nanos(u64::from(span.subsec_nanos() % MILLISECOND));
        (span - rest, rest)
    }

    /// Waits until the queue of events itself has something, which stays in it.
    pub(super) fn is_ready_within(poll: &Poll, span: Duration) -> io::Result<bool> {
        let span = Timespec::try_from(span).unwrap_or_default();
        let mut queue = [PollFd::new(poll.registry(), PollFlags::IN)];
        match rustix::event::poll(&mut queue, Some(&span)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// As precise as the system's own wait.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod precise {
    use std::io;
    use std::time::Duration;

    use mio::Poll;

    pub(super) fn split(span: Duration) -> (Duration, Duration) {
        (span, Duration::ZERO)
    }

    pub(super) fn is_ready_within(_: &Poll, _: Duration) -> io::Result<bool> {
        Ok(true)
    }
}

#[cfg(all(test, unix, not(marmot_loom)))]
mod tests {
    use std::io::Write;
    use std::time::{Duration, Instant};

    use mio::unix::pipe;
    use mio::{Interest, Token};

    use super::Kernel;

    const MICROSECOND: Duration = Duration::from_micros(1);

    #[test]
    fn a_wait_is_never_shorter_than_asked_for_and_brings_nothing_if_nothing_comes() {
        let mut kernel = Kernel::new().expect("a queue");
        for span in [1, 300, 1_000, 1_300, 2_999].map(|micros| micros * MICROSECOND) {
            let began = Instant::now();
            assert!(kernel.wait(Some(span)).expect("a wait").is_empty());
            let waited = began.elapsed();
            assert!(waited >= span, "{waited:?} of {span:?}");
        }
    }

    #[test]
    fn what_is_there_comes_at_once_whatever_the_timeout() {
        let mut kernel = Kernel::new().expect("a queue");
        let (mut into, mut out) = pipe::new().expect("a pipe");
        let registry = kernel.registry().try_clone().expect("a queue");
        registry
            .register(&mut out, Token(1), Interest::READABLE)
            .expect("registered");
        for span in [0, 300, 10_000_000, 10_000_300].map(|micros| micros * MICROSECOND) {
            into.write_all(b"!").expect("room");
            let began = Instant::now();
            let events = kernel.wait(Some(span)).expect("a wait");
            assert_eq!(events.iter().count(), 1, "{span:?}");
            assert!(began.elapsed() < Duration::from_secs(5));
            // What was taken is not told again, whether there is more or not.
            for span in [300, 1_300, 0].map(|micros| micros * MICROSECOND) {
                assert!(kernel.wait(Some(span)).expect("a wait").is_empty());
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_wait_is_not_rounded_up_to_a_millisecond() {
        let mut kernel = Kernel::new().expect("a queue");
        for micros in [100, 1_100] {
            let span = micros * MICROSECOND;
            // On a busy machine most are late; rounded up, all of them would be.
            let in_time = (0..1000).any(|_| {
                let began = Instant::now();
                assert!(kernel.wait(Some(span)).expect("a wait").is_empty());
                began.elapsed() < span + 500 * MICROSECOND
            });
            assert!(in_time, "a thousand waits of {span:?} were all late");
        }
    }
}
