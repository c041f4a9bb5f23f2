//! A Unix socket that takes connections.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::task::{Context, Poll};

use marmot_netpoll::{Direction, sockets};
use socket2::SockRef;

use crate::listener::Listener;
use crate::socket::descriptor;
use crate::unix::UnixStream;

/// A Unix socket that takes connections.
///
/// The file at its path stays when it is dropped, as with std's.
#[derive(Debug)]
pub struct UnixListener {
    listener: Listener<sockets::UnixListener>,
}

descriptor!(UnixListener, listener.socket);

impl UnixListener {
    /// Binds to a path, at which there must be nothing yet.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::new(sockets::UnixListener::bind(path)?)
    }

    /// Binds to an address, which need not be a path.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::new(sockets::UnixListener::bind_addr(addr)?)
    }

    fn new(listener: sockets::UnixListener) -> io::Result<UnixListener> {
        Ok(UnixListener {
            listener: Listener::new(listener)?,
        })
    }

    /// Takes a listener of std, which this makes non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the listener is closed then.
    pub fn from_std(listener: std::os::unix::net::UnixListener) -> io::Result<UnixListener> {
        listener.set_nonblocking(true)?;
        UnixListener::new(sockets::UnixListener::from_std(listener))
    }

    /// Gives the listener as one of std's, which stays non-blocking.
    ///
    /// # Errors
    ///
    /// If the system refuses; the listener is closed then.
    pub fn into_std(self) -> io::Result<std::os::unix::net::UnixListener> {
        self.listener.socket.into_inner().map(Into::into)
    }

    /// Waits for the next connection.
    ///
    /// # Errors
    ///
    /// As [`TcpListener::accept`](crate::TcpListener::accept).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(UnixStream, SocketAddr)>> + Send + '_ {
        let accepted = self.listener.accept();
        async move {
            let (stream, peer) = accepted.await?;
            Ok((UnixStream::new(stream)?, peer))
        }
    }

    /// [`accept`](UnixListener::accept) as a poll function; it does not rest after an error.
    /// Of the tasks that wait through it, the last one is woken.
    ///
    /// # Errors
    ///
    /// As [`accept`](UnixListener::accept).
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(UnixStream, SocketAddr)>> {
        let accepted = self.listener.poll_accept(cx)?;
        accepted.map(|(stream, peer)| Ok((UnixStream::new(stream)?, peer)))
    }

    /// Takes no more connections: an `accept` that waits, and every later one, fails. The
    /// second time changes nothing, and gives `false`.
    pub fn close(&self) -> bool {
        let first = self.listener.socket.evented().close();
        // On Linux this ends listening; elsewhere dropping does.
        let _unsupported = SockRef::from(self).shutdown(Shutdown::Both);
        first
    }

    /// Sets the deadline of `accept`, also of one that already waits; `None` is never.
    pub fn set_deadline(&self, at: impl Into<Option<std::time::Instant>>) {
        self.listener
            .socket
            .set_deadline(Direction::Read, at.into());
    }

    /// The address it is bound to.
    ///
    /// # Errors
    ///
    /// If the system refuses.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.socket.get().local_addr()
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
