//! The futures of a receiver: one value, or as many as are there.

#![expect(unsafe_code, reason = "collects what it was given without the lock")]

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use marmot_wait::{WaitReason, budget, note};

use crate::channel::Channel;
use crate::error::TryRecvError;
use crate::line::Key;
use crate::lock::Guard;
use crate::send::{Stage, renew, wake};
use crate::state::{Fate, Nature, State, Who};

/// One receive.
pub(crate) struct RecvCore<'a, T> {
    pub(crate) chan: &'a Channel<T>,
    pub(crate) stage: Stage,
    pub(crate) place: &'static Location<'static>,
}

impl<'a, T> RecvCore<'a, T> {
    pub(crate) fn new(chan: &'a Channel<T>, place: &'static Location<'static>) -> Self {
        RecvCore {
            chan,
            stage: Stage::New,
            place,
        }
    }

    /// Tries, under the lock. `None`: it would have to wait. `Some(None)`: closed and drained.
    #[inline]
    pub(crate) fn try_now(
        &mut self,
        state: &mut State<T>,
        owed: &mut Option<Waker>,
    ) -> Option<Option<T>> {
        match state.recv() {
            Ok((value, waker)) => {
                *owed = waker;
                Some(Some(value))
            }
            Err(TryRecvError::Closed) => Some(None),
            Err(TryRecvError::Empty) => None,
        }
    }

    /// Joins the line, under the lock. On a nil channel nothing ever happens.
    pub(crate) fn enlist(&mut self, state: &mut State<T>, who: Who, owed: &mut Option<Waker>) {
        if state.nature() != Nature::Nil {
            let (key, waker) = state.enlist_receiver(who);
            self.stage = Stage::Waiting(key);
            *owed = waker;
        }
    }

    #[inline]
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match self.stage {
            Stage::New => self.poll_new(cx),
            Stage::Waiting(key) => self.poll_waiting(key, cx),
            Stage::Over => panic!("a receive was polled after it had completed"),
        }
    }

    #[inline]
    fn poll_new(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(budget::poll_proceed(cx));
        let mut state = self.chan.lock();
        if let Some(value) = state.pop() {
            drop(state);
            self.stage = Stage::Over;
            return Poll::Ready(Some(value));
        }
        self.poll_new_waiting(state, cx)
    }

    /// With somebody who waits: this one, or a sender.
    #[inline(never)]
    fn poll_new_waiting(
        &mut self,
        mut state: Guard<'_, State<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<T>> {
        if state.plain_recv_waits() {
            let who = Who::One(Some(cx.waker().clone()));
            self.stage = Stage::Waiting(state.receivers.push_back(None, who));
            drop(state);
            self.note();
            return Poll::Pending;
        }
        if let Some((value, waker)) = state.take_over() {
            drop(state);
            self.stage = Stage::Over;
            waker.wake();
            return Poll::Ready(Some(value));
        }
        self.poll_new_slow(state, cx)
    }

    #[cold]
    fn poll_new_slow(
        &mut self,
        mut state: Guard<'_, State<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<T>> {
        let mut owed = None;
        if let Some(value) = self.try_now(&mut state, &mut owed) {
            drop(state);
            self.stage = Stage::Over;
            wake(owed);
            return Poll::Ready(value);
        }
        self.enlist(&mut state, Who::One(Some(cx.waker().clone())), &mut owed);
        drop(state);
        wake(owed);
        self.note();
        Poll::Pending
    }

    #[inline]
    fn poll_waiting(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<Option<T>> {
        match self.collect() {
            Some(value) => Poll::Ready(value),
            None => self.poll_waiting_slow(key, cx),
        }
    }

    #[inline(never)]
    fn poll_waiting_slow(&mut self, key: Key, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.chan.lock();
        match state.receivers.fate(key) {
            Some(Fate::Waiting) => {
                let old = renew(&mut state.receivers, key, cx.waker());
                drop(state);
                drop(old);
                self.note();
                Poll::Pending
            }
            _ => {
                let waiter = state.receivers.remove(key);
                drop(state);
                self.stage = Stage::Over;
                Poll::Ready(waiter.and_then(|waiter| waiter.value))
            }
        }
    }

    #[inline]
    fn note(&self) {
        let nil = self.stage == Stage::New;
        let reason = if nil {
            WaitReason::ChanReceiveNil
        } else {
            WaitReason::ChanReceive
        };
        note::set(reason, self.chan.address(), self.place);
    }

    /// Leaves the line; a value that was handed over goes to the next waiter, or back to the
    /// front. Gives who stood there, to be dropped without a lock.
    #[inline]
    pub(crate) fn leave(&mut self) -> Option<Who> {
        match self.stage {
            Stage::Waiting(key) => self.leave_line(key),
            Stage::New | Stage::Over => None,
        }
    }

    /// Leaves the line for good.
    #[inline(never)]
    fn give_up(&mut self, key: Key) {
        drop(self.leave_line(key));
    }

    #[inline(never)]
    fn leave_line(&mut self, key: Key) -> Option<Who> {
        self.stage = Stage::Over;
        let (who, owed) = self.chan.lock().leave_receiver(key);
        wake(owed);
        who
    }

    /// Takes what it was given, without the lock, if it stands in the channel itself.
    #[inline]
    pub(crate) fn collect(&mut self) -> Option<Option<T>> {
        if self.stage != Stage::Waiting(Key::Solo) {
            return None;
        }
        // SAFETY: the key is ours, so the first waiter of the line is; once it has been
        // collected we have no key.
        let value = unsafe { self.chan.received.collect() }?;
        self.stage = Stage::Over;
        Some(value)
    }

    /// Takes the served waiter's value, under the lock.
    pub(crate) fn settle(&mut self, state: &mut State<T>) -> Option<T> {
        let Stage::Waiting(key) = self.stage else {
            return None;
        };
        self.stage = Stage::Over;
        state.receivers.remove(key)?.value
    }

    /// Tries, under the lock, from whichever stage. `None`: it has to wait.
    #[inline]
    pub(crate) fn look(
        &mut self,
        state: &mut State<T>,
        owed: &mut Option<Waker>,
    ) -> Option<Option<T>> {
        if let Stage::Waiting(key) = self.stage {
            return self.look_again(key, state, owed);
        }
        if let Some(value) = state.pop() {
            self.stage = Stage::Over;
            return Some(Some(value));
        }
        let value = self.try_now(state, owed)?;
        self.stage = Stage::Over;
        Some(value)
    }

    #[cold]
    fn look_again(
        &mut self,
        key: Key,
        state: &mut State<T>,
        owed: &mut Option<Waker>,
    ) -> Option<Option<T>> {
        let fate = state.receivers.fate(key);
        if fate != Some(Fate::Waiting) {
            return Some(self.settle(state));
        }
        let value = self.try_now(state, owed)?;
        self.stage = Stage::Over;
        // A select's waiter: no value in it, and no waker of its own.
        drop(state.receivers.remove(key));
        Some(value)
    }

    /// Joins the line, or stays in it as somebody else, under the lock.
    pub(crate) fn join(&mut self, state: &mut State<T>, who: Who, owed: &mut Option<Waker>) {
        match self.stage {
            Stage::Waiting(key) => {
                if let Some((known, _)) = state.receivers.entry(key) {
                    *known = who;
                }
            }
            _ => self.enlist(state, who, owed),
        }
    }
}

