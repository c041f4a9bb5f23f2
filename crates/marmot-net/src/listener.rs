//! Accepting connections: the same for TCP and Unix.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use futures::stream::{self, Stream};
use marmot_netpoll::{Descriptor, Direction, sockets};
use marmot_time::{ms, sleep};

use crate::socket::Socket;

/// How long `accept` rests after the first failure for want of descriptors, and at most, in
/// milliseconds. Go's `net/http` has the same numbers.
const FIRST_PAUSE_MS: u32 = 5;
const LONGEST_PAUSE_MS: u32 = 1000;
/// How often one that rests looks whether it was closed, in milliseconds.
const STEP_MS: u32 = 50;

/// A descriptor that gives connections.
pub(crate) trait Accepts: Descriptor {
    type Accepted;
    fn accept(&self) -> io::Result<Self::Accepted>;
}

impl Accepts for sockets::TcpListener {
    type Accepted = (sockets::TcpStream, std::net::SocketAddr);

    fn accept(&self) -> io::Result<Self::Accepted> {
        self.accept()
    }
}

#[cfg(unix)]
impl Accepts for sockets::UnixListener {
    type Accepted = (sockets::UnixStream, std::os::unix::net::SocketAddr);

    fn accept(&self) -> io::Result<Self::Accepted> {
        self.accept()
    }
}

#[derive(Debug)]
pub(crate) struct Listener<T: Descriptor> {
    pub(crate) socket: Socket<T>,
    /// How long to rest at the next failure for want of descriptors, in milliseconds.
    pause_ms: AtomicU32,
}

impl<T: Accepts> Listener<T> {
    pub(crate) fn new(io: T) -> io::Result<Listener<T>> {
        Ok(Listener {
            socket: Socket::of_listener(io)?,
            pause_ms: AtomicU32::new(FIRST_PAUSE_MS),
        })
    }

    /// The next connection. An error for want of descriptors is given after a rest: who
    /// calls again at once does not burn a processor until there are some.
    pub(crate) async fn accept(
        &self,
        place: &'static Location<'static>,
    ) -> io::Result<T::Accepted> {
        let wait = self.socket.evented();
        let attempt = |io: &T| accept_whole(|| io.accept());
        let accepted = wait.io_from(place, Direction::Read, attempt).await;
        match &accepted {
            Ok(_) => self.rested(),
            Err(error) if is_want(error) => self.rest().await?,
            Err(_) => {}
        }
        accepted
    }

    #[track_caller]
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<T::Accepted>> {
        self.socket
            .poll_reading(cx, |io| accept_whole(|| io.accept()))
    }

    fn rested(&self) {
        // ORDERING: Relaxed here and in `rest`: a length of time, which publishes nothing.
        if self.pause_ms.load(Ordering::Relaxed) != FIRST_PAUSE_MS {
            self.pause_ms.store(FIRST_PAUSE_MS, Ordering::Relaxed);
        }
    }

    /// Fails when the listener is closed meanwhile, or its deadline passes.
    async fn rest(&self) -> io::Result<()> {
        let pause = self.pause_ms.load(Ordering::Relaxed);
        self.pause_ms.store(longer(pause), Ordering::Relaxed);
        let mut left = pause;
        while left > 0 {
            let step = left.min(STEP_MS);
            sleep(ms(u64::from(step))).await;
            left -= step;
            self.socket.evented().try_io(Direction::Read, |_| Ok(()))?;
        }
        Ok(())
    }
}

/// The pause after one of so many milliseconds.
fn longer(pause_ms: u32) -> u32 {
    (pause_ms * 2).min(LONGEST_PAUSE_MS)
}

/// The connections that come to a listener, as a stream. Made by `incoming`.
///
/// It ends when the listener is closed. An error before that is an item, after which it goes on.
#[must_use = "a stream does nothing unless it is polled"]
pub struct Incoming<'a, C>(Pin<Box<dyn Stream<Item = io::Result<C>> + Send + 'a>>);

impl<'a, C: 'a> Incoming<'a, C> {
    /// Of what gives the next one each time it is called, and `None` when there will be none.
    pub(crate) fn new<F>(next: impl Fn() -> F + Send + 'a) -> Incoming<'a, C>
    where
        F: Future<Output = Option<io::Result<C>>> + Send + 'a,
    {
        let step = move |()| {
            let next = next();
            async move { Some((next.await?, ())) }
        };
        Incoming(Box::pin(stream::unfold((), step)))
    }
}

impl<C> Stream for Incoming<'_, C> {
    type Item = io::Result<C>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.as_mut().poll_next(cx)
    }
}

impl<C> fmt::Debug for Incoming<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").finish_non_exhaustive()
    }
}

/// A connection that the other side has given up in the queue is passed over.
fn accept_whole<C>(mut accept: impl FnMut() -> io::Result<C>) -> io::Result<C> {
    loop {
        match accept() {
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            accepted => return accepted,
        }
    }
}

/// Whether the process or the system is out of descriptors or memory.
fn is_want(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const ENOBUFS: i32 = if cfg!(target_os = "linux") { 105 } else { 55 };
    let code = error.raw_os_error();
    error.kind() == io::ErrorKind::OutOfMemory
        || cfg!(unix) && [ENFILE, EMFILE, ENOBUFS].map(Some).contains(&code)
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::panic::Location;
    use std::sync::atomic::Ordering::Relaxed;

    use marmot_netpoll::sockets::TcpListener;
    use marmot_wait::park::block_on;

    use super::{FIRST_PAUSE_MS, LONGEST_PAUSE_MS, Listener, accept_whole, longer};

    #[test]
    fn a_connection_that_was_given_up_in_the_queue_is_passed_over() {
        let aborted = || Err(Error::from(ErrorKind::ConnectionAborted));
        let mut queue = [aborted(), aborted(), Ok(3), Ok(4)].into_iter();
        let accepted = accept_whole(|| queue.next().expect("one was there"));
        assert_eq!(accepted.expect("the third"), 3);
        let refused = accept_whole(|| Err::<(), _>(ErrorKind::PermissionDenied.into()));
        let error = refused.expect_err("others are told");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }

    #[test]
    #[cfg(unix)]
    fn who_is_out_of_descriptors_or_memory_rests() {
        use super::is_want;
        use rustix::io::Errno;

        for wants in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            assert!(is_want(&wants.into()), "{wants}");
        }
        for other in [Errno::PERM, Errno::PROTO, Errno::INVAL] {
            assert!(!is_want(&other.into()), "{other}");
        }
    }

    #[test]
    fn pauses_grow_to_a_second() {
        let pauses = std::iter::successors(Some(FIRST_PAUSE_MS), |&pause| Some(longer(pause)));
        let pauses: Vec<u32> = pauses.take(10).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[test]
    fn a_connection_ends_the_growing_of_pauses() {
        let listener = TcpListener::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let addr = listener.local_addr().expect("bound");
        let listener = Listener::new(listener).expect("registered");
        listener.pause_ms.store(LONGEST_PAUSE_MS, Relaxed);
        let _client = std::net::TcpStream::connect(addr).expect("it listens");
        block_on(listener.accept(Location::caller())).expect("a connection");
        assert_eq!(listener.pause_ms.load(Relaxed), FIRST_PAUSE_MS);
    }
}
