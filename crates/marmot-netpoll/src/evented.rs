//! A descriptor, and how one waits for it: try; if it would block, wait until ready; try again.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use marmot_wait::{WaitReason, WakeList, budget, note};
use mio::{Interest, Token};

use crate::descriptor::Descriptor;
use crate::fallback::Fallback;
use crate::poller::Poller;
use crate::readiness::{Direction, Seen, Verdict};
use crate::source::{Enlisted, Place, Source, Wakes};

/// Whether a read or write of a stream that moved less than it was asked to means that the
/// next one would block. So says epoll(7); elsewhere we try once more.
const SHORT_MEANS_BLOCKED: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// A descriptor that does not block, registered with a poller.
///
/// Any number of tasks may use it at once, through `&self`. Dropping it takes it away from the
/// poller and closes it.
///
/// # Examples
///
/// ```
/// use marmot_netpoll::{Direction, Evented, Interest, sockets::UdpSocket};
///
/// # fn main() -> std::io::Result<()> {
/// let socket = UdpSocket::bind("127.0.0.1:0".parse().expect("an address"))?;
/// let own = socket.local_addr()?;
/// let socket = Evented::new(socket, Interest::READABLE | Interest::WRITABLE)?;
/// let mut byte = [0];
/// marmot_wait::park::block_on(async {
///     socket.io(Direction::Write, |socket| socket.send_to(b"!", own)).await?;
///     socket.io(Direction::Read, |socket| socket.recv(&mut byte)).await
/// })?;
/// assert_eq!(&byte, b"!");
/// # Ok(())
/// # }
/// ```
pub struct Evented<T: Descriptor> {
    /// `None` only once `into_inner` has taken it.
    io: Option<T>,
    token: Token,
    source: Arc<Source>,
    poller: Arc<Poller>,
}

impl<T: Descriptor> Evented<T> {
    /// Registers a descriptor, which must not block, with the poller of the process.
    ///
    /// # Errors
    ///
    /// If the system refuses; the descriptor is closed then.
    pub fn new(io: T, interest: Interest) -> io::Result<Evented<T>> {
        Evented::with_poller(Poller::global()?, io, interest)
    }

    /// As [`new`](Evented::new), for a descriptor at which many may wait and each event is for
    /// one, as a listener: of those who wait in [`io`](Evented::io) an event wakes the first,
    /// who wakes the next one when it is done, or is dropped.
    ///
    /// # Errors
    ///
    /// As [`new`](Evented::new).
    pub fn in_turn(io: T, interest: Interest) -> io::Result<Evented<T>> {
        Evented::register(Poller::global()?, io, interest, Wakes::InTurn)
    }

    /// Registers a descriptor with this poller.
    ///
    /// # Errors
    ///
    /// If the system refuses; the descriptor is closed then.
    pub fn with_poller(poller: &Arc<Poller>, io: T, interest: Interest) -> io::Result<Evented<T>> {
        Evented::register(poller, io, interest, Wakes::All)
    }

    fn register(
        poller: &Arc<Poller>,
        mut io: T,
        interest: Interest,
        wakes: Wakes,
    ) -> io::Result<Evented<T>> {
        let (token, source) = poller.register(&mut io, interest, wakes)?;
        Ok(Evented {
            io: Some(io),
            token,
            source,
            poller: Arc::clone(poller),
        })
    }

