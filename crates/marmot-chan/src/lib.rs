//! Channels and the engine of select, after Go.

mod chan;
mod channel;
mod error;
mod lock;
mod loom;
mod receiver;
mod recv;
pub mod select;
mod send;
mod sender;
mod state;
mod stream;

pub use chan::{Chan, Handle};
pub use error::{SendError, TryRecvError, TrySendError};
pub use receiver::{IntoIter, Iter, Receiver, WeakReceiver};
pub use recv::{Recv, RecvMany};
pub use select::Select;
pub use send::{Closed, Permit, Reserve, SendFrom, SendValue};
pub use sender::{Sender, WeakSender};
pub use stream::SenderSink;

use channel::Channel;
use state::Nature;

/// A channel that buffers up to `capacity` values; with 0 it is unbuffered, and a send
/// completes when a receiver has taken the value.
///
/// # Panics
///
/// "makechan: size out of range" if the buffer can't be allocated.
///
/// # Examples
///
/// ```
/// use marmot_chan::chan;
///
/// let (tx, rx) = chan(0);
/// let sender = std::thread::spawn(move || tx.send_blocking("hello"));
/// assert_eq!(rx.recv_blocking(), Some("hello"));
/// assert_eq!(sender.join().unwrap(), Ok(()));
/// ```
#[must_use]
pub fn chan<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity < usize::MAX, "makechan: size out of range");
    make(capacity)
}

/// A channel that buffers any number of values: a send never waits. Go has none.
///
/// # Examples
///
/// ```
/// let (tx, rx) = marmot_chan::unbounded();
/// (0..1000).for_each(|n| tx.try_send(n).unwrap());
/// drop(tx);
/// assert_eq!(rx.iter().count(), 1000);
/// ```
#[must_use]
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    make(usize::MAX)
}

fn make<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let chan = Channel::new(capacity, Nature::Counted);
    let tx = Sender {
        chan: std::sync::Arc::clone(&chan),
    };
    (tx, Receiver::of(chan))
}

/// Waits on several operations and does exactly one of them.
#[macro_export]
macro_rules! select {
    ($($tokens:tt)*) => {
        $crate::select::private::select_impl! { ($crate) $($tokens)* }
    };
}
