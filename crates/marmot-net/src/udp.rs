//! UDP.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::task::{Context, Poll};

use marmot_netpoll::{Direction, Interest, sockets};

use crate::addrs::ToSocketAddrs;
use crate::op_error::named;
use crate::options::{buffers, ttl};
use crate::resolve::resolve;
use crate::socket::{Socket, deadlines, descriptor};
use crate::tcp::no_address;

/// A UDP socket.
///
/// Any number of tasks may send and receive at once.
///
/// # Examples
///
/// ```
/// use marmot_net::UdpSocket;
///
/// # marmot_wait::park::block_on(async {
/// let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
/// a.send_to(b"hello", b.local_addr()?).await?;
/// let mut buf = [0; 16];
/// let (len, from) = b.recv_from(&mut buf).await?;
/// assert_eq!((&buf[..len], from), (&b"hello"[..], a.local_addr()?));
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket<sockets::UdpSocket>,
}

descriptor!(UdpSocket, socket, std::net::UdpSocket);

impl UdpSocket {
    /// Binds to the first of the addresses that works; port 0 is one that the system chooses.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names, or of looking up the name.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing bound.
    pub async fn bind(addrs: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        let mut failed = None;
        for addr in resolve(addrs.target()?).await? {
            match sockets::UdpSocket::bind(addr) {
                Ok(socket) => return UdpSocket::new(socket),
                Err(error) => failed = Some(named("listen udp", addr, error)),
            }
        }
        Err(failed.unwrap_or_else(no_address))
    }

    fn new(socket: sockets::UdpSocket) -> io::Result<UdpSocket> {
        Ok(UdpSocket {
            socket: Socket::new(socket, Interest::READABLE | Interest::WRITABLE)?,
        })
    }

    /// Takes a socket of std, which this makes non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the socket is closed then.
    pub fn from_std(socket: std::net::UdpSocket) -> io::Result<UdpSocket> {
        socket.set_nonblocking(true)?;
        UdpSocket::new(sockets::UdpSocket::from_std(socket))
    }

    /// Gives the socket as one of std's, which stays non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the socket is closed then.
    pub fn into_std(self) -> io::Result<std::net::UdpSocket> {
        self.socket.into_inner().map(Into::into)
    }

    /// Another handle of the same socket: options belong to both, deadlines and
    /// [`close`](UdpSocket::close) to each.
    ///
    /// To share it among tasks no second handle is needed: all operations take `&self`, so an
    /// `Arc` does.
    ///
    /// # Errors
    ///
    /// If the system refuses; for one, when the process is out of descriptors.
    pub fn try_clone(&self) -> io::Result<UdpSocket> {
        UdpSocket::from_std(socket2::SockRef::from(self).try_clone()?.into())
    }

    /// From now on sends to, and receives from, the first of the addresses that works.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names, or of looking up the name.
    ///
    /// # Cancel safety
    ///
    /// A dropped future may have connected.
    pub async fn connect(&self, addrs: impl ToSocketAddrs) -> io::Result<()> {
        let mut failed = None;
        for addr in resolve(addrs.target()?).await? {
            match self.socket.get().connect(addr) {
                Ok(()) => return Ok(()),
                Err(error) => failed = Some(named("dial udp", addr, error)),
            }
        }
        Err(failed.unwrap_or_else(no_address))
    }

    /// Sends a datagram to where the socket is [connected](UdpSocket::connect).
    ///
    /// # Errors
    ///
    /// Those of the system, one that an earlier datagram caused among them; `TimedOut` when
    /// the deadline has passed.
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

    /// Receives a datagram from where the socket is [connected](UdpSocket::connect). What
    /// does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
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

