//! `Context`: who may still want the answer, until when, and what came with the question.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use marmot_wait::park;

use crate::ambient::{self, Scoped};
use crate::cancel::Cancel;
use crate::deadline;
use crate::done::Done;
use crate::error::{Cause, ContextError, cause_of};
use crate::frame::{Frame, What, write_names};
use crate::func::{Func, Stop};
use crate::run::Run;
use crate::tree::Node;
use crate::value::Value;

/// Carries a deadline, a cancellation and values across goroutines: Go's `context.Context`.
///
/// A context is made from another one, never changes that one, and ends at the latest when
/// that one does. Clones are the same context. When nobody holds one any more it is freed,
/// and its timer with it.
///
/// # Examples
///
/// ```
/// use marmot_context::{Context, ContextError};
/// use marmot_time::ms;
///
/// # marmot_wait::park::block_on(async {
/// let (ctx, _cancel) = Context::background().with_timeout(ms(5));
/// let never = std::future::pending::<()>();
/// assert_eq!(ctx.run(never).await, Err(ContextError::DeadlineExceeded));
/// # });
/// ```
#[derive(Clone)]
pub struct Context(Option<Arc<Frame>>);

static TODO: LazyLock<Arc<Frame>> = LazyLock::new(|| Frame::new(None, What::Todo, None, None));

impl Context {
    /// The empty root: never ends, no deadline, no values. Costs nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// let ctx = marmot_context::Context::background();
    /// assert_eq!(ctx.to_string(), "context.Background");
    /// assert!(!ctx.is_done());
    /// ```
    #[must_use]
    pub const fn background() -> Context {
        Context(None)
    }

    /// As [`background`](Context::background), for where it is not clear yet which context
    /// belongs there.
    #[must_use]
    pub fn todo() -> Context {
        Context(Some(Arc::clone(&TODO)))
    }

    /// The ambient context of this goroutine: that of the innermost
    /// [`scope`](Context::scope) it runs in, or else what it inherited from whoever started
    /// it; the background if there is none.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    ///
    /// let ctx = Context::background().with_value("user 7");
    /// marmot_wait::park::block_on(ctx.scope(async {
    ///     assert_eq!(Context::current().value(), Some(&"user 7"));
    /// }));
    /// assert_eq!(Context::current().value::<&str>(), None);
    /// ```
    #[must_use]
    pub fn current() -> Context {
        ambient::current()
    }

    /// A context that ends when its [`Cancel`] says so, or is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::{Context, ContextError};
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// let (below, _below) = ctx.with_cancel();
    /// cancel.cancel();
    /// assert_eq!(below.err(), Some(ContextError::Canceled));
    /// ```
    ///
    /// # Complexity
    ///
    /// Two allocations and one lock of the context above.
    #[must_use = "dropping the Cancel cancels the context"]
    pub fn with_cancel(&self) -> (Context, Cancel) {
        self.child(What::Cancel, self.deadline(), None)
    }

    /// A context that ends after this time at the latest.
    ///
    /// The time counts from the call. [`Duration::MAX`] is never.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::{Context, ContextError};
    /// use std::time::Duration;
    ///
    /// let (ctx, _cancel) = Context::background().with_timeout(Duration::ZERO);
    /// assert_eq!(ctx.err(), Some(ContextError::DeadlineExceeded));
    /// assert_eq!(ctx.err().unwrap().to_string(), "context deadline exceeded");
    /// ```
    #[must_use = "dropping the Cancel cancels the context"]
    pub fn with_timeout(&self, duration: Duration) -> (Context, Cancel) {
        self.until(deadline::from_now(duration), None)
    }

