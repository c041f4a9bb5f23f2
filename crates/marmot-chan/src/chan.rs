//! Both ends in one value, as in Go: `chan T`.

use std::fmt;
use std::sync::Arc;

use crate::channel::Channel;
use crate::error::{SendError, TryRecvError, TrySendError};
use crate::receiver::{Iter, Receiver};
use crate::recv::{Recv, RecvMany};
use crate::send::{Closed, Reserve, SendFrom, SendValue};
use crate::sender::Sender;
use crate::state::Nature;

/// A channel with both ends in one value, as in Go. It closes only explicitly: dropping
/// handles of it, or of its [`sender`](Chan::sender) and [`receiver`](Chan::receiver), never
/// does.
///
/// Each operation is that of the end it belongs to: order, fairness, cancel safety and complexity
/// are said there.
///
/// # Examples
///
/// ```
/// use marmot_chan::Chan;
/// # marmot_wait::park::block_on(async {
/// let ch = Chan::new(1);
/// ch.send("hello").await.unwrap();
/// assert_eq!(ch.recv().await, Some("hello"));
/// assert!(ch.close());
/// assert!(!ch.close());
/// assert_eq!(ch.recv().await, None);
/// # });
/// ```
pub struct Chan<T> {
    tx: Sender<T>,
    rx: Receiver<T>,
}

impl<T> Chan<T> {
    /// A channel that buffers up to `capacity` values.
    ///
    /// # Panics
    ///
    /// "makechan: size out of range" if the buffer can't be allocated.
    #[must_use]
    pub fn new(capacity: usize) -> Chan<T> {
        assert!(capacity < usize::MAX, "makechan: size out of range");
        Chan::of(Channel::new(capacity, Nature::Manual))
    }

    /// Go's nil channel: sends and receives wait for ever, length and capacity are 0.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_chan::Chan;
    /// let nil = Chan::<i32>::nil();
    /// assert!(nil.is_nil());
    /// assert!(nil.try_send(1).is_err());
    /// assert_eq!((nil.len(), nil.capacity()), (0, 0));
    /// assert_eq!(format!("{nil:?}"), "<nil>");
    /// ```
    #[must_use]
    pub fn nil() -> Chan<T> {
        Chan::of(Channel::new(0, Nature::Nil))
    }

    fn of(chan: Arc<Channel<T>>) -> Chan<T> {
        Chan {
            tx: Sender {
                chan: Arc::clone(&chan),
            },
            rx: Receiver::of(chan),
        }
    }

    /// Whether this is the nil channel.
    pub fn is_nil(&self) -> bool {
        self.tx.chan.is_nil()
    }

    /// The sending end: `chan<- T`.
    pub fn sender(&self) -> Sender<T> {
        self.tx.clone()
    }

    /// The receiving end: `<-chan T`.
    pub fn receiver(&self) -> Receiver<T> {
        self.rx.clone()
    }

    /// Both ends, borrowed.
    pub(crate) fn ends(&self) -> (&Sender<T>, &Receiver<T>) {
        (&self.tx, &self.rx)
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    ///
    /// If the channel is closed, the value comes back.
    ///
    /// # Cancel safety
    ///
    /// As [`Sender::send`].
    #[inline]
    #[track_caller]
    pub fn send(&self, value: T) -> SendValue<'_, T> {
        self.tx.send(value)
    }

    /// As [`Sender::send_from`].
    ///
    /// # Errors
    ///
    /// If the channel is closed; the value is in the slot.
    ///
    /// # Cancel safety
    ///
    /// As [`Sender::send_from`].
    #[inline]
    #[track_caller]
    pub fn send_from<'a>(&'a self, slot: &'a mut Option<T>) -> SendFrom<'a, T> {
        self.tx.send_from(slot)
    }

