//! The sending end: Go's `chan<- T`.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};

use marmot_wait::park::block_on;

use crate::channel::Channel;
use crate::error::{SendError, TrySendError};
use crate::send::{Closed, Reserve, SendCore, SendFrom, SendValue, wake};

/// The sending end of a channel. Cloning it makes another producer of the same channel.
///
/// When the last one is dropped the channel is closed, unless it came from a
/// [`Chan`](crate::Chan).
///
/// # Examples
///
/// ```
/// use marmot_chan::chan;
/// # marmot_wait::park::block_on(async {
/// let (tx, rx) = chan(2);
/// tx.send("one").await.unwrap();
/// tx.send("two").await.unwrap();
/// drop(tx);
/// assert_eq!(rx.recv().await, Some("one"));
/// assert_eq!(rx.recv().await, Some("two"));
/// assert_eq!(rx.recv().await, None);
/// # });
/// ```
///
/// It can't receive, in Go as here:
///
/// ```compile_fail,E0599
/// let (tx, _rx) = marmot_chan::chan::<i32>(1);
/// let _ = tx.recv();
/// ```
pub struct Sender<T> {
    pub(crate) chan: Arc<Channel<T>>,
}

impl<T> Sender<T> {
    /// Sends a value, waiting for room (or, unbuffered, for a receiver that takes it).
    ///
    /// Senders are served in the order they began to wait. A waiting send happens at the
    /// moment a receiver takes the value or makes room for it, whether or not the future is
    /// polled again.
    ///
    /// # Errors
    ///
    /// If the channel is closed, the value comes back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no waiter. Either the value has been sent, or it is dropped
    /// with the future; who must know uses [`send_from`](Sender::send_from),
    /// [`reserve`](Sender::reserve) or [`select!`](crate::select!).
    ///
    /// # Complexity
    ///
    /// O(1). Takes the channel's lock once; a second time if it has to wait behind others, or
    /// in vain.
    #[inline]
    #[track_caller]
    pub fn send(&self, value: T) -> SendValue<'_, T> {
        SendValue {
            core: SendCore::value(&self.chan, Location::caller()),
            value: Some(value),
        }
    }

    /// Sends the value in `slot`, taking it out only when it is sent. An empty slot is never
    /// sent: the operation waits for ever, as on Go's nil channel.
    ///
    /// It waits in the same line as [`send`](Sender::send), first come, first served.
    ///
    /// # Errors
    ///
    /// If the channel is closed; the value is in the slot.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no waiter; the slot is then empty exactly if the value was
    /// sent.
    ///
    /// # Complexity
    ///
    /// As [`send`](Sender::send).
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_chan::chan;
    /// # marmot_wait::park::block_on(async {
    /// let (tx, _rx) = chan(1);
    /// let mut next = Some(1);
    /// tx.send_from(&mut next).await.unwrap();
    /// assert_eq!(next, None);
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn send_from<'a>(&'a self, slot: &'a mut Option<T>) -> SendFrom<'a, T> {
        SendFrom {
            core: SendCore::value(&self.chan, Location::caller()),
            slot,
        }
    }

    /// Sends a value if that takes no waiting: to the receiver that waits longest, or into the
    /// buffer behind what is there.
    ///
    /// It overtakes nobody: while a send waits, there is no room.
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] or [`TrySendError::Closed`], with the value.
    ///
    /// # Complexity
    ///
    /// O(1), under the channel's lock, taken once. (Room in an unbounded buffer is O(1) on
    /// average. Leftovers of selects that another channel has decided are passed by, each once.)
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_chan::{TrySendError, chan};
    ///
    /// let (tx, rx) = chan(1);
    /// assert_eq!(tx.try_send(1), Ok(()));
    /// assert_eq!(tx.try_send(2), Err(TrySendError::Full(2)));
    /// drop(rx);
    /// assert_eq!(tx.try_send(3), Err(TrySendError::Closed(3)));
    /// ```
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut slot = Some(value);
        let mut state = self.chan.lock();
        if state.push(&mut slot) {
            return Ok(());
        }
        let Some(value) = slot else { return Ok(()) };
        let sent = state.send(value);
        drop(state);
        sent.map(wake)
    }

    /// Waits for a place and keeps it for one value.
    ///
    /// It waits in the same line as sends, first come, first served. Where the value stands
    /// among the others is decided when the permit is used, not when it is granted.
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no waiter and keeps no place.
    ///
    /// # Complexity
    ///
    /// O(1), under the channel's lock: once, or twice if it has to wait. (An unbuffered channel
    /// with waiting sends and waiting reservations looks for the first of the kind it needs.)
    #[track_caller]
    pub fn reserve(&self) -> Reserve<'_, T> {
        Reserve {
            core: SendCore::reservation(&self.chan, Location::caller()),
        }
    }

    /// Waits until the channel is closed, by whomever: nobody wants more values.
    ///
    /// All who wait are woken by the close, in the order in which they began to wait.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no waiter.
    ///
    /// # Complexity
    ///
    /// O(1), under the channel's lock, taken at each poll.
    #[track_caller]
    pub fn closed(&self) -> Closed<'_, T> {
        Closed {
            chan: &self.chan,
            key: None,
            place: Location::caller(),
        }
    }

    /// Closes the channel: no more values will be sent. Values in the buffer can still be
    /// received; waiting senders get theirs back.
    ///
    /// `false` if it was closed before. Of those who close at once, one gets `true`. All who wait
    /// are woken, each line in its order.
    ///
    /// # Panics
    ///
    /// "close of nil channel".
    ///
    /// # Complexity
    ///
    /// O(1) for each who waits, under the channel's lock; they are woken after it is released.
    pub fn close(&self) -> bool {
        self.chan.close_explicitly()
    }

    /// Sends a value, blocking this thread while there is no room. Legal inside a goroutine
    /// too, whose P goes to others meanwhile.
    ///
    /// It waits in the same line as [`send`](Sender::send).
    ///
    /// # Errors
    ///
    /// If the channel is closed, the value comes back.
    ///
    /// # Complexity
    ///
    /// As [`send`](Sender::send).
    #[track_caller]
    pub fn send_blocking(&self, value: T) -> Result<(), SendError<T>> {
        match self.try_send(value) {
            Ok(()) => Ok(()),
            Err(TrySendError::Closed(value)) => Err(SendError(value)),
            Err(TrySendError::Full(value)) => block_on(self.send(value)),
        }
    }

    /// A handle that does not keep the channel open. O(1).
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender {
            chan: Arc::downgrade(&self.chan),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.chan.senders.add();
        Sender {
            chan: Arc::clone(&self.chan),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.drop_sender();
    }
}

/// A sender that does not keep its channel open; from [`Sender::downgrade`].
///
/// # Examples
///
/// ```
/// let (tx, _rx) = marmot_chan::chan::<i32>(1);
/// let weak = tx.downgrade();
/// assert!(weak.upgrade().is_some());
/// drop(tx);
/// assert!(weak.upgrade().is_none());
/// ```
pub struct WeakSender<T> {
    chan: Weak<Channel<T>>,
}

impl<T> WeakSender<T> {
    /// A sender again, unless the last one is gone. O(1); no lock.
    pub fn upgrade(&self) -> Option<Sender<T>> {
        let chan = self.chan.upgrade()?;
        chan.senders.try_add().then(|| Sender { chan })
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        WeakSender {
            chan: Weak::clone(&self.chan),
        }
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeakSender<{}>", std::any::type_name::<T>())
    }
}