/// The future of [`Receiver::recv`](crate::Receiver::recv).
///
/// # Cancel safety
///
/// Dropped, it leaves no waiter and loses nothing: a value that was already handed to it goes
/// to the next waiting receiver, or to the front of the channel.
#[must_use = "a receive does nothing until it is awaited"]
pub struct Recv<'a, T> {
    pub(crate) core: RecvCore<'a, T>,
}

impl<T> Future for Recv<'_, T> {
    type Output = Option<T>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.get_mut().core.poll(cx)
    }
}

impl<T> Drop for Recv<'_, T> {
    #[inline]
    fn drop(&mut self) {
        if let Stage::Waiting(key) = self.core.stage {
            self.core.give_up(key);
        }
    }
}

/// The future of [`Receiver::recv_many`](crate::Receiver::recv_many).
///
/// # Cancel safety
///
/// As [`Recv`]: nothing is lost, and the vector is untouched until it completes.
#[must_use = "a receive does nothing until it is awaited"]
pub struct RecvMany<'a, T> {
    pub(crate) first: Recv<'a, T>,
    pub(crate) buffer: &'a mut Vec<T>,
    pub(crate) max: usize,
}

impl<T> Future for RecvMany<'_, T> {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let this = self.get_mut();
        if this.max == 0 {
            return Poll::Ready(0);
        }
        let Some(first) = ready!(this.first.core.poll(cx)) else {
            return Poll::Ready(0);
        };
        this.buffer.push(first);
        Poll::Ready(1 + this.take_ready())
    }
}

impl<T> RecvMany<'_, T> {
    /// Takes what is there, as one instant.
    fn take_ready(&mut self) -> usize {
        let mut owed = marmot_wait::WakeList::new();
        let before = self.buffer.len();
        let mut state = self.first.core.chan.lock();
        while self.buffer.len() - before + 1 < self.max {
            let Ok((value, waker)) = state.recv() else {
                break;
            };
            self.buffer.push(value);
            waker.into_iter().for_each(|waker| owed.push(waker));
        }
        drop(state);
        owed.wake_all();
        self.buffer.len() - before
    }
}

impl<T> fmt::Debug for Recv<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recv").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for RecvMany<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecvMany").finish_non_exhaustive()
    }
}
