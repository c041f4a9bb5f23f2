//! What can be registered with the poller, and its number in dumps.

/// A descriptor that the poller can watch.
///
/// Everything that mio can watch and that tells its number is one: its sockets and pipes.
pub trait Descriptor: mio::event::Source {
    /// The number that the system knows it by; dumps show it as the object waited for.
    fn number(&self) -> usize;
}

#[cfg(unix)]
impl<T: mio::event::Source + std::os::fd::AsRawFd> Descriptor for T {
    fn number(&self) -> usize {
        usize::try_from(self.as_raw_fd()).unwrap_or(0)
    }
}

#[cfg(windows)]
impl<T: mio::event::Source + std::os::windows::io::AsRawSocket> Descriptor for T {
    fn number(&self) -> usize {
        usize::try_from(self.as_raw_socket()).unwrap_or(0)
    }
}
