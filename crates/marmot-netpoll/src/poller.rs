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
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Duration;

use marmot_wait::WakeList;
use mio::{Interest, Token};

use crate::fallback::Fallback;
use crate::kernel::Kernel;
use crate::loom::{Mutex, lock};
use crate::readiness::Event;
use crate::registry::Registry;
use crate::seat::{Bell, Sleep};
use crate::source::{Source, Wakes};
use crate::turns::Turns;
use crate::waiting::Waiting;

/// The token of the poller's own eventfd; no source's, see `Registry::insert`.
const WAKE: Token = Token(usize::MAX);

/// How many sources are looked up at once: 0.3 us for which nobody can register a descriptor. It was
/// 36 us when a thousand events were gathered under the lock, and took as long in all.
const SLICE: usize = 32;

/// Collects the readiness of descriptors, and wakes those that wait for it.
///
/// There is one for the process, [`Poller::global`]. Runtimes look at it, each from a
/// [`Seat`](crate::Seat); while none does and somebody waits, a thread of its own does.
pub struct Poller {
    registry: mio::Registry,
    waker: mio::Waker,
    /// The sources by token. Nothing is called under this lock, and no other one taken.
    sources: Mutex<Registry>,
    /// The kernel's side.
    turns: Turns<Box<Kernel>>,
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
            turns: Turns::new(Box::new(kernel)),
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
            Some(Sleep::Queued) => self.turns.tell_queued(),
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
            self.turns.take(bell, timeout)
        } else if self.waiting.count() == 0 {
            // Nobody to wake: what there is stays in the kernel until somebody waits.
            None
        } else {
            self.turns.try_take().map(|kernel| (kernel, timeout))
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
        self.turns.give_back(kernel);
        owed
    }

    fn gather(&self, events: &mio::Events) -> WakeList {
        let mut owed = WakeList::new();
        let mut events = events.iter().peekable();
        let mut slice = [const { None }; SLICE];
        while events.peek().is_some() {
            self.find(&mut events, &mut slice);
            for (source, event) in slice.iter_mut().filter_map(Option::take) {
                source.fire(event, &mut owed);
            }
        }
        owed
    }

    /// The sources of the next few events. Whoever registers or takes away a descriptor meanwhile
    /// waits no longer than for these.
    fn find<'a>(
        &self,
        events: impl Iterator<Item = &'a mio::event::Event>,
        slice: &mut [Option<(Arc<Source>, Event)>],
    ) {
        let sources = lock(&self.sources);
        // (In this order: no event is taken that has no place.)
        for (place, event) in slice.iter_mut().zip(events) {
            // Nobody: the eventfd, or a descriptor that has gone.
            *place = sources
                .get(event.token())
                .map(|source| (Arc::clone(source), Event::of(event)));
        }
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
    use std::net::UdpSocket;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use marmot_testing::{CountingWaker, within};
    use mio::unix::pipe;
    use mio::{Interest, Token};

    use super::Poller;
    use crate::fallback::Fallback;
    use crate::kernel::Kernel;
    use crate::loom::lock;
    use crate::readiness::{Direction, Readiness, Verdict};
    use crate::source::{Source, Wakes};

    const LIMIT: Duration = Duration::from_secs(20);
    const LONG: Option<Duration> = Some(Duration::from_secs(10));

    fn take(poller: &Poller) -> Box<Kernel> {
        poller.turns.try_take().expect("nobody polls")
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

    /// A pipe of which the reader is registered, and is empty as far as its source knows.
    fn watched(poller: &Poller) -> (pipe::Sender, pipe::Receiver, Arc<Source>) {
        let (into, mut out) = pipe::new().expect("a pipe");
        let registered = poller.register(&mut out, Interest::READABLE, Wakes::All);
        let (_, source) = registered.expect("registered");
        let word = source.readiness();
        word.clear(Direction::Read, word.seen());
        (into, out, source)
    }

    #[test]
    fn one_wait_brings_all_events_and_counts_all_who_wait() {
        let poller = Poller::new().expect("a poller");
        let counter = CountingWaker::new();
        let mut watched: Vec<_> = (0..100).map(|_| watched(&poller)).collect();
        for (into, _, source) in &mut watched {
            source.enlist_slot(Direction::Read, &counter.waker(), &poller.waiting);
            into.write_all(b"!").expect("room");
        }
        assert_eq!(poller.poll(LONG).expect("a wait"), 100);
        assert_eq!((counter.wakes(), poller.waiting_count()), (100, 0));
        assert_eq!(poller.poll(Some(Duration::ZERO)).expect("a look"), 0);
    }

    #[test]
    fn events_that_are_nobodys_hide_none_of_those_behind_them() {
        let poller = Poller::new().expect("a poller");
        let mut kernel = take(&poller);
        let mut watched: Vec<_> = (0..10).map(|_| watched(&poller)).collect();
        for (into, ..) in &mut watched {
            into.write_all(b"!").expect("room");
        }
        let events = kernel.wait(LONG).expect("events");
        // Every other one goes after its event was collected.
        for (_, out, _) in watched.iter_mut().step_by(2) {
            let of_it = |token: &Token| lock(&poller.sources).get(*token).is_some();
            let token = events.iter().map(mio::event::Event::token).find(of_it);
            poller
                .deregister(out, token.expect("one is left"))
                .expect("it was registered");
        }
        assert!(poller.gather(events).is_empty(), "nobody waits");
        let told = |word: &Readiness| word.seen().verdict(Direction::Read) == Verdict::Try;
        let told = watched
            .iter()
            .filter(|(.., source)| told(source.readiness()));
        assert_eq!(told.count(), 5);
    }

    #[test]
    fn a_look_takes_nothing_from_the_kernel_while_nobody_waits() {
        let poller = Poller::new().expect("a poller");
        let (mut into, _out, source) = watched(&poller);
        into.write_all(b"!").expect("room");
        assert_eq!(poller.poll(Some(Duration::ZERO)).expect("a look"), 0);
        let word = source.readiness();
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Wait);
        assert_eq!(poller.poll(LONG).expect("a wait"), 0);
        assert_eq!(word.seen().verdict(Direction::Read), Verdict::Try);
    }

    #[test]
    fn what_comes_before_waking_comes_once_and_whether_anybody_is_woken_or_not() {
        within(LIMIT, || {
            let poller = Poller::new().expect("a poller");
            let (mut into, _out, source) = watched(&poller);
            let counter = CountingWaker::new();
            let before = |timeout| {
                let (mut calls, mut woken) = (0, 0);
                let polled = poller.poll_from(&poller.bell, timeout, || {
                    calls += 1;
                    woken = counter.wakes();
                });
                assert_eq!((calls, woken), (1, 0));
                polled.expect("a wait")
            };
            assert_eq!(before(Some(Duration::ZERO)), 0);
            assert_eq!(before(Some(Duration::from_millis(1))), 0);
            poller.interrupt();
            assert_eq!(before(None), 0);
            source.enlist_slot(Direction::Read, &counter.waker(), &poller.waiting);
            into.write_all(b"!").expect("room");
            assert_eq!(before(LONG), 1);
            assert_eq!(counter.wakes(), 1);
        });
    }

    #[test]
    fn an_interrupt_is_used_up_by_the_sleep_it_ends() {
        within(LIMIT, || {
            let poller = Poller::new().expect("a poller");
            for _ in 0..2 {
                poller.interrupt();
                poller.interrupt();
                assert_eq!(poller.poll(None).expect("no wait"), 0);
                let (start, span) = (Instant::now(), Duration::from_millis(2));
                assert_eq!(poller.poll(Some(span)).expect("a wait"), 0);
                assert!(start.elapsed() >= span, "it has slept");
            }
        });
    }

    #[test]
    fn the_fallback_thread_is_started_once() {
        let poller = Poller::new().expect("a poller");
        for _ in 0..3 {
            Fallback::start(&poller).expect("a thread");
        }
        assert_eq!(Arc::strong_count(&poller), 2, "ours, and the thread's");
    }

    #[test]
    fn an_error_that_was_announced_is_kept_by_a_short_read() {
        let poller = Poller::new().expect("a poller");
        let nobody = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let addr = nobody.local_addr().expect("bound");
        drop(nobody);
        let ours = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        ours.connect(addr).expect("a socket");
        let mut ours = mio::net::UdpSocket::from_std(ours);
        let registered = poller.register(&mut ours, Interest::READABLE, Wakes::All);
        let (_, source) = registered.expect("registered");
        let word = source.readiness();
        word.clear(Direction::Read, word.seen());
        ours.send(b"anybody?").expect("sent");
        assert_eq!(poller.poll(LONG).expect("an answer"), 0);
        for direction in [Direction::Read, Direction::Write] {
            word.clear_short(direction, word.seen());
            assert_eq!(word.seen().verdict(direction), Verdict::Try);
        }
    }
}
