//! Channels and `select!`, after Go. They run under any executor, and on plain threads.
//!
//! ```
//! use marmot_chan::{chan, select};
//! # marmot_wait::park::block_on(async {
//! let (jobs_tx, jobs) = chan::<u32>(8);
//! let (done_tx, done) = chan::<()>(0);
//! jobs_tx.send(1).await.unwrap();
//! jobs_tx.send(2).await.unwrap();
//! drop(jobs_tx);
//!
//! let mut sum = 0;
//! loop {
//!     select! {
//!         Some(job) = jobs.recv() => sum += job,
//!         _ = <-done => break,
//!         else => break,
//!     }
//!     if sum == 3 {
//!         done_tx.close();
//!     }
//! }
//! assert_eq!(sum, 3);
//! # });
//! ```
//!
//! # The rules
//!
//! | what | open | closed | nil |
//! |---|---|---|---|
//! | send | waits for room, or unbuffered for a receiver | `Err`, with the value | waits for ever |
//! | receive | waits for a value | what is in the buffer, then `None` | waits for ever |
//! | close | `true` | `false` | panics "close of nil channel" |
//!
//! - Values arrive in the order they were sent. Waiters are served first come, first served.
//! - A value sent to a waiting receiver is handed over directly. Whoever makes room in a full
//!   buffer moves the first waiting sender's value into it at once.
//! - The last [`Sender`] or [`Receiver`] that is dropped closes the channel; a [`Chan`] closes
//!   only explicitly.
//! - Dropping a future of these loses no value that somebody was told is sent, delivers none
//!   that was not chosen, and leaves no waiter.
//! - What is done before a send is seen after the receive of its value, before a close after
//!   the receive that tells of it, and before the k-th receive after the (k + capacity)-th send.
//!
//! Each is kept by a test of that name in `tests/rules.rs`, `tests/cancel.rs` and
//! `tests/select.rs`.
//!
//! # Inside
//!
//! A channel is a lock around a pure state that decides and never wakes: `state.rs`. The
//! [`mod@select`] module has the engine of `select!` and the argument for it.

mod buffer;
mod chan;
mod channel;
mod error;
mod line;
mod lock;
mod loom;
mod mailbox;
#[cfg(all(test, marmot_loom))]
mod models;
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
///
/// ```
/// use marmot_chan::{Chan, chan, select};
/// # marmot_wait::park::block_on(async {
/// let (tx, rx) = chan::<u32>(1);
/// let out = Chan::<&str>::new(1);
///
/// // Arms are tried in random order; `default` runs if none is ready.
/// let got = select! {
///     Some(n) = rx.recv() => n,
///     default => 0,
/// };
/// assert_eq!(got, 0);
///
/// // Go's arrows: `v = <-rx` is `v = rx.recv()`; `out <- v` panics if `out` was closed.
/// select! {
///     v = <-rx => println!("{v:?}"),
///     out <- "hello" => {}
/// }
/// assert_eq!(out.recv().await, Some("hello"));
///
/// // The same in a spelling that rustfmt formats.
/// tx.send(7).await.unwrap();
/// let got = select!(match any {
///     Some(n) if rx.len() > 0 && rx.recv() => n,
///     _ => 0,
/// });
/// assert_eq!(got, 7);
/// # });
/// ```
///
/// # Grammar
///
/// ```text
/// select! { [biased;] arm* }
/// arm:  PATTERN = OPERATION [, if CONDITION] => BODY
///       CHANNEL <- VALUE    [, if CONDITION] => BODY
///       default => BODY         nothing is ready
///       else => BODY            every arm is out
/// select!(match any { PATTERN if [CONDITION &&] OPERATION => BODY, _ => DEFAULT })
/// select!(match biased { .. })
/// ```
///
/// An operation is one on a channel ([`recv`](Receiver::recv), [`send`](Sender::send),
/// [`send_from`](Sender::send_from), [`reserve`](Sender::reserve)), `<-rx`, what has a receiver
/// inside ([`AsReceiver`](select::AsReceiver)), any other future, or an `Option` of these, of
/// which `None` is out.
///
/// # What happens
///
/// 1. Conditions are evaluated first, then all operands, those of disabled arms too, each
///    once, in source order.
/// 2. All channels are looked at as one instant. Of the arms that are ready one is chosen,
///    uniformly at random, or the first with `biased`. If none is, `default` runs, or the select
///    waits.
/// 3. If the chosen arm's output does not match its pattern, the arm is out for this call, and
///    the others go on.
/// 4. Operands are dropped, then the body runs; it may assign to what they borrowed, and
///    `break`, `continue`, `return`, `?` and `.await` work in it.
///
/// A channel arm that is not chosen has had no effect. Without arms it waits for ever.
///
/// # Panics
///
/// If every arm is out and there is neither `else` nor `default`; "send on closed channel" for
/// `CHANNEL <- VALUE`, if somebody has closed the channel. (If its receivers are merely gone the
/// arm is out.)
///
/// # Cancel safety
///
/// Dropping the future that a select is in leaves no waiter; a value that it was already
/// handed goes back to its channel.
///
/// # Complexity
///
/// Among n arms, O(n), and the lock of one channel, if one can be done; if none can, the locks of
/// all n, O(n log n). Up to eight arms it allocates nothing but one small block a thread, which is
/// kept for the next. In each line that it waits in, a select has
/// the place in which it came; it leaves the others in O(1) each.
#[macro_export]
macro_rules! select {
    ($($tokens:tt)*) => {
        $crate::select::private::select_impl! { ($crate) $($tokens)* }
    };
}
