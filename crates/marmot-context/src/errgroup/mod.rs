//! Goroutines that fail together: Go's `errgroup`.

mod line;
mod member;
mod start;
mod state;
mod wait;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use marmot_wait::park;

use crate::ambient;
use crate::cancel::Cancel;
use crate::context::Context;
use crate::error::Cause;
use member::{Job, Member};
use start::{start, start_queued};
use state::{Duty, Panic, State};

pub use wait::{Ready, Wait};

/// Goroutines that work on one thing: the first error is the group's, and ends the others'
/// context.
///
/// Clones are the same group.
///
/// # Examples
///
/// ```
/// use marmot_context::Context;
/// use marmot_context::errgroup::Group;
///
/// # marmot_wait::park::block_on(async {
/// let (group, ctx) = Group::with_context(&Context::background());
/// group.go(async { Err("out of beer") });
/// group.go({
///     let ctx = ctx.clone();
///     async move {
///         ctx.done().await;
///         Ok::<(), &str>(())
///     }
/// });
/// let error = group.wait().await.unwrap_err();
/// assert_eq!(error.to_string(), "out of beer");
/// assert_eq!(ctx.cause().unwrap().to_string(), "out of beer");
/// # });
/// ```
///
/// # Panics of members
///
/// A member's panic is reported on stderr and ends the group's context at once; it goes on in
/// [`wait`](Group::wait), once all members have ended. If no handle is left, so that nobody
/// can wait, it is the panic of the member's goroutine.
#[derive(Clone)]
pub struct Group {
    inner: Arc<Inner>,
    /// Counts the handles.
    _handle: Arc<()>,
}

/// What the handles and the running members share.
struct Inner {
    /// No waker is called and nothing of the program is dropped under this lock.
    state: Mutex<State>,
    /// The handles, to see whether anybody can wait.
    handles: Weak<()>,
    /// Ends the group's context, also when the last member and the last handle are gone.
    cancel: Option<Cancel>,
}

impl Group {
    /// A group without a context of its own, and without a limit.
    #[must_use]
    pub fn new() -> Group {
        Group::of(None)
    }

    /// A group, and a context below this one that ends with the first error or panic of a
    /// member, or when all members have ended and were waited for.
    pub fn with_context(parent: &Context) -> (Group, Context) {
        let (context, cancel) = parent.with_cancel();
        (Group::of(Some(cancel)), context)
    }

    fn of(cancel: Option<Cancel>) -> Group {
        let handle = Arc::new(());
        let inner = Arc::new(Inner {
            state: Mutex::new(State::new()),
            handles: Arc::downgrade(&handle),
            cancel,
        });
        Group {
            inner,
            _handle: handle,
        }
    }

    /// Runs a future as a member of the group, in a goroutine of its own.
    ///
    /// If the limit is reached it is queued, and runs when a member has ended; whoever wants
    /// to wait for that awaits [`ready`](Group::ready) first. Outside a runtime each member
    /// runs on a thread of its own.
    ///
    /// # Panics
    ///
    /// If, outside a runtime, the system has no thread left.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::errgroup::Group;
    ///
    /// let group = Group::new();
    /// group.set_limit(2);
    /// for n in 0..10 {
    ///     group.go(async move { if n < 10 { Ok(()) } else { Err("too many") } });
    /// }
    /// group.wait_blocking().unwrap();
    /// ```
    #[track_caller]
    pub fn go<F, E>(&self, future: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let job = job(future, Location::caller());
        let mut state = self.inner.lock();
        if state.admit() {
            drop(state);
            start(&self.inner, job);
        } else {
            state.enqueue(job);
        }
    }

