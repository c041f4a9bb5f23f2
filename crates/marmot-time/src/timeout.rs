//! A future with a limit on how long it may take.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use marmot_wait::WaitReason;
use marmot_wait::note::{self, Note};
use pin_project_lite::pin_project;

use crate::clock;
use crate::sleep::Sleep;

/// Runs a future for at most this long.
///
/// The time counts from the call. The future is always polled before the clock is asked, so
/// one that is ready at once wins even against a limit of zero. When the time is over the
/// future is not polled again; it is dropped with the `Timeout`.
///
/// # Errors
///
/// [`Elapsed`] if the time is over first.
///
/// # Cancel safety
///
/// That of the future within. The timer leaves nothing behind.
///
/// # Complexity
///
/// A future that is ready at its first poll costs one look at the clock and no lock.
///
/// # Examples
///
/// ```
/// use marmot_time::{ms, timeout};
///
/// marmot_wait::park::block_on(async {
///     assert_eq!(timeout(ms(1000), async { 7 }).await, Ok(7));
///     assert!(timeout(ms(1), std::future::pending::<()>()).await.is_err());
/// });
/// ```
#[track_caller]
#[inline]
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: Sleep::until(clock::after(duration), Location::caller()),
    }
}

/// Runs a future until this instant at the latest.
///
/// # Errors
///
/// [`Elapsed`] if the instant comes first.
///
/// # Cancel safety
///
/// As [`timeout`].
///
/// # Examples
///
/// ```
/// use marmot_time::{Elapsed, timeout_at};
///
/// marmot_wait::park::block_on(async {
///     let now = std::time::Instant::now();
///     assert_eq!(timeout_at(now, std::future::pending::<()>()).await, Err(Elapsed));
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: Future>(at: Instant, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: Sleep::until(clock::at(at), Location::caller()),
    }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[derive(Debug)]
    #[must_use = "a timeout does nothing unless it is awaited"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

impl<F> Timeout<F> {
    /// The future within.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future within, without its limit.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        // Without a look at the budget: a future that spends it all must end in time too.
        if this.sleep.poll_due(cx).is_ready() {
            return Poll::Ready(Err(Elapsed));
        }
        tell(this.sleep.place());
        Poll::Pending
    }
}

/// A dump shows what the future within waits for, and only if it said nothing the timeout.
fn tell(place: &'static Location<'static>) {
    let Note {
        reason,
        object,
        place: said,
    } = match note::take() {
        Note::NONE => Note {
            reason: WaitReason::Timer,
            ..Note::NONE
        },
        said => said,
    };
    note::set(reason, object, said.unwrap_or(place));
}

/// The time given to [`timeout`] was over before the future was ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is over")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for io::Error {
    fn from(elapsed: Elapsed) -> io::Error {
        io::Error::new(io::ErrorKind::TimedOut, elapsed)
    }
}
