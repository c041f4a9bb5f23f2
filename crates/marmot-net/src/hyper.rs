//! hyper on our streams: its I/O traits, an executor and a timer.
//!
//! The streams implement `hyper::rt::Read` and `Write` themselves. hyper hands out memory that
//! may be uninitialised, which safe code cannot read into: what comes goes through 8 KiB on
//! the stack.

use std::future::Future;
use std::io::{self, IoSlice};
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::{Duration, Instant};

use futures::io::{AsyncRead, AsyncWrite};
use hyper::rt::{self, ReadBufCursor};
use marmot_wait::{ambient, park, runner};

use crate::TcpStream;
#[cfg(unix)]
use crate::UnixStream;

/// How much one read brings at most, in bytes: hyper's own first buffer is as large.
const CHUNK_BYTES: usize = 8 * 1024;

macro_rules! streams {
    ($($name:ty),*) => {$(
        impl rt::Read for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buf: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let mut chunk = [0; CHUNK_BYTES];
                let room = buf.remaining().min(CHUNK_BYTES);
                let got = ready!(AsyncRead::poll_read(self, cx, &mut chunk[..room]))?;
                buf.put_slice(&chunk[..got]);
                Poll::Ready(Ok(()))
            }
        }

        impl rt::Write for $name {
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write(self, cx, buf)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                AsyncWrite::poll_write_vectored(self, cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                AsyncWrite::poll_close(self, cx)
            }
        }
    )*};
}

streams!(TcpStream);
#[cfg(unix)]
streams!(UnixStream);

/// Runs hyper's tasks as goroutines of the runtime of this thread, or each on a thread of its
/// own where there is none.
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F> rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    #[track_caller]
    fn execute(&self, task: F) {
        let task = ambient::inherit(async { drop(task.await) });
        match runner() {
            Some(runner) => runner.spawn(Box::pin(task), Location::caller()),
            None => drop(thread::spawn(move || park::block_on(task))),
        }
    }
}

/// hyper's timeouts on our timers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(marmot_time::sleep(duration)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep(marmot_time::sleep_until(deadline)))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(sleep) => sleep.get_mut().0.reset(deadline),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

struct Sleep(marmot_time::Sleep);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl rt::Sleep for Sleep {}
