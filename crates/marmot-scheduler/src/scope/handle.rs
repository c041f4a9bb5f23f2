//! The handle of one goroutine of a scope, and where its result waits.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use marmot_wait::{WaitReason, note, park};

use super::data::Data;
use crate::task::join::{AbortHandle, JoinError, Output};

/// Where the result of one child waits for its joiner.
pub(super) struct Packet<T> {
    /// No waker is called, cloned or dropped, and no value dropped, under this lock.
    slot: Mutex<Slot<T>>,
}

enum Slot<T> {
    Running(Option<Waker>),
    Ended(Result<T, Failure>),
    Taken,
}

/// Why there is no value.
pub(super) enum Failure {
    /// A panic, which the scope keeps under this number until somebody joins.
    Panic(usize),
    Other(JoinError),
}

impl Failure {
    /// Gives a panic to `keep`, which numbers it.
    pub(super) fn of(error: JoinError, keep: impl FnOnce(JoinError) -> usize) -> Failure {
        if error.is_panic() {
            Failure::Panic(keep(error))
        } else {
            Failure::Other(error)
        }
    }
}

impl<T> Packet<T> {
    pub(super) fn new() -> Packet<T> {
        Packet {
            slot: Mutex::new(Slot::Running(None)),
        }
    }

    /// The child has ended.
    pub(super) fn put(&self, result: Result<T, Failure>) {
        let before = std::mem::replace(&mut *self.lock(), Slot::Ended(result));
        if let Slot::Running(Some(waker)) = before {
            waker.wake();
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Result<T, Failure>> {
        let waker = cx.waker().clone();
        let mut slot = self.lock();
        if let Slot::Running(before) = &mut *slot {
            let old = before.replace(waker);
            drop(slot);
            drop(old);
            return Poll::Pending;
        }
        let ended = std::mem::replace(&mut *slot, Slot::Taken);
        drop(slot);
        match ended {
            Slot::Ended(result) => Poll::Ready(result),
            _ => panic!("a ScopedJoinHandle polled after it gave its output"),
        }
    }

    fn is_ended(&self) -> bool {
        !matches!(*self.lock(), Slot::Running(_))
    }

    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        // Nothing panics under this lock.
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the end of one goroutine of a [`scope`](crate::scope()): a future of
/// `Result<T, JoinError>`.
///
/// Dropping it changes nothing: the scope waits for the goroutine all the same, and goes on with
/// its panic if it had one.
///
/// # Cancel safety
///
/// Polling and dropping `&mut handle` loses nothing: the result stays where it is.
///
/// # Panics
///
/// When polled again after it gave its result.
pub struct ScopedJoinHandle<'scope, T> {
    packet: Arc<Packet<T>>,
    data: Arc<Data>,
    abort: AbortHandle,
    scope: PhantomData<&'scope ()>,
}

impl<'scope, T> ScopedJoinHandle<'scope, T> {
    pub(super) fn new(
        packet: Arc<Packet<T>>,
        data: Arc<Data>,
        abort: AbortHandle,
    ) -> ScopedJoinHandle<'scope, T> {
        ScopedJoinHandle {
            packet,
            data,
            abort,
            scope: PhantomData,
        }
    }

    /// Waits for the goroutine's end: the handle itself is the future.
    ///
    /// # Errors
    ///
    /// If the goroutine panicked, was aborted or ended itself. A panic is then the caller's, and
    /// no longer the scope's.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the handle, which changes nothing.
    #[track_caller]
    pub fn join(self) -> impl Future<Output = Result<T, JoinError>> + use<'scope, T> {
        self
    }

    /// Waits on this thread for the end. Legal inside a goroutine, whose P goes to another
    /// thread for as long as this one sleeps.
    ///
    /// # Errors
    ///
    /// As [`join`](ScopedJoinHandle::join).
    pub fn join_blocking(self) -> Result<T, JoinError> {
        park::block_on(self)
    }

    /// Whether the goroutine has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.packet.is_ended()
    }

    /// Asks the goroutine to end: its future is dropped the next time it would be polled, and
    /// the joiner gets a [`JoinError`] that says so. One that has ended stays as it is.
    pub fn abort(&self) {
        self.abort.abort();
    }

    /// A handle with which others may abort the goroutine.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        self.abort.clone()
    }
}

impl<T> Unpin for ScopedJoinHandle<'_, T> {}

impl<T> Future for ScopedJoinHandle<'_, T> {
    type Output = Output<T>;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output<T>> {
        let polled = self.packet.poll(cx);
        if polled.is_pending() {
            let object = Arc::as_ptr(&self.packet).addr();
            note::set(WaitReason::Join, object, Location::caller());
        }
        polled.map_err(|failure| match failure {
            Failure::Panic(number) => self.data.take_panic(number),
            Failure::Other(error) => error,
        })
    }
}

impl<T> fmt::Debug for ScopedJoinHandle<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScopedJoinHandle")
            .field("finished", &self.is_finished())
            .finish()
    }
}
