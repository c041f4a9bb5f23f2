//! The only door to atomics: std's, or loom's in a model.

#[cfg(not(marmot_loom))]
pub(crate) use std::sync::atomic::{AtomicU64, fence};

#[cfg(marmot_loom)]
pub(crate) use loom::sync::atomic::{AtomicU64, fence};
