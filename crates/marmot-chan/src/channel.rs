//! What the handles of a channel share: its state behind its lock, and how many handles
//! there are.

#![expect(unsafe_code, reason = "the state points to what is outside its lock")]

use std::fmt;
use std::ptr::NonNull;
use std::sync::{Arc, Weak};

use marmot_wait::WakeList;

use crate::buffer::Glance;
use crate::lock::{Guard, Lock};
use crate::loom::{AtomicUsize, Ordering, fence};
use crate::mailbox::Mailbox;
use crate::state::{Nature, Phase, State};

/// A channel.
pub(crate) struct Channel<T> {
    /// Protects what the channel decides by. Under it no waker is called and no value dropped.
    pub(crate) state: Lock<State<T>>,
    /// What can be seen of it without the lock.
    glance: Glance,
    /// The same as in the state, for whoever has no lock.
    capacity: usize,
    /// What the first waiting receiver was given.
    pub(crate) received: Mailbox<T>,
    /// What the first waiting sender has to send, and whether it was sent.
    pub(crate) sent: Mailbox<T>,
    pub(crate) senders: Handles,
    pub(crate) receivers: Handles,
}

impl<T> Channel<T> {
    /// A channel with one sender and one receiver.
    pub(crate) fn new(capacity: usize, nature: Nature) -> Arc<Channel<T>> {
        Arc::new_cyclic(|weak| {
            let boxes = mailboxes_of(weak);
            // SAFETY: they are in the channel that the state is in, under its lock.
            let state = unsafe { State::new(capacity, nature, boxes, glance_of(weak)) };
            Channel {
                state: Lock::new(state),
                glance: Glance::new(),
                capacity,
                received: Mailbox::new(),
                sent: Mailbox::new(),
                senders: Handles::one(),
                receivers: Handles::one(),
            }
        })
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_, State<T>> {
        self.state.lock()
    }

    /// Whether a receive might find something: at a glance, without the lock. A no may be
    /// outdated, and so may a yes.
    #[inline]
    pub(crate) fn may_receive(&self) -> bool {
        self.glance.stored() > 0 || self.sent.is_awaited() || self.glance.is_closed()
    }

    /// The same for a send, or a reservation.
    #[inline]
    pub(crate) fn may_send(&self) -> bool {
        self.received.is_awaited()
            || self.glance.stored() < self.capacity
            || self.glance.is_closed()
    }

    /// The number that dumps know it by.
    #[inline]
    pub(crate) fn address(&self) -> usize {
        std::ptr::from_ref(self).cast::<()>() as usize
    }

    /// Closes, and wakes everybody who waits.
    #[cold]
    pub(crate) fn close(&self, how: Phase) -> bool {
        let mut owed = WakeList::new();
        let closed = self.lock().close(how, &mut owed);
        owed.wake_all();
        closed
    }

    /// Closes explicitly.
    ///
    /// # Panics
    ///
    /// If it is nil.
    pub(crate) fn close_explicitly(&self) -> bool {
        assert!(!self.is_nil(), "close of nil channel");
        self.close(Phase::Explicitly)
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.lock().nature() == Nature::Nil
    }

    /// A sender is dropped.
    pub(crate) fn drop_sender(&self) {
        if self.senders.drop_one() && self.counts_handles() {
            self.close(Phase::SendersGone);
        }
    }

    /// A receiver is dropped. With the last one go the values nobody can receive any more.
    pub(crate) fn drop_receiver(&self) {
        if self.receivers.drop_one() && self.counts_handles() {
            self.close(Phase::ReceiversGone);
            let lost = self.lock().take_buffer();
            drop(lost);
        }
    }

    fn counts_handles(&self) -> bool {
        self.lock().nature() == Nature::Counted
    }

    /// How many values wait in the buffer.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// How many values the buffer takes; `usize::MAX`: any number.
    pub(crate) fn capacity(&self) -> usize {
        self.lock().capacity()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.lock().is_full()
    }

    pub(crate) fn is_closed(&self) -> bool {
        !self.lock().is_open()
    }

    /// Whether two handles are of one channel; nil channels are all the same.
    pub(crate) fn same(&self, other: &Channel<T>) -> bool {
        std::ptr::eq(self, other) || (self.is_nil() && other.is_nil())
    }

    /// For dumps and `Debug`: the handle's name, element type, capacity, and how it stands.
    pub(crate) fn describe(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (len, capacity, phase, nature) = {
            let state = self.lock();
            (state.len(), state.capacity(), state.phase(), state.nature())
        };
        if nature == Nature::Nil {
            return f.write_str("<nil>");
        }
        write!(f, "{name}<{}> {{ capacity: ", std::any::type_name::<T>())?;
        match capacity {
            usize::MAX => f.write_str("unbounded")?,
            capacity => write!(f, "{capacity}")?,
        }
        let closed = phase != Phase::Open;
        write!(f, ", len: {len}, closed: {closed} }}")
    }
}

/// Where the mailboxes of a channel that is being made will be.
fn mailboxes_of<T>(weak: &Weak<Channel<T>>) -> (NonNull<Mailbox<T>>, NonNull<Mailbox<T>>) {
    let chan = weak.as_ptr();
    // SAFETY: the allocation of the channel exists, and only the place of a field is computed.
    let received = unsafe { &raw const (*chan).received };
    // SAFETY: as above.
    let sent = unsafe { &raw const (*chan).sent };
    let valid = "a place in an allocation";
    (
        NonNull::new(received.cast_mut()).expect(valid),
        NonNull::new(sent.cast_mut()).expect(valid),
    )
}

/// Where the glance of a channel that is being made will be.
fn glance_of<T>(weak: &Weak<Channel<T>>) -> NonNull<Glance> {
    let chan = weak.as_ptr();
    // SAFETY: as above.
    let glance = unsafe { &raw const (*chan).glance };
    NonNull::new(glance.cast_mut()).expect("a place in an allocation")
}

/// How many handles of one kind there are.
pub(crate) struct Handles(AtomicUsize);

impl Handles {
    fn one() -> Handles {
        Handles(AtomicUsize::new(1))
    }

    /// One more, made from one that exists.
    pub(crate) fn add(&self) {
        // ORDERING: Relaxed: the caller has a handle, so the count can't reach 0 meanwhile,
        // and nothing is published by it. As in `Arc`.
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One more, unless there is none left.
    pub(crate) fn try_add(&self) -> bool {
        // ORDERING: Relaxed on both sides: only the count itself matters; the channel is
        // reached through an `Arc`, and its state through its lock.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| {
                (count > 0).then_some(count + 1)
            })
            .is_ok()
    }

    /// One less. Whether it was the last.
    fn drop_one(&self) -> bool {
        // ORDERING: Release publishes what was done through this handle to whoever drops the
        // last one; pairs with the fence below. As in `Arc`.
        if self.0.fetch_sub(1, Ordering::Release) != 1 {
            return false;
        }
        // ORDERING: Acquire: see above.
        fence(Ordering::Acquire);
        true
    }
}
