//! Work that is done once, and values that are made once.

mod cell;
#[cfg(all(test, marmot_loom))]
mod models;
mod quick;
mod raw;
mod value;

use std::fmt;
use std::future::Future;
use std::panic::{Location, resume_unwind};

use marmot_wait::{WaitReason, park};

use crate::panics::caught;
use quick::Quick;
use raw::RawOnce;

pub use cell::OnceCell;
pub use value::OnceValue;

/// Does something once, however many ask for it; the others wait until it is done.
///
/// # Examples
///
/// ```
/// use marmot_sync::Once;
///
/// # marmot_wait::park::block_on(async {
/// let once = Once::new();
/// let mut times = 0;
/// for _ in 0..10 {
///     once.call_once(async || times += 1).await;
/// }
/// assert_eq!(times, 1);
/// # });
/// ```
pub struct Once {
    raw: RawOnce,
}

impl Once {
    const_fn! {
        /// Nothing done yet.
        #[must_use]
        pub const fn new() -> Once {
            Once {
                raw: RawOnce::new(),
            }
        }
    }

    /// Runs `f` if nobody has; else waits until whoever runs is done.
    ///
    /// If `f` panics, that panic goes to whoever ran it, and the work counts as done, as in
    /// Go: nobody runs it again.
    ///
    /// # Panics
    ///
    /// If `f` does.
    ///
    /// # Cancel safety
    ///
    /// A dropped future that only waited leaves nothing behind. One that was running `f` has
    /// not done the work: the next in line, or the next to come, runs its own `f` from the
    /// beginning.
    ///
    /// # Complexity
    ///
    /// One load once it is done.
    #[inline]
    #[track_caller]
    pub fn call_once<F: AsyncFnOnce()>(&self, f: F) -> impl Future<Output = ()> {
        let caller = Location::caller();
        Quick::new(
            || self.raw.is_done().then_some(()),
            move || self.run(f, caller),
        )
    }

    async fn run<F: AsyncFnOnce()>(&self, f: F, caller: &'static Location<'static>) {
        let Some(turn) = self.raw.begin(caller, WaitReason::Once).await else {
            return;
        };
        let ended = caught(f()).await;
        turn.finish();
        if let Err(payload) = ended {
            resume_unwind(payload);
        }
    }

    /// As [`call_once`](Once::call_once), for a plain thread; legal inside a goroutine too.
    ///
    /// # Panics
    ///
    /// If `f` does.
    #[track_caller]
    pub fn call_once_blocking(&self, f: impl FnOnce()) {
        if !self.is_completed() {
            park::block_on(self.call_once(async || f()));
        }
    }

    /// Whether the work is done.
    #[inline]
    #[must_use]
    pub fn is_completed(&self) -> bool {
        self.raw.is_done()
    }
}

impl Default for Once {
    fn default() -> Self {
        Once::new()
    }
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once")
            .field("completed", &self.is_completed())
            .finish()
    }
}
