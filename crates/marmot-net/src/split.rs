//! The two directions of a connection as values of their own.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::io::{AsyncRead, AsyncWrite};
use marmot_netpoll::{PollFill, Spare};

/// What the halves need of a connection beyond futures' traits.
pub trait Conn {
    fn shutdown(&self, how: Shutdown) -> io::Result<()>;
}

pub(crate) fn borrowed<S>(stream: &S) -> (ReadHalf<'_, S>, WriteHalf<'_, S>) {
    (ReadHalf(stream), WriteHalf(stream))
}

pub(crate) fn owned<S: Conn>(stream: S) -> (OwnedReadHalf<S>, OwnedWriteHalf<S>) {
    let stream = Arc::new(stream);
    let other = Arc::clone(&stream);
    (
        OwnedReadHalf(stream),
        OwnedWriteHalf {
            stream: other,
            ends: true,
        },
    )
}

/// The reading direction of a connection, borrowed. Made by `split`.
#[derive(Clone, Copy, Debug)]
pub struct ReadHalf<'a, S>(&'a S);

/// The writing direction of a connection, borrowed. Made by `split`.
#[derive(Clone, Copy, Debug)]
pub struct WriteHalf<'a, S>(&'a S);

/// The reading direction of a connection. Made by `into_split`.
#[derive(Debug)]
pub struct OwnedReadHalf<S>(Arc<S>);

/// The writing direction of a connection. Made by `into_split`.
///
/// Dropping it tells the other side that there will be no more.
#[derive(Debug)]
pub struct OwnedWriteHalf<S: Conn> {
    stream: Arc<S>,
    /// Whether dropping it ends the direction.
    ends: bool,
}

impl<S: Conn> OwnedReadHalf<S> {
    /// Puts the two halves together again.
    ///
    /// # Errors
    ///
    /// Gives both back if they are not of one connection.
    #[expect(
        clippy::missing_panics_doc,
        reason = "there are two halves, and one is gone"
    )]
    pub fn reunite(self, writer: OwnedWriteHalf<S>) -> Result<S, ReuniteError<S>> {
        if !Arc::ptr_eq(&self.0, &writer.stream) {
            return Err(ReuniteError(self, writer));
        }
        writer.forget();
        Ok(Arc::into_inner(self.0).expect("there are two halves, and one is gone"))
    }
}

impl<S: Conn> OwnedWriteHalf<S> {
    /// Goes without a word to the other side, which will see the end when the reading half
    /// goes too.
    pub fn forget(mut self) {
        self.ends = false;
    }
}

impl<S: Conn> Drop for OwnedWriteHalf<S> {
    fn drop(&mut self) {
        if self.ends {
            // Ended already, or broken: the other side knows.
            let _broken = self.stream.shutdown(Shutdown::Write);
        }
    }
}

/// Two halves that do not belong together.
pub struct ReuniteError<S: Conn>(pub OwnedReadHalf<S>, pub OwnedWriteHalf<S>);

impl<S: Conn> fmt::Debug for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReuniteError")
    }
}

impl<S: Conn> fmt::Display for ReuniteError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are not of one connection")
    }
}

impl<S: Conn> Error for ReuniteError<S> {}

impl<S> Deref for ReadHalf<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.0
    }
}

impl<S> Deref for WriteHalf<'_, S> {
    type Target = S;

    fn deref(&self) -> &S {
        self.0
    }
}

impl<S> Deref for OwnedReadHalf<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: Conn> Deref for OwnedWriteHalf<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.stream
    }
}

macro_rules! reads {
    ($name:ty) => {
        impl<S> AsyncRead for $name
        where
            for<'b> &'b S: AsyncRead,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let mut stream: &S = &self;
                Pin::new(&mut stream).poll_read(cx, buf)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let mut stream: &S = &self;
                Pin::new(&mut stream).poll_read_vectored(cx, bufs)
            }
        }

        impl<S> PollFill for $name
        where
            for<'b> &'b S: PollFill,
        {
            fn poll_fill(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                spare: &mut Spare<'_>,
            ) -> Poll<io::Result<()>> {
                let mut stream: &S = &self;
                Pin::new(&mut stream).poll_fill(cx, spare)
            }
        }
    };
}
reads!(ReadHalf<'_, S>);
reads!(OwnedReadHalf<S>);

macro_rules! writes {
    ($name:ty, $($bound:tt)*) => {
        impl<S: $($bound)*> AsyncWrite for $name
        where
            for<'b> &'b S: AsyncWrite,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                let mut stream: &S = &self;
                Pin::new(&mut stream).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let mut stream: &S = &self;
                Pin::new(&mut stream).poll_write_vectored(cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let mut stream: &S = &self;
                Pin::new(&mut stream).poll_flush(cx)
            }

            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let mut stream: &S = &self;
                Pin::new(&mut stream).poll_close(cx)
            }
        }
    };
}
writes!(WriteHalf<'_, S>,);
writes!(OwnedWriteHalf<S>, Conn);
