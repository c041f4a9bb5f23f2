//! A future whose poll stays out of the code around it.
//!
//! The poll of an `async` function becomes part of its caller's as long as it is small. What is
//! seldom needed would make it large; kept aside, a look at what is done stays a load and a
//! comparison, through the program's own `async` functions too.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Awaits what is seldom needed.
pub(super) fn aside<F: Future>(mut slow: Pin<&mut F>) -> impl Future<Output = F::Output> {
    poll_fn(move |cx| poll_aside(slow.as_mut(), cx))
}

#[cold]
#[inline(never)]
fn poll_aside<F: Future>(slow: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<F::Output> {
    slow.poll(cx)
}
