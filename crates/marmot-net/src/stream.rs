//! Reading and writing a connection: the same for TCP and Unix.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read};
use std::net::Shutdown;
use std::ops::{Deref, Range};
use std::panic::Location;
use std::task::{Context, Poll};

use marmot_netpoll::{Descriptor, Direction, Spare, sockets};

use crate::socket::Socket;

/// A descriptor through which bytes go both ways.
pub(crate) trait Bytes: Descriptor + Send + Sync + 'static {
    /// Whether a read that stopped short has taken all there was. It has not where it stops
    /// behind bytes that came with descriptors, whatever follows them; and no event tells of these.
    const SHORT_TAKES_ALL: bool;

    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn fill(&self, spare: &mut Spare<'_>) -> io::Result<usize>;
    fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize>;
    fn write(&self, buf: &[u8]) -> io::Result<usize>;
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

macro_rules! bytes {
    ($name:ty, SHORT_TAKES_ALL = $all:literal) => {
        impl Bytes for $name {
            const SHORT_TAKES_ALL: bool = $all;

            #[inline]
            fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
                calls::read(self, buf)
            }
            #[inline]
            fn fill(&self, spare: &mut Spare<'_>) -> io::Result<usize> {
                calls::fill(self, spare)
            }
            fn read_vectored(&self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                let mut io = self;
                Read::read_vectored(&mut io, bufs)
            }
            #[inline]
            fn write(&self, buf: &[u8]) -> io::Result<usize> {
                calls::write(self, buf)
            }
            fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                calls::write_vectored(self, bufs)
            }
            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                <$name>::shutdown(self, how)
            }
        }
    };
}
bytes!(sockets::TcpStream, SHORT_TAKES_ALL = true);
#[cfg(unix)]
bytes!(sockets::UnixStream, SHORT_TAKES_ALL = false);

#[cfg(any(target_os = "linux", target_os = "android"))]
mod calls {
    //! The calls that requests are made of, straight to the kernel: libc's are points at which a
    //! thread may be cancelled, and say so before and after with two locked instructions each.

    use std::io::{self, IoSlice};
    use std::os::fd::AsFd;

