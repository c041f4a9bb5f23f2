//! The ambient context: what [`Context::current`] gives, and what goroutines inherit.
//!
//! ```text
//!              poll begins: exchange
//!   Scoped { future, context } ◀──────▶ slot of this thread
//!              poll ends, or unwinds: exchange back
//! ```
//!
//! Nobody who polls goroutines knows of contexts. A [`Scoped`] future puts its context into
//! a slot of the thread for as long as it is polled, and takes it back before the poll
//! returns; so the slot always belongs to the goroutine being polled, wherever it moves.
//! Both ways the context is moved, and no count is touched.
//!
//! # For whoever starts goroutines
//!
//! A goroutine inherits by being started as `inherit(future)`. While [`is_set`] says `false`
//! the bare future will do, which costs one read of a thread-local:
//!
//! ```
//! use marmot_context::ambient;
//! # fn spawn(_: impl Future) {}
//!
//! fn go(future: impl Future + 'static) {
//!     if ambient::is_set() {
//!         spawn(ambient::inherit(future));
//!     } else {
//!         spawn(future);
//!     }
//! }
//! # go(async {});
//! ```

use std::cell::Cell;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use pin_project_lite::pin_project;

use crate::context::Context;

struct Slot {
    /// Whether there is a context other than the background.
    is_set: Cell<bool>,
    /// Empty whenever nothing is polled on this thread, so it never needs a destructor, and
    /// an access never asks whether the thread-local has been set up.
    context: Cell<ManuallyDrop<Option<Context>>>,
}

thread_local! {
    static SLOT: Slot = const {
        Slot {
            is_set: Cell::new(false),
            context: Cell::new(ManuallyDrop::new(None)),
        }
    };
}

/// Whether the ambient context is another one than the background.
///
/// # Examples
///
/// ```
/// use marmot_context::{Context, ambient};
///
/// assert!(!ambient::is_set());
/// let ctx = Context::background().with_value(7);
/// marmot_wait::park::block_on(ctx.scope(async { assert!(ambient::is_set()) }));
/// ```
#[inline]
#[must_use]
pub fn is_set() -> bool {
    SLOT.with(|slot| slot.is_set.get())
}

/// Makes the ambient context of the present goroutine that of this future too, wherever it
/// will be polled.
///
/// # Cancel safety
///
/// That of the future within.
#[inline]
pub fn inherit<F: Future>(future: F) -> Scoped<F> {
    Scoped::new(current(), future)
}

/// The ambient context.
pub(crate) fn current() -> Context {
    if !is_set() {
        return Context::background();
    }
    let context = exchange(None);
    let copy = context.clone();
    let _none = exchange(context);
    copy.unwrap_or_default()
}

/// Puts this into the slot; gives what was there.
fn exchange(context: Option<Context>) -> Option<Context> {
    SLOT.with(|slot| {
        slot.is_set.set(
            context
                .as_ref()
                .is_some_and(|context| !context.is_background()),
        );
        ManuallyDrop::into_inner(slot.context.replace(ManuallyDrop::new(context)))
    })
}

/// A context is ambient until this is dropped; then it is back where it came from.
struct Inside<'a> {
    home: &'a mut Option<Context>,
    before: Option<Context>,
}

impl<'a> Inside<'a> {
    fn enter(home: &'a mut Option<Context>) -> Inside<'a> {
        let before = exchange(home.take());
        Inside { home, before }
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        *self.home = exchange(self.before.take());
    }
}

pin_project! {
    /// A future with an ambient context of its own: what [`scope`](Context::scope) and
    /// [`inherit`] give.
    ///
    /// The context is ambient while the future is polled and while it is dropped.
    ///
    /// # Cancel safety
    ///
    /// That of the future within.
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Scoped<F> {
        // Absent once it has ended.
        #[pin]
        future: Option<F>,
        // Absent during a poll.
        context: Option<Context>,
    }

    impl<F> PinnedDrop for Scoped<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _inside = Inside::enter(this.context);
                this.future.set(None);
            }
        }
    }
}

impl<F> Scoped<F> {
    #[inline]
    pub(crate) fn new(context: Context, future: F) -> Scoped<F> {
        Scoped {
            future: Some(future),
            context: Some(context),
        }
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _inside = Inside::enter(this.context);
        let future = this.future.as_mut().as_pin_mut();
        let polled = future
            .expect("a future is not polled after its end")
            .poll(cx);
        if polled.is_ready() {
            // What its destructors start belongs to the same context.
            this.future.set(None);
        }
        polled
    }
}
