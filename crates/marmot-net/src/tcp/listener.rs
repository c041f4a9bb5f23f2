//! A TCP socket that takes connections.

use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::panic::Location;
use std::task::{Context, Poll};

use marmot_netpoll::sockets;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::addrs::ToSocketAddrs;
use crate::listener::{Incoming, Listener};
use crate::op_error::named;
use crate::resolve::resolve;
use crate::socket::descriptor;
use crate::tcp::TcpStream;

/// How many connections may wait to be accepted; the system lowers it to its own limit (4096
/// on Linux, which Go reads and uses).
const BACKLOG: i32 = 4096;

/// How a [`TcpListener`] is made.
///
/// # Examples
///
/// ```
/// use marmot_net::ListenConfig;
///
/// # marmot_wait::park::block_on(async {
/// let listener = ListenConfig::new().backlog(16).bind("127.0.0.1:0").await?;
/// assert!(listener.local_addr()?.port() > 0);
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ListenConfig {
    backlog: i32,
    reuse_address: bool,
    reuse_port: bool,
    only_v6: Option<bool>,
    nodelay: bool,
}

impl Default for ListenConfig {
    fn default() -> Self {
        ListenConfig::new()
    }
}

impl ListenConfig {
    /// Addresses are reused on Unix as std does it; connections do not delay small packets
    /// (`TCP_NODELAY`), as in Go.
    pub fn new() -> ListenConfig {
        ListenConfig {
            backlog: BACKLOG,
            reuse_address: cfg!(unix),
            reuse_port: false,
            only_v6: None,
            nodelay: true,
        }
    }

    /// How many connections may wait to be accepted.
    pub fn backlog(mut self, connections: u32) -> ListenConfig {
        self.backlog = i32::try_from(connections).unwrap_or(i32::MAX);
        self
    }

    /// Whether an address may be bound again while old connections of it linger.
    pub fn reuse_address(mut self, yes: bool) -> ListenConfig {
        self.reuse_address = yes;
        self
    }

    /// Whether several listeners may share the address (`SO_REUSEPORT`; Unix only).
    pub fn reuse_port(mut self, yes: bool) -> ListenConfig {
        self.reuse_port = yes;
        self
    }

    /// Whether a listener on an IPv6 address takes IPv6 only; else the system decides.
    pub fn only_v6(mut self, yes: bool) -> ListenConfig {
        self.only_v6 = Some(yes);
        self
    }

    /// Whether accepted connections send small packets at once (`TCP_NODELAY`).
    pub fn nodelay(mut self, yes: bool) -> ListenConfig {
        self.nodelay = yes;
        self
    }

    /// Binds to the first of the addresses that works.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names, or of looking up the name.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing bound.
    pub async fn bind(&self, addrs: impl ToSocketAddrs) -> io::Result<TcpListener> {
        let mut failed = None;
        for addr in resolve(addrs.target()?).await? {
            match self.bind_one(addr) {
                Ok(listener) => return Ok(listener),
                Err(error) => failed = Some(named("listen tcp", addr, error)),
            }
        }
        Err(failed.unwrap_or_else(no_address))
    }

    fn bind_one(&self, addr: SocketAddr) -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(self.reuse_address)?;
        #[cfg(unix)]
        socket.set_reuse_port(self.reuse_port)?;
        if let Some(only) = self.only_v6.filter(|_| addr.is_ipv6()) {
            socket.set_only_v6(only)?;
        }
        // Connections inherit it on Linux; elsewhere they are told one by one.
        socket.set_tcp_nodelay(self.nodelay)?;
        socket.bind(&addr.into())?;
        socket.listen(self.backlog)?;
        let mut listener = TcpListener::from_std(socket.into())?;
        listener.nodelay = self.nodelay && !cfg!(any(target_os = "linux", target_os = "android"));
        Ok(listener)
    }
}

pub(crate) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "no address to use")
}

/// A TCP socket that takes connections.
///
/// Any number of goroutines may [`accept`](TcpListener::accept) at once. They stand in a line, and
/// a connection wakes one of them.
///
/// # Examples
///
/// ```no_run
/// use marmot_net::TcpListener;
///
/// # async fn serve() -> std::io::Result<()> {
/// let listener = TcpListener::bind("localhost:8080").await?;
/// loop {
///     let (stream, peer) = listener.accept().await?;
///     println!("{peer} is here");
///     # drop(stream);
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct TcpListener {
    listener: Listener<sockets::TcpListener>,
    /// Whether accepted connections must be told not to delay.
    nodelay: bool,
}

impl TcpListener {
    /// Binds to the first of the addresses that works; port 0 is one that the system chooses.
    ///
    /// # Errors
    ///
    /// That of the last address, which it names, or of looking up the name.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing bound.
    pub async fn bind(addrs: impl ToSocketAddrs) -> io::Result<TcpListener> {
        ListenConfig::new().bind(addrs).await
    }