    /// As [`with_timeout`](Context::with_timeout); if the time runs out, this is the
    /// [`cause`](Context::cause).
    #[must_use = "dropping the Cancel cancels the context"]
    pub fn with_timeout_cause(
        &self,
        duration: Duration,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> (Context, Cancel) {
        self.until(deadline::from_now(duration), Some(cause_of(cause)))
    }

    /// A context that ends at this instant at the latest; it has ended already if the
    /// instant has passed. If this context has an earlier deadline, that one stays.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    /// use std::time::{Duration, Instant};
    ///
    /// let soon = Instant::now() + Duration::from_secs(1);
    /// let (ctx, _cancel) = Context::background().with_deadline(soon);
    /// let (below, _below) = ctx.with_deadline(soon + Duration::from_secs(9));
    /// assert_eq!(below.deadline(), Some(soon));
    /// ```
    #[must_use = "dropping the Cancel cancels the context"]
    pub fn with_deadline(&self, at: Instant) -> (Context, Cancel) {
        self.until(Some(at), None)
    }

    /// As [`with_deadline`](Context::with_deadline); if this deadline is the one that
    /// passes, this is the [`cause`](Context::cause).
    #[must_use = "dropping the Cancel cancels the context"]
    pub fn with_deadline_cause(
        &self,
        at: Instant,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> (Context, Cancel) {
        self.until(Some(at), Some(cause_of(cause)))
    }

    /// A context that carries this value, to be found by its type.
    ///
    /// A type of one's own is the key; the nearest value of a type hides those above.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    ///
    /// #[derive(Debug, PartialEq)]
    /// struct UserId(u32);
    ///
    /// let ctx = Context::background().with_value(UserId(7));
    /// assert_eq!(ctx.value(), Some(&UserId(7)));
    /// assert_eq!(ctx.value::<u32>(), None);
    /// ```
    #[must_use]
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Context {
        let what = What::Value(Value::new(value));
        let node = self.node().map(Arc::clone);
        self.frame(what, node, self.deadline())
    }

    /// A context with the values of this one that does not end with it, and has no deadline.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_value(7_u32).with_cancel();
    /// let free = ctx.without_cancel();
    /// cancel.cancel();
    /// assert!(!free.is_done());
    /// assert_eq!(free.value(), Some(&7_u32));
    /// ```
    #[must_use]
    pub fn without_cancel(&self) -> Context {
        self.frame(What::WithoutCancel, None, None)
    }

    /// The nearest value of this type, from here to the root.
    ///
    /// # Complexity
    ///
    /// O(n) in the number of `with_…` calls that made this context.
    #[must_use]
    pub fn value<T: Any>(&self) -> Option<&T> {
        self.0.as_deref()?.value()
    }

    /// When this context ends at the latest, if that is known.
    #[inline]
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.0.as_ref()?.deadline
    }

    /// Why this context has ended; `None` while it has not.
    ///
    /// # Complexity
    ///
    /// One load.
    #[inline]
    #[must_use]
    pub fn err(&self) -> Option<ContextError> {
        self.node()?.error()
    }

    /// Whether this context has ended.
    #[inline]
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.err().is_some()
    }

