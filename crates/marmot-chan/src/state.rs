//! What a channel is: buffer, line of receivers, line of senders, closed. It *decides*; it
//! takes no lock, polls nothing and wakes nobody.
//!
//! ```text
//!     senders                       buffer                      receivers
//!   waiter waiter ──▶ room? ──▶ [ v v v v · · ] ──▶ value? ──▶ waiter waiter
//!        └────────────────── nobody between ─────────────────────▲
//!
//!   a waiter:   Waiting ──served──▶ Served        its slot filled (receive) or emptied (send)
//!                  │ └────close───▶ Closed        a sender's value is still in its slot
//!                  └─────nudge────▶ Nudged        look again; it keeps its place
//! ```
//!
//! Whoever serves a waiter detaches it and owes its owner a wake-up, which is handed to the
//! caller. Only the owner removes its entry. Values move by direct handoff: a value sent to a
//! waiting receiver never touches the buffer, and whoever makes room moves the first waiting
//! sender's value into the buffer at once, so a send has happened at that moment.
//!
//! Invariants, outside the lock and apart from selects that are deciding (busy):
//! - a receiver waits only if the buffer is empty;
//! - a sender waits only if the buffer, with what is reserved, is full;
//! - on an unbuffered channel there are never both waiting senders and waiting receivers that
//!   could be matched.
//!
//! Go: `hchan`, `sudog`. Differs: reserved slots, and what a dropped operation gives back.

#![expect(
    unsafe_code,
    reason = "passes on what its maker promises of the mailboxes"
)]

use std::collections::VecDeque;
use std::ptr::NonNull;
use std::task::Waker;

use marmot_wait::{WaitQueue, WakeList};

use crate::buffer::{Buffer, Glance};
use crate::error::{TryRecvError, TrySendError};
use crate::line::{Key, Line};
use crate::mailbox::Mailbox;
use crate::select::selection::{Claim, Ticket};

/// Whether, and how, a channel was closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// It is not.
    Open,
    /// Somebody called `close`.
    Explicitly,
    /// The last sender is gone.
    SendersGone,
    /// The last receiver is gone.
    ReceiversGone,
}

/// Where a channel comes from, which decides what dropping its handles means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Nature {
    /// From `chan`: closes with its last sender or receiver.
    Counted,
    /// From `Chan`: closes only explicitly.
    Manual,
    /// Go's nil channel: nothing ever happens on it.
    Nil,
}

/// What became of a waiter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Waiting,
    Served,
    Closed,
    Nudged,
}

/// Who waits.
#[expect(missing_debug_implementations, reason = "nobody outside can reach one")]
pub enum Who {
    /// One operation on its own. The waker is gone once the waiter is served.
    One(Option<Waker>),
    /// The case with this number of a select.
    Case(Ticket, u32),
}

impl Who {
    /// Wants to serve it. Won, it is nobody any more.
    #[inline]
    fn claim(&mut self) -> Claim {
        let (ticket, case) = match self {
            Who::One(waker) => return Claim::Won(waker.take()),
            Who::Case(ticket, case) => (ticket, *case),
        };
        let claim = ticket.claim(case);
        if matches!(claim, Claim::Won(_))
            && let Who::Case(ticket, _) = std::mem::replace(self, Who::One(None))
        {
            ticket.spend();
        }
        claim
    }
}

/// One operation in one line. Go: `sudog`.
pub(crate) struct Waiter<T> {
    /// What a sender wants to send, or what a receiver was given. A sender without a value
    /// waits for a reservation.
    pub(crate) value: Option<T>,
    pub(crate) who: Who,
    pub(crate) fate: Fate,
}

/// A claimed waiter, and the wake-up its owner is owed.
type Claimed = (Key, Option<Waker>);

/// Which senders may be claimed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Any,
    WithValue,
    Reservation,
}

impl Wanted {
    fn fits<T>(self, line: &mut Line<T>, key: Key) -> bool {
        let has_value = line.value(key, |value| value.is_some()) == Some(true);
        match self {
            Wanted::Any => true,
            Wanted::WithValue => has_value,
            Wanted::Reservation => !has_value,
        }
    }
}

/// Takes the first waiter that can be had out of its line. Passes by selects that are decided
/// (which leave the line) or busy (which keep their place).
fn claim<T>(line: &mut Line<T>, wanted: Wanted) -> Option<Claimed> {
    let mut at = line.front();
    while let Some(key) = at {
        at = line.after(key);
        if !wanted.fits(line, key) {
            continue;
        }
        let (who, _) = line.entry(key)?;
        match who.claim() {
            Claim::Won(waker) => {
                line.detach(key);
                return Some((key, waker));
            }
            Claim::Lost => {
                line.detach(key);
            }
            Claim::Busy => {}
        }
    }
    None
}

