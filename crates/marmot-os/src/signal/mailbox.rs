//! A channel that gets signals, and loses none for want of room.
//!
//! So many signals wait for a slow receiver; beyond that, one of a kind that already waits is
//! one with it. So each kind always has room: a flood of one does not push out another. Go
//! drops what finds no room.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use marmot_chan::{Receiver, Sender, chan};
use marmot_wait::{budget, note};

use super::number::{COUNT, Signal};
use super::table::{self, Id, Listener};

/// So many wait before signals of a kind that waits already are one with it.
pub(super) const PLENTY: usize = 32;
/// Beyond these at most one of each kind; and again as many, for values that come back from
/// a receive that was dropped after its place had been given away.
const CAPACITY: usize = PLENTY + 2 * COUNT;

pub(super) struct Mailbox {
    sender: Sender<Signal>,
    /// What is in the channel, oldest first, as it was after the last delivery.
    inside: Mutex<VecDeque<Signal>>,
    /// Waits, for as long as it is kept, for the last receiver to go.
    closed: Mutex<Option<Closed>>,
}

type Closed = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Mailbox {
    pub(super) fn new() -> (Arc<Mailbox>, Receiver<Signal>) {
        let (sender, receiver) = chan(CAPACITY);
        let mailbox = Mailbox {
            sender,
            inside: Mutex::default(),
            closed: Mutex::default(),
        };
        (Arc::new(mailbox), receiver)
    }

    /// From now on the end of the last receiver ends `id`'s listening.
    pub(super) fn watch(&self, id: Id) {
        let sender = self.sender.clone();
        let mut future: Closed = Box::pin(async move { sender.closed().await });
        let waker: Waker = Arc::new(Gone(id)).into();
        // This may be in the middle of some goroutine's poll, which is not concerned.
        let budget = budget::suspend();
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        note::clear();
        budget::restore(budget);
        debug_assert_eq!(polled, Poll::Pending, "the caller has the receiver");
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = Some(future);
    }

    /// Whether there is room for one more, which is then noted.
    fn admit(&self, signal: Signal) -> bool {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        // Receivers take from the front, and nobody else delivers.
        let taken = inside.len().saturating_sub(self.sender.len());
        inside.drain(..taken);
        let admitted = inside.len() < PLENTY || !inside.contains(&signal);
        if admitted {
            inside.push_back(signal);
        }
        admitted
    }
}

impl Listener for Mailbox {
    fn deliver(&self, signal: Signal, times: u32) {
        // More than there is ever room for are one.
        for _ in 0..times.min(CAPACITY as u32) {
            if self.admit(signal) {
                // The last receiver may just be going.
                let _gone = self.sender.try_send(signal);
            }
        }
    }

    fn is(&self, receiver: &Receiver<Signal>) -> bool {
        self.sender.same_channel(receiver)
    }

    fn end(&self) {
        self.sender.close();
    }
}

/// Ends the listening when the last receiver has gone.
struct Gone(Id);

impl Wake for Gone {
    fn wake(self: Arc<Self>) {
        table::leave(self.0);
    }
}
