//! What a peer must offer to take part: a runtime, a channel, or both.
//!
//! Everything is a plain function of a type, so that the rows are compiled once for each
//! peer and no call goes through a pointer.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

/// What a value must be to cross a channel or to be a task's output.
pub trait Value: Send + 'static {}
impl<T: Send + 'static> Value for T {}

/// Something that runs tasks.
pub trait Runtime: Send + Sync + 'static {
    /// The handle of a task whose output somebody wants.
    type Handle<T: Value>: Send + 'static;
    /// The end of a one-value channel that is written, once.
    type Put<T: Value>: Send + 'static;
    /// The end of a one-value channel that is read, once.
    type Take<T: Value>: Send + 'static;

    /// A runtime with so many workers. Dropping it ends them.
    fn start(workers: usize) -> Self;

    /// Runs `root` as a task on a worker while the calling thread waits for its output.
    fn run<F>(&self, root: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Value;

    /// Starts a task from a thread that is no worker, and forgets it.
    fn go_from_outside<F>(&self, task: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Starts a task, from inside a task.
    fn spawn<F>(task: F) -> Self::Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Value;

    /// Starts a task that nobody joins, from inside a task.
    fn go<F>(task: F)
    where
        F: Future<Output = ()> + Send + 'static;

    /// Waits for a task's output.
    fn join<T: Value>(handle: Self::Handle<T>) -> impl Future<Output = T> + Send;

    /// Lets others run.
    fn yield_now() -> impl Future<Output = ()> + Send;

    /// Waits that long.
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;

    /// A channel for one value.
    fn once<T: Value>() -> (Self::Put<T>, Self::Take<T>);

    /// Puts the value of a one-value channel.
    fn put<T: Value>(end: Self::Put<T>, value: T);

    /// Takes the value of a one-value channel.
    fn take<T: Value>(end: Self::Take<T>) -> impl Future<Output = T> + Send;
}

/// How many values a channel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Capacity {
    /// None: a send ends when a receiver has the value.
    Rendezvous,
    /// At most that many.
    Bounded(usize),
    /// Any number.
    Unbounded,
}

/// What a channel can do.
#[derive(Clone, Copy, Debug)]
pub struct Abilities {
    /// It has capacity 0.
    pub rendezvous: bool,
    /// It has a limit.
    pub bounded: bool,
    /// It comes without a limit.
    pub unbounded: bool,
    /// Its receiver can be cloned.
    pub many_receivers: bool,
    /// A receive can be one arm of several and lose nothing.
    pub select: bool,
}

impl Abilities {
    /// All of them.
    pub const ALL: Self = Self {
        rendezvous: true,
        bounded: true,
        unbounded: true,
        many_receivers: true,
        select: true,
    };

    /// The nearest thing to a rendezvous that this channel offers.
    #[must_use]
    pub fn tightest(&self) -> Capacity {
        if self.rendezvous {
            Capacity::Rendezvous
        } else {
            Capacity::Bounded(1)
        }
    }

    /// Whether it offers this capacity.
    #[must_use]
    pub fn holds(&self, capacity: Capacity) -> bool {
        match capacity {
            Capacity::Rendezvous => self.rendezvous,
            Capacity::Bounded(_) => self.bounded,
            Capacity::Unbounded => self.unbounded,
        }
    }
}

/// A channel between tasks.
pub trait Channel: 'static {
    /// What it can do.
    const CAN: Abilities;

    /// The sending end.
    type Tx<T: Value + Debug + Unpin>: Clone + Send + 'static;
    /// The receiving end.
    type Rx<T: Value + Debug + Unpin>: Send + Sync + 'static;

    /// Both ends of a new channel.
    fn new<T: Value + Debug + Unpin>(capacity: Capacity) -> (Self::Tx<T>, Self::Rx<T>);

    /// Sends, waiting for room; false if nobody will ever receive.
    fn send<T: Value + Debug + Unpin>(
        tx: &mut Self::Tx<T>,
        value: T,
    ) -> impl Future<Output = bool> + Send;

    /// Receives, waiting for a value; `None` if no more will come.
    fn recv<T: Value + Debug + Unpin>(
        rx: &mut Self::Rx<T>,
    ) -> impl Future<Output = Option<T>> + Send;

    /// Another receiving end.
    ///
    /// # Panics
    ///
    /// Where [`Abilities::many_receivers`] is false.
    fn clone_rx<T: Value + Debug + Unpin>(_rx: &Self::Rx<T>) -> Self::Rx<T> {
        panic!("this channel has one receiver")
    }

    /// Receives through a receiving end that others wait at too.
    ///
    /// # Panics
    ///
    /// Where [`Abilities::many_receivers`] is false.
    fn recv_shared<T: Value + Debug + Unpin>(
        _rx: &Self::Rx<T>,
    ) -> impl Future<Output = Option<T>> + Send {
        async { panic!("this channel has one receiver") }
    }

    /// Receives from the first of two that has something.
    ///
    /// # Panics
    ///
    /// Where [`Abilities::select`] is false.
    fn recv_of_2<T: Value + Debug + Unpin>(
        _rxs: &mut [Self::Rx<T>; 2],
    ) -> impl Future<Output = Option<T>> + Send {
        async { panic!("this channel has no select") }
    }

    /// Receives from the first of eight that has something.
    ///
    /// # Panics
    ///
    /// Where [`Abilities::select`] is false.
    fn recv_of_8<T: Value + Debug + Unpin>(
        _rxs: &mut [Self::Rx<T>; 8],
    ) -> impl Future<Output = Option<T>> + Send {
        async { panic!("this channel has no select") }
    }
}

/// What kind of peer takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A runtime, with the channel its users use.
    Runtime,
    /// A channel, on a runtime that takes part already.
    Channel,
    /// A channel between threads: each task is a thread of its own.
    Threads,
}

/// Is shown every peer.
pub trait Visit {
    /// One peer.
    fn peer<R: Runtime, C: Channel>(&mut self, name: &'static str, kind: Kind);
}

/// A list of peers, ours first.
pub trait Peers {
    /// Shows each of them to `visitor`.
    fn each(visitor: &mut impl Visit);
}
