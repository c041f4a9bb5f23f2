//! The receiving end: Go's `<-chan T`.

use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};

use marmot_wait::park::block_on;

use crate::channel::Channel;
use crate::error::TryRecvError;
use crate::recv::{Recv, RecvCore, RecvMany};
use crate::send::wake;
use crate::state::Nature;
use crate::stream::Parked;

/// The receiving end of a channel. Cloning it makes another consumer of the same channel:
/// each value goes to one of them.
///
/// When the last one is dropped the channel is closed and what is in it is dropped, unless it
/// came from a [`Chan`](crate::Chan).
///
/// # Examples
///
/// Go's `for v := range ch`:
///
/// ```
/// use marmot_chan::chan;
/// # marmot_wait::park::block_on(async {
/// let (tx, rx) = chan(3);
/// for n in 1..=3 {
///     tx.send(n).await.unwrap();
/// }
/// tx.close();
/// let mut sum = 0;
/// while let Some(n) = rx.recv().await {
///     sum += n;
/// }
/// assert_eq!(sum, 6);
/// # });
/// ```
///
/// It can't send:
///
/// ```compile_fail,E0599
/// let (_tx, rx) = marmot_chan::chan::<i32>(1);
/// let _ = rx.send(1);
/// ```
pub struct Receiver<T> {
    pub(crate) chan: Arc<Channel<T>>,
    /// The waiter of this handle as a `Stream`.
    pub(crate) parked: Parked,
}

impl<T> Receiver<T> {
    pub(crate) fn of(chan: Arc<Channel<T>>) -> Receiver<T> {
        Receiver {
            chan,
            parked: Parked::new(),
        }
    }

    /// A receiver of Go's nil channel: nothing ever comes, and it is never closed.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_chan::{Receiver, TryRecvError};
    /// assert_eq!(Receiver::<i32>::never().try_recv(), Err(TryRecvError::Empty));
    /// ```
    #[must_use]
    pub fn never() -> Receiver<T> {
        Receiver::of(Channel::new(0, Nature::Nil))
    }

    /// Receives the next value, waiting until there is one.
    ///
    /// Values arrive in the order they were sent; receivers are served in the order they
    /// began to wait. `None` once the channel is closed and drained (Go's `ok == false`).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a value already handed to it goes to the next
    /// waiting receiver, or to the front of the channel. It does lose its place in the line.
    ///
    /// # Complexity
    ///
    /// O(1). Takes the channel's lock once; a second time if it has to wait behind others, or
    /// in vain.
    #[inline]
    #[track_caller]
    pub fn recv(&self) -> Recv<'_, T> {
        self.unpark();
        Recv {
            core: RecvCore::new(&self.chan, Location::caller()),
        }
    }

    /// Receives a value if one is there: the oldest, or on an unbuffered channel that of the
    /// send that waits longest.
    ///
    /// It overtakes nobody: while a receive waits, there is no value.
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`], or [`TryRecvError::Closed`] once closed and drained.
    ///
    /// # Complexity
    ///
    /// O(1), under the channel's lock, taken once. (Leftovers of selects that another channel has
    /// decided are passed by, each once.)
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_chan::{TryRecvError, chan};
    ///
    /// let (tx, rx) = chan(1);
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    /// tx.try_send(1).unwrap();
    /// drop(tx);
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    /// ```
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.unpark();
        let received = self.chan.lock().recv();
        let (value, owed) = received?;
        wake(owed);
        Ok(value)
    }

    /// Waits for a value, then takes what is there, at most `max`, to the end of `buffer`.
    /// Gives how many; 0 once the channel is closed and drained, or if `max` is 0.
    ///
    /// The values are in the order in which they were sent; those after the first are taken as
    /// one instant. It waits in the same line as [`recv`](Receiver::recv).
    ///
    /// # Cancel safety
    ///
    /// As [`recv`](Receiver::recv); the buffer is untouched until it completes.
    ///
    /// # Complexity
    ///
    /// O(1) for each value, under the channel's lock, taken twice.
    #[track_caller]
    pub fn recv_many<'a>(&'a self, buffer: &'a mut Vec<T>, max: usize) -> RecvMany<'a, T> {
        RecvMany {
            first: self.recv(),
            buffer,
            max,
        }
    }

    /// Closes the channel from the consumer's side: waiting and later sends fail. What is in
    /// the buffer can still be received.
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

    /// Receives the next value, blocking this thread until there is one. Legal inside a
    /// goroutine too, whose P goes to others meanwhile.
    ///
    /// It waits in the same line as [`recv`](Receiver::recv).
    ///
    /// # Complexity
    ///
    /// As [`recv`](Receiver::recv).
    #[track_caller]
    pub fn recv_blocking(&self) -> Option<T> {
        match self.try_recv() {
            Ok(value) => Some(value),
            Err(TryRecvError::Closed) => None,
            Err(TryRecvError::Empty) => block_on(self.recv()),
        }
    }

    /// The values until the channel is closed and drained, for a plain thread: each is a
    /// [`recv_blocking`](Receiver::recv_blocking).
    ///
    /// # Examples
    ///
    /// ```
    /// let (tx, rx) = marmot_chan::chan(2);
    /// let sender = std::thread::spawn(move || (1..=3).for_each(|n| tx.send_blocking(n).unwrap()));
    /// assert_eq!(rx.iter().sum::<i32>(), 6);
    /// sender.join().unwrap();
    /// ```
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { rx: self }
    }

    /// A handle that does not keep the channel open. O(1).
    pub fn downgrade(&self) -> WeakReceiver<T> {
        WeakReceiver {
            chan: Arc::downgrade(&self.chan),
        }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        self.chan.receivers.add();
        Receiver::of(Arc::clone(&self.chan))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.unpark();
        self.chan.drop_receiver();
    }
}

/// Blocks its thread for each next value; from [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    rx: &'a Receiver<T>,
}

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.recv_blocking()
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Blocks its thread for each next value, and owns the receiver.
#[derive(Debug)]
pub struct IntoIter<T> {
    rx: Receiver<T>,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rx.recv_blocking()
    }
}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { rx: self }
    }
}

/// A receiver that does not keep its channel open; from [`Receiver::downgrade`].
pub struct WeakReceiver<T> {
    chan: Weak<Channel<T>>,
}

impl<T> WeakReceiver<T> {
    /// A receiver again, unless the last one is gone. O(1); no lock.
    pub fn upgrade(&self) -> Option<Receiver<T>> {
        let chan = self.chan.upgrade()?;
        chan.receivers.try_add().then(|| Receiver::of(chan))
    }
}

impl<T> Clone for WeakReceiver<T> {
    fn clone(&self) -> WeakReceiver<T> {
        WeakReceiver {
            chan: Weak::clone(&self.chan),
        }
    }
}

impl<T> fmt::Debug for WeakReceiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeakReceiver<{}>", std::any::type_name::<T>())
    }
}
