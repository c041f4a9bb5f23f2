//! The I/O traits of tokio and hyper, written once for all who have futures' and [`PollFill`].
//!
//! ```text
//!   tokio::io::AsyncRead ─┐                          ┌─ a socket's recv
//!                         ├─▶ Spare ──▶ poll_fill ───┤
//!   hyper::rt::Read ──────┘                          └─ a file's read
//! ```
//!
//! This file holds the four unsafe calls that their buffers want; those who use the macros need none.

#![cfg_attr(
    any(feature = "hyper", feature = "tokio-io"),
    expect(
        unsafe_code,
        reason = "the buffers of tokio and hyper may be uninitialised"
    )
)]

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::Spare;

/// Reads what there is into memory that may be uninitialised.
pub trait PollFill {
    /// Reads what there is, waiting until there is something; nothing means the end.
    ///
    /// # Errors
    ///
    /// Those of the system.
    fn poll_fill(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<()>>;
}

/// Fills a buffer of tokio's.
///
/// # Errors
///
/// Those of `read`.
#[doc(hidden)]
#[cfg(feature = "tokio-io")]
pub fn fill_tokio(
    buf: &mut tokio::io::ReadBuf<'_>,
    read: impl FnOnce(&mut Spare<'_>) -> Poll<io::Result<()>>,
) -> Poll<io::Result<()>> {
    // SAFETY: nothing in it may become uninitialised. A `Spare` is filled by the kernel, or written
    // to; nothing else can be done to its room.
    let mut spare = Spare::new(unsafe { buf.unfilled_mut() });
    let done = read(&mut spare);
    let got = spare.count();
    // SAFETY: so many bytes at the front of what was unfilled have been initialised.
    unsafe { buf.assume_init(got) };
    buf.advance(got);
    done
}

/// Fills a buffer of hyper's.
///
/// # Errors
///
/// Those of `read`.
#[doc(hidden)]
#[cfg(feature = "hyper")]
pub fn fill_hyper(
    mut buf: hyper::rt::ReadBufCursor<'_>,
    read: impl FnOnce(&mut Spare<'_>) -> Poll<io::Result<()>>,
) -> Poll<io::Result<()>> {
    // SAFETY: nothing in it may become uninitialised, as above.
    let mut spare = Spare::new(unsafe { buf.as_mut() });
    let done = read(&mut spare);
    let got = spare.count();
    // SAFETY: so many bytes at the front of what was unfilled have been initialised.
    unsafe { buf.advance(got) };
    done
}

/// Gives types tokio's `AsyncRead`, by their [`PollFill`].
#[doc(hidden)]
#[macro_export]
macro_rules! tokio_reads {
    ($($name:ty),* $(,)?) => {$(
        impl ::tokio::io::AsyncRead for $name {
            fn poll_read(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &mut ::tokio::io::ReadBuf<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                $crate::fill_tokio(buf, |spare| $crate::PollFill::poll_fill(self, cx, spare))
            }
        }
    )*};
}

/// Gives types hyper's `Read`, by their [`PollFill`].
#[doc(hidden)]
#[macro_export]
macro_rules! hyper_reads {
    ($($name:ty),* $(,)?) => {$(
        impl ::hyper::rt::Read for $name {
            fn poll_read(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: ::hyper::rt::ReadBufCursor<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                $crate::fill_hyper(buf, |spare| $crate::PollFill::poll_fill(self, cx, spare))
            }
        }
    )*};
}

/// Gives types tokio's `AsyncWrite`, or hyper's `Write`, which has the same methods, by futures'
/// `AsyncWrite`. `VECTORED` says whether they write several buffers with one call.
#[doc(hidden)]
#[macro_export]
macro_rules! foreign_writes {
    ($vectored:literal, $trait:path: $($name:ty),* $(,)?) => {$(
        impl $trait for $name {
            fn poll_write(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                buf: &[u8],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                ::futures::io::AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
                bufs: &[::std::io::IoSlice<'_>],
            ) -> ::std::task::Poll<::std::io::Result<usize>> {
                ::futures::io::AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                $vectored
            }

            fn poll_flush(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                ::futures::io::AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(
                self: ::std::pin::Pin<&mut Self>,
                cx: &mut ::std::task::Context<'_>,
            ) -> ::std::task::Poll<::std::io::Result<()>> {
                ::futures::io::AsyncWrite::poll_close(self, cx)
            }
        }
    )*};
}
