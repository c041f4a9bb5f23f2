//! The futures of a sender: one value sent, one taken from a slot, one place reserved.
//!
//! ```text
//!   New ──done at once──▶ Over            New: the value is with the future
//!    └──enlisted──▶ Waiting(key) ──▶ Over Waiting: it is with the waiter, in the channel
//! ```

#![expect(unsafe_code, reason = "sees that it was served without the lock")]

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use marmot_wait::{WaitReason, WakeList, budget, note};

use crate::channel::Channel;
use crate::error::SendError;
use crate::line::{Key, Line};
use crate::lock::Guard;
use crate::state::{Fate, Nature, Phase, Refused, State, Waiter, Who};

/// Where an operation stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    New,
    Waiting(Key),
    Over,
}

/// How a send ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    Yes,
    Closed,
}

/// One send: of the value in a slot, or of nothing, which reserves a place for one.
pub(crate) struct SendCore<'a, T> {
    pub(crate) chan: &'a Channel<T>,
    pub(crate) stage: Stage,
    pub(crate) place: &'static Location<'static>,
    kind: Kind,
}

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Value,
    Reservation,
}

impl<'a, T> SendCore<'a, T> {
    pub(crate) fn value(chan: &'a Channel<T>, place: &'static Location<'static>) -> Self {
        SendCore {
            chan,
            stage: Stage::New,
            place,
            kind: Kind::Value,
        }
    }

    pub(crate) fn reservation(chan: &'a Channel<T>, place: &'static Location<'static>) -> Self {
        SendCore {
            kind: Kind::Reservation,
            ..SendCore::value(chan, place)
        }
    }

    /// Tries, under the lock. `None`: it would have to wait.
    #[inline]
    pub(crate) fn try_now(
        &mut self,
        state: &mut State<T>,
        slot: &mut Option<T>,
        owed: &mut Option<Waker>,
    ) -> Option<Sent> {
        let tried = match self.kind {
            Kind::Value if slot.is_none() => return None,
            Kind::Value => state.send_from(slot).map(|waker| *owed = waker),
            Kind::Reservation => state.reserve(),
        };
        match tried {
            Ok(()) => Some(Sent::Yes),
            Err(Refused::Closed) => Some(Sent::Closed),
            Err(Refused::Full) => None,
        }
    }

    /// Joins the line, under the lock. Nothing to send, or a nil channel: it just never
    /// happens.
    pub(crate) fn enlist(&mut self, state: &mut State<T>, slot: &mut Option<T>, who: Who) {
        let nothing = self.kind == Kind::Value && slot.is_none();
        if !nothing && state.nature() != Nature::Nil {
            self.stage = Stage::Waiting(state.enlist_sender(slot.take(), who));
        }
    }

    /// Takes the served waiter's result, under the lock. The value is back in the slot unless
    /// it was sent.
    pub(crate) fn settle(&mut self, waiter: Option<Waiter<T>>, slot: &mut Option<T>) -> Sent {
        self.stage = Stage::Over;
        match waiter {
            Some(waiter) if waiter.fate == Fate::Served => Sent::Yes,
            Some(waiter) => {
                *slot = waiter.value;
                Sent::Closed
            }
            None => Sent::Closed,
        }
    }

    #[inline]
    pub(crate) fn poll(&mut self, slot: &mut Option<T>, cx: &mut Context<'_>) -> Poll<Sent> {
        match self.stage {
            Stage::New => self.poll_new(slot, cx),
            Stage::Waiting(key) => self.poll_waiting(key, slot, cx),
            Stage::Over => panic!("a send was polled after it had completed"),
        }
    }

    #[inline]
    fn poll_new(&mut self, slot: &mut Option<T>, cx: &mut Context<'_>) -> Poll<Sent> {
        ready!(budget::poll_proceed(cx));
        let mut state = self.chan.lock();
        if self.kind == Kind::Value && state.push(slot) {
            drop(state);
            self.stage = Stage::Over;
            return Poll::Ready(Sent::Yes);
        }
        self.poll_new_waiting(state, slot, cx)
    }