/// The state of one channel.
#[expect(missing_debug_implementations, reason = "nobody outside can reach one")]
pub struct State<T> {
    buffer: Buffer<T>,
    /// `usize::MAX`: unbounded.
    capacity: usize,
    /// Permits that are out: slots of the buffer, or waiting receivers of an unbuffered
    /// channel, that are spoken for.
    reserved: usize,
    pub(crate) receivers: Line<T>,
    pub(crate) senders: Line<T>,
    /// Those who wait for the close. Rare, hence boxed.
    pub(crate) closers: Option<Box<WaitQueue<Option<Waker>>>>,
    phase: Phase,
    nature: Nature,
}

impl<T> State<T> {
    /// An open channel.
    ///
    /// # Panics
    ///
    /// If the buffer can't be allocated.
    ///
    /// # Safety
    ///
    /// The mailboxes, of receivers and of senders, and the glance are valid as long as the state
    /// is used, and are no other channel's. Only whoever holds the channel's lock can reach the
    /// state.
    pub(crate) unsafe fn new(
        capacity: usize,
        nature: Nature,
        (received, sent): (NonNull<Mailbox<T>>, NonNull<Mailbox<T>>),
        glance: NonNull<Glance>,
    ) -> State<T> {
        let room = if capacity == usize::MAX { 0 } else { capacity };
        // SAFETY: as our caller promises.
        let Some(buffer) = (unsafe { Buffer::new(room, glance) }) else {
            panic!("makechan: size out of range");
        };
        State {
            buffer,
            capacity,
            reserved: 0,
            // SAFETY: as our caller promises.
            receivers: unsafe { Line::new(received) },
            // SAFETY: as our caller promises.
            senders: unsafe { Line::new(sent) },
            closers: None,
            phase: Phase::Open,
            nature,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether a send would have to wait for room (or, unbuffered, for a receiver).
    pub(crate) fn is_full(&self) -> bool {
        !self.has_room()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) fn nature(&self) -> Nature {
        self.nature
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.buffer.len() + self.reserved < self.capacity
    }

    /// Whether a receiver waits that no permit has spoken for.
    #[inline]
    fn has_free_receiver(&self) -> bool {
        !self.receivers.is_empty() && (self.capacity > 0 || self.receivers.len() > self.reserved)
    }

    /// The commonest send: into the buffer, with nobody waiting. The slot is empty exactly if
    /// it was that.
    #[inline]
    pub(crate) fn push(&mut self, slot: &mut Option<T>) -> bool {
        let easy = self.has_room() && self.receivers.is_empty() && self.is_open();
        if easy && let Some(value) = slot.take() {
            self.buffer.push_back(value);
            return true;
        }
        false
    }

    /// The commonest receive: from the buffer, with nobody waiting.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<T> {
        if self.senders.is_empty() {
            return self.buffer.pop_front();
        }
        None
    }

    /// The next common send: to the one receive that waits. The slot, which is not empty, is
    /// empty exactly if it was that.
    #[inline]
    pub(crate) fn hand_over(&mut self, slot: &mut Option<T>) -> Option<Waker> {
        if self.reserved > 0 || !self.is_open() {
            return None;
        }
        self.receivers.give_solo(slot)
    }

    /// The next common receive: with one send that waits, which goes into the room it makes.
    #[inline]
    pub(crate) fn take_over(&mut self) -> Option<(T, Waker)> {
        if self.capacity == 0 {
            return if self.buffer.is_empty() {
                self.senders.take_solo()
            } else {
                None
            };
        }
        // Room for the sender's value, once the oldest is gone.
        let room = self.buffer.len() + self.reserved <= self.capacity;
        if !room || self.buffer.is_empty() {
            return None;
        }
        let (value, waker) = self.senders.take_solo()?;
        let oldest = self.buffer.pop_front()?;
        self.buffer.push_back(value);
        Some((oldest, waker))
    }

    /// Whether a send that is not [pushed](State::push) just waits: nobody is there who could
    /// be served, and it is neither closed nor nil.
    #[inline]
    pub(crate) fn plain_send_waits(&self) -> bool {
        self.receivers.is_empty() && !self.has_room() && self.is_usual()
    }

    /// The same for a receive that is not [popped](State::pop).
    #[inline]
    pub(crate) fn plain_recv_waits(&self) -> bool {
        self.senders.is_empty() && self.buffer.is_empty() && self.is_usual()
    }

    #[inline]
    fn is_usual(&self) -> bool {
        self.is_open() && self.nature != Nature::Nil
    }

    /// Sends at once: to the first waiting receiver, or into the buffer.
    #[inline]
    pub(crate) fn send(&mut self, value: T) -> Result<Option<Waker>, TrySendError<T>> {
        let mut value = Some(value);
        match self.send_from(&mut value) {
            Ok(owed) => Ok(owed),
            Err(refused) => {
                let value = value
                    .take()
                    .expect("a value that was not sent is still there");
                Err(match refused {
                    Refused::Full => TrySendError::Full(value),
                    Refused::Closed => TrySendError::Closed(value),
                })
            }
        }
    }

    /// Sends what is in `slot` at once, if there is a way; the slot is empty exactly then.
    #[inline]
    pub(crate) fn send_from(&mut self, slot: &mut Option<T>) -> Result<Option<Waker>, Refused> {
        if !self.is_open() {
            return Err(Refused::Closed);
        }
        if self.has_free_receiver()
            && let Some((key, owed)) = claim(&mut self.receivers, Wanted::Any)
        {
            self.serve_receiver(key, slot.take());
            return Ok(owed);
        }
        if self.has_room()
            && let Some(value) = slot.take()
        {
            self.buffer.push_back(value);
            return Ok(None);
        }
        Err(Refused::Full)
    }

    /// Receives at once: from the buffer, or from the first waiting sender.
    #[inline]
    pub(crate) fn recv(&mut self) -> Result<(T, Option<Waker>), TryRecvError> {
        if let Some(value) = self.buffer.pop_front() {
            let owed = if self.senders.is_empty() {
                None
            } else {
                self.fill_room()
            };
            return Ok((value, owed));
        }
        if self.capacity == 0
            && let Some((key, owed)) = claim(&mut self.senders, Wanted::WithValue)
            && let Some(value) = self.serve_sender(key)
        {
            return Ok((value, owed));
        }
        Err(if self.is_drained() {
            TryRecvError::Closed
        } else {
            TryRecvError::Empty
        })
    }

    /// Whether no value can come any more.
    fn is_drained(&self) -> bool {
        !self.is_open() && self.buffer.is_empty() && self.reserved == 0
    }

    /// Gives room, if there is any, to the first waiting sender.
    #[inline]
    fn fill_room(&mut self) -> Option<Waker> {
        if !self.has_room() {
            return None;
        }
        let (key, owed) = claim(&mut self.senders, Wanted::Any)?;
        match self.serve_sender(key) {
            Some(value) => self.buffer.push_back(value),
            None => self.reserved += 1,
        }
        owed
    }

    /// Joins the line of receivers. A permit that waits for a receiver may be owed a wake-up.
    pub(crate) fn enlist_receiver(&mut self, who: Who) -> (Key, Option<Waker>) {
        let key = self.receivers.push_back(None, who);
        let owed = if self.capacity == 0 && !self.senders.is_empty() {
            self.grant()
        } else {
            None
        };
        (key, owed)
    }

    /// Joins the line of senders.
    pub(crate) fn enlist_sender(&mut self, value: Option<T>, who: Who) -> Key {
        self.senders.push_back(value, who)
    }

    /// Promises a waiting receiver of an unbuffered channel to the first who waits for a
    /// permit.
    fn grant(&mut self) -> Option<Waker> {
        if !self.has_free_receiver() {
            return None;
        }
        let (key, owed) = claim(&mut self.senders, Wanted::Reservation)?;
        self.senders.serve(key);
        self.reserved += 1;
        owed
    }

    /// Reserves at once, if there is a way.
    pub(crate) fn reserve(&mut self) -> Result<(), Refused> {
        if !self.is_open() {
            return Err(Refused::Closed);
        }
        let free = if self.capacity == 0 {
            self.has_free_receiver()
        } else {
            self.has_room()
        };
        if !free {
            return Err(Refused::Full);
        }
        self.reserved += 1;
        Ok(())
    }

    /// A permit is used. The value comes back, to be dropped without a lock, if nobody can
    /// ever receive it.
    pub(crate) fn send_reserved(&mut self, value: T) -> (Option<T>, Option<Waker>) {
        self.reserved -= 1;
        if self.phase == Phase::ReceiversGone {
            return (Some(value), None);
        }
        (None, self.deliver(value, End::Back))
    }

    /// A permit is given back unused.
    pub(crate) fn release(&mut self, owed: &mut WakeList) {
        self.reserved -= 1;
        if self.is_drained() {
            return self.tell_receivers(owed);
        }
        let next = if self.capacity == 0 {
            self.nudge_sender()
        } else {
            self.fill_room()
        };
        next.into_iter().for_each(|waker| owed.push(waker));
    }

    /// Asks the first waiting sender of an unbuffered channel to look again: a receiver that
    /// was spoken for is free. It keeps its place.
    fn nudge_sender(&mut self) -> Option<Waker> {
        if !self.has_free_receiver() {
            return None;
        }
        let front = self.senders.front()?;
        let (who, fate) = self.senders.entry(front)?;
        *fate = Fate::Nudged;
        match who {
            Who::One(waker) => waker.take(),
            Who::Case(ticket, _) => ticket.nudge(),
        }
    }

    /// To the first waiting receiver, or into the buffer at this end, above capacity if need
    /// be.
    fn deliver(&mut self, value: T, end: End) -> Option<Waker> {
        if let Some((key, owed)) = claim(&mut self.receivers, Wanted::Any) {
            self.serve_receiver(key, Some(value));
            return owed;
        }
        match end {
            End::Front => self.buffer.push_front(value),
            End::Back => self.buffer.push_back(value),
        }
        None
    }

    /// Gives a value to a waiter that was claimed.
    fn serve_receiver(&mut self, key: Key, value: Option<T>) {
        self.receivers.value(key, |place| *place = value);
        self.receivers.serve(key);
    }

    /// Takes the value of a waiter that was claimed; `None`: it waited for a reservation.
    fn serve_sender(&mut self, key: Key) -> Option<T> {
        let value = self.senders.value(key, Option::take).flatten();
        self.senders.serve(key);
        value
    }

    /// A receiver that is dropped gives back what it was handed: it is the oldest value.
    pub(crate) fn give_back(&mut self, value: T) -> Option<Waker> {
        self.deliver(value, End::Front)
    }

    /// A receiver leaves its line, and passes a value on if it was given one: who it was, and
    /// who is owed a wake-up.
    #[inline]
    pub(crate) fn leave_receiver(&mut self, key: Key) -> (Option<Who>, Option<Waker>) {
        let Some(waiter) = self.receivers.remove(key) else {
            return (None, None);
        };
        let owed = waiter.value.and_then(|value| self.give_back(value));
        (Some(waiter.who), owed)
    }

    /// Keeps a value that was received, or the news of a close, in an entry of its own
    /// beside the line, until its owner comes for it.
    pub(crate) fn keep_received(&mut self, value: Option<T>) -> Key {
        keep_entry(&mut self.receivers, value, Fate::Served)
    }

    /// The same for how a send ended: with its value, if the channel was closed.
    pub(crate) fn keep_sent(&mut self, value: Option<T>) -> Key {
        let fate = match value {
            Some(_) => Fate::Closed,
            None => Fate::Served,
        };
        keep_entry(&mut self.senders, value, fate)
    }

    /// A sender leaves its line: its value, if it was not sent, and who is owed a wake-up
    /// because it had been nudged.
    pub(crate) fn leave_sender(&mut self, key: Key) -> (Option<Waiter<T>>, Option<Waker>) {
        let waiter = self.senders.remove(key);
        let nudged = waiter
            .as_ref()
            .is_some_and(|waiter| waiter.fate == Fate::Nudged);
        let owed = if nudged { self.nudge_sender() } else { None };
        (waiter, owed)
    }

    /// Closes. `false` if it was closed already, with nobody owed anything.
    pub(crate) fn close(&mut self, how: Phase, owed: &mut WakeList) -> bool {
        if !self.is_open() {
            if how == Phase::Explicitly {
                self.phase = how;
            }
            return false;
        }
        self.phase = how;
        self.buffer.show_closed();
        if self.is_drained() {
            self.tell_receivers(owed);
        }
        tell(&mut self.senders, owed);
        if let Some(closers) = &mut self.closers {
            while let Some((_, waker)) = closers.detach_front() {
                waker.take().into_iter().for_each(|waker| owed.push(waker));
            }
        }
        true
    }

    fn tell_receivers(&mut self, owed: &mut WakeList) {
        tell(&mut self.receivers, owed);
    }

    /// The values nobody can receive any more, to be dropped without a lock.
    pub(crate) fn take_buffer(&mut self) -> VecDeque<T> {
        self.buffer.take()
    }
}

fn keep_entry<T>(line: &mut Line<T>, value: Option<T>, fate: Fate) -> Key {
    let key = line.push_back(value, Who::One(None));
    line.detach(key);
    match fate {
        Fate::Served => line.serve(key),
        fate => set_fate(line, key, fate),
    }
    key
}

fn set_fate<T>(line: &mut Line<T>, key: Key, fate: Fate) {
    if let Some((_, known)) = line.entry(key) {
        *known = fate;
    }
}

/// Tells everybody in a line that the channel is closed.
fn tell<T>(line: &mut Line<T>, owed: &mut WakeList) {
    while let Some((key, waker)) = claim(line, Wanted::Any) {
        set_fate(line, key, Fate::Closed);
        waker.into_iter().for_each(|waker| owed.push(waker));
    }
}

/// Why an operation can't be done at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refused {
    Full,
    Closed,
}

/// Which end of the buffer.
#[derive(Clone, Copy)]
enum End {
    Front,
    Back,
}
