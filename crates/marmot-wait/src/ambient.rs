//! What goroutines inherit: one value that goes from each to those it starts.
//!
//! ```text
//!                      poll begins: swap
//!   Within { future, value } ◀──────────▶ slot of this thread
//!                      poll ends, or unwinds: swap back
//! ```
//!
//! Nobody who polls goroutines knows of the value. A [`Within`] future puts it into a slot of
//! the thread for as long as it is polled, and takes it back before the poll returns; so the
//! slot always belongs to the goroutine being polled, wherever it moves. Both ways the value
//! is moved, and no count is touched.
//!
//! What the value is stands above: there is one, and it is the ambient context.
//!
//! # For whoever starts goroutines
//!
//! A goroutine inherits by being started as `inherit(future)`. While [`is_set`] says `false`
//! the bare future will do, which costs one read of a thread-local:
//!
//! ```
//! use marmot_wait::ambient;
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
//!
//! Who starts it later, perhaps from another goroutine, keeps what [`current`] gives, and
//! starts it as `Within::new(kept, future)`.
//!
//! Why so: decision 0020.

use std::any::Any;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::local::LOCAL;

/// What is inherited; `None` if there is nothing to inherit.
pub type Ambient = Option<Arc<dyn Any + Send + Sync>>;

/// Whether goroutines that are started here inherit something.
///
/// # Examples
///
/// ```
/// use marmot_wait::ambient::{self, Within};
/// use std::sync::Arc;
///
/// assert!(!ambient::is_set());
/// let inside = Within::new(Some(Arc::new(7)), async { assert!(ambient::is_set()) });
/// marmot_wait::park::block_on(inside);
/// ```
#[inline]
#[must_use]
pub fn is_set() -> bool {
    LOCAL.with(|local| local.is_ambient.get())
}

/// What goroutines that are started here inherit.
///
/// # Examples
///
/// ```
/// use marmot_wait::ambient::{self, Within};
/// use std::sync::Arc;
///
/// let number = || ambient::current()?.downcast::<i32>().ok();
/// let inside = Within::new(Some(Arc::new(7)), async { number() });
/// assert_eq!(marmot_wait::park::block_on(inside).as_deref(), Some(&7));
/// assert_eq!(number(), None);
/// ```
#[must_use]
pub fn current() -> Ambient {
    if !is_set() {
        return None;
    }
    let value = exchange(None);
    let copy = value.clone();
    let _none = exchange(value);
    copy
}

/// Passes what the present goroutine has inherited, or been given, on to this future, wherever
/// it will be polled.
///
/// # Cancel safety
///
/// That of the future within.
#[inline]
pub fn inherit<F: Future>(future: F) -> Within<F> {
    Within::new(current(), future)
}

/// Puts this into the slot; gives what was there.
#[inline]
fn exchange(value: Ambient) -> Ambient {
    LOCAL.with(|local| {
        local.is_ambient.set(value.is_some());
        ManuallyDrop::into_inner(local.ambient.replace(ManuallyDrop::new(value)))
    })
}

/// A value is in the slot until this is dropped; meanwhile its home holds the one before.
struct Inside<'a> {
    home: &'a mut Ambient,
}

impl<'a> Inside<'a> {
    #[inline]
    fn enter(home: &'a mut Ambient) -> Inside<'a> {
        *home = exchange(home.take());
        Inside { home }
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        *self.home = exchange(self.home.take());
    }
}

pin_project! {
    /// A future that runs with a value of its own to pass on: what [`inherit`] gives.
    ///
    /// The value is the ambient one while the future is polled and while it is dropped.
    ///
    /// # Cancel safety
    ///
    /// That of the future within.
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is awaited"]
    pub struct Within<F> {
        // Absent once it has ended.
        #[pin]
        future: Option<F>,
        // That of the thread, during a poll.
        ambient: Ambient,
    }

    impl<F> PinnedDrop for Within<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let _inside = Inside::enter(this.ambient);
                this.future.set(None);
            }
        }
    }
}

impl<F> Within<F> {
    /// A future that runs with this value.
    ///
    /// # Cancel safety
    ///
    /// That of the future within.
    #[inline]
    pub fn new(ambient: Ambient, future: F) -> Within<F> {
        Within {
            future: Some(future),
            ambient,
        }
    }
}

impl<F: Future> Future for Within<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let _inside = Inside::enter(this.ambient);
        let future = this.future.as_mut().as_pin_mut();
        let polled = future
            .expect("a future is not polled after its end")
            .poll(cx);
        if polled.is_ready() {
            // What its destructors start inherits the same.
            this.future.set(None);
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;

    use super::{Within, current, is_set};
    use crate::park::block_on;

    fn number() -> Option<u32> {
        let value = current()?.downcast().expect("a number");
        Some(*value)
    }

    fn with<F>(number: u32, future: F) -> Within<F> {
        Within::new(Some(Arc::new(number)), future)
    }

    #[test]
    fn the_innermost_counts_and_nothing_is_left() {
        block_on(with(1, async {
            assert_eq!(number(), Some(1));
            with(2, async { assert_eq!(number(), Some(2)) }).await;
            Within::new(None, async { assert!(!is_set()) }).await;
            assert_eq!(number(), Some(1));
        }));
        assert_eq!(number(), None);
    }

    #[test]
    fn a_panic_inside_puts_the_outer_one_back() {
        block_on(with(1, async {
            let inner = with(2, async { panic!("inside") });
            let ended: Result<(), _> = catch_unwind(AssertUnwindSafe(|| block_on(inner)));
            assert!(ended.is_err());
            assert_eq!(number(), Some(1));
        }));
        assert!(!is_set());
    }
}
