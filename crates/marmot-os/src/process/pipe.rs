//! The pipes to and from a child.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::Location;
use std::pin::Pin;
use std::process::Stdio;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};
use marmot_netpoll::{Direction, Evented, Interest, PollFill, Spare, pipes};

macro_rules! reader {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// It implements futures' `AsyncRead`, its reference too, and tokio's with the feature
        /// `tokio-io`.
        #[derive(Debug)]
        pub struct $name(Evented<pipes::Receiver>);

        impl $name {
            pub(super) fn new(pipe: std::process::$name) -> io::Result<$name> {
                let pipe = pipes::Receiver::from(pipe);
                // The child's end is another one, and goes on blocking.
                pipe.set_nonblocking(true)?;
                Evented::new(pipe, Interest::READABLE).map($name)
            }

            /// Reads what there is, up to the length of `buf`, waiting until there is
            /// something; zero means that the child will write no more.
            ///
            /// # Errors
            ///
            /// Those of the system.
            ///
            /// # Cancel safety
            ///
            /// Dropping the future loses nothing.
            #[track_caller]
            pub fn read<'a>(
                &'a self,
                buf: &'a mut [u8],
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                let place = Location::caller();
                async move {
                    if buf.is_empty() {
                        return Ok(0);
                    }
                    let attempt = |pipe: &pipes::Receiver| read_some(&self.0, pipe, buf);
                    self.0.io_from(place, Direction::Read, attempt).await
                }
            }

            /// Reads until the child will write no more, and adds it to `bytes`; gives how many.
            ///
            /// # Errors
            ///
            /// Those of the system.
            ///
            /// # Cancel safety
            ///
            /// Of a dropped future, what it has read is in `bytes`.
            #[track_caller]
            pub fn read_to_end<'a>(
                &'a self,
                bytes: &'a mut Vec<u8>,
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                self.read_to_end_from(Location::caller(), bytes)
            }

            pub(super) fn read_to_end_from<'a>(
                &'a self,
                place: &'static Location<'static>,
                bytes: &'a mut Vec<u8>,
            ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
                let before = bytes.len();
                let attempt = move |mut pipe: &pipes::Receiver| {
                    // What was read before it would have blocked stays in `bytes`.
                    pipe.read_to_end(bytes)?;
                    Ok(bytes.len() - before)
                };
                self.0.io_from(place, Direction::Read, attempt)
            }

            /// The pipe, blocking, as a child's standard input wants it.
            ///
            /// # Errors
            ///
            /// If the system refuses.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let pipe = self.0.into_inner()?;
                pipe.set_nonblocking(false)?;
                Ok(pipe.into())
            }
        }

        reads!($name, &$name);
        descriptors!($name);
    };
}

macro_rules! reads {
    ($($name:ty),*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                if buf.is_empty() {
                    return Poll::Ready(Ok(0));
                }
                self.0.poll_io(Direction::Read, cx, |pipe| read_some(&self.0, pipe, buf))
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_io(Direction::Read, cx, |mut pipe| pipe.read_vectored(bufs))
            }
        }

        impl PollFill for $name {
            fn poll_fill(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                spare: &mut Spare<'_>,
            ) -> Poll<io::Result<()>> {
                let len = spare.len();
                if len == 0 {
                    return Poll::Ready(Ok(()));
                }
                let read = self.0.poll_io(Direction::Read, cx, |_| {
                    self.0.try_some(Direction::Read, len, |pipe| spare.read(pipe))
                });
                read.map_ok(drop)
            }
        }
    )*};
}

macro_rules! descriptors {
    ($name:ident) => {
        impl AsFd for $name {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.0.get_ref().as_fd()
            }
        }

        impl AsRawFd for $name {
            fn as_raw_fd(&self) -> RawFd {
                self.0.get_ref().as_raw_fd()
            }
        }

        conversions!($name);
    };
}

