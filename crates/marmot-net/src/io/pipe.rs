//! A pipe in memory: what one task writes another reads.
//!
//! ```text
//!   writer ──▶ [ buffer, at most so many bytes ] ──▶ reader
//!   either end that goes is the end, or a broken pipe, for the other
//! ```
//!
//! Go's `io.Pipe` has no buffer: a write there is done when all of it was read.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures::io::{AsyncRead, AsyncWrite};
use marmot_netpoll::{PollFill, Spare};
use marmot_wait::{WaitReason, budget, note};

/// A pipe in memory that holds at most so many bytes.
///
/// The reader sees the end once the writer is closed or dropped and all has been read. The
/// writer gets `BrokenPipe` once the reader is dropped.
///
/// # Panics
///
/// If the capacity is zero: nothing could ever pass.
///
/// # Examples
///
/// ```
/// use futures::io::{AsyncReadExt, AsyncWriteExt};
/// use marmot_net::io::pipe;
///
/// # marmot_wait::park::block_on(async {
/// let (mut reader, mut writer) = pipe(16);
/// writer.write_all(b"through").await?;
/// writer.close().await?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await?;
/// assert_eq!(text, "through");
/// # Ok::<(), std::io::Error>(()) })?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use]
pub fn pipe(capacity_bytes: usize) -> (PipeReader, PipeWriter) {
    assert!(capacity_bytes > 0, "a pipe without room");
    let pipe = Arc::new(Pipe {
        capacity: capacity_bytes,
        state: Mutex::default(),
    });
    (PipeReader(Arc::clone(&pipe)), PipeWriter(pipe))
}

struct Pipe {
    capacity: usize,
    /// Nobody is woken, and no waker dropped, under this lock.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    /// One of the ends has gone: nothing more will be written, or read.
    ended: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Pipe {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under it, except when memory is out.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on as soon as `step` can, with the lock held; wakes the other end then.
    ///
    /// Looks twice before it waits: a waker is cloned without the lock.
    fn poll_step<R>(
        &self,
        cx: &mut Context<'_>,
        own: fn(&mut State) -> &mut Option<Waker>,
        other: fn(&mut State) -> &mut Option<Waker>,
        place: &'static Location<'static>,
        mut step: impl FnMut(&mut State) -> Option<R>,
    ) -> Poll<R> {
        ready!(budget::poll_proceed(cx));
        let mut fresh = None;
        loop {
            let mut state = self.lock();
            if let Some(done) = step(&mut state) {
                let waker = other(&mut state).take();
                drop(state);
                if let Some(waker) = waker {
                    waker.wake();
                }
                return Poll::Ready(done);
            }
            if fresh.is_some() {
                let old = std::mem::replace(own(&mut state), fresh);
                drop(state);
                drop(old);
                budget::refund();
                note::set(WaitReason::IoWait, std::ptr::from_ref(self).addr(), place);
                return Poll::Pending;
            }
            drop(state);
            fresh = Some(cx.waker().clone());
        }
    }

    fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        let wakers = [state.reader.take(), state.writer.take()];
        drop(state);
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

fn reader(state: &mut State) -> &mut Option<Waker> {
    &mut state.reader
}

fn writer(state: &mut State) -> &mut Option<Waker> {
    &mut state.writer
}

/// The reading end of a [`pipe`].
pub struct PipeReader(Arc<Pipe>);

/// The writing end of a [`pipe`].
pub struct PipeWriter(Arc<Pipe>);

impl AsyncRead for PipeReader {
    #[track_caller]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0
            .poll_step(cx, reader, writer, Location::caller(), |state| {
                let must_wait = state.bytes.is_empty() && !state.ended && !buf.is_empty();
                (!must_wait).then(|| io::Read::read(&mut state.bytes, buf))
            })
    }
}

impl PollFill for PipeReader {
    #[track_caller]
    fn poll_fill(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        spare: &mut Spare<'_>,
    ) -> Poll<io::Result<()>> {
        self.0
            .poll_step(cx, reader, writer, Location::caller(), |state| {
                let must_wait = state.bytes.is_empty() && !state.ended && !spare.is_empty();
                (!must_wait).then(|| {
                    let read = spare.read_through(|buf| io::Read::read(&mut state.bytes, buf));
                    read.map(drop)
                })
            })
    }
}

impl AsyncWrite for PipeWriter {
    #[track_caller]
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let capacity = self.0.capacity;
        self.0
            .poll_step(cx, writer, reader, Location::caller(), |state| {
                if state.ended {
                    return Some(Err(io::ErrorKind::BrokenPipe.into()));
                }
                let put = buf.len().min(capacity - state.bytes.len());
                state.bytes.extend(&buf[..put]);
                (put > 0 || buf.is_empty()).then_some(Ok(put))
            })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.end();
        Poll::Ready(Ok(()))
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeReader").finish_non_exhaustive()
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PipeWriter").finish_non_exhaustive()
    }
}
