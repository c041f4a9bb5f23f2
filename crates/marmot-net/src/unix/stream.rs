//! A connection through a Unix socket.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::SocketAddr;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};
use marmot_netpoll::{Direction, Interest, sockets};

use crate::op_error::named;
use crate::options::buffers;
use crate::socket::{Socket, deadlines, descriptor};
use crate::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::stream::stream;
use crate::unix::pause::Pause;

/// A connection through a Unix socket; otherwise as [`TcpStream`](crate::TcpStream).
///
/// # Examples
///
/// ```
/// use marmot_net::UnixStream;
///
/// # marmot_wait::park::block_on(async {
/// let (a, b) = UnixStream::pair()?;
/// a.write_all(b"hello").await?;
/// let mut buf = [0; 5];
/// b.read_exact(&mut buf).await?;
/// # assert_eq!(&buf, b"hello");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UnixStream {
    pub(crate) socket: Socket<sockets::UnixStream>,
}

stream!(UnixStream);
descriptor!(UnixStream, socket, std::os::unix::net::UnixStream);

impl UnixStream {
    /// Connects to the socket at a path. As long as the listener's queue is full it waits, as std's does.
    ///
    /// # Errors
    ///
    /// If nobody listens there; it names the path.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the attempt.
    #[track_caller]
    pub fn connect(path: impl AsRef<Path>) -> impl Future<Output = io::Result<UnixStream>> + Send {
        let (path, place) = (path.as_ref().to_owned(), Location::caller());
        async move {
            let dialed = async {
                let addr = SocketAddr::from_pathname(&path)?;
                UnixStream::dial(&addr, place).await
            };
            let dialed = dialed.await;
            dialed.map_err(|error| named("dial unix", path.display(), error))
        }
    }

    /// Connects to an address, which need not be a path.
    ///
    /// # Errors
    ///
    /// As [`connect`](UnixStream::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the attempt.
    #[track_caller]
    pub fn connect_addr(
        addr: &SocketAddr,
    ) -> impl Future<Output = io::Result<UnixStream>> + Send + use<> {
        let (addr, place) = (addr.clone(), Location::caller());
        async move { UnixStream::dial(&addr, place).await }
    }

    /// While the listener's queue is full, which nothing tells the end of, tries again after a while.
    async fn dial(addr: &SocketAddr, place: &'static Location<'static>) -> io::Result<UnixStream> {
        let mut pause = Pause::new();
        loop {
            match sockets::UnixStream::connect_addr(addr) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    pause.rest(place).await;
                }
                begun => return UnixStream::new(begun?)?.connected(place).await,
            }
        }
    }

    /// Waits until a connection that has been begun is made, or has failed.
    async fn connected(self, place: &'static Location<'static>) -> io::Result<Self> {
        let made = |io: &sockets::UnixStream| match io.take_error()? {
            Some(error) => Err(error),
            None => match io.peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    Err(io::ErrorKind::WouldBlock.into())
                }
                peer => peer.map(drop),
            },
        };
        let evented = self.socket.evented();
        evented.io_from(place, Direction::Write, made).await?;
        Ok(self)
    }

    /// Two ends of one connection.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (a, b) = sockets::UnixStream::pair()?;
        Ok((UnixStream::new(a)?, UnixStream::new(b)?))
    }

    pub(crate) fn new(stream: sockets::UnixStream) -> io::Result<UnixStream> {
        Ok(UnixStream {
            socket: Socket::new(stream, Interest::READABLE | Interest::WRITABLE)?,
        })
    }

    /// Takes a connection of std, which this makes non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the connection is closed then.
    pub fn from_std(stream: std::os::unix::net::UnixStream) -> io::Result<UnixStream> {
        stream.set_nonblocking(true)?;
        UnixStream::new(sockets::UnixStream::from_std(stream))
    }

    /// Gives the connection as one of std's, which stays non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the connection is closed then.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixStream> {
        self.socket.into_inner().map(Into::into)
    }

    /// Another handle of the same connection, which ends when the last one is dropped. Deadlines
    /// are each handle's own; `shutdown` and [`close`](UnixStream::close) end it for both.
    ///
    /// To share it among tasks no second handle is needed: all operations take `&self`, so an
    /// `Arc` does.
    ///
    /// # Errors
    ///
    /// If the system refuses; for one, when the process is out of descriptors.
    pub fn try_clone(&self) -> io::Result<UnixStream> {
        UnixStream::from_std(self.as_fd().try_clone_to_owned()?.into())
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

    buffers!();
}