    /// With somebody who waits: this one, or a receiver.
    #[inline(never)]
    fn poll_new_waiting(
        &mut self,
        mut state: Guard<'_, State<T>>,
        slot: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Sent> {
        if self.kind == Kind::Value && slot.is_some() {
            if let Some(waker) = state.hand_over(slot) {
                drop(state);
                self.stage = Stage::Over;
                waker.wake();
                return Poll::Ready(Sent::Yes);
            }
            if state.plain_send_waits() {
                let who = Who::One(Some(cx.waker().clone()));
                self.stage = Stage::Waiting(state.senders.push_back(slot.take(), who));
                drop(state);
                self.note();
                return Poll::Pending;
            }
        }
        self.poll_new_slow(state, slot, cx)
    }

    #[cold]
    fn poll_new_slow(
        &mut self,
        mut state: Guard<'_, State<T>>,
        slot: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Sent> {
        let mut owed = None;
        if let Some(sent) = self.try_now(&mut state, slot, &mut owed) {
            drop(state);
            self.stage = Stage::Over;
            wake(owed);
            return Poll::Ready(sent);
        }
        self.enlist(&mut state, slot, Who::One(Some(cx.waker().clone())));
        drop(state);
        self.note();
        Poll::Pending
    }

    #[inline]
    fn poll_waiting(&mut self, key: Key, slot: &mut Option<T>, cx: &mut Context<'_>) -> Poll<Sent> {
        if self.collect() {
            return Poll::Ready(Sent::Yes);
        }
        self.poll_waiting_slow(key, slot, cx)
    }

    /// Whether it stood in the channel itself and was served, as can be seen without the lock.
    #[inline]
    pub(crate) fn collect(&mut self) -> bool {
        if self.stage != Stage::Waiting(Key::Solo) {
            return false;
        }
        // SAFETY: the key is ours, so the first waiter of the line is; once it has been
        // collected we have no key.
        let served = unsafe { self.chan.sent.collect() }.is_some();
        if served {
            self.stage = Stage::Over;
        }
        served
    }

    #[inline(never)]
    fn poll_waiting_slow(
        &mut self,
        key: Key,
        slot: &mut Option<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Sent> {
        let mut state = self.chan.lock();
        match state.senders.fate(key).unwrap_or(Fate::Closed) {
            Fate::Waiting => {
                let old = renew(&mut state.senders, key, cx.waker());
                drop(state);
                drop(old);
                self.note();
                Poll::Pending
            }
            Fate::Nudged => {
                drop(state);
                self.poll_nudged(slot, cx)
            }
            Fate::Served | Fate::Closed => {
                let waiter = state.senders.remove(key);
                drop(state);
                Poll::Ready(self.settle(waiter, slot))
            }
        }
    }

    /// Looks again; keeps its place if there is still no way.
    #[cold]
    fn poll_nudged(&mut self, slot: &mut Option<T>, cx: &mut Context<'_>) -> Poll<Sent> {
        let mut owed = None;
        let mut state = self.chan.lock();
        if let Some(sent) = self.look(&mut state, slot, &mut owed) {
            drop(state);
            wake(owed);
            return Poll::Ready(sent);
        }
        self.join(&mut state, slot, Who::One(Some(cx.waker().clone())));
        drop(state);
        self.note();
        Poll::Pending
    }

    /// Tries, under the lock, from whichever stage. `None`: it has to wait.
    pub(crate) fn look(
        &mut self,
        state: &mut State<T>,
        slot: &mut Option<T>,
        owed: &mut Option<Waker>,
    ) -> Option<Sent> {
        let Stage::Waiting(key) = self.stage else {
            let sent = self.try_now(state, slot, owed)?;
            self.stage = Stage::Over;
            return Some(sent);
        };
        let fate = state.senders.fate(key)?;
        if matches!(fate, Fate::Served | Fate::Closed) {
            let waiter = state.senders.remove(key);
            return Some(self.settle(waiter, slot));
        }
        let (_, fate) = state.senders.entry(key)?;
        *fate = Fate::Waiting;
        let mut value = state.senders.value(key, Option::take).flatten();
        if let Some(sent) = self.try_now(state, &mut value, owed) {
            self.stage = Stage::Over;
            *slot = value;
            // Its slot is empty, and its waker has been taken or is a select's.
            drop(state.senders.remove(key));
            return Some(sent);
        }
        state.senders.value(key, |place| *place = value);
        None
    }

    /// Joins the line, or stays in it as somebody else, under the lock.
    pub(crate) fn join(&mut self, state: &mut State<T>, slot: &mut Option<T>, who: Who) {
        match self.stage {
            Stage::Waiting(key) => {
                if let Some((known, _)) = state.senders.entry(key) {
                    *known = who;
                }
            }
            _ => self.enlist(state, slot, who),
        }
    }

    #[inline]
    fn note(&self) {
        let nil = self.stage == Stage::New;
        let reason = if nil {
            WaitReason::ChanSendNil
        } else {
            WaitReason::ChanSend
        };
        note::set(reason, self.chan.address(), self.place);
    }

    /// Leaves the line. The value is back in the slot unless it was sent. Gives how it ended, and
    /// who stood there, to be dropped without a lock.
    #[inline]
    pub(crate) fn leave(&mut self, slot: &mut Option<T>) -> Option<(Sent, Option<Who>)> {
        match self.stage {
            Stage::Waiting(key) => Some(self.leave_line(key, slot)),
            Stage::New | Stage::Over => None,
        }
    }

    /// Leaves the line for good.
    #[inline(never)]
    fn give_up(&mut self, key: Key, slot: &mut Option<T>) {
        drop(self.leave_line(key, slot));
    }

    #[inline(never)]
    fn leave_line(&mut self, key: Key, slot: &mut Option<T>) -> (Sent, Option<Who>) {
        let (mut waiter, owed) = self.chan.lock().leave_sender(key);
        wake(owed);
        let nobody = Who::One(None);
        let who = waiter
            .as_mut()
            .map(|waiter| std::mem::replace(&mut waiter.who, nobody));
        (self.settle(waiter, slot), who)
    }
}

/// Calls the waker, if one is owed.
#[inline]
pub(crate) fn wake(owed: Option<Waker>) {
    if let Some(waker) = owed {
        waker.wake();
    }
}

/// Sees to it that the waiter wakes this waker. Gives the old one, to be dropped without a
/// lock.
pub(crate) fn renew<T>(line: &mut Line<T>, key: Key, waker: &Waker) -> Option<Waker> {
    let (who, _) = line.entry(key)?;
    match who {
        Who::One(Some(known)) if known.will_wake(waker) => None,
        Who::One(slot) => slot.replace(waker.clone()),
        Who::Case(..) => None,
    }
}

/// The future of [`Sender::send`](crate::Sender::send).
///
/// # Cancel safety
///
/// Dropped, it has either not been sent, and its value is dropped with it, or it has been
/// sent. It leaves no waiter.
#[must_use = "a send does nothing until it is awaited"]
pub struct SendValue<'a, T> {
    pub(crate) core: SendCore<'a, T>,
    pub(crate) value: Option<T>,
}

impl<T> Unpin for SendValue<'_, T> {}

impl<T> Future for SendValue<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let sent = ready!(this.core.poll(&mut this.value, cx));
        Poll::Ready(this.result(sent))
    }
}

