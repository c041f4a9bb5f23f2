//! One goroutine of a scope: runs the future, drops it, hands the result over, and counts
//! itself out last.

#![expect(
    unsafe_code,
    reason = "lets a future that borrows be a goroutine's, which `scope` outlives"
)]

use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::data::{Data, Running};
use super::handle::{Failure, Packet};
use crate::task::join::{JoinError, Output};

/// A child whose borrows the type no longer tells.
pub(super) type Erased = Pin<Box<dyn Future<Output = Running> + Send>>;

/// Makes a child of this future, counted in; and where its result will be.
pub(super) fn make<'scope, F>(
    future: F,
    data: &Arc<Data>,
    place: &'static Location<'static>,
) -> (Erased, Arc<Packet<F::Output>>)
where
    F: Future + Send + 'scope,
    F::Output: Send + 'scope,
{
    let packet = Arc::new(Packet::new());
    let work: Pin<Box<dyn Future<Output = Running> + Send + 'scope>> = Box::pin(Work {
        future: Some(future),
        outcome: Some(Outcome {
            packet: Arc::clone(&packet),
            data: Arc::clone(data),
            place,
        }),
        running: Some(data.enter()),
    });
    // SAFETY: `Work` with its `Running`, for a scope that waits for it: see `erase`.
    (unsafe { erase(work) }, packet)
}

/// Forgets what the future borrows.
///
/// # Safety
///
/// What is borrowed for `'scope` stays until the future has been dropped, or has given its
/// output and will not be polled again. With `Work` this holds, since it keeps its `Running`
/// until then, `scope` waits for all of these, and `'scope` ends after `scope` has returned. (See
/// the page of the module.)
unsafe fn erase<'scope>(work: Pin<Box<dyn Future<Output = Running> + Send + 'scope>>) -> Erased {
    // SAFETY: the types differ in a lifetime alone; that it is not relied on is the caller's
    // promise.
    unsafe {
        std::mem::transmute::<
            Pin<Box<dyn Future<Output = Running> + Send + 'scope>>,
            Pin<Box<dyn Future<Output = Running> + Send>>,
        >(work)
    }
}

pin_project! {
    struct Work<F: Future> {
        // Absent once it has ended.
        #[pin]
        future: Option<F>,
        // Where the result goes. Absent once it is there.
        outcome: Option<Outcome<F::Output>>,
        // Leaves last. Absent once it has ended.
        running: Option<Running>,
    }

    impl<F: Future> PinnedDrop for Work<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(running) = this.running.take() {
                // Aborted, or cut off by the end of the runtime.
                end(this.future, this.outcome, Err(JoinError::cancelled()));
                drop(running);
            }
        }
    }
}

impl<F: Future> Future for Work<F> {
    type Output = Running;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Running> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut();
        let future = future.expect("a child is not polled after its end");
        let result = match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(payload) => Err(JoinError::from_payload(payload)),
        };
        end(this.future, this.outcome, result);
        let running = this.running.take();
        Poll::Ready(running.expect("it is counted until it ends"))
    }
}

/// Drops the future and hands the result over. Nothing of the child is left afterwards but what
/// its join handle has. Does not panic.
fn end<F: Future>(
    mut future: Pin<&mut Option<F>>,
    outcome: &mut Option<Outcome<F::Output>>,
    result: Output<F::Output>,
) {
    // (A panicking destructor leaves `None` all the same.)
    let dropped = catch_unwind(AssertUnwindSafe(|| future.set(None)));
    let Some(outcome) = outcome.take() else {
        return;
    };
    outcome.deliver(result, dropped.err().map(JoinError::from_payload));
}

/// Where the result of a child goes.
struct Outcome<T> {
    packet: Arc<Packet<T>>,
    data: Arc<Data>,
    place: &'static Location<'static>,
}

impl<T> Outcome<T> {
    /// Hands the result over. If the future's destructor has panicked, that is the result of a
    /// child that had not panicked before.
    fn deliver(self, result: Output<T>, late: Option<JoinError>) {
        let Outcome {
            packet,
            data,
            place,
        } = self;
        let keep = |error: JoinError| data.panicked(error, place);
        // The joiner's waker, and a value that nobody wants, are code of the program.
        let delivered = catch_unwind(AssertUnwindSafe(|| {
            let had_panicked = matches!(&result, Err(error) if error.is_panic());
            let (result, unwanted) = match late {
                Some(late) if !had_panicked => (Err(late), Some(result)),
                _ => (result, None),
            };
            packet.put(result.map_err(|error| Failure::of(error, keep)));
            drop((packet, unwanted));
        }));
        if let Err(payload) = delivered {
            data.panicked(JoinError::from_payload(payload), place);
        }
    }
}
