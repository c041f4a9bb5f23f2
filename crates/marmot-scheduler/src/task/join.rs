//! The handle that waits for a goroutine's end, and what it gives.

#![expect(
    unsafe_code,
    reason = "takes the output that State says is the handle's"
)]

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use marmot_wait::{WaitReason, note, park};

use super::cell;
use super::claim::Claim;
use super::header::{Header, TaskRef};
use super::panic::{self, Caught};
use super::state::Duty;
use crate::current;

/// What a goroutine leaves: its output, or why there is none.
pub(crate) type Output<T> = Result<T, JoinError>;

/// Why a goroutine has no output: it panicked, it was aborted, or it called
/// [`goexit`](crate::goexit).
pub struct JoinError(Box<Why>);

enum Why {
    Panic(Caught),
    Cancelled,
    Goexit,
}

impl JoinError {
    pub(crate) fn from_payload(payload: Box<dyn Any + Send>) -> JoinError {
        JoinError(Box::new(match payload.downcast::<panic::Goexit>() {
            Ok(_) => Why::Goexit,
            Err(payload) => Why::Panic(Caught::new(payload)),
        }))
    }

    pub(crate) fn cancelled() -> JoinError {
        JoinError(Box::new(Why::Cancelled))
    }

    /// Nobody will ever see this error: a panic is the policy's business.
    pub(crate) fn unobserved(self, header: &Header) {
        if let Why::Panic(caught) = *self.0 {
            panic::unobserved(&caught, header);
        }
    }

    /// Goes on with the panic, if it is one.
    pub(crate) fn resume_panic(self) {
        if let Why::Panic(caught) = *self.0 {
            caught.resume();
        }
    }

