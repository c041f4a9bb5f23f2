//! A future that runs for as long as a context has not ended.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};

use marmot_wait::note::{self, Note};
use marmot_wait::{WaitReason, budget};
use pin_project_lite::pin_project;

use crate::done::Done;
use crate::error::ContextError;

pin_project! {
    /// The future of [`run`](crate::Context::run).
    ///
    /// # Cancel safety
    ///
    /// That of the future within.
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Run<'a, F> {
        done: Done<'a>,
        #[pin]
        future: F,
    }
}

impl<'a, F> Run<'a, F> {
    pub(crate) fn new(done: Done<'a>, future: F) -> Self {
        Run { done, future }
    }
}

impl<F: Future> Future for Run<'_, F> {
    type Output = Result<F::Output, ContextError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Some(error) = this.done.context().err() {
            ready!(budget::poll_proceed(cx));
            return Poll::Ready(Err(error));
        }
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        if this.done.poll_ended(cx) {
            // It ended while the future was polled. Without a look at the budget: a future
            // that spends it all must end too.
            let error = this.done.context().err();
            return Poll::Ready(Err(error.unwrap_or(ContextError::Canceled)));
        }
        tell(this.done);
        Poll::Pending
    }
}

/// A dump shows what the future within waits for, and only if it said nothing the context.
fn tell(done: &Done<'_>) {
    match note::take() {
        Note::NONE => note::set(WaitReason::ContextDone, done.object(), done.caller()),
        said => note::set(
            said.reason,
            said.object,
            said.place.unwrap_or(done.caller()),
        ),
    }
}
