//! A Unix socket that takes connections.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::SocketAddr;
use std::panic::Location;
use std::path::Path;
use std::task::{Context, Poll};

use marmot_netpoll::{Direction, sockets};
use socket2::SockRef;

use crate::listener::{Incoming, Listener};
use crate::op_error::named;
use crate::socket::descriptor;
use crate::unix::UnixStream;

/// A Unix socket that takes connections.
///
/// The file at its path stays when it is dropped, as with std's.
#[derive(Debug)]
pub struct UnixListener {
    listener: Listener<sockets::UnixListener>,
}

descriptor!(
    UnixListener,
    listener.socket,
    std::os::unix::net::UnixListener
);

impl UnixListener {
    /// Binds to a path, at which there must be nothing yet.
    ///
    /// # Errors
    ///
    /// If the system refuses; it names the path.
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        let path = path.as_ref();
        let bound = sockets::UnixListener::bind(path);
        let bound = bound.map_err(|error| named("listen unix", path.display(), error));
        UnixListener::new(bound?)
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

    /// Another handle of the same listener: each connection comes to one of them. Deadlines are
    /// each handle's own; [`close`](UnixListener::close) ends the listening of both.
    ///
    /// To share it among tasks no second handle is needed: all operations take `&self`, so an
    /// `Arc` does.
    ///
    /// # Errors
    ///
    /// If the system refuses; for one, when the process is out of descriptors.
    pub fn try_clone(&self) -> io::Result<UnixListener> {
        UnixListener::from_std(self.as_fd().try_clone_to_owned()?.into())
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
        self.accept_from(Location::caller())
    }

    async fn accept_from(
        &self,
        place: &'static Location<'static>,
    ) -> io::Result<(UnixStream, SocketAddr)> {
        let (stream, peer) = self.listener.accept(place).await?;
        Ok((UnixStream::new(stream)?, peer))
    }

    /// The connections as a stream, as std's iterator: [`accept`](UnixListener::accept) again and
    /// again. It ends when the listener is [closed](UnixListener::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the stream, or a future of its next item, loses no connection.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::StreamExt;
    /// use marmot_net::{UnixListener, UnixStream};
    ///
    /// # async fn serve(listener: UnixListener) -> std::io::Result<()> {
    /// let mut incoming = listener.incoming();
    /// while let Some(stream) = incoming.next().await {
    ///     stream?.write_all(b"hello").await?;
    /// }
    /// # Ok(()) }
    /// ```
    #[track_caller]
    pub fn incoming(&self) -> Incoming<'_, UnixStream> {
        let place = Location::caller();
        Incoming::new(move || async move {
            match self.accept_from(place).await {
                Err(_) if self.listener.socket.evented().is_closed() => None,
                accepted => Some(accepted.map(|(stream, _)| stream)),
            }
        })
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
