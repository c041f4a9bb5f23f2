//! An executor for one future, that is polled when the test says so and not before.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::CountingWaker;

/// A future polled by hand.
///
/// Nothing runs between two calls of [`poll`](ByHand::poll), so a test decides what happens
/// while the future waits, and sees whether it was woken. Dropping a `ByHand` drops the
/// future, at whatever point it has reached.
///
/// # Examples
///
/// ```
/// use marmot_testing::ByHand;
/// use std::future::poll_fn;
/// use std::task::Poll;
///
/// let mut polls = 0;
/// let mut task = ByHand::new(poll_fn(|cx| {
///     polls += 1;
///     if polls == 2 {
///         return Poll::Ready("done");
///     }
///     cx.waker().wake_by_ref();
///     Poll::Pending
/// }));
/// task.expect_pending();
/// assert_eq!(task.wakes(), 1);
/// assert_eq!(task.expect_ready(), "done");
/// ```
pub struct ByHand<F: Future> {
    /// `None` once it has ended.
    future: Option<Pin<Box<F>>>,
    counter: Arc<CountingWaker>,
}

impl<F: Future> ByHand<F> {
    /// Takes the future; does not poll it.
    pub fn new(future: F) -> ByHand<F> {
        ByHand {
            future: Some(Box::pin(future)),
            counter: CountingWaker::new(),
        }
    }

    /// Polls once, whether or not it was woken. The count of wakes begins anew.
    ///
    /// # Panics
    ///
    /// If the future has ended already.
    #[track_caller]
    pub fn poll(&mut self) -> Poll<F::Output> {
        self.counter.take();
        let waker = self.counter.waker();
        self.poll_with(&mut Context::from_waker(&waker))
    }

    /// Polls once with another task's context: a future may move from one task to another
    /// between two polls, and then only the last waker counts.
    ///
    /// # Panics
    ///
    /// If the future has ended already.
    #[track_caller]
    pub fn poll_with(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let future = self
            .future
            .as_mut()
            .expect("this future has ended; it must not be polled again");
        let polled = future.as_mut().poll(cx);
        if polled.is_ready() {
            self.future = None;
        }
        polled
    }

    /// Polls once, and insists that the future waits.
    ///
    /// # Panics
    ///
    /// If it is ready.
    #[track_caller]
    pub fn expect_pending(&mut self) {
        assert!(
            self.poll().is_pending(),
            "the future is ready; it should wait"
        );
    }

    /// Polls once, and insists that the future ends.
    ///
    /// # Panics
    ///
    /// If it waits.
    #[track_caller]
    pub fn expect_ready(&mut self) -> F::Output {
        match self.poll() {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the future waits; it should be ready"),
        }
    }

    /// Polls for as long as the future has been woken since its last poll; `None` when it
    /// waits and nobody has woken it.
    ///
    /// The first poll needs no wake-up. A future that wakes itself for ever never returns.
    #[track_caller]
    pub fn run(&mut self) -> Option<F::Output> {
        loop {
            if let Poll::Ready(output) = self.poll() {
                return Some(output);
            }
            if self.wakes() == 0 {
                return None;
            }
        }
    }

    /// How often it was woken since it was last polled.
    #[must_use]
    pub fn wakes(&self) -> usize {
        self.counter.wakes()
    }

    /// The counter behind its waker.
    #[must_use]
    pub fn counter(&self) -> &Arc<CountingWaker> {
        &self.counter
    }

    /// Whether the future has ended.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.future.is_none()
    }
}

impl<F: Future> fmt::Debug for ByHand<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByHand")
            .field("done", &self.is_done())
            .field("wakes", &self.wakes())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use super::ByHand;
    use crate::CountingWaker;

    #[test]
    fn a_future_is_polled_only_when_asked() {
        let polls = std::cell::Cell::new(0);
        let mut task = ByHand::new(poll_fn(|_| {
            polls.set(polls.get() + 1);
            Poll::<()>::Pending
        }));
        assert_eq!(polls.get(), 0);
        task.expect_pending();
        task.expect_pending();
        drop(task);
        assert_eq!(polls.get(), 2);
    }

    #[test]
    fn running_goes_on_while_it_is_woken_and_stops_when_it_is_not() {
        let mut polls = 0;
        let mut task = ByHand::new(poll_fn(move |cx| {
            polls += 1;
            match polls {
                1 => cx.waker().wake_by_ref(),
                3 => return Poll::Ready(polls),
                _ => {}
            }
            Poll::Pending
        }));
        assert_eq!(task.run(), None);
        assert_eq!(task.run(), Some(3));
        assert!(task.is_done());
    }

    #[test]
    fn a_foreign_context_is_woken_instead_of_the_own_one() {
        let other = CountingWaker::new();
        let waker = other.waker();
        let mut task = ByHand::new(poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::<()>::Pending
        }));
        assert!(
            task.poll_with(&mut Context::from_waker(&waker))
                .is_pending()
        );
        assert_eq!((other.wakes(), task.wakes()), (1, 0));
    }

    #[test]
    fn a_dropped_future_lets_go_of_its_waker() {
        let mut kept: Option<Waker> = None;
        let mut task = ByHand::new(poll_fn(move |cx| {
            kept.get_or_insert_with(|| cx.waker().clone());
            Poll::<()>::Pending
        }));
        task.expect_pending();
        let counter = Arc::clone(task.counter());
        assert_eq!(counter.handles(), 3);
        drop(task);
        assert_eq!(counter.handles(), 1);
    }

    #[test]
    #[should_panic(expected = "must not be polled again")]
    fn an_ended_future_must_not_be_polled_again() {
        let mut task = ByHand::new(ready(1));
        assert_eq!(task.expect_ready(), 1);
        let _ = task.poll();
    }

    #[test]
    #[should_panic(expected = "it should be ready")]
    fn waiting_for_ever_is_not_ready() {
        ByHand::new(pending::<()>()).expect_ready();
    }
}
