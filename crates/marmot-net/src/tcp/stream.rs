//! A TCP connection.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::{AsyncRead, AsyncWrite};
use marmot_netpoll::{Direction, Interest, sockets};
use socket2::{SockRef, TcpKeepalive};

use crate::addrs::ToSocketAddrs;
use crate::dial::Dialer;
use crate::options::{buffers, ttl};
use crate::socket::{Socket, deadlines, descriptor};
use crate::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::stream::stream;

/// A TCP connection.
///
/// All operations take `&self`: one task may read while another writes. The [futures]
/// traits are implemented for the stream and for references to it; of the tasks that wait
/// through *them* in one direction the last one is woken, while any number may wait in the
/// methods here.
///
/// # Examples
///
/// ```no_run
/// use marmot_net::TcpStream;
///
/// # async fn ask() -> std::io::Result<()> {
/// let stream = TcpStream::connect("example.com:80").await?;
/// stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
/// let mut buf = [0; 4096];
/// let got = stream.read(&mut buf).await?;
/// # drop(got); Ok(()) }
/// ```
#[derive(Debug)]
pub struct TcpStream {
    pub(crate) socket: Socket<sockets::TcpStream>,
}

stream!(TcpStream);
descriptor!(TcpStream, socket, std::net::TcpStream);

impl TcpStream {
    /// Connects to the first of the addresses that answers, as [`Dialer`] does by default:
    /// all of them, of both families, a quarter of a second apart (RFC 8305).
    ///
    /// # Errors
    ///
    /// That of the first attempt, with those of all in it
    /// ([`DialError`](crate::DialError)), or of looking up the name.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends all attempts.
    #[track_caller]
    pub fn connect<A: ToSocketAddrs>(
        addrs: A,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send {
        Dialer::new().connect(addrs)
    }

    /// Connects to one address, and gives up after so long; [`Dialer`] has more choice.
    ///
    /// # Errors
    ///
    /// As [`connect`](TcpStream::connect); `TimedOut`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the attempt.
    #[track_caller]
    pub fn connect_timeout(
        addr: &SocketAddr,
        limit: Duration,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<> {
        Dialer::new().timeout(limit).connect(*addr)
    }

    pub(crate) fn new(stream: sockets::TcpStream) -> io::Result<TcpStream> {
        Ok(TcpStream {
            socket: Socket::new(stream, interest())?,
        })
    }

    /// Waits until a connection that has been begun is made, or has failed.
    pub(crate) async fn connected(self, place: &'static Location<'static>) -> io::Result<Self> {
        let made = |io: &sockets::TcpStream| match io.take_error()? {
            Some(error) => Err(error),
            None => match io.peer_addr() {
                Ok(_) => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(io::ErrorKind::WouldBlock.into())
                }
                Err(error) => Err(error),
            },
        };
        let evented = self.socket.evented();
        evented.io_from(place, Direction::Write, made).await?;
        Ok(self)
    }

    /// Takes a connection of std, which this makes non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the connection is closed then.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        TcpStream::new(sockets::TcpStream::from_std(stream))
    }

    /// Gives the connection as one of std's, which stays non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the connection is closed then.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        self.socket.into_inner().map(Into::into)
    }

    /// Another handle of the same connection, which ends when the last one is dropped. Deadlines
    /// are each handle's own; `shutdown` and [`close`](TcpStream::close) end it for both.
    ///
    /// To share it among tasks no second handle is needed: all operations take `&self`, so an
    /// `Arc` does.
    ///
    /// # Errors
    ///
    /// If the system refuses; for one, when the process is out of descriptors.
    pub fn try_clone(&self) -> io::Result<TcpStream> {
        TcpStream::from_std(SockRef::from(self).try_clone()?.into())
    }

    /// As [`read`](TcpStream::read), and leaves what it has read to be read again.
    ///
    /// # Errors
    ///
    /// As [`read`](TcpStream::read).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn peek<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let place = Location::caller();
        async move {
            if buf.is_empty() {
                return Ok(0);
            }
            let evented = self.socket.evented();
            let attempt = |io: &sockets::TcpStream| self.socket.not_our_end(io.peek(buf));
            evented.io_from(place, Direction::Read, attempt).await
        }
    }

    /// Our address.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The other side's address.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    /// Whether small packets are sent at once (`TCP_NODELAY`): yes at first, as in Go, for
    /// connections dialed or accepted here.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.get().nodelay()
    }

    /// Says whether to send small packets at once.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_nodelay(&self, yes: bool) -> io::Result<()> {
        self.socket.get().set_nodelay(yes)
    }

    /// How long closing waits for unsent data to go out.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn linger(&self) -> io::Result<Option<Duration>> {
        SockRef::from(self).linger()
    }

    /// Says how long closing waits for unsent data to go out. With zero it is thrown away,
    /// and the other side sees the connection reset; with another value dropping the stream
    /// blocks its thread.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_linger(&self, how_long: Option<Duration>) -> io::Result<()> {
        SockRef::from(self).set_linger(how_long)
    }

    /// Whether the system probes a silent other side.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn keepalive(&self) -> io::Result<bool> {
        SockRef::from(self).keepalive()
    }

    /// Has the system probe an other side that has been silent for so long, and then at this
    /// interval; `None` switches it off.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_keepalive(&self, after: Option<Duration>) -> io::Result<()> {
        let socket = SockRef::from(self);
        let Some(after) = after else {
            return socket.set_keepalive(false);
        };
        let probes = TcpKeepalive::new().with_time(after).with_interval(after);
        socket.set_tcp_keepalive(&probes)
    }

    ttl!();
    buffers!();
}

/// Out-of-band data has to be known of, because a read stops short at it.
fn interest() -> Interest {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    return Interest::READABLE | Interest::WRITABLE | Interest::PRIORITY;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    return Interest::READABLE | Interest::WRITABLE;
}
