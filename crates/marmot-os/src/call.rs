//! A system call made in place, by the goroutine's own thread.
//!
//! ```text
//!   brief:  budget ─▶ the call                      (the monitor takes the P if it blocks)
//!   long:   budget ─▶ give the P away ─▶ the call ─▶ ask for a P again
//! ```
//!
//! There is no pool of threads to send it to and to hear from: a file that is in memory costs
//! what it costs in std. A *brief* call (most of them) is just made; if it does block, the
//! monitor sees that within a millisecond or two and hands the P on, as Go's does. A *long* one
//! is known to take its time, and gives the P away first. Decision: files block in place.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use marmot_wait::{BlockingKind, Note, WaitReason, blocking, budget};

/// Whether the P is given away for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    /// Unless it is found to block.
    Brief,
    /// Before it begins.
    Long,
}

/// So many bytes are copied in about the time that giving a P away and asking for one again
/// takes when others want it, some 20 µs; 16 KiB and 1 MiB were tried.
const LONG_BYTES: usize = 128 * 1024;

impl Length {
    /// Of a transfer of so many bytes.
    pub(crate) fn of(bytes: usize) -> Length {
        if bytes < LONG_BYTES {
            Length::Brief
        } else {
            Length::Long
        }
    }

    /// Makes the call.
    pub(crate) fn run<R>(self, place: &'static Location<'static>, f: impl FnOnce() -> R) -> R {
        if self == Length::Brief {
            return f();
        }
        let note = Note {
            reason: WaitReason::Syscall,
            object: 0,
            place: Some(place),
        };
        blocking(BlockingKind::Call, note, f)
    }
}

/// Makes a call at the first poll that the budget allows, and is ready then.
#[track_caller]
pub(crate) fn call<R, F: FnOnce() -> R>(length: Length, f: F) -> Call<F> {
    Call {
        length,
        place: Location::caller(),
        f: Some(f),
    }
}

/// See [`call`].
#[must_use = "a call is not made unless it is awaited"]
pub(crate) struct Call<F> {
    length: Length,
    place: &'static Location<'static>,
    f: Option<F>,
}

/// The function is never pinned.
impl<F> Unpin for Call<F> {}

impl<R, F: FnOnce() -> R> Future for Call<F> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = self.get_mut();
        ready!(budget::poll_proceed(cx));
        let f = this
            .f
            .take()
            .expect("a future is not polled once it was ready");
        Poll::Ready(this.length.run(this.place, f))
    }
}

impl<F> fmt::Debug for Call<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}