    /// Takes a listener of std, which this makes non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the listener is closed then.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        Ok(TcpListener {
            listener: Listener::new(sockets::TcpListener::from_std(listener))?,
            nodelay: false,
        })
    }

    /// Gives the listener as one of std's, which stays non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the listener is closed then.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        self.listener.socket.into_inner().map(Into::into)
    }

    /// Another handle of the same listener: each connection comes to one of them. Deadlines are
    /// each handle's own; [`close`](TcpListener::close) ends the listening of both.
    ///
    /// To share it among tasks no second handle is needed: all operations take `&self`, so an
    /// `Arc` does.
    ///
    /// # Errors
    ///
    /// If the system refuses; for one, when the process is out of descriptors.
    pub fn try_clone(&self) -> io::Result<TcpListener> {
        let socket = SockRef::from(self).try_clone()?;
        let mut listener = TcpListener::from_std(socket.into())?;
        listener.nodelay = self.nodelay;
        Ok(listener)
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// "use of closed network connection" (`NotConnected`) once it was
    /// [closed](TcpListener::close); otherwise those of the system, after which one may go on.
    /// When the process is out of descriptors the error comes after a rest of 5 ms, which
    /// doubles up to a second as long as that lasts: a loop that goes on burns no processor.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send + '_ {
        self.accept_from(Location::caller())
    }

    async fn accept_from(
        &self,
        place: &'static Location<'static>,
    ) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.listener.accept(place).await?;
        self.welcome(stream, peer)
    }

    /// The connections as a stream, as std's iterator: [`accept`](TcpListener::accept) again and
    /// again. It ends when the listener is [closed](TcpListener::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream, or a future of its next item, loses no connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt;
    /// use marmot_net::{TcpListener, TcpStream};
    ///
    /// # marmot_wait::park::block_on(async {
    /// let listener = TcpListener::bind("127.0.0.1:0").await?;
    /// let client = TcpStream::connect(listener.local_addr()?).await?;
    /// let mut incoming = listener.incoming();
    /// while let Some(stream) = incoming.next().await {
    ///     assert_eq!(stream?.peer_addr()?, client.local_addr()?);
    ///     listener.close();
    /// }
    /// # Ok::<(), std::io::Error>(()) })?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn incoming(&self) -> Incoming<'_, TcpStream> {
        let place = Location::caller();
        Incoming::new(move || async move {
            match self.accept_from(place).await {
                Err(_) if self.listener.socket.evented().is_closed() => None,
                accepted => Some(accepted.map(|(stream, _)| stream)),
            }
        })
    }

    /// [`accept`](TcpListener::accept) as a poll function; it does not rest after an error.
    /// Of the tasks that wait through it, the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](TcpListener::accept).
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let accepted = self.listener.poll_accept(cx)?;
        accepted.map(|(stream, peer)| self.welcome(stream, peer))
    }

    fn welcome(
        &self,
        stream: sockets::TcpStream,
        peer: SocketAddr,
    ) -> io::Result<(TcpStream, SocketAddr)> {
        let stream = TcpStream::new(stream)?;
        if self.nodelay {
            stream.set_nodelay(true)?;
        }
        Ok((stream, peer))
    }

    /// Takes no more connections: an `accept` that waits, and every later one, fails, and the
    /// system refuses those who try to connect. Those accepted before go on.
    ///
    /// The second time changes nothing, and gives `false`. The port is free again when the
    /// listener is dropped.
    pub fn close(&self) -> bool {
        let first = self.listener.socket.evented().close();
        // On Linux this ends listening; elsewhere dropping does.
        let _unsupported = SockRef::from(self).shutdown(Shutdown::Both);
        first
    }

    /// Whether it was [closed](TcpListener::close).
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.listener.socket.evented().is_closed()
    }

    /// Sets the deadline of `accept`, also of one that already waits; `None` is never.
    pub fn set_deadline(&self, at: impl Into<Option<std::time::Instant>>) {
        let socket = &self.listener.socket;
        socket.set_deadline(marmot_netpoll::Direction::Read, at.into());
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.socket.get().local_addr()
    }

    /// Sets the time to live (the hop limit) of packets sent.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn set_ttl(&self, ttl: u32) -> io::Result<()> {
        self.listener.socket.get().set_ttl(ttl)
    }

    /// The time to live (the hop limit) of packets sent.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn ttl(&self) -> io::Result<u32> {
        self.listener.socket.get().ttl()
    }

    /// The pending error of the socket, which this takes away.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.listener.socket.get().take_error()
    }
}

descriptor!(TcpListener, listener.socket, std::net::TcpListener);