macro_rules! conversions {
    ($name:ident) => {
        impl TryFrom<$name> for OwnedFd {
            type Error = io::Error;

            fn try_from(pipe: $name) -> io::Result<OwnedFd> {
                pipe.into_owned_fd()
            }
        }

        /// To be another child's.
        impl TryFrom<$name> for Stdio {
            type Error = io::Error;

            fn try_from(pipe: $name) -> io::Result<Stdio> {
                pipe.into_owned_fd().map(Stdio::from)
            }
        }
    };
}

reader! {
    /// What a child writes to its standard output.
    ChildStdout
}
reader! {
    /// What a child writes to its standard error.
    ChildStderr
}

fn read_some(
    evented: &Evented<pipes::Receiver>,
    mut pipe: &pipes::Receiver,
    buf: &mut [u8],
) -> io::Result<usize> {
    evented.try_some(Direction::Read, buf.len(), |_| pipe.read(buf))
}

fn write_some(
    evented: &Evented<pipes::Sender>,
    mut pipe: &pipes::Sender,
    buf: &[u8],
) -> io::Result<usize> {
    evented.try_some(Direction::Write, buf.len(), |_| pipe.write(buf))
}

/// What a child reads from its standard input. It comes to the end when this is dropped, or
/// closed through `AsyncWrite`.
///
/// It implements futures' `AsyncWrite`, and tokio's with the feature `tokio-io`.
#[derive(Debug)]
pub struct ChildStdin {
    /// `None` once closed.
    pipe: Option<Evented<pipes::Sender>>,
}

impl ChildStdin {
    pub(super) fn new(pipe: std::process::ChildStdin) -> io::Result<ChildStdin> {
        let pipe = pipes::Sender::from(pipe);
        // The child's end is another one, and goes on blocking.
        pipe.set_nonblocking(true)?;
        let pipe = Some(Evented::new(pipe, Interest::WRITABLE)?);
        Ok(ChildStdin { pipe })
    }

    fn open(&self) -> io::Result<&Evented<pipes::Sender>> {
        self.pipe
            .as_ref()
            .ok_or_else(|| io::ErrorKind::BrokenPipe.into())
    }

    /// Writes as much as there is room for, waiting until there is some.
    ///
    /// # Errors
    ///
    /// Those of the system; `BrokenPipe` once either end was closed.
    ///
    /// # Cancel safety
    ///
    /// A dropped future that was not ready has written nothing.
    #[track_caller]
    pub fn write<'a>(
        &'a self,
        buf: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let place = Location::caller();
        async move {
            let pipe = self.open()?;
            if buf.is_empty() {
                return Ok(0);
            }
            let attempt = |io: &pipes::Sender| write_some(pipe, io, buf);
            pipe.io_from(place, Direction::Write, attempt).await
        }
    }

    /// Writes all of `buf`.
    ///
    /// # Errors
    ///
    /// As [`write`](ChildStdin::write).
    ///
    /// # Cancel safety
    ///
    /// Of a dropped future nobody knows how much it has written.
    #[track_caller]
    pub fn write_all<'a>(
        &'a self,
        buf: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + 'a {
        let place = Location::caller();
        async move {
            let pipe = self.open()?;
            if buf.is_empty() {
                return Ok(());
            }
            let mut put = 0;
            let attempt = |io: &pipes::Sender| {
                while put < buf.len() {
                    put += write_some(pipe, io, &buf[put..])?;
                }
                Ok(())
            };
            pipe.io_from(place, Direction::Write, attempt).await
        }
    }

    /// The pipe, blocking, as a child's standard output wants it.
    ///
    /// # Errors
    ///
    /// If the system refuses; `BrokenPipe` if it was closed.
    pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
        let pipe = self.pipe.ok_or(io::ErrorKind::BrokenPipe)?.into_inner()?;
        pipe.set_nonblocking(false)?;
        Ok(pipe.into())
    }
}

impl AsyncWrite for ChildStdin {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let pipe = self.open()?;
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        pipe.poll_io(Direction::Write, cx, |io| write_some(pipe, io, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.open()?
            .poll_io(Direction::Write, cx, |mut io| io.write_vectored(bufs))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        drop(self.get_mut().pipe.take());
        Poll::Ready(Ok(()))
    }
}

conversions!(ChildStdin);