    /// The descriptor.
    #[inline]
    #[expect(
        clippy::missing_panics_doc,
        reason = "it is there until into_inner takes us"
    )]
    pub fn get_ref(&self) -> &T {
        self.io.as_ref().expect("only into_inner takes it, and us")
    }

    /// Takes the descriptor back from the poller.
    ///
    /// # Errors
    ///
    /// If the system refuses; the descriptor is closed then.
    #[expect(
        clippy::missing_panics_doc,
        reason = "it is there until into_inner takes us"
    )]
    pub fn into_inner(mut self) -> io::Result<T> {
        let mut io = self.io.take().expect("only into_inner takes it, and us");
        self.poller.deregister(&mut io, self.token)?;
        Ok(io)
    }

    /// Tries, and as long as it would block waits until it may succeed.
    ///
    /// `attempt` says that it would block with an error of that kind. It is called again
    /// when it was interrupted.
    ///
    /// # Errors
    ///
    /// Those of `attempt`; `TimedOut` while the direction is
    /// [expired](Evented::expiry), and `NotConnected` once it was
    /// [closed](Evented::close).
    ///
    /// # Cancel safety
    ///
    /// The future either has not succeeded, or is ready: dropping one that waits loses
    /// nothing.
    #[track_caller]
    #[inline]
    pub fn io<F, R>(&self, direction: Direction, attempt: F) -> Io<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        self.io_from(Location::caller(), direction, attempt)
    }

    /// As [`io`](Evented::io); `place` is the line of the program that waits.
    #[inline]
    pub fn io_from<F, R>(
        &self,
        place: &'static Location<'static>,
        direction: Direction,
        attempt: F,
    ) -> Io<'_, T, F>
    where
        F: FnMut(&T) -> io::Result<R>,
    {
        Io {
            evented: self,
            direction,
            place: None,
            line: place,
            attempt,
        }
    }

    /// [`io`](Evented::io) in the form of a poll function, for traits that want one.
    ///
    /// Of the tasks that wait in one direction through this, the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`io`](Evented::io).
    #[track_caller]
    pub fn poll_io<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        mut attempt: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let place = Location::caller();
        ready!(budget::poll_proceed(cx));
        let enlist = |waker: &Waker| {
            self.source
                .enlist_slot(direction, waker, self.poller.waiting())
        };
        self.drive(direction, cx, place, enlist, &mut attempt)
    }

    /// Waits until a read may succeed, as a poll function.
    ///
    /// # Errors
    ///
    /// As [`io`](Evented::io).
    #[track_caller]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_io(Direction::Read, cx, |_| Ok(()))
    }

    /// Waits until a write may succeed, as a poll function.
    ///
    /// # Errors
    ///
    /// As [`io`](Evented::io).
    #[track_caller]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_io(Direction::Write, cx, |_| Ok(()))
    }

    /// Waits until a try in this direction may succeed. It may still block: then
    /// [`try_io`](Evented::try_io) takes notice, and the next wait waits.
    ///
    /// # Errors
    ///
    /// As [`io`](Evented::io).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn ready(&self, direction: Direction) -> impl Future<Output = io::Result<()>> + '_ {
        self.io(direction, |_| Ok(()))
    }

    /// Tries once, without waiting.
    ///
    /// # Errors
    ///
    /// As [`io`](Evented::io), and `WouldBlock`.
    pub fn try_io<R>(
        &self,
        direction: Direction,
        mut attempt: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            let seen = self.source.readiness().seen();
            refused(seen.verdict(direction))?;
            let tried = attempt(self.get_ref());
            match &tried {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.source.readiness().clear(direction, seen);
                }
                _ => {}
            }
            return tried;
        }
    }

    /// One try of a *stream* to move up to `len` bytes, to be made inside of an attempt: if
    /// it moved fewer, the next wait does not have to try in vain before it waits.
    ///
    /// Not for what may stop short with more behind, of which no event would tell: terminals, which
    /// give a line at a time, and sockets through which descriptors are passed.
    ///
    /// # Errors
    ///
    /// Those of `attempt`.
    #[inline]
    pub fn try_some(
        &self,
        direction: Direction,
        len: usize,
        attempt: impl FnOnce(&T) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let seen = self.source.readiness().seen();
        let moved = attempt(self.get_ref())?;
        if SHORT_MEANS_BLOCKED && 0 < moved && moved < len {
            self.source.readiness().clear_short(direction, seen);
        }
        Ok(moved)
    }

    /// Ends all waits, and every later try, with an error. The descriptor stays open until
    /// it is dropped. The second time changes nothing, and gives `false`.
    pub fn close(&self) -> bool {
        let first = self.source.readiness().close();
        let mut owed = WakeList::new();
        self.source.rouse(Direction::Read, &mut owed);
        self.source.rouse(Direction::Write, &mut owed);
        self.poller.wake(owed);
        first
    }

    /// Whether it was [closed](Evented::close) by our side.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let seen = self.source.readiness().seen();
        seen.verdict(Direction::Read) == Verdict::Closed
    }

    /// A handle through which a timer can end the waits in one direction.
    #[must_use]
    pub fn expiry(&self, direction: Direction) -> Expiry {
        Expiry {
            source: Arc::clone(&self.source),
            poller: Arc::clone(&self.poller),
            direction,
        }
    }

    #[inline]
    fn drive<R>(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        place: &'static Location<'static>,
        mut enlist: impl FnMut(&Waker) -> Enlisted,
        attempt: &mut impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let seen = ready!(self.poll_seen(direction, cx, place, &mut enlist))?;
            let tried = attempt(self.get_ref());
            match &tried {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.source.readiness().clear(direction, seen);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It failed because our side closed it meanwhile, and that is what is told.
                Err(_) if self.is_closed() => {}
                _ => return Poll::Ready(tried),
            }
        }
    }

    /// The word that allows a try, or a wait.
    #[inline]
    fn poll_seen(
        &self,
        direction: Direction,
        cx: &mut Context<'_>,
        place: &'static Location<'static>,
        enlist: &mut impl FnMut(&Waker) -> Enlisted,
    ) -> Poll<io::Result<Seen>> {
        let seen = self.source.readiness().seen();
        let (seen, verdict) = match seen.verdict(direction) {
            Verdict::Wait => match enlist(cx.waker()) {
                Enlisted::Not(seen, verdict) => (seen, verdict),
                Enlisted::Watched => return self.wait(place),
                Enlisted::Unwatched => {
                    Fallback::start(&self.poller)?;
                    return self.wait(place);
                }
            },
            verdict => (seen, verdict),
        };
        Poll::Ready(refused(verdict).map(|()| seen))
    }

    fn wait<R>(&self, place: &'static Location<'static>) -> Poll<R> {
        budget::refund();
        note::set(WaitReason::IoWait, self.get_ref().number(), place);
        Poll::Pending
    }
}

