//! The future of `done`: the end of a context, to be waited for.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use marmot_wait::{Key, WaitReason, budget, note};

use crate::context::Context;
use crate::tree::Node;

/// Waits for the end of a [`Context`]: what [`done`](Context::done) gives.
///
/// It may be polled again after it was ready, and is ready then too.
///
/// # Cancel safety
///
/// May be dropped at any time and leaves nothing behind.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Done<'a> {
    context: Held<'a>,
    place: Option<Key>,
    caller: &'static Location<'static>,
}

enum Held<'a> {
    Borrowed(&'a Context),
    Owned(Context),
}

impl<'a> Done<'a> {
    #[inline]
    pub(crate) fn borrowed(context: &'a Context, caller: &'static Location<'static>) -> Self {
        Done {
            context: Held::Borrowed(context),
            place: None,
            caller,
        }
    }

    pub(crate) fn owned(context: Context, caller: &'static Location<'static>) -> Self {
        Done {
            context: Held::Owned(context),
            place: None,
            caller,
        }
    }

    /// The context that is waited for.
    #[inline]
    pub fn context(&self) -> &Context {
        match &self.context {
            Held::Borrowed(context) => context,
            Held::Owned(context) => context,
        }
    }

    /// Asks, and enlists, without a word to the budget or the note.
    #[inline]
    pub(crate) fn poll_ended(&mut self, cx: &Task<'_>) -> bool {
        // Written out, because the place is to be changed while the node is borrowed.
        let node = match &self.context {
            Held::Borrowed(context) => context.node(),
            Held::Owned(context) => context.node(),
        };
        node.is_some_and(|node| node.poll(&mut self.place, cx.waker()))
    }

    pub(crate) fn caller(&self) -> &'static Location<'static> {
        self.caller
    }

    /// A number that tells the context from others, for dumps.
    pub(crate) fn object(&self) -> usize {
        let node = self.context().node();
        node.map_or(0, |node: &Arc<Node>| Arc::as_ptr(node).addr())
    }
}

impl Future for Done<'_> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<()> {
        let this = self.get_mut();
        if !this.poll_ended(cx) {
            note::set(WaitReason::ContextDone, this.object(), this.caller);
            return Poll::Pending;
        }
        // Refused here, it has still ended at the next poll.
        ready!(budget::poll_proceed(cx));
        Poll::Ready(())
    }
}

impl Drop for Done<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.place.is_none() {
            return;
        }
        let mut place = self.place.take();
        if let Some(node) = self.context().node() {
            node.leave(&mut place);
        }
    }
}

impl fmt::Debug for Done<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Done")
            .field("context", self.context())
            .finish_non_exhaustive()
    }
}
