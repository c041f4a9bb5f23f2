//! Goroutines that borrow from the stack of whoever starts them.
//!
//! ```text
//!   scope ──▶ body ──▶ waits on its thread, its P gone elsewhere ──▶ all ended: returns
//!              │ go                                                      ▲
//!              ▼                                                         │ the last one
//!            child: future ──▶ future dropped ──▶ result handed over ──▶ counted out
//! ```
//!
//! # Why this is sound
//!
//! A child's future may borrow what lives for `'scope`, and a goroutine's must live for ever.
//! The one `unsafe` line (`erase`, in `child.rs`) gives the one for the other. It may, because
//! the frames that children borrow from stay until no child has anything left that could
//! touch them:
//!
//! 1. A child is counted before its future is handed to the scheduler, and the right to count
//!    it out, a `Running`, is *inside* the future. Nobody else can make one.
//! 2. It leaves the future only when all else in there has been dropped: as the output of the
//!    last poll, or at the end of the future's own drop. What the child has computed, which may
//!    borrow too, is in the hands of its join handle by then, or dropped. Panics on the way
//!    are caught.
//! 3. `scope` does not return, by value or by panic, before the count is zero. There is no await
//!    in it: it is one call, on a thread that waits, so neither dropping nor leaking a future
//!    can end it early. Should the wait itself panic, the process ends.
//!
//! So whatever is forgotten (a join handle, a cell of the slab, a whole runtime) makes `scope`
//! wait too long, never too short. A runtime that shuts down drops the futures that nobody
//! polls, wherever they wait, which counts them out; one in a poll counts itself out when its
//! poll ends, and its thread is not stopped before.
//!
//! The lifetimes are those of [`std::thread::scope`]: `'env` is what is borrowed, `'scope` how
//! long children may run, and both are invariant, so that nobody can make either longer or
//! shorter.
//!
//! Why it blocks, and what an async form would take: decision 0024.

mod child;
mod data;
mod handle;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;

use marmot_wait::{Goexit, ambient};

use crate::runtime::Handle;
use crate::task::join::{AbortHandle, JoinError};
use child::Erased;
use data::Data;

pub use handle::ScopedJoinHandle;

/// Runs a function that may start goroutines which borrow from around it; returns when all of
/// them have ended.
///
/// The children run in parallel with the function and with each other. The calling goroutine
/// keeps its thread while it waits, and gives its P away, as in `block_on`: an open scope costs
/// a thread. What else the calling goroutine would do (another branch of a `join!`) stands still
/// meanwhile; where that matters, [`JoinHandle`](crate::JoinHandle)s and owned data do.
///
/// Scopes nest, and a child may start siblings.
///
/// # Panics
///
/// Outside a runtime.
///
/// If the function panics, or a child whose handle was not joined: with the first panic of them
/// all, once everything has ended. The others are told on stderr. (A child that was
/// [aborted](ScopedJoinHandle::abort), or has called [`goexit`](crate::goexit), has not
/// panicked.) A panic does not end the other children.
///
/// # Examples
///
/// ```
/// use marmot_scheduler::{Runtime, scope};
///
/// let rt = Runtime::new()?;
/// rt.block_on(async {
///     let text = String::from("counted by two");
///     let (vowels, words) = scope(|s| {
///         let vowels = s.go(async { text.matches(['a', 'e', 'i', 'o', 'u']).count() });
///         let words = s.go(async { text.split(' ').count() });
///         (vowels.join_blocking().unwrap(), words.join_blocking().unwrap())
///     });
///     assert_eq!((vowels, words, text.len()), (4, 3, 14));
/// });
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # What does not compile
///
/// A child can't borrow what the function itself owns, which ends before the child may:
///
/// ```compile_fail,E0373
/// # marmot_scheduler::Runtime::new().unwrap().block_on(async {
/// marmot_scheduler::scope(|s| {
///     let inside = 7;
///     s.go(async { drop(&inside) });
/// });
/// # });
/// ```
///
/// A handle can't leave the scope:
///
/// ```compile_fail
/// # marmot_scheduler::Runtime::new().unwrap().block_on(async {
/// let text = String::from("borrowed");
/// let handle = marmot_scheduler::scope(|s| s.go(async { text.len() }));
/// # });
/// ```
///
/// Nor can the scope itself, in order to start children later:
///
/// ```compile_fail,E0521
/// # marmot_scheduler::Runtime::new().unwrap().block_on(async {
/// let mut kept = None;
/// marmot_scheduler::scope(|s| kept = Some(s));
/// # });
/// ```
///
/// Two children can't change the same thing:
///
/// ```compile_fail,E0499
/// # marmot_scheduler::Runtime::new().unwrap().block_on(async {
/// let mut count = 0;
/// marmot_scheduler::scope(|s| {
///     s.go(async { count += 1 });
///     s.go(async { count += 1 });
/// });
/// # });
/// ```
///
/// What was borrowed can't go before the scope has ended:
///
/// ```compile_fail,E0505
/// # marmot_scheduler::Runtime::new().unwrap().block_on(async {
/// let text = String::from("borrowed");
/// marmot_scheduler::scope(|s| {
///     s.go(async { println!("{text}") });
///     drop(text);
/// });
/// # });
/// ```
///
/// What may not go to another thread can't go into a child:
///
/// ```compile_fail,E0277
/// # marmot_scheduler::Runtime::new().unwrap().block_on(async {
/// let here = std::rc::Rc::new(7);
/// marmot_scheduler::scope(|s| {
///     s.go(async { drop(&here) });
/// });
/// # });
/// ```
#[track_caller]
pub fn scope<'env, F, R>(f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    scope_in(Home::Runtime(Handle::current()), Location::caller(), f)
}

