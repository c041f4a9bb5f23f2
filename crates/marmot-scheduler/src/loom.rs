//! The only door to atomics and fences for what is modelled: std's, or loom's in a model.

#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence,
};

#[cfg(marmot_loom)]
pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence,
};

pub(crate) use std::sync::atomic::Ordering;

/// A number that one thread alone uses: of no concern to models.
pub(crate) use std::sync::atomic::AtomicU64 as OwnU64;

/// A place in memory, for models: loom reports two accesses that nothing orders, unless both
/// only look.
#[cfg(all(test, marmot_loom))]
#[derive(Debug)]
pub(crate) struct Place(loom::cell::UnsafeCell<()>);

#[cfg(all(test, marmot_loom))]
#[expect(unsafe_code, reason = "shared on purpose, to find out who races")]
// SAFETY: there is nothing in it; loom's cell reports every access that is not ordered.
unsafe impl Sync for Place {}

#[cfg(all(test, marmot_loom))]
impl Place {
    pub(crate) fn new() -> Place {
        Place(loom::cell::UnsafeCell::new(()))
    }

    /// Reads it.
    #[track_caller]
    pub(crate) fn look(&self) {
        self.0.with(|_| ());
    }

    /// Writes it.
    #[track_caller]
    pub(crate) fn touch(&self) {
        self.0.with_mut(|_| ());
    }
}
