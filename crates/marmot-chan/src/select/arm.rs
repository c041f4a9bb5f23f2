//! One arm of a select, as the engine sees it: on a channel, or any future.

#![expect(
    unsafe_code,
    reason = "an arm looks at its channel while the engine holds the locks"
)]

use std::fmt;
use std::future::Future;
use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::lock::{Latch, Lock};
use crate::select::selection::{Back, Ticket};
use crate::send::wake;
use crate::state::{State, Who};

/// What an arm waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[doc(hidden)]
pub enum Kind {
    /// Nothing: it takes no part.
    Out,
    /// An operation on a channel.
    Channel,
    /// An operation on a channel that was polled before, so that it stands in line already.
    InLine,
    /// A future.
    Future,
}

/// Who is owed a wake-up once the locks are released.
#[derive(Default, Debug)]
#[doc(hidden)]
pub struct Owed {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Owed {
    #[inline]
    fn push(&mut self, waker: Option<Waker>) {
        match waker {
            None => {}
            Some(waker) if self.first.is_none() => self.first = Some(waker),
            Some(waker) => self.more.push(waker),
        }
    }

    /// Calls them, with no lock held.
    #[inline(always)]
    pub(crate) fn wake(&mut self) {
        if let Some(waker) = self.first.take() {
            waker.wake();
        }
        if !self.more.is_empty() {
            self.wake_more();
        }
    }

    #[cold]
    fn wake_more(&mut self) {
        self.more.drain(..).for_each(Waker::wake);
    }
}

/// An arm without its types. Only this crate has any.
///
/// # Safety
///
/// The latch of `site` is always the same for one arm, or null: a pointer that is valid for as
/// long as the arm is borrowed.
#[doc(hidden)]
pub unsafe trait Arm {
    /// What it waits for, and the lock of its channel; null for none.
    fn site(&self) -> (Kind, *const Latch);

    /// Whether it might be done at once, as far as can be seen without the latch. With the
    /// latch held, a no is certain, unless it stands in line.
    fn may_be_done(&self) -> bool;

    /// Does it, if that can be done at once, looking at no other arm. No lock is held.
    fn look_alone(&mut self) -> bool;

    /// Does it, if that can be done at once.
    ///
    /// # Safety
    ///
    /// The caller holds the arm's latch.
    unsafe fn look(&mut self, owed: &mut Owed) -> bool;

    /// Joins the line as case number `case`.
    ///
    /// # Safety
    ///
    /// The caller holds the arm's latch.
    unsafe fn enlist(&mut self, ticket: Ticket, case: u32, owed: &mut Owed);

    /// Takes the result that a peer left. No lock is held.
    fn settle(&mut self);

    /// Leaves the line, if it stands in one; what it was given goes back, and so does the
    /// ticket. No lock is held.
    fn leave(&mut self, back: &mut Back<'_>);

    /// Polls the future; whether it is ready. No lock is held.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool;
}

/// An operation on a channel, as a case of a select. It has the same channel, or none, for
/// all its life, and locks it in no method but `leave`. (Nobody outside can name this trait,
/// so nobody can implement it otherwise.)
#[doc(hidden)]
pub trait Case: Unpin {
    /// The channel's element.
    type Value;
    /// What the operation gives.
    type Output;