    use marmot_netpoll::Spare;
    use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};

    #[inline]
    pub(super) fn read(io: &impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
        let (got, _) = recv(io, buf, RecvFlags::empty())?;
        Ok(got)
    }

    #[inline]
    pub(super) fn fill(io: &impl AsFd, spare: &mut Spare<'_>) -> io::Result<usize> {
        spare.recv(io)
    }

    /// The other side may have gone: that is an error, and no signal.
    #[inline]
    pub(super) fn write(io: &impl AsFd, buf: &[u8]) -> io::Result<usize> {
        Ok(send(io, buf, SendFlags::NOSIGNAL)?)
    }

    /// As [`write`]: `writev` could not say that it wants no signal.
    pub(super) fn write_vectored(io: &impl AsFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut nothing = SendAncillaryBuffer::default();
        Ok(sendmsg(io, bufs, &mut nothing, SendFlags::NOSIGNAL)?)
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod calls {
    //! The same through mio, which on some systems has to know of each.

    use std::io::{self, IoSlice, Read, Write};

    use marmot_netpoll::Spare;

    pub(super) fn read<T>(io: &T, buf: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        let mut io = io;
        io.read(buf)
    }

    pub(super) fn fill<T>(io: &T, spare: &mut Spare<'_>) -> io::Result<usize>
    where
        for<'a> &'a T: Read,
    {
        let mut io = io;
        spare.read_through(|buf| io.read(buf))
    }

    pub(super) fn write<T>(io: &T, buf: &[u8]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        let mut io = io;
        io.write(buf)
    }

    pub(super) fn write_vectored<T>(io: &T, bufs: &[IoSlice<'_>]) -> io::Result<usize>
    where
        for<'a> &'a T: Write,
    {
        let mut io = io;
        io.write_vectored(bufs)
    }
}

/// A call of the system takes no more buffers than this (`IOV_MAX` on Linux and most others).
const MOST_BUFFERS: usize = 1024;

/// Which of many buffers are offered to one call: as many as it takes, since that it moves less than
/// it was offered means that it would block; and not only empty ones, since zero means the end.
fn offered<B: Deref<Target = [u8]>>(bufs: &[B]) -> Range<usize> {
    let full = bufs.iter().position(|buf| !buf.is_empty());
    let first = full.unwrap_or(bufs.len());
    first..bufs.len().min(first.saturating_add(MOST_BUFFERS))
}

/// How much is read at once by who reads to the end, in bytes: as much as there is room for in what it
/// is added to, which doubles, but at least and at most so much.
const SMALLEST_PIECE: usize = 4 * 1024;
const LARGEST_PIECE: usize = 64 * 1024;

fn not_text() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "what came is not UTF-8")
}

/// An empty buffer is done at once everywhere: nothing has to be ready for it.
impl<T: Bytes> Socket<T> {
    #[inline]
    fn read_some(&self, io: &T, buf: &mut [u8]) -> io::Result<usize> {
        self.read_with(io, buf.len(), |io| io.read(buf))
    }

    #[inline]
    fn fill_some(&self, io: &T, spare: &mut Spare<'_>) -> io::Result<usize> {
        self.read_with(io, spare.len(), |io| io.fill(spare))
    }

    #[inline]
    fn read_with(
        &self,
        io: &T,
        len: usize,
        read: impl FnOnce(&T) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let read = if T::SHORT_TAKES_ALL {
            self.evented().try_some(Direction::Read, len, read)
        } else {
            read(io)
        };
        self.not_our_end(read)
    }

    /// An end that our own `close` has made is none: the next look tells of the closing.
    #[inline]
    pub(crate) fn not_our_end(&self, read: io::Result<usize>) -> io::Result<usize> {
        if matches!(read, Ok(0)) && self.evented().is_closed() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        read
    }

    #[inline]
    fn write_some(&self, io: &T, buf: &[u8]) -> io::Result<usize> {
        self.evented()
            .try_some(Direction::Write, buf.len(), |_| io.write(buf))
    }

    fn read_some_vectored(&self, io: &T, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let offered = offered(bufs);
        let bufs = &mut bufs[offered];
        let len = bufs.iter().map(|buf| buf.len()).sum();
        self.read_with(io, len, |io| io.read_vectored(bufs))
    }

    fn write_some_vectored(&self, io: &T, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let bufs = &bufs[offered(bufs)];
        let len = bufs.iter().map(|buf| buf.len()).sum();
        self.evented()
            .try_some(Direction::Write, len, |_| io.write_vectored(bufs))
    }

    #[track_caller]
    #[inline]
    pub(crate) fn read<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let place = Location::caller();
        async move {
            if buf.is_empty() {
                return Ok(0);
            }
            let attempt = |io: &T| self.read_some(io, buf);
            self.evented()
                .io_from(place, Direction::Read, attempt)
                .await
        }
    }

    #[track_caller]
    pub(crate) fn read_vectored<'a>(
        &'a self,
        bufs: &'a mut [IoSliceMut<'_>],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let place = Location::caller();
        async move {
            if bufs.iter().all(|buf| buf.is_empty()) {
                return Ok(0);
            }
            let attempt = |io: &T| self.read_some_vectored(io, bufs);
            self.evented()
                .io_from(place, Direction::Read, attempt)
                .await
        }
    }

    /// How much it has got is in the attempt, which is made again after a wait.
    #[track_caller]
    pub(crate) fn read_exact<'a>(
        &'a self,
        buf: &'a mut [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + 'a {
        let place = Location::caller();
        async move {
            if buf.is_empty() {
                return Ok(());
            }
            let mut got = 0;
            let attempt = |io: &T| {
                while got < buf.len() {
                    match self.read_some(io, &mut buf[got..])? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        some => got += some,
                    }
                }
                Ok(())
            };
            self.evented()
                .io_from(place, Direction::Read, attempt)
                .await
        }
    }

    #[track_caller]
    pub(crate) fn read_to_end<'a>(
        &'a self,
        bytes: &'a mut Vec<u8>,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        self.to_end(bytes, Location::caller())
    }

    /// How many bytes it added.
    async fn to_end(
        &self,
        bytes: &mut Vec<u8>,
        place: &'static Location<'static>,
    ) -> io::Result<usize> {
        let before = bytes.len();
        loop {
            let attempt = |io: &T| self.read_more(io, bytes);
            let read = self.evented().io_from(place, Direction::Read, attempt);
            if read.await? == 0 {
                return Ok(bytes.len() - before);
            }
        }
    }

    /// Adds what there is, up to the room that there is or a piece.
    fn read_more(&self, io: &T, bytes: &mut Vec<u8>) -> io::Result<usize> {
        let before = bytes.len();
        let room = (bytes.capacity() - before).clamp(SMALLEST_PIECE, LARGEST_PIECE);
        bytes.resize(before + room, 0);
        let read = self.read_some(io, &mut bytes[before..]);
        // Nobody sees the zeros, not even who drops the future.
        bytes.truncate(before + *read.as_ref().unwrap_or(&0));
        read
    }

    #[track_caller]
    pub(crate) fn read_to_string<'a>(
        &'a self,
        text: &'a mut String,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let mut bytes = Vec::new();
        let place = Location::caller();
        async move {
            self.to_end(&mut bytes, place).await?;
            let read = std::str::from_utf8(&bytes).map_err(|_| not_text())?;
            text.push_str(read);
            Ok(bytes.len())
        }
    }

    #[track_caller]
    #[inline]
    pub(crate) fn write<'a>(
        &'a self,
        buf: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let place = Location::caller();
        async move {
            if buf.is_empty() {
                return Ok(0);
            }
            let attempt = |io: &T| self.write_some(io, buf);
            self.evented()
                .io_from(place, Direction::Write, attempt)
                .await
        }
    }

    #[track_caller]
    pub(crate) fn write_vectored<'a>(
        &'a self,
        bufs: &'a [IoSlice<'_>],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let place = Location::caller();
        async move {
            if bufs.iter().all(|buf| buf.is_empty()) {
                return Ok(0);
            }
            let attempt = |io: &T| self.write_some_vectored(io, bufs);
            self.evented()
                .io_from(place, Direction::Write, attempt)
                .await
        }
    }

    #[track_caller]
    #[inline]
    pub(crate) fn write_all<'a>(
        &'a self,
        buf: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + 'a {
        let place = Location::caller();
        async move {
            if buf.is_empty() {
                return Ok(());
            }
            let mut put = 0;
            let attempt = |io: &T| {
                while put < buf.len() {
                    match self.write_some(io, &buf[put..])? {
                        0 => return Err(io::ErrorKind::WriteZero.into()),
                        some => put += some,
                    }
                }
                Ok(())
            };
            self.evented()
                .io_from(place, Direction::Write, attempt)
                .await
        }
    }

    #[track_caller]
    pub(crate) fn ready(
        &self,
        direction: Direction,
    ) -> impl Future<Output = io::Result<()>> + Send + '_ {
        let place = Location::caller();
        self.evented().io_from(place, direction, |_| Ok(()))
    }

    pub(crate) fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.evented()
            .try_io(Direction::Read, |io| self.read_some(io, buf))
    }

    pub(crate) fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        self.evented()
            .try_io(Direction::Write, |io| self.write_some(io, buf))
    }

    #[track_caller]
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.evented()
            .poll_io(Direction::Read, cx, |io| self.read_some(io, buf))
    }

    #[track_caller]
    pub(crate) fn poll_fill(
        &self,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<()>> {
        if spare.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let read = self
            .evented()
            .poll_io(Direction::Read, cx, |io| self.fill_some(io, spare));
        read.map_ok(drop)
    }

    #[track_caller]
    pub(crate) fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.evented()
            .poll_io(Direction::Read, cx, |io| self.read_some_vectored(io, bufs))
    }

    #[track_caller]
    pub(crate) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.evented()
            .poll_io(Direction::Write, cx, |io| self.write_some(io, buf))
    }

    #[track_caller]
    pub(crate) fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if bufs.iter().all(|buf| buf.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        self.evented().poll_io(Direction::Write, cx, |io| {
            self.write_some_vectored(io, bufs)
        })
    }

    /// Shuts down; that the other side has gone before is no error.
    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self.get().shutdown(how) {
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            done => done,
        }
    }

    pub(crate) fn close(&self) -> bool {
        let first = self.evented().close();
        // Nobody waits any more; whether the other side is still there is all the same.
        let _gone = self.get().shutdown(Shutdown::Both);
        first
    }
}

