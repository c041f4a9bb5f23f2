//! The traits others expect: `Stream` for [`Receiver`], `Sink` for what
//! [`Sender::sink`] gives.

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Sink, Stream};

use crate::error::SendError;
use crate::line::Key;
use crate::lock::Lock;
use crate::loom::{AtomicBool, Ordering};
use crate::receiver::Receiver;
use crate::recv::RecvCore;
use crate::send::{SendCore, Sent, Stage, wake};
use crate::sender::Sender;

/// Where a receiver that is polled as a stream stands in the line between two polls.
pub(crate) struct Parked {
    /// Whether there is a key, so that a receiver that is no stream pays one load.
    any: AtomicBool,
    key: Lock<Option<Key>>,
}

impl Parked {
    pub(crate) fn new() -> Parked {
        Parked {
            any: AtomicBool::new(false),
            key: Lock::new(None),
        }
    }

    fn set(&mut self, key: Option<Key>) {
        // ORDERING: Relaxed: it is written through `&mut`, so whoever reads it got the handle
        // after that; the key itself is behind its lock.
        self.any.store(key.is_some(), Ordering::Relaxed);
        *self.key.lock() = key;
    }

    fn take(&self) -> Option<Key> {
        // ORDERING: Relaxed: as in `set`.
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        // ORDERING: Relaxed: as in `set`; of two who take at once, the lock gives it to one.
        self.any.store(false, Ordering::Relaxed);
        self.key.lock().take()
    }
}

impl<T> Receiver<T> {
    /// Ends its wait as a stream, so that a value that was handed to it is there for all.
    #[inline]
    pub(crate) fn unpark(&self) {
        if let Some(key) = self.parked.take() {
            self.unpark_slow(key);
        }
    }

    #[cold]
    fn unpark_slow(&self, key: Key) {
        let (who, owed) = self.chan.lock().leave_receiver(key);
        wake(owed);
        drop(who);
    }
}

impl<T> Unpin for Receiver<T> {}

impl<T> Stream for Receiver<T> {
    type Item = T;

    #[track_caller]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = self.get_mut();
        let stage = this.parked.take().map_or(Stage::New, Stage::Waiting);
        let mut core = RecvCore {
            chan: &this.chan,
            stage,
            place: Location::caller(),
        };
        let polled = core.poll(cx);
        if let Stage::Waiting(key) = core.stage {
            this.parked.set(Some(key));
        }
        polled
    }
}

/// A `Sink` into a channel; from [`Sender::sink`].
///
/// Holds at most one value that has not been sent yet. Dropping it drops that value, if
/// nobody has taken it.
pub struct SenderSink<T> {
    tx: Sender<T>,
    stage: Stage,
    value: Option<T>,
}

impl<T> Sender<T> {
    /// This sender as a `futures::Sink`; a clone, so the channel stays open while it lives.
    ///
    /// # Examples
    ///
    /// ```
    /// use futures::{SinkExt, StreamExt, stream};
    /// # marmot_wait::park::block_on(async {
    /// let (tx, rx) = marmot_chan::chan(4);
    /// let mut sink = tx.sink();
    /// drop(tx);
    /// sink.send_all(&mut stream::iter([Ok(1), Ok(2)])).await.unwrap();
    /// drop(sink);
    /// assert_eq!(rx.collect::<Vec<_>>().await, [1, 2]);
    /// # });
    /// ```
    pub fn sink(&self) -> SenderSink<T> {
        self.clone().into_sink()
    }

    /// This sender as a `futures::Sink`.
    pub fn into_sink(self) -> SenderSink<T> {
        SenderSink {
            tx: self,
            stage: Stage::Over,
            value: None,
        }
    }
}

impl<T> Unpin for SenderSink<T> {}

impl<T> SenderSink<T> {
    #[track_caller]
    fn poll_sent(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        if self.stage == Stage::Over {
            return Poll::Ready(Ok(()));
        }
        let mut core = SendCore::value(&self.tx.chan, Location::caller());
        core.stage = self.stage;
        let polled = core.poll(&mut self.value, cx);
        self.stage = core.stage;
        polled.map(|sent| match (sent, self.value.take()) {
            (Sent::Closed, Some(value)) => Err(SendError(value)),
            _ => Ok(()),
        })
    }
}

impl<T> Sink<T> for SenderSink<T> {
    type Error = SendError<T>;

    #[track_caller]
    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.get_mut().poll_sent(cx)
    }

    fn start_send(self: Pin<&mut Self>, value: T) -> Result<(), Self::Error> {
        let this = self.get_mut();
        assert!(
            this.stage == Stage::Over,
            "start_send was called before poll_ready was ready"
        );
        this.value = Some(value);
        this.stage = Stage::New;
        Ok(())
    }

    #[track_caller]
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.get_mut().poll_sent(cx)
    }

    /// Waits until the last value is sent. The channel closes with its last sender.
    #[track_caller]
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.get_mut().poll_sent(cx)
    }
}

impl<T> Drop for SenderSink<T> {
    #[track_caller]
    fn drop(&mut self) {
        let mut core = SendCore::value(&self.tx.chan, Location::caller());
        core.stage = self.stage;
        core.leave(&mut self.value);
    }
}

impl<T> fmt::Debug for SenderSink<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SenderSink").finish_non_exhaustive()
    }
}
