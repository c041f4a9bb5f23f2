//! A value that is made by whoever needs it first.

#![expect(
    unsafe_code,
    reason = "lends a value that was written once and never changes after"
)]

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::panic::Location;

use marmot_wait::{WaitReason, park};

use super::quick::Quick;
use super::raw::{RawOnce, Turn};

/// A value that is made once, by whoever needs it first; the others wait for it.
///
/// # Examples
///
/// ```
/// use marmot_sync::OnceCell;
///
/// static NAME: OnceCell<String> = OnceCell::new();
///
/// # marmot_wait::park::block_on(async {
/// let name = NAME.get_or_init(async || String::from("marmot")).await;
/// assert_eq!(name, "marmot");
/// # });
/// ```
pub struct OnceCell<T> {
    once: RawOnce,
    /// Written by the holder of the one `Turn` that finishes, read only after that.
    value: UnsafeCell<Option<T>>,
}

// SAFETY: a shared cell gives `&T` to several threads (`T: Sync`) and takes the value from
// the thread that made it (`T: Send`). The write happens under the one `Turn` that is out,
// before `finish`; each read after `is_done`, which pairs with it.
unsafe impl<T: Send + Sync> Sync for OnceCell<T> {}

impl<T> OnceCell<T> {
    const_fn! {
        /// An empty cell.
        #[must_use]
        pub const fn new() -> OnceCell<T> {
            OnceCell {
                once: RawOnce::new(),
                value: UnsafeCell::new(None),
            }
        }
    }

    /// The value, if it has been made.
    #[inline]
    #[must_use]
    pub fn get(&self) -> Option<&T> {
        if !self.once.is_done() {
            return None;
        }
        // SAFETY: done means that the only write has happened before, and that none will
        // follow while the cell is shared: a `Turn` is not given out again.
        unsafe { (*self.value.get()).as_ref() }
    }

    /// The value, which `f` makes if nobody has made it yet.
    ///
    /// If `f` panics nothing is set, and the next in line runs its own.
    ///
    /// # Panics
    ///
    /// If `f` does.
    ///
    /// # Cancel safety
    ///
    /// A dropped future that only waited leaves nothing behind; one that was running `f`
    /// leaves the making to the next in line, or to the next to come.
    ///
    /// # Complexity
    ///
    /// One load once there is a value.
    #[inline]
    #[track_caller]
    pub fn get_or_init<F>(&self, f: F) -> impl Future<Output = &T>
    where
        F: AsyncFnOnce() -> T,
    {
        let caller = Location::caller();
        Quick::new(
            || self.get(),
            move || self.get_or_init_at(f, caller, WaitReason::Once),
        )
    }

    /// [`get_or_init`](OnceCell::get_or_init), asked from that line of the program; does not
    /// expect that there is a value.
    pub(crate) async fn get_or_init_at<F>(
        &self,
        f: F,
        caller: &'static Location<'static>,
        reason: WaitReason,
    ) -> &T
    where
        F: AsyncFnOnce() -> T,
    {
        if let Some(turn) = self.once.begin(caller, reason).await {
            let value = f().await;
            self.fill(turn, value);
        }
        self.made()
    }

    /// The value, which `f` makes, unless it fails, if nobody has made it yet.
    ///
    /// # Errors
    ///
    /// Those of `f`; nothing is set then, and the next in line runs its own.
    ///
    /// # Panics
    ///
    /// If `f` does.
    ///
    /// # Cancel safety
    ///
    /// As [`get_or_init`](OnceCell::get_or_init).
    #[inline]
    #[track_caller]
    pub fn get_or_try_init<F, E>(&self, f: F) -> impl Future<Output = Result<&T, E>>
    where
        F: AsyncFnOnce() -> Result<T, E>,
    {
        let caller = Location::caller();
        Quick::new(
            || self.get().map(Ok),
            move || self.get_or_try_init_at(f, caller),
        )
    }

    async fn get_or_try_init_at<F, E>(
        &self,
        f: F,
        caller: &'static Location<'static>,
    ) -> Result<&T, E>
    where
        F: AsyncFnOnce() -> Result<T, E>,
    {
        if let Some(turn) = self.once.begin(caller, WaitReason::Once).await {
            let value = f().await?;
            self.fill(turn, value);
        }
        Ok(self.made())
    }

    /// As [`get_or_init`](OnceCell::get_or_init), for a plain thread; legal inside a goroutine
    /// too.
    ///
    /// # Panics
    ///
    /// If `f` does.
    #[track_caller]
    pub fn get_or_init_blocking(&self, f: impl FnOnce() -> T) -> &T {
        match self.get() {
            Some(value) => value,
            None => park::block_on(self.get_or_init(async || f())),
        }
    }

    /// Sets the value.
    ///
    /// # Errors
    ///
    /// Gives it back if there is one already, or one is being made.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        match self.once.try_begin(Location::caller()) {
            Some(turn) => {
                self.fill(turn, value);
                Ok(())
            }
            None => Err(value),
        }
    }

    fn fill(&self, turn: Turn<'_>, value: T) {
        // SAFETY: there is one `Turn` at a time, we have it, and nobody reads before it is
        // finished: so this is the only reference. It was `None`: nothing is dropped.
        unsafe { *self.value.get() = Some(value) };
        turn.finish();
    }

    fn made(&self) -> &T {
        self.get().expect("whoever finished the turn has set it")
    }

    /// Whether there is a value.
    #[must_use]
    pub fn initialized(&self) -> bool {
        self.once.is_done()
    }

    /// The value, to be changed.
    #[must_use]
    pub fn get_mut(&mut self) -> Option<&mut T> {
        self.value.get_mut().as_mut()
    }

    /// The value, leaving an empty cell.
    #[must_use]
    pub fn take(&mut self) -> Option<T> {
        std::mem::take(self).into_inner()
    }

    /// The value.
    #[must_use]
    pub fn into_inner(self) -> Option<T> {
        self.value.into_inner()
    }
}

impl<T> Default for OnceCell<T> {
    fn default() -> Self {
        OnceCell::new()
    }
}

impl<T> From<T> for OnceCell<T> {
    fn from(value: T) -> Self {
        let cell = OnceCell::new();
        // An empty cell takes it.
        let _set = cell.set(value);
        cell
    }
}

impl<T: fmt::Debug> fmt::Debug for OnceCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceCell").field(&self.get()).finish()
    }
}
