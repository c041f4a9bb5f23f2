//! Datagrams through a Unix socket.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::SocketAddr;
use std::panic::Location;
use std::path::Path;

use marmot_netpoll::{Direction, Interest, sockets};
use socket2::{SockAddr, SockRef};

use crate::op_error::named;
use crate::options::buffers;
use crate::socket::{Socket, deadlines, descriptor};
use crate::unix::pause::Pause;

/// A Unix socket for datagrams.
///
/// # Examples
///
/// ```
/// use marmot_net::UnixDatagram;
///
/// # marmot_wait::park::block_on(async {
/// let (a, b) = UnixDatagram::pair()?;
/// a.send(b"hello").await?;
/// let mut buf = [0; 16];
/// assert_eq!(b.recv(&mut buf).await?, 5);
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UnixDatagram {
    socket: Socket<sockets::UnixDatagram>,
}

descriptor!(UnixDatagram, socket, std::os::unix::net::UnixDatagram);

impl UnixDatagram {
    /// Binds to a path, at which there must be nothing yet.
    ///
    /// # Errors
    ///
    /// If the system refuses; it names the path.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        let path = path.as_ref();
        let bound = sockets::UnixDatagram::bind(path);
        let bound = bound.map_err(|error| named("listen unixgram", path.display(), error));
        UnixDatagram::new(bound?)
    }

    /// Binds to an address, which need not be a path.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(std::os::unix::net::UnixDatagram::bind_addr(addr)?)
    }

    /// A socket without an address.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::new(sockets::UnixDatagram::unbound()?)
    }

    /// Two sockets that are connected to each other.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (a, b) = sockets::UnixDatagram::pair()?;
        Ok((UnixDatagram::new(a)?, UnixDatagram::new(b)?))
    }

    fn new(socket: sockets::UnixDatagram) -> io::Result<UnixDatagram> {
        Ok(UnixDatagram {
            socket: Socket::new(socket, Interest::READABLE | Interest::WRITABLE)?,
        })
    }

    /// Takes a socket of std, which this makes non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the socket is closed then.
    pub fn from_std(socket: std::os::unix::net::UnixDatagram) -> io::Result<UnixDatagram> {
        socket.set_nonblocking(true)?;
        UnixDatagram::new(sockets::UnixDatagram::from_std(socket))
    }

    /// Gives the socket as one of std's, which stays non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the socket is closed then.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixDatagram> {
        self.socket.into_inner().map(Into::into)
    }

    /// Another handle of the same socket: options and its ends belong to both, deadlines and
    /// [`close`](UnixDatagram::close) to each.
    ///
    /// To share it among tasks no second handle is needed: all operations take `&self`, so an
    /// `Arc` does.
    ///
    /// # Errors
    ///
    /// If the system refuses; for one, when the process is out of descriptors.
    pub fn try_clone(&self) -> io::Result<UnixDatagram> {
        UnixDatagram::from_std(self.as_fd().try_clone_to_owned()?.into())
    }

    /// From now on sends to, and receives from, the socket at a path.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.socket.get().connect(path)
    }

    /// From now on sends to, and receives from, the socket at an address, which need not be a
    /// path.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn connect_addr(&self, addr: &SocketAddr) -> io::Result<()> {
        SockRef::from(self).connect(&system_addr(addr)?)
    }

    /// Sends a datagram to where the socket is connected.
    ///
    /// # Errors
    ///
    /// Those of the system; `TimedOut` when the deadline has passed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future that was not ready has sent nothing.
    #[track_caller]
    pub fn send<'a>(
        &'a self,
        buf: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        self.socket.writing(move |io| io.send(buf))
    }

    /// Receives a datagram. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn recv<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        self.socket.reading(move |io| io.recv(buf))
    }

    /// Sends a datagram to the socket at a path.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send).
    ///
    /// # Cancel safety
    ///
    /// A dropped future that was not ready has sent nothing.
    #[track_caller]
    pub fn send_to<'a, P: AsRef<Path> + Send + 'a>(
        &'a self,
        buf: &'a [u8],
        path: P,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let place = Location::caller();
        async move {
            let attempt = move |io: &sockets::UnixDatagram| io.send_to(buf, path.as_ref());
            self.send_patiently(place, attempt).await
        }
    }

    /// Sends to a socket that we are not connected to. If *its* queue is full no event tells when there
    /// is room (that each failed attempt frees what it had allocated makes one that means nothing), so
    /// we look again after a while.
    async fn send_patiently(
        &self,
        place: &'static Location<'static>,
        mut attempt: impl FnMut(&sockets::UnixDatagram) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut pause = Pause::new();
        loop {
            let once = |io: &sockets::UnixDatagram| match attempt(io) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
                sent => sent.map(Some),
            };
            let evented = self.socket.evented();
            if let Some(sent) = evented.io_from(place, Direction::Write, once).await? {
                return Ok(sent);
            }
            pause.rest(place).await;
        }
    }

    /// Sends a datagram to the socket at an address, which need not be a path.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send).
    ///
    /// # Cancel safety
    ///
    /// A dropped future that was not ready has sent nothing.
    #[track_caller]
    pub fn send_to_addr<'a>(
        &'a self,
        buf: &'a [u8],
        addr: &'a SocketAddr,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let (addr, place) = (system_addr(addr), Location::caller());
        async move {
            let addr = addr?;
            let attempt = |io: &sockets::UnixDatagram| SockRef::from(io).send_to(buf, &addr);
            self.send_patiently(place, attempt).await
        }
    }

    /// Receives a datagram, and tells from whom. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn recv_from<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'a {
        self.socket.reading(move |io| io.recv_from(buf))
    }

    /// Sends without waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send), and `WouldBlock`.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        let evented = self.socket.evented();
        evented.try_io(Direction::Write, |io| io.send(buf))
    }

    /// Receives without waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](UnixDatagram::send), and `WouldBlock`.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let evented = self.socket.evented();
        evented.try_io(Direction::Read, |io| io.recv(buf))
    }

    /// Ends one direction, or both.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.get().shutdown(how)
    }

    /// Ends all waits, and every later operation, with "use of closed network connection".
    /// The second time changes nothing, and gives `false`.
    pub fn close(&self) -> bool {
        self.socket.evented().close()
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().local_addr()
    }

    /// The address it is connected to.
    ///
    /// # Errors
    ///
    /// If it is not.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.get().peer_addr()
    }

    deadlines!();
    buffers!();
}

/// An address as the system's calls want it. std has none for them but its own.
fn system_addr(addr: &SocketAddr) -> io::Result<SockAddr> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(name) = abstract_name(addr) {
        return SockAddr::unix(name);
    }
    match addr.as_pathname() {
        Some(path) => SockAddr::unix(path),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the address is unnamed",
        )),
    }
}

/// The name as socket2 knows it: behind a zero byte.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn abstract_name(addr: &SocketAddr) -> Option<std::ffi::OsString> {
    #[cfg(target_os = "android")]
    use std::os::android::net::SocketAddrExt;
    #[cfg(target_os = "linux")]
    use std::os::linux::net::SocketAddrExt;
    use std::os::unix::ffi::OsStringExt;

    let name = addr.as_abstract_name()?;
    let bytes = [&[0], name].concat();
    Some(std::ffi::OsString::from_vec(bytes))
}