impl<T> SendValue<'_, T> {
    #[inline]
    pub(crate) fn result(&mut self, sent: Sent) -> Result<(), SendError<T>> {
        match (sent, self.value.take()) {
            (Sent::Closed, Some(value)) => Err(SendError(value)),
            _ => Ok(()),
        }
    }
}

impl<T> Drop for SendValue<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Stage::Waiting(key) = self.core.stage {
            self.core.give_up(key, &mut self.value);
        }
    }
}

/// The future of [`Sender::send_from`](crate::Sender::send_from).
///
/// # Cancel safety
///
/// Dropped, it leaves no waiter, and the slot is empty exactly if the value was sent.
#[must_use = "a send does nothing until it is awaited"]
pub struct SendFrom<'a, T> {
    pub(crate) core: SendCore<'a, T>,
    pub(crate) slot: &'a mut Option<T>,
}

impl<T> Future for SendFrom<'_, T> {
    /// On `Err` the value is in the slot.
    type Output = Result<(), SendError<()>>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let sent = ready!(this.core.poll(this.slot, cx));
        Poll::Ready(slot_result(sent))
    }
}

pub(crate) fn slot_result(sent: Sent) -> Result<(), SendError<()>> {
    match sent {
        Sent::Yes => Ok(()),
        Sent::Closed => Err(SendError(())),
    }
}

