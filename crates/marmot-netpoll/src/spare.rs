//! Room for bytes that may be uninitialised, which the kernel fills.
//!
//! The traits of tokio and hyper hand out such room, so that nobody has to write zeros where a
//! read writes bytes a moment later. Here it can be given to the kernel and to nobody else, so what
//! is in it is never less initialised than before, and `count` is true.

use std::io;
use std::mem::MaybeUninit;
#[cfg(unix)]
use std::os::fd::AsFd;

#[cfg(unix)]
use rustix::net::RecvFlags;

/// How much a read through the stack brings at most, in bytes.
const CHUNK_BYTES: usize = 8 * 1024;

/// Room for bytes that may be uninitialised, which the kernel fills from the front.
///
/// # Examples
///
/// ```
/// # #[cfg(unix)] {
/// use std::io::Write;
/// use std::mem::MaybeUninit;
/// use std::os::unix::net::UnixStream;
/// use marmot_netpoll::Spare;
///
/// # fn main() -> std::io::Result<()> {
/// let (mut here, there) = UnixStream::pair()?;
/// here.write_all(b"abc")?;
/// let mut room = [MaybeUninit::uninit(); 8];
/// let mut spare = Spare::new(&mut room);
/// assert_eq!(spare.recv(&there)?, 3);
/// assert_eq!((spare.count(), spare.len()), (3, 8));
/// # Ok(()) }
/// # main().unwrap();
/// # }
/// ```
#[derive(Debug)]
pub struct Spare<'a> {
    room: &'a mut [MaybeUninit<u8>],
    filled: usize,
}

impl<'a> Spare<'a> {
    /// This room, with nothing in it.
    pub fn new(room: &'a mut [MaybeUninit<u8>]) -> Spare<'a> {
        Spare { room, filled: 0 }
    }

    /// How many bytes there is room for, filled or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.room.len()
    }

    /// Whether there is no room at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.room.is_empty()
    }

    /// How many bytes at the front the last read has filled: these are initialised.
    #[must_use]
    pub fn count(&self) -> usize {
        self.filled
    }

    /// Reads from a socket.
    ///
    /// # Errors
    ///
    /// Those of the system.
    #[cfg(unix)]
    pub fn recv(&mut self, socket: impl AsFd) -> io::Result<usize> {
        let ((got, _), _) = rustix::net::recv(socket, &mut *self.room, RecvFlags::empty())?;
        self.filled = got.len();
        Ok(self.filled)
    }

    /// Reads from a file or a pipe.
    ///
    /// # Errors
    ///
    /// Those of the system.
    #[cfg(unix)]
    pub fn read(&mut self, file: impl AsFd) -> io::Result<usize> {
        let (got, _) = rustix::io::read(file, &mut *self.room)?;
        self.filled = got.len();
        Ok(self.filled)
    }

    /// Reads by way of a buffer on the stack, where there is no better way.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    ///
    /// # Panics
    ///
    /// If it says that it has read more than there is room for.
    pub fn read_through(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let mut chunk = [0; CHUNK_BYTES];
        let room = self.room.len().min(CHUNK_BYTES);
        let got = read(&mut chunk[..room])?;
        for (place, byte) in self.room.iter_mut().zip(&chunk[..got]) {
            place.write(*byte);
        }
        self.filled = got;
        Ok(got)
    }
}

#[cfg(all(test, not(marmot_loom)))]
mod tests {
    use std::mem::MaybeUninit;

    use super::{CHUNK_BYTES, Spare};

    #[test]
    fn a_read_through_the_stack_takes_no_more_than_there_is_room_for() {
        for (room, most) in [(3, 3), (CHUNK_BYTES + 1, CHUNK_BYTES)] {
            let mut room = vec![MaybeUninit::uninit(); room];
            let mut spare = Spare::new(&mut room);
            let read = spare.read_through(|buf| {
                buf.fill(7);
                Ok(buf.len())
            });
            assert_eq!((read.ok(), spare.count()), (Some(most), most));
        }
    }

    #[cfg(unix)]
    #[test]
    fn each_read_says_how_much_it_has_filled() {
        use std::io::Write;
        use std::os::unix::net::UnixStream;

        let (mut into, pipe) = mio::unix::pipe::new().expect("a pipe");
        let (mut here, there) = UnixStream::pair().expect("a pair");
        let mut room = [MaybeUninit::uninit(); 8];
        let mut spare = Spare::new(&mut room);
        for round in 1..=3 {
            into.write_all(&b"abcdef"[..round]).expect("room");
            assert_eq!(spare.read(&pipe).expect("bytes"), round);
            assert_eq!(spare.count(), round);
            here.write_all(&b"abcdef"[..2 * round]).expect("room");
            assert_eq!(spare.recv(&there).expect("bytes"), 2 * round);
            assert_eq!(spare.count(), 2 * round);
        }
        assert_eq!(spare.len(), 8);
    }
}
