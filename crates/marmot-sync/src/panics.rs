//! A panic that reaches more than one: caught where it happens, told to everybody.

use std::any::Any;
use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::pin;
use std::task::Poll;
use std::thread;

/// Runs a future to its end or to its panic.
pub(crate) async fn caught<F: Future>(future: F) -> thread::Result<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        // Nobody looks into the future after it has panicked; it is only dropped.
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(payload)),
        }
    })
    .await
}

/// What a panic said, to be said again.
#[derive(Clone, Debug)]
pub(crate) struct Echo(Cow<'static, str>);

impl Echo {
    /// The words of this panic; a payload that is not a text cannot be repeated as it is.
    pub(crate) fn of(payload: &(dyn Any + Send)) -> Echo {
        if let Some(text) = payload.downcast_ref::<&'static str>() {
            Echo(Cow::Borrowed(text))
        } else if let Some(text) = payload.downcast_ref::<String>() {
            Echo(Cow::Owned(text.clone()))
        } else {
            Echo(Cow::Borrowed("a panic whose payload is not a text"))
        }
    }

    /// Panics with the same words.
    #[track_caller]
    pub(crate) fn again(&self) -> ! {
        match &self.0 {
            Cow::Borrowed(text) => panic_any(*text),
            Cow::Owned(text) => panic_any(text.clone()),
        }
    }
}
