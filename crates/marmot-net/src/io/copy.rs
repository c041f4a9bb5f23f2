//! Copying from a reader to a writer, and between two streams in both directions.
//!
//! ```text
//!   reading ── some ──▶ writing ── all written ──▶ reading
//!      └── the end ──▶ ending ── flushed, or closed ──▶ done
//! ```

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures::io::{AsyncRead, AsyncWrite};
use marmot_wait::budget;

/// How much is read at once, in bytes: as in Go's `io.Copy`.
const BUFFER_BYTES: usize = 32 * 1024;

/// Copies until the reader ends. Gives how many bytes; the writer is flushed then, and not
/// closed.
///
/// # Errors
///
/// The first error of either.
///
/// # Cancel safety
///
/// A dropped copy loses what it has read and not yet written.
///
/// # Examples
///
/// ```
/// use marmot_net::io;
///
/// # marmot_wait::park::block_on(async {
/// let mut reader = &b"some bytes"[..];
/// let mut writer = Vec::new();
/// assert_eq!(io::copy(&mut reader, &mut writer).await?, 10);
/// assert_eq!(writer, b"some bytes");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn copy<'a, R, W>(reader: &'a mut R, writer: &'a mut W) -> Copy<'a, R, W>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    Copy {
        reader,
        writer,
        way: Way::new(),
    }
}

/// Copies both ways between two streams until both have ended. Gives how many bytes went from
/// `a` to `b`, and from `b` to `a`.
///
/// When one side ends, the other is told so (its writing direction is closed), and the
/// opposite way goes on.
///
/// # Errors
///
/// The first error of either.
///
/// # Cancel safety
///
/// A dropped copy loses what it has read and not yet written.
///
/// # Examples
///
/// ```no_run
/// use marmot_net::{TcpStream, io};
///
/// # async fn proxy(mut client: TcpStream) -> std::io::Result<()> {
/// let mut server = TcpStream::connect("example.com:80").await?;
/// let (sent, received) = io::copy_bidirectional(&mut client, &mut server).await?;
/// # drop((sent, received)); Ok(()) }
/// ```
pub fn copy_bidirectional<'a, A, B>(a: &'a mut A, b: &'a mut B) -> CopyBidirectional<'a, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    CopyBidirectional {
        a,
        b,
        there: Way::new(),
        back: Way::new(),
    }
}

/// The future of [`copy`].
#[must_use = "a copy does nothing unless it is awaited"]
pub struct Copy<'a, R: ?Sized, W: ?Sized> {
    reader: &'a mut R,
    writer: &'a mut W,
    way: Way,
}

impl<R, W> Future for Copy<'_, R, W>
where
    R: AsyncRead + Unpin + ?Sized,
    W: AsyncWrite + Unpin + ?Sized,
{
    type Output = io::Result<u64>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (reader, writer) = (Pin::new(&mut *this.reader), Pin::new(&mut *this.writer));
        this.way.poll_copy(cx, reader, writer)
    }
}

impl<R: ?Sized, W: ?Sized> fmt::Debug for Copy<'_, R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copy")
            .field("copied", &self.way.copied)
            .finish_non_exhaustive()
    }
}

/// The future of [`copy_bidirectional`].
#[must_use = "a copy does nothing unless it is awaited"]
pub struct CopyBidirectional<'a, A: ?Sized, B: ?Sized> {
    a: &'a mut A,
    b: &'a mut B,
    there: Way,
    back: Way,
}

impl<A, B> Future for CopyBidirectional<'_, A, B>
where
    A: AsyncRead + AsyncWrite + Unpin + ?Sized,
    B: AsyncRead + AsyncWrite + Unpin + ?Sized,
{
    type Output = io::Result<(u64, u64)>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (mut a, mut b) = (Pin::new(&mut *this.a), Pin::new(&mut *this.b));
        let there = this.there.poll_copy_and_close(cx, a.as_mut(), b.as_mut())?;
        let back = this.back.poll_copy_and_close(cx, b.as_mut(), a.as_mut())?;
        ready!(there);
        ready!(back);
        Poll::Ready(Ok((this.there.copied, this.back.copied)))
    }
}

impl<A: ?Sized, B: ?Sized> fmt::Debug for CopyBidirectional<'_, A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyBidirectional")
            .field("copied", &(self.there.copied, self.back.copied))
            .finish_non_exhaustive()
    }
}

/// One way of a copy.
struct Way {
    buffer: Box<[u8]>,
    /// What is in the buffer and not yet written.
    from: usize,
    to: usize,
    copied: u64,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Something may have been written that was not flushed.
    Going,
    /// The reader has ended.
    Ending,
    /// The writer is closed.
    Done,
}

impl Way {
    fn new() -> Way {
        Way {
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            from: 0,
            to: 0,
            copied: 0,
            stage: Stage::Going,
        }
    }

    /// Copies until the reader has ended and the writer is flushed.
    fn poll_copy<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<u64>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        while self.stage == Stage::Going {
            // Of a reader and a writer that are always ready nobody else counts.
            ready!(budget::poll_proceed(cx));
            ready!(self.poll_empty(cx, writer.as_mut()))?;
            let Poll::Ready(read) = reader.as_mut().poll_read(cx, &mut self.buffer) else {
                // While nothing comes, what came before should arrive.
                ready!(writer.as_mut().poll_flush(cx))?;
                return Poll::Pending;
            };
            (self.from, self.to) = (0, read?);
            if self.to == 0 {
                self.stage = Stage::Ending;
            }
        }
        ready!(writer.poll_flush(cx))?;
        Poll::Ready(Ok(self.copied))
    }

    /// Writes what is in the buffer.
    fn poll_empty<W: AsyncWrite + ?Sized>(
        &mut self,
        cx: &mut Context<'_>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>> {
        while self.from < self.to {
            let rest = &self.buffer[self.from..self.to];
            let put = ready!(writer.as_mut().poll_write(cx, rest))?;
            if put == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.from += put;
            self.copied += put as u64;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_copy_and_close<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut R>,
        mut writer: Pin<&mut W>,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead + ?Sized,
        W: AsyncWrite + ?Sized,
    {
        if self.stage != Stage::Done {
            ready!(self.poll_copy(cx, reader, writer.as_mut()))?;
            ready!(writer.poll_close(cx))?;
            self.stage = Stage::Done;
        }
        Poll::Ready(Ok(()))
    }
}