impl<T> Drop for SendFrom<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Stage::Waiting(key) = self.core.stage {
            self.core.give_up(key, self.slot);
        }
    }
}

/// The future of [`Sender::reserve`](crate::Sender::reserve).
///
/// # Cancel safety
///
/// Dropped, it leaves no waiter and holds no place.
#[must_use = "a reservation does nothing until it is awaited"]
pub struct Reserve<'a, T> {
    pub(crate) core: SendCore<'a, T>,
}

impl<'a, T> Future for Reserve<'a, T> {
    type Output = Result<Permit<'a, T>, SendError<()>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let sent = ready!(this.core.poll(&mut None, cx));
        Poll::Ready(this.result(sent))
    }
}

impl<'a, T> Reserve<'a, T> {
    pub(crate) fn result(&mut self, sent: Sent) -> Result<Permit<'a, T>, SendError<()>> {
        slot_result(sent).map(|()| Permit {
            chan: Some(self.core.chan),
        })
    }
}

impl<T> Drop for Reserve<'_, T> {
    fn drop(&mut self) {
        if let Some((Sent::Yes, _)) = self.core.leave(&mut None) {
            // The place was granted, and nobody has taken it: the permit gives it back.
            drop(self.result(Sent::Yes));
        }
    }
}

/// A place in a channel for one value.
///
/// On a buffered channel it is a slot of the buffer, on an unbuffered one the promise of a
/// receiver that waits. Dropped unused, it gives the place to the next who waits.
///
/// # Examples
///
/// ```
/// use marmot_chan::chan;
/// # marmot_wait::park::block_on(async {
/// let (tx, rx) = chan(1);
/// let permit = tx.reserve().await?;
/// assert!(tx.try_send(2).is_err(), "the place is taken");
/// permit.send(1);
/// assert_eq!(rx.recv().await, Some(1));
/// # Ok::<(), marmot_chan::SendError<()>>(()) }).unwrap();
/// ```
#[must_use = "a permit that is dropped gives its place back"]
pub struct Permit<'a, T> {
    chan: Option<&'a Channel<T>>,
}

impl<T> Permit<'_, T> {
    /// Sends the value. Never waits and never fails: the place is there. The value goes behind
    /// all that were sent before this call.
    ///
    /// If the last receiver is gone, the value is dropped. On an unbuffered channel whose
    /// promised receiver has left meanwhile, the value waits in the channel for the next.
    ///
    /// # Complexity
    ///
    /// O(1), under the channel's lock, taken once.
    pub fn send(mut self, value: T) {
        if let Some(chan) = self.chan.take() {
            let (lost, owed) = chan.lock().send_reserved(value);
            wake(owed);
            drop(lost);
        }
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        if let Some(chan) = self.chan {
            let mut owed = WakeList::new();
            chan.lock().release(&mut owed);
            owed.wake_all();
        }
    }
}

/// The future of [`Sender::closed`](crate::Sender::closed).
///
/// # Cancel safety
///
/// Dropped, it leaves no waiter.
#[must_use = "a wait does nothing until it is awaited"]
pub struct Closed<'a, T> {
    pub(crate) chan: &'a Channel<T>,
    pub(crate) key: Option<marmot_wait::Key>,
    pub(crate) place: &'static Location<'static>,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut state = this.chan.lock();
        if state.phase() != Phase::Open {
            return Poll::Ready(());
        }
        let line = state.closers.get_or_insert_default();
        let old = match this.key.and_then(|key| line.get_mut(key)) {
            Some(Some(known)) if known.will_wake(cx.waker()) => None,
            Some(slot) => slot.replace(cx.waker().clone()),
            None => {
                this.key = Some(line.push_back(Some(cx.waker().clone())));
                None
            }
        };
        drop(state);
        drop(old);
        note::set(WaitReason::ChanClosed, this.chan.address(), this.place);
        Poll::Pending
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let mut state = self.chan.lock();
            let waker = state.closers.as_mut().and_then(|line| line.remove(key));
            drop(state);
            drop(waker);
        }
    }
}

macro_rules! debug_by_name {
    ($($name:ident)*) => {$(
        impl<T> fmt::Debug for $name<'_, T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

debug_by_name!(SendValue SendFrom Reserve Permit Closed);