    /// The channel; `None`: this case takes no part.
    fn channel(&self) -> Option<&Lock<State<Self::Value>>>;
    /// Whether it stands in the line already.
    fn is_in_line(&self) -> bool;
    /// Whether it might be done at once, as far as can be seen without the lock. A no may be
    /// outdated, and so may a yes.
    fn may_be_done(&self) -> bool;
    /// Does it, if that can be done at once.
    fn look(
        &mut self,
        state: &mut State<Self::Value>,
        owed: &mut Option<Waker>,
    ) -> Option<Self::Output>;
    /// Joins the line.
    fn enlist(&mut self, state: &mut State<Self::Value>, who: Who, owed: &mut Option<Waker>);
    /// Takes the result that a peer left, if that can be done without the lock.
    fn collect(&mut self) -> Option<Self::Output>;
    /// Takes the result that a peer left.
    fn settle(&mut self, state: &mut State<Self::Value>) -> Self::Output;
    /// Leaves the line. Gives who stood there.
    fn leave(&mut self) -> Option<Who>;
}

/// An arm on a channel, around a borrowed case or a boxed one.
#[doc(hidden)]
pub struct ChannelArm<B: DerefMut<Target: Case>> {
    case: B,
    on: bool,
    output: Option<<B::Target as Case>::Output>,
}

impl<C: Case> ChannelArm<&mut C> {
    /// Whether a select may look at this arm by itself, before it looks at all at once.
    #[inline]
    pub fn is_plain(&self) -> bool {
        !self.case.is_in_line()
    }
}

impl<F: Future> FutureArm<'_, F> {
    /// Never: a future is polled in its turn, when the channels' turns are decided.
    #[inline]
    pub fn is_plain(&self) -> bool {
        false
    }
}

impl<B: DerefMut<Target: Case>> ChannelArm<B> {
    /// `B` is `&mut C` or `Box<C>`: always the same case.
    pub(crate) fn new(case: B, on: bool) -> Self {
        ChannelArm {
            case,
            on,
            output: None,
        }
    }

    pub(crate) fn case(&self) -> &B::Target {
        &self.case
    }

    pub(crate) fn case_mut(&mut self) -> &mut B::Target {
        &mut self.case
    }

    /// Gives the state of this arm's channel to `f`.
    ///
    /// # Safety
    ///
    /// The caller holds the channel's latch.
    #[inline]
    unsafe fn locked<R>(
        &mut self,
        f: impl FnOnce(&mut B::Target, &mut State<<B::Target as Case>::Value>) -> R,
    ) -> Option<R> {
        let lock: *const Lock<State<<B::Target as Case>::Value>> = self.case.channel()?;
        // SAFETY: the channel lives as long as the handle in the case, which `f` gets only
        // as a `Case` that keeps its handle.
        let lock = unsafe { &*lock };
        // SAFETY: the caller holds the latch, and `f`, a method of `Case`, is given the state
        // and does not lock its channel itself.
        Some(unsafe { lock.locked(|state| f(&mut self.case, state)) })
    }
}

// SAFETY: the latch is that of the case's channel, which a case never changes, and which
// lives as long as the handle in the case.
unsafe impl<B: DerefMut<Target: Case>> Arm for ChannelArm<B> {
    #[inline]
    fn site(&self) -> (Kind, *const Latch) {
        match self.case.channel() {
            Some(lock) if self.on => {
                let in_line = self.case.is_in_line();
                let kind = if in_line { Kind::InLine } else { Kind::Channel };
                (kind, lock.latch())
            }
            _ => (Kind::Out, std::ptr::null()),
        }
    }

    #[inline]
    fn may_be_done(&self) -> bool {
        self.case.may_be_done()
    }

    #[inline]
    fn look_alone(&mut self) -> bool {
        if !self.on || !self.case.may_be_done() {
            return false;
        }
        let Some(lock) = self.case.channel() else {
            return false;
        };
        let lock: *const Lock<State<<B::Target as Case>::Value>> = lock;
        let mut waker = None;
        // SAFETY: the channel lives as long as the handle in the case, which `look` keeps.
        let mut state = unsafe { &*lock }.lock();
        self.output = self.case.look(&mut state, &mut waker);
        drop(state);
        wake(waker);
        self.output.is_some()
    }

    #[inline]
    unsafe fn look(&mut self, owed: &mut Owed) -> bool {
        let mut waker = None;
        // SAFETY: our caller holds the latch.
        let output = unsafe { self.locked(|case, state| case.look(state, &mut waker)) };
        self.output = output.flatten();
        owed.push(waker);
        self.output.is_some()
    }

