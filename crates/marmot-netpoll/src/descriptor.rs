//! What can be registered with the poller, and its number in dumps.

#[cfg(unix)]
use std::io;
#[cfg(unix)]
use std::os::fd::{AsRawFd, RawFd};

use mio::event::Source;
#[cfg(unix)]
use mio::{Interest, Registry, Token, unix::SourceFd};

/// A descriptor that the poller can watch.
///
/// Everything that mio can watch and that tells its number is one: its sockets and pipes.
pub trait Descriptor: Source {
    /// The number that the system knows it by; dumps show it as the object waited for.
    fn number(&self) -> usize;
}

#[cfg(unix)]
impl<T: Source + AsRawFd> Descriptor for T {
    fn number(&self) -> usize {
        usize::try_from(self.as_raw_fd()).unwrap_or(0)
    }
}

/// Any descriptor that the system's poller takes, made one of ours.
///
/// # Examples
///
/// ```
/// use marmot_netpoll::{Any, Evented, Interest};
///
/// # fn main() -> std::io::Result<()> {
/// let (reader, _writer) = std::io::pipe()?;
/// let reader = Evented::new(Any(reader), Interest::READABLE)?;
/// # drop(reader); Ok(()) }
/// ```
#[cfg(unix)]
#[derive(Debug)]
pub struct Any<T>(pub T);

#[cfg(unix)]
impl<T: AsRawFd> AsRawFd for Any<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[cfg(unix)]
impl<T: AsRawFd> Source for Any<T> {
    fn register(&mut self, with: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).register(with, token, interest)
    }

    fn reregister(&mut self, with: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).reregister(with, token, interest)
    }

    fn deregister(&mut self, with: &Registry) -> io::Result<()> {
        SourceFd(&self.as_raw_fd()).deregister(with)
    }
}

#[cfg(windows)]
impl<T: Source + std::os::windows::io::AsRawSocket> Descriptor for T {
    fn number(&self) -> usize {
        usize::try_from(self.as_raw_socket()).unwrap_or(0)
    }
}