/// Where the children run.
#[derive(Clone, Copy, Debug)]
enum Home {
    Runtime(Handle),
    /// Each on a thread of its own: miri runs no runtime.
    #[cfg(test)]
    Threads,
}

impl Home {
    fn start(self, child: Erased, place: &'static Location<'static>) -> AbortHandle {
        match self {
            // The handle is dropped: what the child leaves, its right to count itself out, is
            // then dropped where it ends, after it has left the count of goroutines.
            Home::Runtime(runtime) => runtime.spawn_at(child, place).abort_handle(),
            #[cfg(test)]
            Home::Threads => tests::start(child),
        }
    }
}

fn scope_in<'env, F, R>(home: Home, place: &'static Location<'static>, f: F) -> R
where
    F: for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
{
    let scope = Scope {
        data: Arc::new(Data::new()),
        home,
        scope: PhantomData,
        env: PhantomData,
    };
    let no_way_out = AbortOnUnwind;
    let mut exit = None;
    let value = match catch_unwind(AssertUnwindSafe(|| f(&scope))) {
        Ok(value) => Some(value),
        Err(payload) if payload.is::<Goexit>() => {
            exit = Some(payload);
            None
        }
        Err(payload) => {
            scope.data.panicked(JoinError::from_payload(payload), place);
            None
        }
    };
    scope.data.wait(place);
    std::mem::forget(no_way_out);
    scope.data.resume_first_panic();
    if let Some(exit) = exit {
        resume_unwind(exit);
    }
    value.expect("nothing has panicked")
}

/// Ends the process should the wait for the children be cut short: what they borrow would go.
struct AbortOnUnwind;

impl Drop for AbortOnUnwind {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// What starts goroutines in a [`scope`].
pub struct Scope<'scope, 'env: 'scope> {
    data: Arc<Data>,
    home: Home,
    scope: PhantomData<&'scope mut &'scope ()>,
    env: PhantomData<&'env mut &'env ()>,
}

impl<'scope> Scope<'scope, '_> {
    /// Starts a goroutine that may borrow whatever outlives the scope, and inherits what is
    /// ambient here.
    ///
    /// On a runtime that is shutting down the future is dropped at once, and the handle tells
    /// that it was cancelled.
    ///
    /// # Examples
    ///
    /// ```
    /// # marmot_scheduler::Runtime::new().unwrap().block_on(async {
    /// let mut halves = [0, 0];
    /// marmot_scheduler::scope(|s| {
    ///     for (number, half) in halves.iter_mut().enumerate() {
    ///         s.go(async move { *half = number + 1 });
    ///     }
    /// });
    /// assert_eq!(halves, [1, 2]);
    /// # });
    /// ```
    #[track_caller]
    pub fn go<F>(&'scope self, future: F) -> ScopedJoinHandle<'scope, F::Output>
    where
        F: Future + Send + 'scope,
        F::Output: Send + 'scope,
    {
        let place = Location::caller();
        if ambient::is_set() {
            self.start(ambient::inherit(future), place)
        } else {
            self.start(future, place)
        }
    }

    fn start<F>(
        &'scope self,
        future: F,
        place: &'static Location<'static>,
    ) -> ScopedJoinHandle<'scope, F::Output>
    where
        F: Future + Send + 'scope,
        F::Output: Send + 'scope,
    {
        let (child, result) = child::make(future, &self.data, place);
        let abort = self.home.start(child, place);
        ScopedJoinHandle::new(result, Arc::clone(&self.data), abort)
    }
}

impl fmt::Debug for Scope<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("running", &self.data.running())
            .finish_non_exhaustive()
    }
}