    /// What was given as the reason for the end, here or above: by
    /// [`cancel_cause`](Cancel::cancel_cause) or by a `with_…_cause`. Without such, the
    /// [`ContextError`] itself. `None` while the context has not ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    ///
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// cancel.cancel_cause("out of beer");
    /// assert_eq!(ctx.err().unwrap().to_string(), "context canceled");
    /// assert_eq!(ctx.cause().unwrap().to_string(), "out of beer");
    /// ```
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        let end = self.node()?.how()?;
        Some(end.cause.unwrap_or_else(|| Arc::new(end.error)))
    }

    /// Waits until this context has ended. For the background that is never.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// # Complexity
    ///
    /// One load if it has ended; else one lock to begin and one to stop waiting.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    ///
    /// # marmot_wait::park::block_on(async {
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// std::thread::spawn(move || cancel.cancel());
    /// ctx.done().await;
    /// assert!(ctx.is_done());
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn done(&self) -> Done<'_> {
        Done::borrowed(self, Location::caller())
    }

    /// As [`done`](Context::done), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn done_blocking(&self) {
        park::block_on(self.done());
    }

    /// As [`done`](Context::done), for a future that outlives this handle.
    ///
    /// # Cancel safety
    ///
    /// As [`done`](Context::done).
    #[track_caller]
    pub fn into_done(self) -> Done<'static> {
        Done::owned(self, Location::caller())
    }

    /// Runs a function in a goroutine of its own once this context has ended; at once if it
    /// has already. It runs in the runtime it was registered in, or else in that of whoever
    /// ends the context; outside of any on a thread of its own.
    ///
    /// The function may block. It inherits the values of the ambient context in which it was
    /// registered, but neither its end nor its deadline: it is there to clean up, which an
    /// ambient context that has just ended would keep it from. Dropping the handle changes
    /// nothing. Should this context be freed without having ended, and can nothing above it
    /// end either, the function is dropped.
    ///
    /// # Panics
    ///
    /// If a thread is needed and the system has none. A panic of the function is one of its
    /// goroutine.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    /// use std::sync::mpsc;
    ///
    /// let (done, wait) = mpsc::channel();
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// ctx.after_func(move || done.send("cleaned up").expect("somebody listens"));
    /// cancel.cancel();
    /// assert_eq!(wait.recv(), Ok("cleaned up"));
    /// ```
    #[track_caller]
    pub fn after_func(&self, f: impl FnOnce() + Send + 'static) -> Stop {
        Stop(Func::register(self.node(), Box::new(f), Location::caller()))
    }

    /// Runs a future for as long as this context has not ended.
    ///
    /// The context is asked first: once it has ended the future is not polled (any more).
    ///
    /// # Errors
    ///
    /// Why the context has ended, if it does before the future is ready.
    ///
    /// # Cancel safety
    ///
    /// That of the future within.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::{Context, ContextError};
    ///
    /// # marmot_wait::park::block_on(async {
    /// let (ctx, cancel) = Context::background().with_cancel();
    /// assert_eq!(ctx.run(async { 7 }).await, Ok(7));
    /// cancel.cancel();
    /// assert_eq!(ctx.run(async { 7 }).await, Err(ContextError::Canceled));
    /// # });
    /// ```
    #[inline]
    #[track_caller]
    pub fn run<F: Future>(&self, future: F) -> Run<'_, F> {
        Run::new(self.done(), future)
    }

    /// Makes this context the ambient one for a future, and for the goroutines that are
    /// started in it: [`Context::current`] gives it there.
    ///
    /// # Cancel safety
    ///
    /// That of the future within.
    pub fn scope<F: Future>(&self, future: F) -> Scoped<F> {
        ambient::scoped(self.clone(), future)
    }

    /// Whether both are the same context: clones of one.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::Context;
    ///
    /// let ctx = Context::background().with_value(7);
    /// assert!(ctx.same_context(&ctx.clone()));
    /// assert!(!ctx.same_context(&Context::background()));
    /// ```
    #[must_use]
    pub fn same_context(&self, other: &Context) -> bool {
        let at = |context: &Context| context.0.as_ref().map(Arc::as_ptr);
        at(self) == at(other)
    }

    /// What ends this context; `None`: nothing ever does.
    #[inline]
    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.0.as_ref()?.node.as_ref()
    }

    /// A context that ends at this instant; a deadline above that is no later stays alone.
    fn until(&self, at: Option<Instant>, late: Option<Cause>) -> (Context, Cancel) {
        let Some(at) = at.filter(|&at| self.deadline().is_none_or(|above| at < above)) else {
            return self.with_cancel();
        };
        let (context, cancel) = self.child(What::Deadline, Some(at), late);
        if let Some(node) = context.node().filter(|node| !node.is_ended()) {
            deadline::end_at(node, at);
        }
        (context, cancel)
    }

    fn child(
        &self,
        what: What,
        deadline: Option<Instant>,
        late: Option<Cause>,
    ) -> (Context, Cancel) {
        let node = Node::under(self.node(), late);
        let cancel = Cancel::of(Arc::clone(&node));
        (self.frame(what, Some(node), deadline), cancel)
    }

    fn frame(&self, what: What, node: Option<Arc<Node>>, deadline: Option<Instant>) -> Context {
        Context(Some(Frame::new(self.0.clone(), what, node, deadline)))
    }

    /// The values alone, apart from what carried them: they keep no context alive.
    pub(crate) fn values(&self) -> Context {
        Context(self.0.as_deref().and_then(Frame::values))
    }

    /// The context of this frame; the background without one.
    pub(crate) fn of(frame: Option<Arc<Frame>>) -> Context {
        Context(frame)
    }

    pub(crate) fn into_frame(self) -> Option<Arc<Frame>> {
        self.0
    }
}

// A panic finds a context whole: nothing of the program runs under its locks, and what
// was given to it is only lent.
impl UnwindSafe for Context {}
impl RefUnwindSafe for Context {}

impl Default for Context {
    /// The background.
    fn default() -> Self {
        Context::background()
    }
}

impl fmt::Display for Context {
    /// Writes the way from the root, in Go's words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(self.0.as_deref(), f)
    }
}

impl fmt::Debug for Context {
    /// As `Display`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_names(self.0.as_deref(), f)
    }
}