/// Go's words for what our side has done.
fn refused(verdict: Verdict) -> io::Result<()> {
    match verdict {
        Verdict::Try | Verdict::Wait => Ok(()),
        Verdict::Expired => Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout")),
        Verdict::Closed => Err(io::Error::new(
            io::ErrorKind::NotConnected,
            "use of closed network connection",
        )),
    }
}

impl<T: Descriptor> Drop for Evented<T> {
    fn drop(&mut self) {
        if let Some(mut io) = self.io.take() {
            // Closing it takes it away from the system's queue as well.
            let _refused = self.poller.deregister(&mut io, self.token);
        }
    }
}

impl<T: Descriptor + fmt::Debug> fmt::Debug for Evented<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Evented").field(self.get_ref()).finish()
    }
}

/// Ends the waits in one direction of a descriptor, as a deadline does.
#[derive(Clone)]
pub struct Expiry {
    source: Arc<Source>,
    poller: Arc<Poller>,
    direction: Direction,
}

impl Expiry {
    /// Says whether the time is over: then waits and tries in this direction fail with
    /// `TimedOut`, until it is taken back.
    ///
    /// Those that wait already are woken when what this gives is dropped, which is to be done
    /// with no lock held.
    #[must_use = "those that wait are woken when it is dropped"]
    pub fn mark(&self, expired: bool) -> Expired<'_> {
        self.source.readiness().expire(self.direction, expired);
        let mut owed = WakeList::new();
        if expired {
            self.source.rouse(self.direction, &mut owed);
        }
        Expired {
            poller: &self.poller,
            owed,
        }
    }
}

/// Wakes, when it is dropped, those whose time is over.
#[derive(Debug)]
pub struct Expired<'a> {
    poller: &'a Poller,
    owed: WakeList,
}

impl Drop for Expired<'_> {
    fn drop(&mut self) {
        self.poller.wake(std::mem::take(&mut self.owed));
    }
}

impl fmt::Debug for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expiry").field(&self.direction).finish()
    }
}

/// The future of [`Evented::io`].
#[must_use = "an operation does nothing unless it is awaited"]
pub struct Io<'a, T: Descriptor, F> {
    evented: &'a Evented<T>,
    direction: Direction,
    /// Where it waits, once it has waited.
    place: Option<Place>,
    line: &'static Location<'static>,
    attempt: F,
}