    /// Whether the goroutine panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        matches!(*self.0, Why::Panic(_))
    }

    /// Whether the goroutine was aborted, or cut off by the end of its runtime.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.0, Why::Cancelled)
    }

    /// Whether the goroutine ended itself with [`goexit`](crate::goexit).
    #[must_use]
    pub fn is_goexit(&self) -> bool {
        matches!(*self.0, Why::Goexit)
    }

    /// Ends the process as Go does when the main goroutine panics: the panic on stderr, exit
    /// status 2. Gives the error back if it is no panic.
    #[doc(hidden)]
    #[must_use]
    pub fn crash_main(self) -> JoinError {
        match *self.0 {
            Why::Panic(caught) => panic::crash_main(&caught),
            why => JoinError(Box::new(why)),
        }
    }

    /// What std says of a panic on stderr: where it happened, its text, and a backtrace if
    /// `RUST_BACKTRACE` asks for one. `None` if the goroutine did not panic.
    #[doc(hidden)]
    #[must_use]
    pub fn standard_message(&self) -> Option<String> {
        match &*self.0 {
            Why::Panic(caught) => Some(caught.standard_message()),
            _ => None,
        }
    }

    /// The payload of the panic, to be looked at or resumed.
    ///
    /// # Panics
    ///
    /// If the goroutine did not panic; ask [`is_panic`](JoinError::is_panic), or use
    /// [`try_into_panic`](JoinError::try_into_panic).
    #[must_use]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("into_panic of a goroutine that did not panic: {error}"),
        }
    }

    /// The payload of the panic, or the error again.
    ///
    /// # Errors
    ///
    /// The error itself, if the goroutine did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match *self.0 {
            Why::Panic(caught) => Ok(caught.into_payload()),
            why => Err(JoinError(Box::new(why))),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Why::Panic(caught) => write!(f, "goroutine panicked: {caught}"),
            Why::Cancelled => f.write_str("goroutine was cancelled"),
            Why::Goexit => f.write_str("goroutine called goexit"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

/// Waits for a goroutine's end: a future of `Result<T, JoinError>`.
///
/// Dropping it detaches the goroutine, which goes on. A panic that is then seen by nobody
/// goes to the runtime's panic policy.
///
/// # Cancel safety
///
/// Polling and dropping `&mut handle` loses nothing: the output stays in the handle's keeping.
///
/// # Panics
///
/// When polled again after it gave its output.
pub struct JoinHandle<T> {
    claim: Claim,
    output: PhantomData<T>,
}

// SAFETY: the handle moves a T from the goroutine to its holder, and otherwise only touches
// the atomics of the cell; so it may be on any thread if T may.
unsafe impl<T: Send> Send for JoinHandle<T> {}

// SAFETY: by a shared reference one can only ask and abort, which are atomic.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> UnwindSafe for JoinHandle<T> {}
impl<T> RefUnwindSafe for JoinHandle<T> {}
impl<T> Unpin for JoinHandle<T> {}

impl<T> JoinHandle<T> {
    /// The handle that `cell::make` counted.
    pub(crate) fn of(task: TaskRef) -> JoinHandle<T> {
        JoinHandle {
            claim: Claim::of(task),
            output: PhantomData,
        }
    }

    /// A handle of a goroutine that was cut off before it began: its runtime is gone.
    pub(crate) fn cut_off() -> JoinHandle<T> {
        JoinHandle {
            claim: Claim::none(),
            output: PhantomData,
        }
    }

    fn header(&self) -> Option<&Header> {
        // SAFETY: the handle's reference keeps the cell alive.
        self.claim.task().map(|task| unsafe { task.0.as_ref() })
    }

    /// Whether the goroutine has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.header().is_none_or(|header| header.state.is_done())
    }

    /// Asks the goroutine to end: its future is dropped the next time it would be polled, and
    /// the joiner gets a [`JoinError`] that says so. One that has ended stays as it is.
    pub fn abort(&self) {
        if let Some(task) = self.claim.task() {
            abort(task);
        }
    }

    /// A handle with which others may abort the goroutine.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        if let Some(header) = self.header() {
            header.state.add_ref();
        }
        AbortHandle {
            task: self.claim.task(),
        }
    }

    /// Waits on this thread for the end. Legal inside a goroutine, whose P goes to another
    /// thread for as long as this one sleeps.
    ///
    /// # Errors
    ///
    /// If the goroutine panicked or was aborted.
    pub fn join_blocking(self) -> Result<T, JoinError> {
        park::block_on(self)
    }

    /// Takes the output of a finished goroutine.
    fn take(&mut self, task: TaskRef) -> Output<T> {
        let mut output = MaybeUninit::<Output<T>>::uninit();
        // SAFETY: the handle's reference keeps the cell alive.
        let take = unsafe { task.0.as_ref() }.vtable().take_output;
        // SAFETY: DONE with JOIN set: the output is the handle's, of the type the handle was
        // made with.
        unsafe { take(task.0, output.as_mut_ptr().cast()) };
        self.claim.set(Claim::TAKEN);
        // SAFETY: `take` has written it.
        unsafe { output.assume_init() }
    }

    /// Leaves a waker; `false` if the goroutine ended meanwhile.
    fn leave_waker(&mut self, task: TaskRef, cx: &Context<'_>) -> bool {
        // SAFETY: the handle's reference keeps the cell alive.
        let header = unsafe { task.0.as_ref() };
        // SAFETY: the cell lives.
        let joiner = unsafe { (header.vtable().joiner)(task.0) };
        if self.claim.is(Claim::POLLED)
            && !header.state.unset_join_waker()
            && header.state.is_done()
        {
            return false;
        }
        // SAFETY: JWAKER is clear and the task was not done when we found or made it so: only
        // the handle touches the field.
        let place = unsafe { &mut *joiner };
        let mut old = None;
        if place
            .as_ref()
            .is_none_or(|waker| !waker.will_wake(cx.waker()))
        {
            old = place.replace(cx.waker().clone());
        }
        self.claim.set(Claim::POLLED);
        let waits = header.state.set_join_waker();
        drop(old);
        waits
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = self.claim.task() else {
            return Poll::Ready(Err(JoinError::cancelled()));
        };
        if !self.is_finished() && self.leave_waker(task, cx) {
            // SAFETY: the handle's reference keeps the cell alive.
            let g = unsafe { task.0.as_ref() };
            let joined = g.shared().whose | g.id.load(Ordering::Relaxed);
            note::set_held_by(
                WaitReason::Join,
                task.0.as_ptr() as usize,
                Location::caller(),
                current::is_polled_with(cx.waker()),
                joined,
            );
            return Poll::Pending;
        }
        Poll::Ready(self.take(task))
    }
}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        let Some(task) = self.claim.task() else {
            return;
        };
        // SAFETY: the handle's reference keeps the cell alive.
        let header = unsafe { task.0.as_ref() };
        if !self.claim.is(Claim::POLLED) && header.state.drop_join_fresh() {
            return;
        }
        let waker = if self.claim.is(Claim::TAKEN) {
            None
        } else {
            self.give_up(task)
        };
        if header.state.drop_ref_shared() {
            // SAFETY: the last reference; done, and the output taken or dropped.
            unsafe { cell::free(task) };
        }
        drop(waker);
    }
}

