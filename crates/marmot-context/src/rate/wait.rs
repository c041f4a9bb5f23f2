//! Waiting for tokens, for as long as a context allows.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};
use std::time::Duration;

use marmot_time::{Sleep, sleep};
use marmot_wait::{WaitReason, budget, note};

use crate::context::Context;
use crate::deadline::now;
use crate::done::Done;
use crate::error::ContextError;
use crate::rate::limiter::{Limiter, Reservation};

/// Why [`wait`](Limiter::wait) got no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WaitError {
    /// More were asked for than ever are there at once.
    ExceedsBurst {
        /// How many were asked for.
        n: usize,
        /// How many there can be.
        burst: usize,
    },
    /// They would come after the context's deadline.
    ExceedsDeadline {
        /// How many were asked for.
        n: usize,
    },
    /// The context has ended.
    Ended(ContextError),
}

impl fmt::Display for WaitError {
    /// Go's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WaitError::ExceedsBurst { n, burst } => {
                write!(f, "rate: Wait(n={n}) exceeds limiter's burst {burst}")
            }
            WaitError::ExceedsDeadline { n } => {
                write!(f, "rate: Wait(n={n}) would exceed context deadline")
            }
            WaitError::Ended(error) => error.fmt(f),
        }
    }
}

impl Error for WaitError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            WaitError::Ended(error) => Some(error),
            _ => None,
        }
    }
}

impl From<ContextError> for WaitError {
    fn from(error: ContextError) -> WaitError {
        WaitError::Ended(error)
    }
}

/// Waits for `n` tokens.
pub(super) async fn wait_n(
    limiter: &Limiter,
    ctx: &Context,
    n: usize,
    caller: &'static Location<'static>,
) -> Result<(), WaitError> {
    std::future::poll_fn(budget::poll_proceed).await;
    let bucket = *limiter.lock();
    let burst = bucket.burst();
    if n > burst && !bucket.is_unlimited() {
        return Err(WaitError::ExceedsBurst { n, burst });
    }
    if let Some(error) = ctx.err() {
        return Err(error.into());
    }
    let at = now();
    let patience = ctx.deadline().map_or(Duration::MAX, |deadline| {
        deadline.saturating_duration_since(at)
    });
    let taken = Taken(Some(limiter.reserve_within(at, n, patience)));
    match taken.delay_from(at) {
        None => return Err(WaitError::ExceedsDeadline { n }),
        Some(Duration::ZERO) => {}
        Some(delay) => {
            let pause = Pause {
                sleep: sleep(delay),
                done: Done::borrowed(ctx, caller),
                object: limiter.address(),
                caller,
            };
            pause.await?;
        }
    }
    taken.keep();
    Ok(())
}

impl Limiter {
    /// A number that tells it from others, for dumps.
    fn address(&self) -> usize {
        std::ptr::from_ref(&*self.lock()).addr()
    }
}

/// Tokens that go back unless they are kept: the future may be dropped, or its context end.
struct Taken(Option<Reservation>);

impl Taken {
    fn delay_from(&self, at: std::time::Instant) -> Option<Duration> {
        let reservation = self.0.as_ref().filter(|reservation| reservation.ok())?;
        Some(reservation.delay_from(at))
    }

    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Some(reservation) = &self.0 {
            reservation.cancel();
        }
    }
}

/// A sleep that the end of a context cuts short.
struct Pause<'a> {
    sleep: Sleep,
    done: Done<'a>,
    object: usize,
    caller: &'static Location<'static>,
}

impl Future for Pause<'_> {
    type Output = Result<(), ContextError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Poll::Ready(()) = Pin::new(&mut this.sleep).poll(cx) {
            return Poll::Ready(Ok(()));
        }
        if this.done.poll_ended(cx) {
            ready!(budget::poll_proceed(cx));
            let error = this.done.context().err();
            return Poll::Ready(Err(error.unwrap_or(ContextError::Canceled)));
        }
        note::set(WaitReason::RateLimit, this.object, this.caller);
        Poll::Pending
    }
}