    unsafe fn enlist(&mut self, ticket: Ticket, number: u32, owed: &mut Owed) {
        let who = Who::Case(ticket, number);
        let mut waker = None;
        // SAFETY: our caller holds the latch.
        unsafe { self.locked(|case, state| case.enlist(state, who, &mut waker)) };
        owed.push(waker);
    }

    fn settle(&mut self) {
        self.output = self.case.collect();
        if self.output.is_some() {
            return;
        }
        let Some(lock) = self.case.channel() else {
            return;
        };
        let latch: *const Latch = lock.latch();
        // SAFETY: the channel lives as long as the handle in the case.
        let latch = unsafe { &*latch };
        latch.acquire();
        // SAFETY: we have just taken the latch.
        self.output = unsafe { self.locked(Case::settle) };
        // SAFETY: taken above, and no reference is left: `settle` gave an owned value.
        unsafe { latch.release() };
    }

    #[inline]
    fn leave(&mut self, back: &mut Back<'_>) {
        if let Some(Who::Case(ticket, _)) = self.case.leave() {
            back.take(ticket);
        }
    }

    fn poll(&mut self, _: &mut Context<'_>) -> bool {
        false
    }
}

impl<B: DerefMut<Target: Case>> Drop for ChannelArm<B> {
    #[inline]
    fn drop(&mut self) {
        if self.case.is_in_line() {
            give_up(&mut *self.case);
        }
    }
}

/// Leaves the line for good.
#[inline(never)]
fn give_up(case: &mut (impl Case + ?Sized)) {
    drop(case.leave());
}

/// An arm that is any future; an absent one takes no part.
#[doc(hidden)]
pub struct FutureArm<'a, F: Future> {
    future: Option<Pin<&'a mut F>>,
    on: bool,
    output: Option<F::Output>,
}

impl<'a, F: Future> FutureArm<'a, F> {
    pub(crate) fn new(future: Option<Pin<&'a mut F>>, on: bool) -> Self {
        FutureArm {
            future,
            on,
            output: None,
        }
    }
}

// SAFETY: the latch is always null.
unsafe impl<F: Future> Arm for FutureArm<'_, F> {
    fn site(&self) -> (Kind, *const Latch) {
        let takes_part = self.on && self.future.is_some();
        let kind = if takes_part { Kind::Future } else { Kind::Out };
        (kind, std::ptr::null())
    }

    fn may_be_done(&self) -> bool {
        false
    }

    fn look_alone(&mut self) -> bool {
        false
    }

    unsafe fn look(&mut self, _: &mut Owed) -> bool {
        false
    }

    unsafe fn enlist(&mut self, _: Ticket, _: u32, _: &mut Owed) {}

    fn settle(&mut self) {}

    fn leave(&mut self, _: &mut Back<'_>) {}

    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(future) = &mut self.future else {
            return false;
        };
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            self.output = Some(output);
        }
        self.output.is_some()
    }
}

macro_rules! outputs {
    ($arm:ty, $output:ty, $($generics:tt)*) => {
        impl<$($generics)*> $arm {
            /// What the chosen arm gave, to be matched against its pattern.
            ///
            /// # Panics
            ///
            /// If it was not chosen.
            pub fn output(&self) -> &$output {
                self.output.as_ref().expect("the chosen arm has an output")
            }

            /// The same, taken.
            ///
            /// # Panics
            ///
            /// If it was not chosen.
            pub fn take(&mut self) -> $output {
                self.output.take().expect("the chosen arm has an output")
            }

            /// The pattern did not match: out, for this call.
            pub fn reject(&mut self) {
                self.on = false;
                self.output = None;
            }
        }

        impl<$($generics)*> fmt::Debug for $arm {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("Arm")
            }
        }
    };
}

outputs!(ChannelArm<B>, <B::Target as Case>::Output, B: DerefMut<Target: Case>);
outputs!(FutureArm<'_, F>, F::Output, F: Future);