    /// Sends a datagram to the first of the addresses.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send), or of looking up the name.
    ///
    /// # Cancel safety
    ///
    /// A dropped future that was not ready has sent nothing.
    #[track_caller]
    pub fn send_to<'a, A: ToSocketAddrs>(
        &'a self,
        buf: &'a [u8],
        addrs: A,
    ) -> impl Future<Output = io::Result<usize>> + Send + use<'a, A> {
        let (target, place) = (addrs.target(), std::panic::Location::caller());
        async move {
            let addrs = resolve(target?).await?;
            let to = *addrs.first().ok_or_else(no_address)?;
            let evented = self.socket.evented();
            let send = move |io: &sockets::UdpSocket| io.send_to(buf, to);
            evented.io_from(place, Direction::Write, send).await
        }
    }

    /// Receives a datagram, and tells from whom. What does not fit into `buf` is lost.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
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

    /// As [`recv`](UdpSocket::recv), and leaves the datagram to be received again.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn peek<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        self.socket.reading(move |io| io.peek(buf))
    }

    /// As [`recv_from`](UdpSocket::recv_from), and leaves the datagram to be received again.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[track_caller]
    pub fn peek_from<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'a {
        self.socket.reading(move |io| io.peek_from(buf))
    }

    /// [`recv_from`](UdpSocket::recv_from) as a poll function. Of the tasks that wait through
    /// it, the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send).
    #[track_caller]
    pub fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.socket.poll_reading(cx, |io| io.recv_from(buf))
    }

    /// [`send`](UdpSocket::send) without waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send), and `WouldBlock`.
    pub fn try_send(&self, buf: &[u8]) -> io::Result<usize> {
        let evented = self.socket.evented();
        evented.try_io(Direction::Write, |io| io.send(buf))
    }

    /// [`recv`](UdpSocket::recv) without waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send), and `WouldBlock`.
    pub fn try_recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let evented = self.socket.evented();
        evented.try_io(Direction::Read, |io| io.recv(buf))
    }

    /// Sends without waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send), and `WouldBlock`.
    pub fn try_send_to(&self, buf: &[u8], to: SocketAddr) -> io::Result<usize> {
        let evented = self.socket.evented();
        evented.try_io(Direction::Write, |io| io.send_to(buf, to))
    }

    /// Receives without waiting.
    ///
    /// # Errors
    ///
    /// As [`send`](UdpSocket::send), and `WouldBlock`.
    pub fn try_recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let evented = self.socket.evented();
        evented.try_io(Direction::Read, |io| io.recv_from(buf))
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

    /// Says whether datagrams may go to all of a network.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_broadcast(&self, yes: bool) -> io::Result<()> {
        self.socket.get().set_broadcast(yes)
    }

    /// Whether datagrams may go to all of a network.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn broadcast(&self) -> io::Result<bool> {
        self.socket.get().broadcast()
    }

    /// Joins a group on the interface with this address.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn join_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get().join_multicast_v4(group, interface)
    }

    /// Leaves a group.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn leave_multicast_v4(&self, group: &Ipv4Addr, interface: &Ipv4Addr) -> io::Result<()> {
        self.socket.get().leave_multicast_v4(group, interface)
    }

    /// Joins a group on the interface with this number; 0 is any.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get().join_multicast_v6(group, interface)
    }

    /// Leaves a group.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.get().leave_multicast_v6(group, interface)
    }

    /// Says whether datagrams to an IPv4 group come back to this host.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_multicast_loop_v4(&self, yes: bool) -> io::Result<()> {
        self.socket.get().set_multicast_loop_v4(yes)
    }

    /// Whether datagrams to an IPv4 group come back to this host.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.socket.get().multicast_loop_v4()
    }

    /// Says whether datagrams to an IPv6 group come back to this host.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_multicast_loop_v6(&self, yes: bool) -> io::Result<()> {
        self.socket.get().set_multicast_loop_v6(yes)
    }

    /// Whether datagrams to an IPv6 group come back to this host.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.socket.get().multicast_loop_v6()
    }

    /// Sets the time to live of datagrams to IPv4 groups.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_multicast_ttl_v4(&self, ttl: u32) -> io::Result<()> {
        self.socket.get().set_multicast_ttl_v4(ttl)
    }

    /// The time to live of datagrams to IPv4 groups.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.socket.get().multicast_ttl_v4()
    }

    deadlines!();
    ttl!();
    buffers!();
}
