//! The poller: collects the kernel's events and wakes whom they concern.
//!
//! ```text
//!   take the turn ─▶ wait in the kernel ─▶ mark sources ready, gather wakers ─▶ give the
//!   turn back ─▶ call the wakers ─▶ count down those that wait
//! ```
//!
//! One thread at a time is in the kernel. Whoever only looks and finds it taken goes away;
//! whoever wants to sleep waits for the turn (it belongs to another runtime then). Those
//! that wait are counted until they have been *woken*: a count that fell before their task
//! was queued would let a deadlock detector see everybody asleep.

use std::fmt;
use std::io;
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use marmot_wait::WakeList;
use mio::{Interest, Token};

use crate::fallback::Fallback;
use crate::kernel::Kernel;
use crate::loom::{Condvar, Mutex, lock};
use crate::readiness::Event;
use crate::registry::Registry;
use crate::seat::{Bell, Sleep};
use crate::source::{Source, Wakes};
use crate::waiting::Waiting;

/// The token of the poller's own eventfd; no source's, see `Registry::insert`.
const WAKE: Token = Token(usize::MAX);

/// The kernel's side, absent while somebody is in it.
#[derive(Debug)]
struct Turn {
    kernel: Option<Box<Kernel>>,
    /// Sleepers that want it next.
    queued: usize,
}

/// Collects the readiness of descriptors, and wakes those that wait for it.
///
/// There is one for the process, [`Poller::global`]. Runtimes look at it, each from a
/// [`Seat`](crate::Seat); while none does and somebody waits, a thread of its own does.
pub struct Poller {
    registry: mio::Registry,
    waker: mio::Waker,
    /// The sources by token. Their own locks are taken under this one.
    sources: Mutex<Registry>,
    turn: Mutex<Turn>,
    /// The turn was given back, or a queued sleeper's bell has rung.
    freed: Condvar,
    waiting: Waiting,
    pub(crate) fallback: Fallback,
    /// Of [`poll`](Poller::poll) and [`interrupt`](Poller::interrupt).
    bell: Bell,
}

impl Poller {
    /// A poller of one's own, for tests; programs use [`Poller::global`].
    ///
    /// # Errors
    ///
    /// If the system has no descriptors left.
    pub fn new() -> io::Result<Arc<Poller>> {
        let kernel = Kernel::new()?;
        Ok(Arc::new(Poller {
            registry: kernel.registry().try_clone()?,
            waker: mio::Waker::new(kernel.registry(), WAKE)?,
            sources: Mutex::new(Registry::default()),
            turn: Mutex::new(Turn {
                kernel: Some(Box::new(kernel)),
                queued: 0,
            }),
            freed: Condvar::new(),
            waiting: Waiting::new(),
            fallback: Fallback::new(),
            bell: Bell::new(),
        }))
    }

