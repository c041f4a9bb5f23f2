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
        let accepted = wait.io_from(place, Direction::Read, accept_whole).await;
        match &accepted {
            Ok(_) => self.rested(),
            Err(error) if is_want(error) => self.rest().await,
            Err(_) => {}
        }
        accepted
    }

    #[track_caller]
    pub(crate) fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<T::Accepted>> {
        self.socket.poll_reading(cx, accept_whole)
    }

    fn rested(&self) {
        // ORDERING: Relaxed here and in `rest`: a length of time, which publishes nothing.
        if self.pause_ms.load(Ordering::Relaxed) != FIRST_PAUSE_MS {
            self.pause_ms.store(FIRST_PAUSE_MS, Ordering::Relaxed);
        }
    }

    async fn rest(&self) {
        let pause = self.pause_ms.load(Ordering::Relaxed);
        let next = (pause * 2).min(LONGEST_PAUSE_MS);
        self.pause_ms.store(next, Ordering::Relaxed);
        sleep(ms(u64::from(pause))).await;
    }
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
fn accept_whole<T: Accepts>(io: &T) -> io::Result<T::Accepted> {
    loop {
        match io.accept() {
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            accepted => return accepted,
        }
    }
}

/// Whether the process or the system is out of descriptors or memory.
fn is_want(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    let code = error.raw_os_error();
    error.kind() == io::ErrorKind::OutOfMemory
        || cfg!(unix) && (code == Some(EMFILE) || code == Some(ENFILE))
}