    /// Runs a future as a member if it can run at once; says whether. If not, the future is
    /// dropped.
    ///
    /// # Panics
    ///
    /// As [`go`](Group::go).
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::errgroup::Group;
    ///
    /// let group = Group::new();
    /// group.set_limit(0);
    /// assert!(!group.try_go(async { Ok::<(), String>(()) }));
    /// ```
    #[track_caller]
    pub fn try_go<F, E>(&self, future: F) -> bool
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let admitted = self.inner.lock().admit();
        if admitted {
            start(&self.inner, job(future, Location::caller()));
        }
        admitted
    }

    /// Lets at most this many members run at a time; `usize::MAX` for any number. With zero
    /// none is started.
    ///
    /// It may be changed at any time. Members that run go on; queued ones are started if
    /// there now is room.
    ///
    /// # Panics
    ///
    /// As [`go`](Group::go).
    #[track_caller]
    pub fn set_limit(&self, limit: usize) {
        let duty = self.inner.lock().set_limit(limit);
        Inner::pay(&self.inner, duty);
    }

    /// Waits until a new member would run at once.
    ///
    /// Everybody who waits is woken when there is room; who comes too late has its member
    /// queued.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    ///
    /// # Examples
    ///
    /// ```
    /// use marmot_context::errgroup::Group;
    ///
    /// # marmot_wait::park::block_on(async {
    /// let group = Group::new();
    /// group.set_limit(4);
    /// for _ in 0..20 {
    ///     group.ready().await;
    ///     group.go(async { Ok::<(), String>(()) });
    /// }
    /// group.wait().await.unwrap();
    /// # });
    /// ```
    #[track_caller]
    pub fn ready(&self) -> Ready<'_> {
        Ready::new(&self.inner, Location::caller())
    }

    /// As [`ready`](Group::ready), for a plain thread; legal inside a goroutine too.
    #[track_caller]
    pub fn ready_blocking(&self) {
        park::block_on(self.ready());
    }

    /// Waits until all members have ended, then ends the group's context.
    ///
    /// May be called again, and by several; each gets the same error. A wait is over at the
    /// moment no member is left, even if it is polled only after another was started.
    ///
    /// # Errors
    ///
    /// The first error of a member. It is the same value as the context's
    /// [`cause`](Context::cause).
    ///
    /// # Panics
    ///
    /// With the first panic of a member, if there was one. The payload goes to the first who
    /// waits; others get its text.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind; the members go on.
    #[track_caller]
    pub fn wait(&self) -> Wait<'_> {
        Wait::new(&self.inner, Location::caller())
    }

    /// As [`wait`](Group::wait), for a plain thread; legal inside a goroutine too.
    ///
    /// # Errors
    ///
    /// As [`wait`](Group::wait).
    ///
    /// # Panics
    ///
    /// As [`wait`](Group::wait).
    #[track_caller]
    pub fn wait_blocking(&self) -> Result<(), Cause> {
        park::block_on(self.wait())
    }
}

/// A member to be started, which inherits the ambient context.
fn job<F, E>(future: F, place: &'static Location<'static>) -> Job
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    if ambient::is_set() {
        Box::pin(Member::new(ambient::inherit(future), place))
    } else {
        Box::pin(Member::new(future, place))
    }
}

// As for `Context`: a member's panic is caught in the member.
impl UnwindSafe for Group {}
impl RefUnwindSafe for Group {}

impl Inner {
    /// A member has ended.
    fn finish(this: &Arc<Inner>) {
        let duty = this.lock().finish();
        Inner::pay(this, duty);
    }

    fn pay(this: &Arc<Inner>, duty: Duty) {
        start_queued(this, duty.start);
        duty.wake.wake_all();
    }

    /// A member has failed.
    fn fail(&self, error: Cause) {
        let later = self.lock().fail(Arc::clone(&error));
        if later.is_none()
            && let Some(cancel) = &self.cancel
        {
            cancel.cancel_cause(error);
        }
    }

    /// A member has panicked. Gives the panic back if nobody can wait for it.
    fn panicked(&self, panic: Panic) -> Option<Panic> {
        if let Some(cancel) = &self.cancel {
            cancel.cancel_cause(format!("errgroup: a member panicked: {}", panic.text));
        }
        if self.handles.strong_count() == 0 {
            return Some(panic);
        }
        let later = self.lock().panicked(panic);
        drop(later);
        None
    }

    /// All members have ended.
    fn end_context(&self) {
        if let Some(cancel) = &self.cancel {
            cancel.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics under this lock but an allocation that fails.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Group {
    fn default() -> Self {
        Group::new()
    }
}

impl fmt::Debug for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (running, queued) = self.inner.lock().counts();
        f.debug_struct("Group")
            .field("running", &running)
            .field("queued", &queued)
            .finish_non_exhaustive()
    }
}
