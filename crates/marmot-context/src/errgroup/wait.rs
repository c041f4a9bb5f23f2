//! The futures of a group: until all members have ended, and until there is room for one.

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, Waker, ready};

use marmot_wait::{Key, WaitReason, budget, note};

use crate::errgroup::Inner;
use crate::errgroup::state::{Outcome, State};
use crate::error::Cause;

/// Waits for all members of a [`Group`](crate::errgroup::Group): what
/// [`wait`](crate::errgroup::Group::wait) gives.
///
/// # Cancel safety
///
/// May be dropped at any time and leaves nothing behind; the members go on.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Wait<'a>(Place<'a>);

/// Waits for room in a [`Group`](crate::errgroup::Group): what
/// [`ready`](crate::errgroup::Group::ready) gives.
///
/// # Cancel safety
///
/// May be dropped at any time and leaves nothing behind.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Ready<'a>(Place<'a>);

/// A place in one of a group's lines.
struct Place<'a> {
    group: &'a Arc<Inner>,
    key: Option<Key>,
    line: Which,
    caller: &'static Location<'static>,
}

#[derive(Clone, Copy)]
enum Which {
    End,
    Room,
}

impl<'a> Wait<'a> {
    pub(super) fn new(group: &'a Arc<Inner>, caller: &'static Location<'static>) -> Self {
        Wait(Place::new(group, Which::End, caller))
    }
}

impl<'a> Ready<'a> {
    pub(super) fn new(group: &'a Arc<Inner>, caller: &'static Location<'static>) -> Self {
        Ready(Place::new(group, Which::Room, caller))
    }
}

impl Future for Wait<'_> {
    type Output = Result<(), Cause>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Self::Output> {
        ready!(budget::poll_proceed(cx));
        let outcome = ready!(self.0.poll(cx, State::is_idle, State::outcome));
        self.0.group.end_context();
        Poll::Ready(match outcome {
            Outcome::Fine => Ok(()),
            Outcome::Failed(error) => Err(error),
            Outcome::Panicked(payload) => resume_unwind(payload),
            Outcome::PanickedBefore(text) => panic!("{text}"),
        })
    }
}

impl Future for Ready<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<()> {
        ready!(budget::poll_proceed(cx));
        self.0.poll(cx, State::has_room, |_| ())
    }
}

impl<'a> Place<'a> {
    fn new(group: &'a Arc<Inner>, line: Which, caller: &'static Location<'static>) -> Self {
        Place {
            group,
            key: None,
            line,
            caller,
        }
    }

    /// Gives the answer if it was released or need not wait; else waits.
    fn poll<R>(
        &mut self,
        cx: &Task<'_>,
        is_over: impl FnOnce(&State) -> bool,
        answer: impl FnOnce(&mut State) -> R,
    ) -> Poll<R> {
        let mut waker = Some(cx.waker().clone());
        let mut state = self.group.lock();
        if self.line.of(&mut state).was_released(self.key) || is_over(&state) {
            let gone = self.line.of(&mut state).leave(&mut self.key);
            let answer = answer(&mut state);
            drop(state);
            drop(gone);
            return Poll::Ready(answer);
        }
        self.line.of(&mut state).stand(&mut self.key, &mut waker);
        drop(state);
        drop(waker);
        budget::refund();
        let object = Arc::as_ptr(self.group).addr();
        note::set(WaitReason::GroupWait, object, self.caller);
        Poll::Pending
    }
}

impl Which {
    fn of(self, state: &mut State) -> &mut super::line::Line {
        match self {
            Which::End => &mut state.end,
            Which::Room => &mut state.room,
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.key.is_some() {
            let gone: Option<Waker> = self.line.of(&mut self.group.lock()).leave(&mut self.key);
            drop(gone);
        }
    }
}

impl fmt::Debug for Wait<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wait").finish_non_exhaustive()
    }
}

impl fmt::Debug for Ready<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}
