//! tokio's I/O traits for files, standard streams and the pipes of children.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead as Reads, AsyncSeek as Seeks, AsyncWrite as Writes};
use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use crate::fs::File;
use crate::io::{Stderr, Stdin, Stdout};
#[cfg(unix)]
use crate::process::{ChildStderr, ChildStdin, ChildStdout};

macro_rules! reads {
    ($($name:ty),*) => {$(
        impl AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let got = ready!(Reads::poll_read(self, cx, buf.initialize_unfilled()))?;
                buf.advance(got);
                Poll::Ready(Ok(()))
            }
        }
    )*};
}

macro_rules! writes {
    ($($name:ty),*) => {$(
        impl AsyncWrite for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Writes::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Writes::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Writes::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Writes::poll_close(self, cx)
            }
        }
    )*};
}

reads!(File, Stdin);
writes!(File, Stdout, Stderr);
#[cfg(unix)]
reads!(ChildStdout, ChildStderr);
#[cfg(unix)]
writes!(ChildStdin);

/// The seek is made when it is begun; its end only tells.
impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        // Nobody counts operations here: there is no way to wait.
        let budget = marmot_wait::budget::suspend();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let sought = Seeks::poll_seek(self.as_mut(), &mut cx, position);
        marmot_wait::budget::restore(budget);
        if let Poll::Ready(sought) = sought {
            self.sought = Some(sought);
        }
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        match self.sought.take() {
            Some(sought) => Poll::Ready(sought),
            None => Seeks::poll_seek(self, cx, SeekFrom::Current(0)),
        }
    }
}