/// Gives a connection its methods and futures' traits.
macro_rules! stream {
    ($name:ident) => {
        impl $name {
            /// Reads what there is, up to the length of `buf`, waiting until there is
            /// something; zero means that the other side will send no more.
            ///
            /// # Errors
            ///
            /// Those of the connection; `TimedOut` when the deadline has passed.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            #[track_caller]
            #[inline]
            pub fn read<'a>(
                &'a self,
                buf: &'a mut [u8],
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                self.socket.read(buf)
            }

            /// As [`read`](Self::read), into several buffers one after another.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read).
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            #[track_caller]
            pub fn read_vectored<'a>(
                &'a self,
                bufs: &'a mut [IoSliceMut<'_>],
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                self.socket.read_vectored(bufs)
            }

            /// Reads until `buf` is full.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read); `UnexpectedEof` if the other side ends before.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses what it has read.
            #[track_caller]
            pub fn read_exact<'a>(
                &'a self,
                buf: &'a mut [u8],
            ) -> impl Future<Output = io::Result<()>> + Send + 'a {
                self.socket.read_exact(buf)
            }

            /// Reads until the other side will send no more, and adds it to `bytes`; gives how many.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read); what came before is in `bytes`.
            ///
            /// # Cancel safety
            ///
            /// Of a dropped future, what it has read is in `bytes`.
            #[track_caller]
            pub fn read_to_end<'a>(
                &'a self,
                bytes: &'a mut Vec<u8>,
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                self.socket.read_to_end(bytes)
            }

            /// Reads UTF-8 until the other side will send no more, and adds it to `text`; gives
            /// how many bytes.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read); `InvalidData` if it is not UTF-8. Nothing is added then.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses what it has read.
            #[track_caller]
            pub fn read_to_string<'a>(
                &'a self,
                text: &'a mut String,
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                self.socket.read_to_string(text)
            }

            /// Writes as much as there is room for, waiting until there is some.
            ///
            /// # Errors
            ///
            /// Those of the connection; `TimedOut` when the deadline has passed.
            ///
            /// # Cancel safety
            ///
            /// A dropped future that was not ready has written nothing.
            #[track_caller]
            #[inline]
            pub fn write<'a>(
                &'a self,
                buf: &'a [u8],
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                self.socket.write(buf)
            }

            /// As [`write`](Self::write), from several buffers one after another.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// A dropped future that was not ready has written nothing.
            #[track_caller]
            pub fn write_vectored<'a>(
                &'a self,
                bufs: &'a [IoSlice<'_>],
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                self.socket.write_vectored(bufs)
            }

            /// Writes all of `buf`.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write).
            ///
            /// # Cancel safety
            ///
            /// Of a dropped future nobody knows how much it has written.
            #[track_caller]
            #[inline]
            pub fn write_all<'a>(
                &'a self,
                buf: &'a [u8],
            ) -> impl Future<Output = io::Result<()>> + Send + 'a {
                self.socket.write_all(buf)
            }

            /// Reads without waiting.
            ///
            /// # Errors
            ///
            /// As [`read`](Self::read), and `WouldBlock`.
            pub fn try_read(&self, buf: &mut [u8]) -> io::Result<usize> {
                self.socket.try_read(buf)
            }

            /// Writes without waiting.
            ///
            /// # Errors
            ///
            /// As [`write`](Self::write), and `WouldBlock`.
            pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
                self.socket.try_write(buf)
            }

            /// Waits until a [`try_read`](Self::try_read) may succeed; it may be wrong, and
            /// is not twice in a row.
            ///
            /// # Errors
            ///
            /// `TimedOut` when the deadline has passed.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            #[track_caller]
            pub fn readable(&self) -> impl Future<Output = io::Result<()>> + Send + '_ {
                self.socket.ready(Direction::Read)
            }

            /// Waits until a [`try_write`](Self::try_write) may succeed; it may be wrong, and
            /// is not twice in a row.
            ///
            /// # Errors
            ///
            /// `TimedOut` when the deadline has passed.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            #[track_caller]
            pub fn writable(&self) -> impl Future<Output = io::Result<()>> + Send + '_ {
                self.socket.ready(Direction::Write)
            }

            /// Ends one direction, or both, of the connection.
            ///
            /// # Errors
            ///
            /// If the system refuses. A connection that has ended already is no error.
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.socket.shutdown(how)
            }

            /// Ends the connection for all who use it: reads and writes that wait, and later
            /// ones, fail with "use of closed network connection". Go: `Conn.Close`.
            ///
            /// The second time changes nothing, and gives `false`. The descriptor goes when
            /// the stream is dropped.
            pub fn close(&self) -> bool {
                self.socket.close()
            }

            /// Borrows the two directions as values of their own.
            pub fn split(&self) -> (ReadHalf<'_, $name>, WriteHalf<'_, $name>) {
                split::borrowed(self)
            }

            /// Splits into two values that may go to different tasks. Dropping the
            /// [`OwnedWriteHalf`] tells the other side that there will be no more.
            #[must_use]
            pub fn into_split(self) -> (OwnedReadHalf<$name>, OwnedWriteHalf<$name>) {
                split::owned(self)
            }

            deadlines!();
        }

        impl split::Conn for $name {
            fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.socket.shutdown(how)
            }
        }

        $crate::stream::traits!($name, &$name);
    };
}
pub(crate) use stream;

/// The I/O traits, which a stream and a reference to one have.
macro_rules! traits {
    ($($name:ty),*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll_read_vectored(cx, bufs)
            }
        }

        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                self.socket.poll_write_vectored(cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.socket.shutdown(Shutdown::Write))
            }
        }

        impl marmot_netpoll::PollFill for $name {
            fn poll_fill(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                spare: &mut marmot_netpoll::Spare<'_>,
            ) -> Poll<io::Result<()>> {
                self.socket.poll_fill(cx, spare)
            }
        }
    )*};
}
pub(crate) use traits;

#[cfg(all(test, unix))]
mod tests {
    use std::io::ErrorKind;

    use crate::UnixStream;

    #[test]
    fn an_end_is_one_unless_we_have_made_it() {
        let (near, far) = UnixStream::pair().expect("descriptors");
        let end = |it: &UnixStream| it.socket.not_our_end(Ok(0));
        assert_eq!(end(&near).expect("the other side's"), 0);
        near.close();
        assert_eq!(end(&far).expect("the other side's"), 0);
        // So it is looked again, and the closing seen.
        let error = end(&near).expect_err("ours");
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        let read = near.socket.not_our_end(Ok(3));
        assert_eq!(read.expect("bytes are bytes"), 3);
    }
}
