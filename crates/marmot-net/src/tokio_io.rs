//! tokio's I/O traits for our streams, and for their owned halves.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead as Reads, AsyncWrite as Writes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

#[cfg(unix)]
use crate::UnixStream;
use crate::{OwnedReadHalf, OwnedWriteHalf, TcpStream};

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

reads!(TcpStream, &TcpStream, OwnedReadHalf<TcpStream>);
writes!(TcpStream, &TcpStream, OwnedWriteHalf<TcpStream>);

#[cfg(unix)]
reads!(UnixStream, &UnixStream, OwnedReadHalf<UnixStream>);
#[cfg(unix)]
writes!(UnixStream, &UnixStream, OwnedWriteHalf<UnixStream>);