impl<T> JoinHandle<T> {
    /// Gives up the claim to an output that was not taken; gives the waker that was left.
    fn give_up(&self, task: TaskRef) -> Option<Waker> {
        // SAFETY: the handle's reference keeps the cell alive.
        let header = unsafe { task.0.as_ref() };
        let mut waker = None;
        if self.claim.is(Claim::POLLED) && header.state.unset_join_waker() {
            // SAFETY: the cell lives.
            let joiner = unsafe { (header.vtable().joiner)(task.0) };
            // SAFETY: JWAKER was set and is clear now, before the task was done: the field is
            // the handle's.
            waker = unsafe { &mut *joiner }.take();
        }
        if header.state.drop_join() {
            // A panic in its destructor is nobody's, wherever it happens to be dropped.
            let config = &header.shared().config;
            // SAFETY: done, and the output was the handle's.
            panic::contained(config, || unsafe { (header.vtable().drop_output)(task.0) });
        }
        waker
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle")
            .field("finished", &self.is_finished())
            .finish()
    }
}

/// Aborts a goroutine that somebody else may be joining.
pub struct AbortHandle {
    task: Option<TaskRef>,
}

// SAFETY: only atomics of the cell are touched, and its freeing is any thread's business.
unsafe impl Send for AbortHandle {}

// SAFETY: as above.
unsafe impl Sync for AbortHandle {}

impl AbortHandle {
    /// Of a goroutine that is none.
    #[cfg(test)]
    pub(crate) fn of_nothing() -> AbortHandle {
        AbortHandle { task: None }
    }

    /// Asks the goroutine to end, as [`JoinHandle::abort`].
    pub fn abort(&self) {
        if let Some(task) = self.task {
            abort(task);
        }
    }

    /// Whether the goroutine has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        // SAFETY: the handle's reference keeps the cell alive.
        self.task
            .is_none_or(|task| unsafe { task.0.as_ref() }.state.is_done())
    }
}

impl Clone for AbortHandle {
    fn clone(&self) -> AbortHandle {
        if let Some(task) = self.task {
            // SAFETY: the handle's reference keeps the cell alive.
            unsafe { task.0.as_ref() }.state.add_ref();
        }
        AbortHandle { task: self.task }
    }
}

impl Drop for AbortHandle {
    fn drop(&mut self) {
        let Some(task) = self.task else { return };
        // SAFETY: the handle's reference keeps the cell alive.
        if unsafe { task.0.as_ref() }.state.drop_ref() {
            // SAFETY: the last reference; a task without its life is done, and its output
            // was dropped by the poller or by the join handle.
            unsafe { cell::free(task) };
        }
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AbortHandle")
            .field("finished", &self.is_finished())
            .finish()
    }
}

fn abort(task: TaskRef) {
    // SAFETY: the caller's reference keeps the cell alive.
    let header = unsafe { task.0.as_ref() };
    let shared = header.shared();
    if header.state.cancel() == Duty::Enqueue {
        current::schedule::<false>(shared, task);
    }
}
