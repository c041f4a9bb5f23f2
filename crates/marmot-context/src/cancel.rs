//! `Cancel`: the right to end a context, and the duty to do so when it is dropped.

use std::error::Error;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

use crate::error::{ContextError, cause_of};
use crate::tree::{End, Node};

/// Ends the context it came with, at the latest when it is dropped.
///
/// When [`cancel`](Cancel::cancel) returns, or the drop is done, every context below has
/// ended too, and those who wait for one have been woken. Only the first end of a context
/// counts.
///
/// # Examples
///
/// ```
/// use marmot_context::{Context, ContextError};
///
/// let ctx = {
///     let (ctx, _cancel) = Context::background().with_cancel();
///     assert_eq!(ctx.err(), None);
///     ctx
/// };
/// assert_eq!(ctx.err(), Some(ContextError::Canceled));
/// ```
#[doc(alias = "CancelFunc")]
#[must_use = "dropping it cancels the context"]
pub struct Cancel {
    /// Absent once detached.
    node: Option<Arc<Node>>,
}

impl Cancel {
    pub(crate) fn of(node: Arc<Node>) -> Cancel {
        Cancel { node: Some(node) }
    }

    /// Ends the context, with everything below it.
    ///
    /// # Complexity
    ///
    /// O(n) in the contexts below and those who wait for them; one lock at a time.
    pub fn cancel(&self) {
        self.end(|| None);
    }

    /// Ends the context, and says why: [`cause`](crate::Context::cause) gives it to
    /// everybody below.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    /// use std::io;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel_cause(io::Error::other("disk on fire"));
    /// cancel.cancel_cause("too late");
    /// let cause = ctx.cause().expect("it has ended");
    /// assert!(cause.downcast_ref::<io::Error>().is_some());
    /// ```
    pub fn cancel_cause(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) {
        self.end(|| Some(cause_of(cause)));
    }

    /// Gives up the right: the context ends with its parent, or at its deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.detach();
    /// assert!(!ctx.is_done());
    /// ```
    pub fn detach(mut self) {
        self.node = None;
    }

    fn end(&self, cause: impl FnOnce() -> Option<crate::Cause>) {
        if let Some(node) = &self.node {
            node.end(&End {
                error: ContextError::Canceled,
                cause: cause(),
            });
        }
    }
}

// As for `Context`.
impl UnwindSafe for Cancel {}
impl RefUnwindSafe for Cancel {}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ended = self.node.as_ref().map(|node| node.error());
        f.debug_struct("Cancel").field("ended", &ended).finish()
    }
}