    /// As [`Sender::try_send`].
    ///
    /// # Errors
    ///
    /// [`TrySendError::Full`] or [`TrySendError::Closed`], with the value.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.tx.try_send(value)
    }

    /// As [`Sender::reserve`].
    ///
    /// # Errors
    ///
    /// If the channel is closed.
    ///
    /// # Cancel safety
    ///
    /// As [`Sender::reserve`].
    #[track_caller]
    pub fn reserve(&self) -> Reserve<'_, T> {
        self.tx.reserve()
    }

    /// As [`Sender::closed`].
    ///
    /// # Cancel safety
    ///
    /// As [`Sender::closed`].
    #[track_caller]
    pub fn closed(&self) -> Closed<'_, T> {
        self.tx.closed()
    }

    /// As [`Sender::send_blocking`].
    ///
    /// # Errors
    ///
    /// If the channel is closed, the value comes back.
    #[track_caller]
    pub fn send_blocking(&self, value: T) -> Result<(), SendError<T>> {
        self.tx.send_blocking(value)
    }

    /// As [`Receiver::recv`].
    ///
    /// # Cancel safety
    ///
    /// As [`Receiver::recv`].
    #[inline]
    #[track_caller]
    pub fn recv(&self) -> Recv<'_, T> {
        self.rx.recv()
    }

    /// As [`Receiver::try_recv`].
    ///
    /// # Errors
    ///
    /// [`TryRecvError::Empty`], or [`TryRecvError::Closed`] once closed and drained.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        self.rx.try_recv()
    }

    /// As [`Receiver::recv_many`].
    ///
    /// # Cancel safety
    ///
    /// As [`Receiver::recv_many`].
    #[track_caller]
    pub fn recv_many<'a>(&'a self, buffer: &'a mut Vec<T>, max: usize) -> RecvMany<'a, T> {
        self.rx.recv_many(buffer, max)
    }

    /// As [`Receiver::recv_blocking`].
    #[track_caller]
    pub fn recv_blocking(&self) -> Option<T> {
        self.rx.recv_blocking()
    }

    /// As [`Receiver::iter`].
    pub fn iter(&self) -> Iter<'_, T> {
        self.rx.iter()
    }

    /// Closes the channel: no more values will be sent. `false` if it was closed before.
    ///
    /// # Panics
    ///
    /// "close of nil channel".
    pub fn close(&self) -> bool {
        self.tx.close()
    }
}

impl<'a, T> IntoIterator for &'a Chan<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> Clone for Chan<T> {
    fn clone(&self) -> Chan<T> {
        Chan {
            tx: self.tx.clone(),
            rx: self.rx.clone(),
        }
    }
}

/// What all three handles tell about their channel.
macro_rules! questions {
    ($($handle:ident: $($chan:ident).+;)*) => {$(
        impl<T> $handle<T> {
            /// How many values are in the buffer. O(1), and outdated at once, like the answers
            /// below.
            pub fn len(&self) -> usize {
                self.$($chan).+.len()
            }

            /// How many values the buffer takes: 0 for an unbuffered channel and a nil one,
            /// `usize::MAX` for an unbounded one.
            pub fn capacity(&self) -> usize {
                self.$($chan).+.capacity()
            }

            /// Whether no value is in the buffer.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// Whether the buffer has no room; always so on an unbuffered channel.
            pub fn is_full(&self) -> bool {
                self.$($chan).+.is_full()
            }

            /// Whether the channel is closed, for whichever reason; there may still be values.
            pub fn is_closed(&self) -> bool {
                self.$($chan).+.is_closed()
            }
        }

        impl<T> Handle<T> for $handle<T> {
            fn chan(&self) -> Private<'_, T> {
                Private(&self.$($chan).+)
            }
        }

        impl<T> $handle<T> {
            /// Whether `other` is a handle of the same channel, of whichever direction.
            ///
            /// # Examples
            ///
            /// ```
            /// let (tx, rx) = marmot_chan::chan::<i32>(0);
            /// assert!(tx.same_channel(&rx) && tx.same_channel(&tx.clone()));
            /// ```
            pub fn same_channel(&self, other: &impl Handle<T>) -> bool {
                self.$($chan).+.same(other.chan().0)
            }
        }

        impl<T> fmt::Debug for $handle<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.$($chan).+.describe(stringify!($handle), f)
            }
        }
    )*};
}

questions! {
    Sender: chan;
    Receiver: chan;
    Chan: tx.chan;
}

/// A handle of a channel of `T`: [`Sender`], [`Receiver`] or [`Chan`].
pub trait Handle<T> {
    /// The channel.
    #[doc(hidden)]
    fn chan(&self) -> Private<'_, T>;
}

/// A channel, for this crate only.
#[doc(hidden)]
#[expect(missing_debug_implementations, reason = "nobody outside can hold one")]
pub struct Private<'a, T>(pub(crate) &'a Channel<T>);