    /// The poller of this process, made on first use.
    ///
    /// # Errors
    ///
    /// If the system has no descriptors left; a later call tries again.
    ///
    /// # Examples
    ///
    /// ```
    /// let poller = marmot_netpoll::Poller::global()?;
    /// assert_eq!(poller.waiting_count(), 0);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn global() -> io::Result<&'static Arc<Poller>> {
        static GLOBAL: OnceLock<Arc<Poller>> = OnceLock::new();
        if let Some(poller) = GLOBAL.get() {
            return Ok(poller);
        }
        let fresh = Poller::new()?;
        // Of two that are made at once the second is dropped.
        Ok(GLOBAL.get_or_init(|| fresh))
    }

    /// As [`Seat::poll`](crate::Seat::poll), on a seat that all callers of this share: right
    /// while the process has one runtime.
    ///
    /// # Errors
    ///
    /// If the system refuses to wait.
    pub fn poll(&self, timeout: Option<Duration>) -> io::Result<usize> {
        self.poll_from(&self.bell, timeout, || {})
    }

    /// As [`Seat::interrupt`](crate::Seat::interrupt), for [`poll`](Poller::poll).
    pub fn interrupt(&self) {
        self.ring(&self.bell);
    }

    /// One runtime more looks at the poller from now on. A [`Seat`](crate::Seat) says so by
    /// itself.
    pub fn add_driver(&self) {
        self.waiting.add_driver();
        // The fallback thread rests from now on.
        self.ring(&self.fallback.bell);
    }

    /// Takes [`add_driver`](Poller::add_driver) back.
    pub fn remove_driver(self: &Arc<Self>) {
        if self.waiting.remove_driver() {
            // If no thread can be started now, the next that begins to wait tries again.
            let _late = Fallback::start(self);
        }
        self.fallback.look_again();
    }

    /// Whether a runtime looks at the poller.
    #[must_use]
    pub fn has_driver(&self) -> bool {
        self.drivers() > 0
    }

    /// How many wait for a descriptor, or are being woken.
    ///
    /// While it is not zero no deadlock is certain. Whoever reads zero finds in the run
    /// queues whatever the poller woke.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.waiting.count()
    }

    /// How many descriptors are registered.
    #[must_use]
    pub fn registered_count(&self) -> usize {
        lock(&self.sources).len()
    }

    pub(crate) fn drivers(&self) -> usize {
        self.waiting.drivers()
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Registers a descriptor; leaves nothing behind if the system refuses.
    pub(crate) fn register(
        &self,
        io: &mut impl mio::event::Source,
        interest: Interest,
        wakes: Wakes,
    ) -> io::Result<(Token, Arc<Source>)> {
        let source = Arc::new(Source::new(wakes));
        let token = lock(&self.sources)
            .insert(Arc::clone(&source))
            .ok_or_else(|| io::Error::other("too many descriptors registered"))?;
        if let Err(error) = io.register(&self.registry, token, interest) {
            drop(self.forget(token));
            return Err(error);
        }
        Ok((token, source))
    }

    /// Takes a descriptor away. Its late events find nobody.
    pub(crate) fn deregister(
        &self,
        io: &mut impl mio::event::Source,
        token: Token,
    ) -> io::Result<()> {
        let done = io.deregister(&self.registry);
        if let Some(source) = self.forget(token) {
            source.abandon(&self.waiting);
        }
        done
    }

    fn forget(&self, token: Token) -> Option<Arc<Source>> {
        lock(&self.sources).remove(token)
    }

    pub(crate) fn ring(&self, bell: &Bell) {
        match bell.ring() {
            None => {}
            Some(Sleep::Polling) => self
                .waker
                .wake()
                .expect("an eventfd of ours can be written to"),
            Some(Sleep::Queued) => {
                // Under the lock, so that it falls before the sleeper's look or into its sleep.
                drop(lock(&self.turn));
                self.freed.notify_all();
            }
        }
    }

    /// As `Seat::poll_with`.
    pub(crate) fn poll_from(
        &self,
        bell: &Bell,
        timeout: Option<Duration>,
        before_wake: impl FnOnce(),
    ) -> io::Result<usize> {
        let owed = self.wait(bell, timeout);
        before_wake();
        Ok(self.wake(owed?))
    }

    /// Waits, and gives whom the events concern.
    fn wait(&self, bell: &Bell, timeout: Option<Duration>) -> io::Result<WakeList> {
        let sleeps = timeout != Some(Duration::ZERO);
        let turn = if sleeps {
            self.wait_for_turn(bell, timeout)
        } else if self.waiting.count() == 0 {
            // Nobody to wake: what there is stays in the kernel until somebody waits.
            None
        } else {
            lock(&self.turn)
                .kernel
                .take()
                .map(|kernel| (kernel, timeout))
        };
        let Some((mut kernel, rest)) = turn else {
            return Ok(WakeList::new());
        };
        let sleeps = sleeps && bell.lie_down(Sleep::Polling).is_ok();
        let waited = kernel.wait(if sleeps { rest } else { Some(Duration::ZERO) });
        if sleeps {
            bell.get_up();
        }
        let owed = waited.map(|events| self.gather(events));
        self.give_back(kernel);
        owed
    }

    /// The kernel's side and what is left of the timeout; `None` if it is over, or the bell
    /// has rung.
    fn wait_for_turn(
        &self,
        bell: &Bell,
        timeout: Option<Duration>,
    ) -> Option<(Box<Kernel>, Option<Duration>)> {
        let mut turn = lock(&self.turn);
        if let Some(kernel) = turn.kernel.take() {
            return Some((kernel, timeout));
        }
        bell.lie_down(Sleep::Queued).ok()?;
        let end = timeout.and_then(|span| Instant::now().checked_add(span));
        let left = || end.map(|end| end.saturating_duration_since(Instant::now()));
        turn.queued += 1;
        while turn.kernel.is_none() && !bell.is_rung() && left() != Some(Duration::ZERO) {
            turn = match left() {
                Some(left) => {
                    let slept = self.freed.wait_timeout(turn, left);
                    slept.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let slept = self.freed.wait(turn);
                    slept.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        turn.queued -= 1;
        if bell.get_up() {
            return None;
        }
        turn.kernel.take().map(|kernel| (kernel, left()))
    }

    fn give_back(&self, kernel: Box<Kernel>) {
        let mut turn = lock(&self.turn);
        turn.kernel = Some(kernel);
        let wanted = turn.queued > 0;
        drop(turn);
        if wanted {
            // All of them: one might be leaving with its time over.
            self.freed.notify_all();
        }
    }

    fn gather(&self, events: &mio::Events) -> WakeList {
        let mut owed = WakeList::new();
        if events.is_empty() {
            return owed;
        }
        let sources = lock(&self.sources);
        for event in events {
            // Nobody: the eventfd, or a descriptor that has gone.
            if let Some(source) = sources.get(event.token()) {
                source.fire(Event::of(event), &mut owed);
            }
        }
        owed
    }

    /// Wakes, and counts them down after that.
    pub(crate) fn wake(&self, owed: WakeList) -> usize {
        struct Woken<'a>(&'a Waiting, usize);
        impl Drop for Woken<'_> {
            fn drop(&mut self) {
                self.0.end(self.1);
            }
        }
        let woken = Woken(&self.waiting, owed.len());
        owed.wake_all();
        woken.1
    }
}

impl Poller {
    /// Wakes one who waits for what another has left.
    #[cold]
    pub(crate) fn wake_next(&self, waker: Waker) {
        let mut owed = WakeList::new();
        owed.push(waker);
        self.wake(owed);
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use marmot_testing::CountingWaker;
    use mio::Interest;
    use mio::unix::pipe;

    use super::Poller;
    use crate::kernel::Kernel;
    use crate::readiness::{Direction, Verdict};
    use crate::source::Wakes;

    const LONG: Option<Duration> = Some(Duration::from_secs(10));

    fn take(poller: &Poller) -> Box<Kernel> {
        poller
            .turn
            .lock()
            .expect("unpoisoned")
            .kernel
            .take()
            .expect("nobody polls")
    }

    #[test]
    fn a_late_event_does_not_reach_the_next_owner_of_its_token() {
        let poller = Poller::new().expect("a poller");
        let (mut into, mut out) = pipe::new().expect("a pipe");
        let (_quiet, mut other) = pipe::new().expect("a pipe");
        let (first, _) = poller
            .register(&mut out, Interest::READABLE, Wakes::All)
            .expect("registered");
        into.write_all(b"!").expect("room");
        let mut kernel = take(&poller);
        let events = kernel.wait(LONG).expect("an event");
        assert!(events.iter().any(|event| event.token() == first));
        // The event has been collected; now its descriptor goes, and another one comes.
        poller
            .deregister(&mut out, first)
            .expect("it was registered");
        let (_second, source) = poller
            .register(&mut other, Interest::READABLE, Wakes::All)
            .expect("room");
        let word = source.readiness();
        word.clear(Direction::Read, word.seen());
        let counter = CountingWaker::new();
        source.enlist_slot(Direction::Read, &counter.waker(), &poller.waiting);
        assert!(poller.gather(events).is_empty());
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Wait);
        assert_eq!(counter.wakes(), 0);
    }

    #[test]
    fn a_refused_registration_leaves_nothing_behind() {
        let poller = Poller::new().expect("a poller");
        let (_into, mut out) = pipe::new().expect("a pipe");
        let (token, _) = poller
            .register(&mut out, Interest::READABLE, Wakes::All)
            .expect("registered");
        let again = poller.register(&mut out, Interest::READABLE, Wakes::All);
        assert!(again.is_err(), "the kernel knows it already");
        assert_eq!(poller.registered_count(), 1);
        poller
            .deregister(&mut out, token)
            .expect("it was registered");
        assert_eq!(poller.registered_count(), 0);
    }
}