/// The attempt is never pinned.
impl<T: Descriptor, F> Unpin for Io<'_, T, F> {}

impl<T, F, R> Future for Io<'_, T, F>
where
    T: Descriptor,
    F: FnMut(&T) -> io::Result<R>,
{
    type Output = io::Result<R>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (evented, direction, place) = (this.evented, this.direction, &mut this.place);
        ready!(budget::poll_proceed(cx));
        let enlist = |waker: &Waker| {
            evented
                .source
                .enlist(direction, place, waker, evented.poller.waiting())
        };
        let done = evented.drive(direction, cx, this.line, enlist, &mut this.attempt);
        if done.is_ready() {
            // Not only when it is dropped, which may be later: others wait for what is left.
            this.leave();
        }
        done
    }
}

impl<T: Descriptor, F> Io<'_, T, F> {
    /// Leaves its place, if it has ever waited.
    #[inline]
    fn leave(&mut self) {
        if let Some(place) = self.place.take() {
            let Evented { source, poller, .. } = self.evented;
            if let Some(next) = source.leave(self.direction, place, poller.waiting()) {
                poller.wake_next(next);
            }
        }
    }
}

impl<T: Descriptor, F> Drop for Io<'_, T, F> {
    #[inline]
    fn drop(&mut self) {
        self.leave();
    }
}

impl<T: Descriptor, F> fmt::Debug for Io<'_, T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io")
            .field("direction", &self.direction)
            .field("waits", &self.place.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, unix, not(marmot_loom)))]
mod tests {
    use std::future::Future;
    use std::io::{Read, Write};
    use std::sync::Arc;
    use std::task::{Context, Waker};
    use std::time::Duration;

    use marmot_testing::ByHand;
    use mio::Interest;
    use mio::unix::pipe::{Receiver, Sender, new};

    use super::{Evented, Poller};
    use crate::readiness::Direction;
    use crate::source::Wakes;

    fn in_turn() -> (Arc<Poller>, Sender, Evented<Receiver>) {
        let poller = Poller::new().expect("a poller");
        poller.add_driver();
        let (into, out) = new().expect("a pipe");
        let out = Evented::register(&poller, out, Interest::READABLE, Wakes::InTurn);
        (poller, into, out.expect("registered"))
    }

    #[test]
    fn one_that_is_done_wakes_the_next_though_it_is_not_dropped_yet() {
        let (poller, mut into, out) = in_turn();
        let read = || Box::pin(out.io(Direction::Read, |mut pipe| pipe.read(&mut [0])));
        let mut first = read();
        let [mut second, mut third] = [read(), read()].map(ByHand::new);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        second.expect_pending();
        third.expect_pending();
        into.write_all(b"ab").expect("room");
        let long = Some(Duration::from_secs(20));
        assert_eq!(poller.poll(long).expect("an event"), 1);
        assert_eq!((second.wakes(), third.wakes()), (0, 0));
        assert!(first.as_mut().poll(&mut cx).is_ready());
        assert_eq!((second.wakes(), third.wakes()), (1, 0));
        assert_eq!(poller.waiting_count(), 1, "two have been woken");
        assert_eq!(second.expect_ready().expect("a byte"), 1);
        // Nothing has said yet that nothing is left.
        assert_eq!((third.wakes(), poller.waiting_count()), (1, 0));
        third.expect_pending();
        assert_eq!(poller.waiting_count(), 1);
        drop((first, third));
        assert_eq!(poller.waiting_count(), 0);
    }

    #[test]
    fn one_that_is_dropped_when_it_was_woken_wakes_the_next() {
        let (poller, mut into, out) = in_turn();
        let read = || ByHand::new(out.io(Direction::Read, |mut pipe| pipe.read(&mut [0])));
        let (mut first, mut second) = (read(), read());
        first.expect_pending();
        second.expect_pending();
        into.write_all(b"a").expect("room");
        let long = Some(Duration::from_secs(20));
        assert_eq!(poller.poll(long).expect("an event"), 1);
        drop(first);
        assert_eq!((second.wakes(), poller.waiting_count()), (1, 0));
        assert_eq!(second.expect_ready().expect("a byte"), 1);
    }
}
